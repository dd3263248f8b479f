"""Who may write to a run folder. The locks are the operating system's, so a killed process leaves none
behind; on file systems without locks everybody goes ahead.

``.lock``     one command at a time
``.workers``  shared by the worker processes of the command; the next command waits until they have ended, for
              they go on for a moment when theirs is killed
``.trials``   one worker at a time writes what units of one trial share
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.lock import take
from iper_bench.store.storing import storing

LOCK_FILE, WORKERS_FILE, TRIALS_FILE = ".lock", ".workers", ".trials"
LOCK_FILES = (LOCK_FILE, WORKERS_FILE, TRIALS_FILE)

#: A worker notices within a tenth of a second that its command is gone, but not in the midst of one call of a
#: library or while it is still importing; both end within seconds.
PATIENCE = 20.0
_POLL = 0.05

_held: set[int] = set()


def _forget() -> None:
    """Close the locks that a fork has copied: the lock would outlive the process that took it."""
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


@contextlib.contextmanager
def locked(folder: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the folder for the length of the block.

    ``patience``: seconds to wait for worker processes of a command that was killed.

    Raises
    ------
    UserError when another process holds it; StoreError when the folder cannot be written. On file systems
    without locks the block runs unlocked.
    """
    with _opened(folder / LOCK_FILE) as handle:
        if not take(handle):
            raise UserError(
                "another iper-bench is running in this folder",
                where=str(folder),
                expected="one process per run folder",
                hint="wait for it, or --out with another folder",
            )
        _outlast_workers(folder, patience)
        yield


@contextlib.contextmanager
def working(folder: Path) -> Iterator[None]:
    """For the length of a worker process's life: the next command waits for it to end."""
    with _opened(folder / WORKERS_FILE) as handle:
        take(handle, wait=True, shared=True)
        yield


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Write what units of one trial share; other workers wait meanwhile."""
    with _opened(folder / TRIALS_FILE) as handle:
        take(handle, wait=True)
        yield


def clear_worker_locks(folder: Path, *, patience: float = PATIENCE) -> None:
    """Remove the files of locks that workers used, as soon as all have ended; those of workers that are still
    at work after ``patience`` seconds stay. Call with the folder held.
    """
    if _outlasted(folder, patience):
        with storing():
            for name in (WORKERS_FILE, TRIALS_FILE):
                (folder / name).unlink(missing_ok=True)


def _outlast_workers(folder: Path, patience: float) -> None:
    if not _outlasted(folder, patience):
        raise UserError(
            "worker processes of an earlier command are still at work in this folder",
            where=str(folder),
            expected="one command per run folder",
            hint="wait for them to end (squeue shows those of slurm), or --out with another folder",
        )


def _outlasted(folder: Path, patience: float) -> bool:
    """Wait until no worker is at work; whether that came to pass in time."""
    if not (folder / WORKERS_FILE).exists():
        return True
    end = time.monotonic() + patience
    with _opened(folder / WORKERS_FILE) as handle:
        while not take(handle):
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL)
    return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    with storing():
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    _held.add(handle)
    try:
        yield handle
    finally:
        if handle in _held:  # not in a forked child, which has closed it
            _held.discard(handle)
            os.close(handle)
