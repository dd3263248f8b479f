"""``DiskCache``: features of frames kept between runs, one safetensors file per entry.

Entries are written whole or not at all and hold their own key, so that a file that was cut, damaged or put in
another's place is dropped and computed again. The total size is bounded: when it passes the bound, the
entries that were used longest ago go. A folder that cannot be written turns the cache off for the process,
with one note; it never ends a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from iper_bench.errors import UserError
from iper_bench.metrics.weight_trust import cache_home

FORMAT = "1"
SIZE_VARIABLE = "IPER_BENCH_CACHE_GB"
DEFAULT_GB = 4.0
GB = 1e9
ENDING = ".safetensors"
KEPT_SHARE = 0.9  # of the bound after an eviction, so that not every entry evicts one

Arrays = tuple[npt.NDArray[np.float32], ...]


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
    folder: made on first use. bound: bytes in all.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self.folder = folder
        self.bound = bound
        self._size: int | None = None  # bytes on disk, as far as this process knows
        self._off = False
        self._warned = False

    def get(self, key: str) -> Arrays | None:
        """The arrays under ``key``; a damaged entry is deleted and counts as absent."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            with_key = _key_of(content)
            tensors = safetensors.numpy.load(content)
            arrays = tuple(tensors[str(index)] for index in range(len(tensors)))
        except (safetensors.SafetensorError, KeyError, ValueError):
            with_key, arrays = None, ()
        if with_key != key:
            self._drop(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now
        return arrays

    def put(self, key: str, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        """Keep ``arrays``; nothing happens where the folder cannot be written."""
        if self._off:
            return
        tensors = {str(index): np.ascontiguousarray(array) for index, array in enumerate(arrays)}
        content = safetensors.numpy.save(tensors, metadata={"format": FORMAT, "key": key})
        path = self._path(key)
        try:
            known = self.size()
            _write(path, content)
        except OSError as error:
            self._off = True
            _note(f"{self.folder}: {error.strerror or error}; features are computed, but not kept on disk")
            return
        self._size = known + len(content)
        if self._size > self.bound:
            self._evict()

    def size(self) -> int:
        """Bytes of all entries; counted once per process and kept in step with its own writing."""
        if self._size is None:
            self._size = sum(size for _, size, _ in self._entries())
        return self._size

    def count(self) -> int:
        """Number of entries."""
        return sum(1 for _ in self._entries())

    def clear(self) -> int:
        """Delete all entries and return their number. Raises UserError where that is not allowed."""
        deleted = 0
        for path, _, _ in list(self._entries()):
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

    def _entries(self) -> Iterator[tuple[Path, int, float]]:
        """Path, bytes and time of last use of each entry; what goes away meanwhile is left out."""
        for path in self.folder.glob(f"??/*{ENDING}"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                yield path, facts.st_size, facts.st_mtime

    def _evict(self) -> None:
        entries = sorted(self._entries(), key=lambda entry: (entry[2], entry[0].name))
        size = sum(bytes_ for _, bytes_, _ in entries)
        for path, bytes_, _ in entries:
            if size <= KEPT_SHARE * self.bound:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                size -= bytes_
        self._size = size

    def _drop(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()
        if not self._warned:
            self._warned = True
            _note(f"{path}: damaged features are dropped and computed again")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all. Not flushed to the disk itself: what a crash of the machine tears is dropped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _note(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"iper-bench: note: {text}\n")


def _key_of(content: bytes) -> str | None:
    """The key that a file holds, ``None`` for another format. Raises ValueError for no safetensors file."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return str(facts["key"]) if facts.get("format") == FORMAT and "key" in facts else None
