"""Telling apart what the disk refuses from what a method or a dataset does wrong."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from iper_bench.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class StoreError(UserError):
    """The run folder cannot be written (no permission, disk full): ends a run, is no failure of a unit."""


@contextlib.contextmanager
def storing() -> Iterator[None]:
    """Around writes to a run folder only: UserErrors and OSErrors in the block leave it as StoreError."""
    try:
        yield
    except StoreError:
        raise
    except UserError as error:
        raise StoreError(error.what, where=error.where, expected=error.expected, hint=error.hint) from error
    except OSError as error:
        raise _explained(error) from error


def _explained(error: OSError) -> StoreError:
    """The same words as for files that are written atomically."""
    where = str(error.filename) if error.filename is not None else None
    if error.errno in _FULL:
        return StoreError(
            "no space left on the disk",
            where=where,
            expected="free space; what was written before is kept",
            hint="free some space and type the same command again",
        )
    if error.errno in _REFUSED:
        return StoreError(
            "no permission to write",
            where=where,
            expected="a folder you may write to",
            hint="--out with another folder",
        )
    return StoreError(f"cannot write: {error.strerror or error}", where=where)
