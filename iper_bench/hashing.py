"""Content hashes: the identity of plans, units, protocols and files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal content gives equal text. NaN is refused
    (ValueError).
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(content: Any, length: int = 16) -> str:
    """First ``length`` hexadecimal digits of the sha256 of the canonical JSON."""
    return text_hash(canonical_json(content), length)


def text_hash(text: str, length: int = 16) -> str:
    """The same of text that is canonical JSON already."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:length]


def file_sha256(path: Path) -> str:
    """Full sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def step_seed(seed: int, step: int) -> int:
    """A seed of 60 bits for one step, so that what is random in a step depends on (seed, step) alone."""
    return int(content_hash([seed, step], 15), 16)
