"""Strict reading of an untrusted JSON file: repeated keys and absurd sizes are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.protocol.bounded_text import LARGEST_NUMBER, bounded_text


def read_json(path: Path) -> Any:
    """Content of a JSON file. Raises UserError, one line, when it is missing, larger than 4 MB, not UTF-8,
    not JSON, repeats a key, or holds a number over 10^12.
    """
    try:
        text = bounded_text(path)
        return json.loads(text, object_pairs_hook=_mapping, parse_constant=_refuse, parse_int=_whole)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path), expected="JSON") from error
    except (ValueError, RecursionError) as error:
        # ValueError: not UTF-8, not JSON, a repeated key, a number of thousands of digits
        text = " ".join(str(error).split())[:300]
        raise UserError(f"not valid JSON: {text}", where=str(path)) from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        key.encode("utf-8")  # half a character, which could not be printed, is a ValueError
        if key in found:
            raise ValueError(f"key '{key[:80]}' is repeated")
        found[key] = value
    return found


def _whole(digits: str) -> int:
    value = int(digits)
    if abs(value) > LARGEST_NUMBER:
        raise ValueError(f"the number {digits[:20]}... is too large")
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"'{word}' is not a number")
