"""Features kept on disk: the same bits, bounded, and never in the way."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from iper_bench.errors import UserError
from iper_bench.metrics import cache_entry, disk_cache
from iper_bench.metrics.cache_entry import decode, encode
from iper_bench.metrics.disk_cache import BLOCK, DiskCache, default_bound, open_cache
from iper_bench.metrics.feature_cache import FeatureCache, content_key, frame_digest
from iper_bench.metrics.suite import FrameSet, MetricSuite
from tests.metrics.cache_writers import KEYS, arrays, same, write_all, write_and_evict


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


def test_every_dtype_and_bit_comes_back():
    odd = (
        np.array([np.nan, -0.0, np.inf, 1e-45], np.float32),
        np.float64(0.1) * np.arange(6).reshape(1, 2, 3),
        np.arange(5, dtype=np.float16),
        np.array(7, np.int64),
        np.arange(4, dtype=np.uint8)[::-1],
        np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    )
    back = decode("k", encode("k", odd))
    assert [(a.dtype, a.shape, a.tobytes()) for a in back] == [(a.dtype, a.shape, a.tobytes()) for a in odd]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of arrays that it may not write into
        assert torch.from_numpy(back[0])[3] > 0


def test_no_cut_and_no_turned_bit_is_taken_for_an_entry():
    content = encode("k", [np.arange(3, dtype=np.float32), np.zeros((2, 1), np.float32)])
    assert len(decode("k", content)) == 2
    assert decode("another", content) is None
    assert all(decode("k", content[:length]) is None for length in range(len(content)))
    for place, bit in itertools.product(range(len(content)), (0, 5)):
        turned = bytearray(content)
        turned[place] ^= 1 << bit
        assert decode("k", bytes(turned)) is None, (place, bit)


@pytest.mark.parametrize("facts", [None, {"key": "k"}, {"format": "2", "key": "k", "crc32": "00000000"}])
def test_foreign_files_are_no_entries(facts):
    assert decode("k", safetensors.numpy.save({"0": np.ones(3, np.float32)}, metadata=facts)) is None
    assert decode("k", safetensors.numpy.save({"weight": np.ones(3, np.float32)}, metadata=facts)) is None
    header = json.dumps({"__metadata__": [], "0": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}})
    assert decode("k", len(header).to_bytes(8, "little") + header.encode() + b"00") is None


def aged(held, count):
    """Entries whose last use was long ago, the first the longest."""
    for place, key in enumerate(KEYS[:count]):
        held.put(key, arrays(place))
        os.utime(held._path(key), (place, place))


def left(held):
    return {key for key in KEYS if held._path(key).exists()}


def test_the_bound_holds_and_the_longest_unused_go_first(tmp_path):
    aged(DiskCache(tmp_path, 10**9), 6)
    small = DiskCache(tmp_path, 6 * BLOCK)  # each entry takes one block
    assert small.size() == 6 * BLOCK
    assert small.get(KEYS[0]) is not None  # used now
    small.put(KEYS[6], arrays(6))  # 7 blocks: down to 0.9 of 6
    assert left(small) == {KEYS[place] for place in (0, 4, 5, 3, 6)}
    assert small.size() == 5 * BLOCK == DiskCache(tmp_path, 10**9).size()
    for key in KEYS[7:]:
        small.put(key, arrays(0))
        assert DiskCache(tmp_path, 10**9).size() <= small.bound


def test_what_other_processes_wrote_counts(tmp_path):
    ours, theirs = (DiskCache(tmp_path, 8 * BLOCK) for _ in range(2))
    ours.put(KEYS[0], arrays(0))
    for key in KEYS[1:8]:
        theirs.put(key, arrays(0))
    for key in KEYS[8:]:
        ours.put(key, arrays(0))
    assert DiskCache(tmp_path, 10**9).size() <= 8 * BLOCK


def test_an_eviction_by_two_processes_takes_no_more_than_one_would(tmp_path, monkeypatch):
    aged(DiskCache(tmp_path, 10**9), 8)
    small = DiskCache(tmp_path, 6 * BLOCK)
    unlink = Path.unlink

    def already_gone(path, missing_ok=False):
        unlink(path)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", already_gone)
    small._evict()
    assert left(small) == set(KEYS[3:8])


def test_an_entry_that_would_drive_out_all_others_is_not_kept(tmp_path):
    held = DiskCache(tmp_path, 4 * BLOCK)
    held.put(KEYS[0], arrays(0))
    held.put(KEYS[1], arrays(1, 4 * BLOCK))
    assert left(held) == {KEYS[0]}


def test_old_entries_that_cannot_be_deleted_turn_it_off(tmp_path, capsys, monkeypatch):
    aged(DiskCache(tmp_path, 10**9), 6)
    small = DiskCache(tmp_path, 4 * BLOCK)

    def refused(path, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    small.put(KEYS[6], arrays(6))
    small.put(KEYS[7], arrays(7))
    assert KEYS[7] not in left(small)
    assert capsys.readouterr().err.count("cannot be deleted") == 1
    with pytest.raises(UserError, match="cannot be deleted: Permission denied"):
        small.clear()


def test_half_files_of_killed_processes_are_swept_and_fresh_ones_are_not(tmp_path):
    held = DiskCache(tmp_path, 10**9)
    held.put(KEYS[0], arrays(0))
    old, fresh = (held._path(KEYS[0]).with_name(name) for name in (".a.part", ".b.part"))
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert held.clear() == 1
    assert not old.exists()
    assert fresh.exists()


def test_what_is_not_ours_in_the_folder_is_left_alone(tmp_path):
    others = [tmp_path / "readme.txt", tmp_path / "notes" / "x.safetensors", tmp_path / "ab" / "x.txt"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    held = DiskCache(tmp_path, 10**9)
    assert held.count() == held.clear() == 0
    assert all(path.exists() for path in others)


def test_an_interrupt_leaves_no_half_file(tmp_path, monkeypatch):
    def interrupted(path, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        DiskCache(tmp_path, 10**9).put(KEYS[0], arrays(0))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["cut", "junk", "empty", "zeros", "another", "old format"])
def test_damaged_entries_are_dropped_with_one_note(tmp_path, capsys, monkeypatch, damage):
    held = DiskCache(tmp_path, 10**9)
    for key in KEYS[:3]:
        held.put(key, arrays(0))
    content = held._path(KEYS[0]).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(cache_entry, "FORMAT", "0")
        old = encode(KEYS[0], arrays(0))
    wrong = {
        "cut": content[:-7],
        "junk": b"\xff" * 400,
        "empty": b"",
        "zeros": content[:-40] + bytes(40),
        "another": held._path(KEYS[2]).read_bytes(),
        "old format": old,
    }[damage]
    for key in KEYS[:2]:
        held._path(key).write_bytes(wrong)
        assert held.get(key) is None
        assert not held._path(key).exists()
    assert capsys.readouterr().err.count("damaged features") == 1
    held.put(KEYS[0], arrays(0))
    assert same(held.get(KEYS[0]), arrays(0))


@pytest.mark.parametrize(
    ("number", "words"), [(28, "No space left on device"), (30, "Read-only file system")]
)
@pytest.mark.parametrize("place", ["mkstemp", "replace"])
def test_a_full_disk_or_a_folder_for_reading_turns_it_off(
    tmp_path, capsys, monkeypatch, number, words, place
):
    held = DiskCache(tmp_path, 10**9)
    held.put(KEYS[0], arrays(0))

    def refused(*given, **named):
        raise OSError(number, words)

    owner = disk_cache.tempfile if place == "mkstemp" else Path
    with monkeypatch.context() as patch:
        patch.setattr(owner, place, refused)
        patch.setattr(os, "utime", refused)
        for key in KEYS[1:4]:
            held.put(key, arrays(0))
        assert same(held.get(KEYS[0]), arrays(0))  # what is there can still be read
    held.put(KEYS[4], arrays(0))  # and it stays off
    assert left(held) == {KEYS[0]}
    assert capsys.readouterr().err.count(words) == 1
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_in_place_of_the_folder_turns_it_off(tmp_path, capsys):
    (tmp_path / "c").write_text("in the way")
    held = DiskCache(tmp_path / "c", 10**9)
    held.put(KEYS[0], arrays(0))
    assert held.get(KEYS[0]) is None
    assert "not kept on disk" in capsys.readouterr().err


def in_two_processes(work, *given):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=given) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def test_two_processes_write_the_same_keys(tmp_path):
    in_two_processes(write_all, str(tmp_path))
    held = DiskCache(tmp_path, 10**9)
    assert all(same(held.get(key), arrays(place)) for place, key in enumerate(KEYS))
    assert not list(tmp_path.rglob("*.part"))


def test_two_processes_write_and_evict_in_one_folder(tmp_path):
    in_two_processes(write_and_evict, str(tmp_path), 5 * BLOCK)
    assert 0 < DiskCache(tmp_path, 10**9).size() <= 6 * BLOCK  # the bound, and what both wrote last
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


def test_another_run_finds_the_features_and_the_same_numbers_for_any_batches(tmp_path):
    generator = np.random.default_rng(0)
    truths = generator.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    predictions = generator.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    boxes = np.tile(np.array([4.0, 2, 40, 46]), (3, 1))
    found, counts = [], []
    for batches in ([slice(0, 3)], [slice(0, 3)], [slice(0, 1), slice(1, 3)]):
        cache = FeatureCache(disk=DiskCache(tmp_path, 10**9))
        suite = MetricSuite(["offline"], cache=cache)
        network_calls = []
        ours, theirs = ([side[part] for part in batches] for side in (predictions, truths))
        pair = FrameSet(ours, theirs, None, boxes, boxes)
        suite.measure(FrameSet([], truths=[]), "self")
        network = suite._bench.once("network/efficientnet_lite0", lambda: pytest.fail("not built"))
        forward = network._forward
        network._forward = lambda inputs, f=forward, c=network_calls: (c.append(1), f(inputs))[1]
        found.append(suite.measure(pair, "self").values)
        counts.append(len(network_calls))
    assert found[0] == found[1] == found[2]
    assert counts[0] > 0
    assert counts[1] == counts[2] == 0
