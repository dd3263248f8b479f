"""Features kept on disk: the same bits, bounded, and never in the way."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.metrics import disk_cache
from iper_bench.metrics.disk_cache import DiskCache, default_bound, open_cache
from iper_bench.metrics.feature_cache import FeatureCache, content_key, frame_digest
from iper_bench.metrics.suite import FrameSet, MetricSuite

KEYS = [f"{number:02d}" * 32 for number in range(10)]


def arrays(seed, count=100):
    generator = np.random.default_rng(seed)
    return generator.random(count, dtype=np.float32), generator.random((2, 3), dtype=np.float32)


def same(found, expected):
    return found is not None and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(found, expected, strict=True)
    )


def test_what_is_read_is_what_was_written(tmp_path):
    held = DiskCache(tmp_path / "c", 10**9)
    strided = np.random.default_rng(0).random((4, 6), dtype=np.float32)[:, ::2]
    held.put(KEYS[0], arrays(1))
    held.put(KEYS[1], (strided,))
    held.put(KEYS[2], ())
    held.put(KEYS[3], (np.zeros(0, np.float32),))
    again = DiskCache(tmp_path / "c", 10**9)
    assert same(again.get(KEYS[0]), arrays(1))
    assert same(again.get(KEYS[1]), (strided,))
    assert again.get(KEYS[2]) == ()
    assert same(again.get(KEYS[3]), (np.zeros(0, np.float32),))
    assert again.get(KEYS[4]) is None
    assert again.count() == 4
    assert again.clear() == 4
    assert again.count() == again.size() == 0


def test_the_bound_holds_and_the_longest_unused_go_first(tmp_path):
    held = DiskCache(tmp_path, 10**9)
    for place, key in enumerate(KEYS[:4]):
        held.put(key, arrays(place))
        os.utime(held._path(key), (place, place))
    assert held.get(KEYS[0]) is not None  # used now
    one = held._path(KEYS[0]).stat().st_size
    small = DiskCache(tmp_path, int(4.5 * one))
    small.put(KEYS[4], arrays(4))
    left = {key for key in KEYS[:5] if small._path(key).exists()}
    assert left == {KEYS[0], KEYS[3], KEYS[4]} or left == {KEYS[0], KEYS[2], KEYS[3], KEYS[4]}
    assert KEYS[1] not in left
    assert small.size() <= small.bound


@pytest.mark.parametrize("damage", ["cut", "junk", "empty", "another", "old format"])
def test_damaged_entries_are_dropped_with_one_note(tmp_path, capsys, monkeypatch, damage):
    held = DiskCache(tmp_path, 10**9)
    held.put(KEYS[1], arrays(1))
    with monkeypatch.context() as patch:
        if damage == "old format":
            patch.setattr(disk_cache, "FORMAT", "0")
        held.put(KEYS[0], arrays(0))
    path = held._path(KEYS[0])
    content = path.read_bytes()
    if damage != "old format":
        path.write_bytes(
            {
                "cut": content[:-7],
                "junk": b"\xff" * 400,
                "empty": b"",
                "another": held._path(KEYS[1]).read_bytes(),
            }[damage]
        )
    assert held.get(KEYS[0]) is None
    assert held.get(KEYS[0]) is None
    assert not path.exists()
    assert capsys.readouterr().err.count("damaged features") == 1
    held.put(KEYS[0], arrays(0))
    assert same(held.get(KEYS[0]), arrays(0))


def test_a_full_disk_turns_it_off_with_one_note(tmp_path, capsys, monkeypatch):
    held = DiskCache(tmp_path, 10**9)

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk_cache, "_write", full)
    for key in KEYS[:3]:
        held.put(key, arrays(0))
    assert capsys.readouterr().err.count("No space left") == 1
    assert held.get(KEYS[0]) is None


def test_a_file_in_place_of_the_folder_turns_it_off(tmp_path, capsys):
    (tmp_path / "c").write_text("in the way")
    held = DiskCache(tmp_path / "c", 10**9)
    held.put(KEYS[0], arrays(0))
    assert held.get(KEYS[0]) is None
    assert "not kept on disk" in capsys.readouterr().err


def _write_all(folder: str) -> None:
    held = DiskCache(Path(folder), 10**9)
    for _ in range(10):
        for place, key in enumerate(KEYS):
            held.put(key, arrays(place))
            assert held.get(key) is not None


def test_two_processes_write_the_same_keys(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_all, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    held = DiskCache(tmp_path, 10**9)
    assert all(same(held.get(key), arrays(place)) for place, key in enumerate(KEYS))
    assert not list(tmp_path.rglob("*.part"))


def test_the_size_is_the_users(monkeypatch):
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "0.5")
    assert default_bound() == 500_000_000
    monkeypatch.setenv("IPER_BENCH_CACHE_GB", "0")
    assert open_cache() is None
    for junk in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("IPER_BENCH_CACHE_GB", junk)
        with pytest.raises(UserError, match="expected gigabytes"):
            default_bound()


def test_keys_tell_content_box_and_definition_apart():
    frame = np.zeros((4, 6, 3), np.uint8)
    box = np.array([0.0, 0, 2, 2])
    keys = {
        content_key("a", frame, None),
        content_key("b", frame, None),
        content_key("a", frame, box),
        content_key("a", frame + 1, None),
        content_key("a", frame.reshape(6, 4, 3), None),
    }
    assert len(keys) == 5
    assert content_key("a", frame, box) == content_key("a", frame_digest(frame), box)


def test_another_run_finds_the_features_and_the_same_numbers(tmp_path):
    generator = np.random.default_rng(0)
    truths = generator.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    predictions = generator.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    boxes = np.tile(np.array([4.0, 2, 40, 46]), (3, 1))
    found, counts = [], []
    for _ in range(3):
        cache = FeatureCache(disk=DiskCache(tmp_path, 10**9))
        suite = MetricSuite(["offline"], cache=cache)
        network_calls = []
        pair = FrameSet([predictions], [truths], None, boxes, boxes)
        suite.measure(FrameSet([], truths=[]), "self")
        network = suite._bench.once("network/efficientnet_lite0", lambda: pytest.fail("not built"))
        forward = network._forward
        network._forward = lambda inputs, f=forward, c=network_calls: (c.append(1), f(inputs))[1]
        found.append(suite.measure(pair, "self").values)
        counts.append(len(network_calls))
    assert found[0] == found[1] == found[2]
    assert counts[0] > 0
    assert counts[1] == counts[2] == 0
