"""Telling apart what the disk refuses from what a method or a dataset does wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from iper_bench.atomic import explain
from iper_bench.errors import UserError


class StoreError(UserError):
    """The run folder cannot be written (no permission, disk full): ends a run, is no failure of a unit."""


@contextlib.contextmanager
def storing(path: Path | None = None) -> Iterator[None]:
    """Around writes to a run folder only: UserErrors and OSErrors in the block leave it as StoreError.

    ``path``: what is written, for errors that name no file (a full disk shows in the writing, not in the
    opening).
    """
    try:
        yield
    except StoreError:
        raise
    except UserError as error:
        raise _of(error) from error
    except OSError as error:
        where = error.filename if error.filename is not None else path
        raise _of(explain(error, None if where is None else str(where))) from error


def _of(error: UserError) -> StoreError:
    return StoreError(error.what, where=error.where, expected=error.expected, hint=error.hint)
