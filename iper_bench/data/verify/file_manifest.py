"""A manifest of one's own: size and sha256 of every file of a folder, written once and compared later.

::

    {"format": 1, "dataset": "iper", "files": {
     "images/001/9/1/000.jpg": {"size": 81234, "sha256": "..."},
     ...
    }}

Names are relative to the root, with ``/``, sorted. Hidden files and what links lead to folders are left out.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import writing
from iper_bench.data.frame_name import printable
from iper_bench.data.picture_file import is_inside
from iper_bench.data.safe_path import inside
from iper_bench.data.verify.finding import Finding
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.plain_pickle import read_limited
from iper_bench.progress import track

FORMAT = 1
LARGEST = 1 << 29  # bytes of a manifest: some four million files
_AGAIN = "get the file again, or prepare the clip again"


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and sha256 (64 hexadecimal digits) of a file."""

    size: int
    sha256: str


def write_manifest(path: Path, root: Path, dataset: str) -> int:
    """Write size and sha256 of every file under ``root``; returns how many there are.

    Files are read in blocks and written line by line; ``path`` itself, when it lies in ``root``, is left out.

    Raises
    ------
    UserError when ``path`` exists, when a name is not UTF-8, when a file cannot be read, and when nothing is
    under ``root``.
    """
    require_free(path)
    names = sorted(_files(root, leave_out=path))
    for name in names:
        inside(root, name, where=f"a file in {printable(str(root))}")  # what could not be read back
    if not names:
        raise UserError("holds no file", where=str(root), expected="a data set")
    with writing(path) as stream:
        stream.write(f'{{"format": {FORMAT}, "dataset": {json.dumps(dataset)}, "files": {{\n'.encode())
        for place, name in enumerate(track(names, "files")):
            record = _record(root / name)
            fields = json.dumps({"size": record.size, "sha256": record.sha256})
            end = ",\n" if place < len(names) - 1 else "\n"
            stream.write(f" {json.dumps(name, ensure_ascii=False)}: {fields}{end}".encode())
        stream.write(b"}}\n")
    return len(names)


def require_free(path: Path) -> None:
    """Raise UserError when ``path`` exists."""
    if path.exists():
        raise UserError(
            "is there already",
            where=str(path),
            expected="a free name",
            hint="another name, or remove it first",
        )


def read_manifest(path: Path, root: Path) -> dict[str, FileRecord]:
    """Read a manifest, strictly.

    Raises
    ------
    UserError, one line with file and field: not readable, too large, not JSON, another format, a name that
    leaves ``root``, a size or digest of another form.
    """
    where = printable(str(path))
    try:
        text = read_limited(path, LARGEST)
    except UserError as error:
        raise UserError(error.what, where=where, expected="a file of --write-manifest") from error
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"not a manifest: {reason}", where=where, expected="a file of --write-manifest"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise UserError("has no 'files'", where=where, expected="a file of --write-manifest")
    if content.get("format") != FORMAT:
        raise UserError(f"format {content.get('format')!r}"[:80], where=where, expected=f"format {FORMAT}")
    return {name: _read_record(name, record, where, root) for name, record in content["files"].items()}


def manifest_findings(manifest: Mapping[str, FileRecord], root: Path, leave_out: Path) -> Iterator[Finding]:
    """Files that are missing, changed or not listed, in the order of their names.

    A file of the right size is read to its end; ``leave_out`` is the manifest's own place.
    """
    present = set(_files(root, leave_out=leave_out))
    for name in track(sorted(manifest), "files"):
        if name not in present:
            yield Finding("missing_file", "is not there", file=name, hint=_AGAIN)
            continue
        text = _difference(root / name, manifest[name])
        if text:
            yield Finding("changed_file", text, file=name, hint=_AGAIN)
    for name in sorted(present - set(manifest)):
        yield Finding("unexpected_file", "is not in the manifest", file=name)


def _difference(path: Path, record: FileRecord) -> str:
    try:
        size = path.stat().st_size
        if size != record.size:
            return f"{size} bytes, {record.size} in the manifest"
        return "" if file_sha256(path) == record.sha256 else "has other content of the same size"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _files(root: Path, *, leave_out: Path) -> Iterator[str]:
    """Names of the regular files under ``root``; hidden ones and links that lead out of it are left out."""
    own = leave_out.absolute()
    for folder, folders, names in os.walk(root, onerror=_raise, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(folder, name)
            if name.startswith(".") or path.absolute() == own or not path.is_file():
                continue
            if not path.is_symlink() or is_inside(path, root):
                yield path.relative_to(root).as_posix()


def _raise(error: OSError) -> None:
    raise UserError(
        f"cannot be read: {error.strerror}",
        where=printable(str(error.filename)),
        expected="a readable folder",
    ) from error


def _record(path: Path) -> FileRecord:
    try:
        return FileRecord(path.stat().st_size, file_sha256(path))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=printable(str(path))) from error


def _read_record(name: str, record: Any, where: str, root: Path) -> FileRecord:
    inside(root, name, where=f"{where}: files")
    place = f"{where}: files.{printable(name)}"
    if not isinstance(record, dict) or set(record) != {"size", "sha256"}:
        raise UserError("is no record of a file", where=place, expected="'size' and 'sha256'")
    size, digest = record["size"], record["sha256"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UserError(f"size {size!r}"[:80], where=place, expected="bytes, a whole number")
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise UserError(f"sha256 {digest!r}"[:80], where=place, expected="64 hexadecimal digits")
    return FileRecord(size, digest)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"'{printable(twice)}' stands there twice")
    return found
