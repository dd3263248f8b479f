"""The cache by content: hits, bound, eviction."""

from __future__ import annotations

import numpy as np

from iper_bench.metrics.disk_cache import DiskCache
from iper_bench.metrics.feature_cache import FeatureCache, content_key


def test_keys_follow_content():
    frame = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    box = np.array([0.0, 1, 2, 3])
    key = content_key("a", frame, box)
    assert key == content_key("a", frame.copy(), box.astype(np.float32))
    others = [
        content_key("b", frame, box),
        content_key("a", frame + 1, box),
        content_key("a", frame, None),
        content_key("a", frame, box + 1),
        content_key("a", frame.reshape(2, 8, 3), box),
    ]
    assert len({key, *others}) == 6


def test_the_least_recently_used_entry_goes_first():
    array = np.zeros(25, dtype=np.float32)  # 100 bytes
    cache = FeatureCache(bound=300)
    for name in "abc":
        cache.put(name, [array])
    assert cache.get("a") is not None
    cache.put("d", [array])
    assert cache.get("b") is None
    assert [name for name in "acd" if cache.get(name) is not None] == ["a", "c", "d"]
    cache.put("huge", [np.zeros(1000, dtype=np.float32)])
    assert len(cache) == 1


def test_only_what_is_to_be_kept_goes_to_disk_and_outlives_memory(tmp_path):
    array = np.arange(25, dtype=np.float32)  # 100 bytes
    names = [letter * 64 for letter in "abc"]
    disk = DiskCache(tmp_path, 10**9)
    cache = FeatureCache(bound=100, disk=disk)
    cache.put(names[0], [array])
    assert disk.count() == 0
    cache.put(names[0], [array], keep=True)  # in memory already
    assert disk.count() == 1
    cache.put(names[1], [array + 1])
    cache.put(names[2], [array + 2], keep=True)
    assert cache.get(names[1]) is None
    for name, offset in ((names[0], 0), (names[2], 2)):
        (found,) = cache.get(name)
        assert found.dtype == np.float32
        assert np.array_equal(found, array + offset)
        assert len(cache) == 1
