"""Prepared clips against their own records: ``clip.json`` holds the sha256 of every file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from iper_bench.data.prepared_folder import CLIP_MARK, LARGEST_RECORD
from iper_bench.data.safe_path import inside
from iper_bench.data.verify.finding import Finding
from iper_bench.data.verify.place import refusal, relative
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.plain_pickle import read_limited


def record_findings(clip: str, folder: Path, root: Path, *, deep: bool, prepare: str) -> Iterator[Finding]:
    """Files of a finished clip that are missing or, with ``deep``, have another content than was written."""
    mark = folder / CLIP_MARK
    again = f"remove {relative(folder, root)} and type {prepare}"
    try:
        for name, digest in _digests(mark).items():
            path = inside(folder, name, where=f"{mark}, sha256")
            file = relative(path, root)
            if not path.is_file():
                yield Finding("missing_file", f"is in {CLIP_MARK} and not there", clip, file, again)
            elif deep and file_sha256(path) != digest:
                yield Finding("changed_file", f"is not what {CLIP_MARK} says", clip, file, again)
    except UserError as error:
        yield refusal("changed_file", error, root, clip=clip, file=relative(mark, root))


def _digests(mark: Path) -> dict[str, str]:
    try:
        record = json.loads(read_limited(mark, LARGEST_RECORD).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError("not a record of data prepare", where=str(mark)) from error
    digests = record.get("sha256") if isinstance(record, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
        raise UserError("has no table 'sha256'", where=str(mark))
    return digests
