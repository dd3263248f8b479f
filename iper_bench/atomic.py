"""Files that are either whole or absent: written beside the target, flushed to disk, then renamed over it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from iper_bench.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)

_ELSEWHERE = "--out FOLDER with another folder, or IPER_BENCH_HOME=FOLDER for the cache"


def explain(error: OSError, where: str | None) -> UserError:
    """What the file system said to an attempt to write, in one line."""
    if error.errno in FULL:
        return UserError(
            "no space left on the disk",
            where=where,
            expected="free space; what was written before is kept",
            hint="free some space and type the same command again",
        )
    if error.errno in REFUSED:
        return UserError(
            "no permission to write", where=where, expected="a folder you may write to", hint=_ELSEWHERE
        )
    if error.errno in IN_THE_WAY:
        return UserError(
            "cannot write: a file stands where a folder is needed, or the reverse",
            where=where,
            expected="a name that is free",
            hint=f"move it away, or {_ELSEWHERE}",
        )
    return UserError(
        f"cannot write: {error.strerror or error}",
        where=where,
        expected="a folder you may write to",
        hint=_ELSEWHERE,
    )


def require_place(path: Path) -> None:
    """Raise UserError for a ``path`` that :func:`writing` would refuse, before work is lost to it: a folder,
    or a name in a folder that cannot be made or written. Creates nothing.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise explain(error, str(path)) from error


@contextlib.contextmanager
def writing(path: Path, *, flush: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary binary file that becomes ``path`` when the block ends without an error.

    ``flush``: wait until the disk has it. Without, a machine that loses power may keep an empty file; a
    process that is killed still leaves a whole one or none.

    Raises UserError when the folder cannot be written or the disk is full; ``path`` then keeps its former
    content.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            if flush:
                os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise explain(error, str(path)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write ``content`` to ``path`` atomically. ``flush``: see :func:`writing`."""
    with writing(path, flush=flush) as stream:
        stream.write(content)


def write_text(path: Path, content: str, *, flush: bool = True) -> None:
    """Write ``content`` as UTF-8 to ``path`` atomically. ``flush``: see :func:`writing`."""
    write_bytes(path, content.encode("utf-8"), flush=flush)


def write_json(path: Path, content: Any, *, flush: bool = True) -> None:
    """Write ``content`` as sorted, indented JSON (no NaN: missing values are ``null``) atomically.

    ``flush``: see :func:`writing`.
    """
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(path, text, flush=flush)
