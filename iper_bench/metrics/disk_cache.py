"""``DiskCache``: features of frames kept between runs, one safetensors file per entry.

Entries are written whole or not at all (see ``cache_entry.py`` for what a file holds); what is damaged is
dropped and computed again. The total size is bounded: when it passes the bound, the entries that were used
longest ago go. A folder that cannot be written turns the cache off for the process, with one note; it never
ends a run. Any number of processes may use one folder: none waits for another.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iper_bench.errors import UserError
from iper_bench.metrics.cache_entry import Arrays, decode, encode
from iper_bench.metrics.weight_trust import cache_home

SIZE_VARIABLE = "IPER_BENCH_CACHE_GB"
DEFAULT_GB = 4.0
GB = 1e9
ENDING = ".safetensors"
PART = ".part"
BLOCK = 4096  # bytes; what a file takes on disk is a multiple: boxes hold 16 bytes and take a block each
KEPT_SHARE = 0.9  # of the bound after an eviction, so that not every entry evicts one
RECOUNT_SHARE = 1 / 16  # of the bound, written before what other processes wrote is counted too
ABANDONED = 3600.0  # seconds after which an unfinished file belongs to a process that is no more


def default_folder() -> Path:
    """``features`` in the cache home."""
    return cache_home() / "features"


def default_bound() -> int:
    """Bytes that IPER_BENCH_CACHE_GB allows; 0 turns the cache off. Raises UserError for no number from 0."""
    text = os.environ.get(SIZE_VARIABLE, "")
    try:
        size = float(text) if text else DEFAULT_GB
    except ValueError:
        size = -1.0
    if not 0 <= size < 1e6:
        raise UserError(f"'{text[:40]}'", where=SIZE_VARIABLE, expected="gigabytes, 0 for no cache")
    return int(size * GB)


def open_cache() -> DiskCache | None:
    """The cache of this user, or ``None`` where it is turned off. Raises UserError for a junk size."""
    bound = default_bound()
    return DiskCache(default_folder(), bound) if bound else None


class DiskCache:
    """Entries by key below one folder.

    Parameters
    ----------
    folder: made on first use. bound: bytes in all, as they lie on disk; N processes that write at once may
        pass it by N / 16 for a while.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self.folder = folder
        self.bound = bound
        self._size: int | None = None  # bytes on disk, as far as this process knows
        self._written = 0  # bytes of this process since it last counted
        self._off = False
        self._warned = False

    def get(self, key: str) -> Arrays | None:
        """The arrays under ``key``; a damaged entry is deleted, with one note, and counts as absent."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        arrays = decode(key, content)
        if arrays is None:
            self._drop(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now
        return arrays

    def put(self, key: str, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        """Keep ``arrays``.

        Nothing happens where the folder cannot be written, nor for an entry that would drive out all others.
        """
        if self._off:
            return
        content = encode(key, arrays)
        taken = _on_disk(len(content))
        if taken > KEPT_SHARE * self.bound:
            return
        try:
            known = self.size()
            _write(self._path(key), content)
        except OSError as error:
            self._turn_off(error.strerror or str(error))
            return
        self._size = known + taken
        self._written += taken
        if self._written > RECOUNT_SHARE * self.bound:
            self._size = None
            self._written = 0
        if self.size() > self.bound:
            self._evict()

    def size(self) -> int:
        """Bytes of all entries on disk: counted now and then, and kept in step with own writing."""
        if self._size is None:
            self._size = sum(size for _, size, _ in self._files(ENDING))
        return self._size

    def count(self) -> int:
        """Number of entries."""
        return sum(1 for _ in self._files(ENDING))

    def clear(self) -> int:
        """Delete all entries and return their number. Raises UserError where that is not allowed."""
        deleted = 0
        self._sweep()
        for path, _, _ in list(self._files(ENDING)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise UserError(
                    f"cannot be deleted: {error.strerror}", where=str(path), expected="a folder of yours"
                ) from error
            deleted += 1
        self._size = 0
        return deleted

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{ENDING}"

    def _files(self, ending: str) -> Iterator[tuple[Path, int, float]]:
        """Path, bytes on disk and time of last use of each file; what goes away meanwhile is left out."""
        for shard in _listed(self.folder):
            if len(shard.name) != 2:
                continue  # not ours
            for file in _listed(Path(shard.path)):
                if file.name.endswith(ending):
                    with contextlib.suppress(OSError):
                        facts = file.stat(follow_symlinks=False)
                        yield Path(file.path), _on_disk(facts.st_size), facts.st_mtime

    def _evict(self) -> None:
        """Delete what was used longest ago; a file that another process deletes meanwhile counts as well."""
        self._sweep()
        entries = sorted(self._files(ENDING), key=lambda entry: (entry[2], entry[0].name))
        size = sum(taken for _, taken, _ in entries)
        if size > self.bound:
            for path, taken, _ in entries:
                if size <= KEPT_SHARE * self.bound:
                    break
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                    size -= taken
        self._size = size
        self._written = 0
        if size > self.bound:
            self._turn_off("old features cannot be deleted")

    def _sweep(self) -> None:
        """Delete what processes that were killed left half written."""
        before = time.time() - ABANDONED
        for path, _, changed in list(self._files(PART)):
            if changed < before:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _turn_off(self, why: str) -> None:
        self._off = True
        _note(f"{self.folder}: {why}; features are computed, but not kept on disk")

    def _drop(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()
        if not self._warned:
            self._warned = True
            _note(f"{path}: damaged features, or of another version, are dropped and computed again")


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What stands in a folder; nothing where it is none, or may not be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all. Not flushed to the disk itself: what a crash of the machine tears is dropped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=PART, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except BaseException:  # an interrupt too leaves no half file
        Path(name).unlink(missing_ok=True)
        raise


def _note(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"iper-bench: note: {text}\n")
