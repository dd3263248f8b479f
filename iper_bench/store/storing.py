"""Telling apart what the disk refuses from what a method or a dataset does wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from iper_bench.errors import UserError


class StoreError(UserError):
    """The run folder cannot be written (no permission, disk full): ends a run, and is no failure of a
    unit.
    """


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
        where = str(error.filename) if error.filename is not None else None
        raise StoreError(f"cannot write: {error.strerror or error}", where=where) from error
