"""What the processes of ``test_disk_cache.py`` do; a file of its own, so that they need not import torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from iper_bench.metrics.disk_cache import DiskCache

KEYS = [f"{number:02d}" * 32 for number in range(10)]


def arrays(seed, count=100):
    """An entry of less than one block on disk for the default count."""
    generator = np.random.default_rng(seed)
    return generator.random(count, dtype=np.float32), generator.random((2, 3), dtype=np.float32)


def same(found, expected):
    """Whether an entry came back, with the same dtypes and values."""
    return found is not None and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(found, expected, strict=True)
    )


def write_all(folder: str) -> None:
    """Write and read every key, ten times."""
    held = DiskCache(Path(folder), 10**9)
    for _ in range(10):
        for place, key in enumerate(KEYS):
            held.put(key, arrays(place))
            assert same(held.get(key), arrays(place))


def write_and_evict(folder: str, bound: int) -> None:
    """The same in a folder that is too small for them."""
    held = DiskCache(Path(folder), bound)
    for _ in range(40):
        for place, key in enumerate(KEYS):
            held.put(key, arrays(place))
            found = held.get(key)  # the other may have evicted it
            assert found is None or same(found, arrays(place))
    assert not held._off
    assert not held._warned
