"""One process at a time writes to a run folder. The lock is the operating system's, so a killed process
leaves none behind.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.lock import take
from iper_bench.store.storing import storing

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for the length of the block.

    Raises
    ------
    UserError when another process holds it; StoreError when the folder cannot be written. On file systems
    without locks the block runs unlocked.
    """
    with storing():
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(handle, folder)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    if not take(handle):
        raise UserError(
            "another iper-bench is running in this folder",
            where=str(folder),
            expected="one process per run folder",
            hint="wait for it, or --out with another folder",
        )
