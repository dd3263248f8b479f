"""Trust on first use: kept once, compared ever after, and never in the way of a measurement."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.metrics import weight_trust, weights
from iper_bench.metrics.weights import (
    Identity,
    MissingWeightsError,
    WeightFile,
    check_weights,
    find_weights,
    unfit_weights,
)

TOY = Identity("toy", "none", ("toy.pth", "toy-old.pth"), None, "", "", "the toy shop")
FIRST, SECOND = hashlib.sha256(b"first").hexdigest(), hashlib.sha256(b"second").hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_the_first_use_is_kept_and_another_content_is_refused_with_both_hashes(folder, home):
    path = folder / "toy.pth"
    path.write_bytes(b"first")
    assert find_weights(TOY, folder) == WeightFile(path, FIRST)
    assert json.loads((home / "trusted.json").read_text()) == {"toy/toy.pth": FIRST}
    path.write_bytes(b"second")
    with pytest.raises(UserError) as caught:
        find_weights(TOY, folder)
    line = str(caught.value)
    for words in (str(path), FIRST[:12], SECOND[:12], f"iper-bench weights add toy {path}"):
        assert words in line
    weight_trust.trust("toy", "toy.pth", SECOND, anew=True)
    assert find_weights(TOY, folder).sha256 == SECOND


def test_names_networks_and_folders_are_told_apart(folder, tmp_path, home):
    (folder / "toy-old.pth").write_bytes(b"second")
    assert find_weights(TOY, folder).sha256 == SECOND
    (folder / "toy.pth").write_bytes(b"first")
    assert find_weights(TOY, folder).sha256 == FIRST
    assert weight_trust.recorded("other", "toy.pth") is None
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "toy.pth").write_bytes(b"second")
    with pytest.raises(UserError, match="as when toy was first used"):
        find_weights(TOY, tmp_path / "elsewhere")


def test_a_published_hash_needs_no_record(folder, home):
    named = Identity("toy", "", (f"toy-{FIRST[:8]}.pth",), None, "", "", "", hash_in_name=True)
    path = folder / named.files[0]
    path.write_bytes(b"first")
    assert find_weights(named, folder).sha256 == FIRST
    path.write_bytes(b"second")
    with pytest.raises(UserError, match=f"begins with {SECOND[:12]}; expected {FIRST[:8]} "):
        find_weights(named, folder)
    assert not home.exists()


def test_each_accepted_name_has_its_own_hash():
    two = Identity(
        "t", "", ("a-0123abcd.pth", "b-deadbeef99.pth", "c.pth"), None, "", "", "", hash_in_name=True
    )
    assert [two.expected(name) for name in two.files] == ["0123abcd", "deadbeef99", None]
    assert Identity("t", "", ("a-0123abcd.pth",), None, "", "", "").expected("a-0123abcd.pth") is None
    assert Identity("t", "", ("a-0123abcd.pth",), "ff", "", "", "").expected("a-0123abcd.pth") == "ff"


def test_a_file_that_does_not_fit_is_not_trusted_unless_it_was_before(folder, home):
    path = folder / "toy.pth"
    path.write_bytes(b"first")
    find_weights(TOY, folder)
    unfit_weights(TOY, path, "junk")
    assert weight_trust.recorded("toy", "toy.pth") is None
    weight_trust._fresh.clear()  # as in a later process
    (home / "trusted.json").write_text(json.dumps({"toy/toy.pth": FIRST, "a/b": SECOND}))
    unfit_weights(TOY, path, "junk")
    assert weight_trust.recorded("toy", "toy.pth") == FIRST
    assert weight_trust.recorded("a", "b") == SECOND


def test_a_file_is_hashed_once_per_process_until_it_changes(folder, monkeypatch):
    calls = []

    def counted(path):
        calls.append(path)
        return FIRST

    monkeypatch.setattr(weights, "file_sha256", counted)
    path = folder / "toy.pth"
    path.write_bytes(b"first")
    for _ in range(3):
        assert check_weights(TOY, path).sha256 == FIRST
    assert len(calls) == 1
    os.utime(path, (1, 1))
    check_weights(TOY, path)
    path.write_bytes(b"longer than before")
    check_weights(TOY, path)
    assert len(calls) == 3


def test_without_a_cache_folder_the_file_is_used_and_a_note_says_so_once(
    folder, tmp_path, monkeypatch, capsys
):
    (tmp_path / "blocker").write_text("")
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "blocker" / "home"))
    (folder / "toy.pth").write_bytes(b"first")
    for _ in range(2):
        assert find_weights(TOY, folder).sha256 == FIRST
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 1
    assert "trusted.json cannot be written" in notes[0]
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        weight_trust.trust("toy", "toy.pth", FIRST, anew=True)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"toy/toy.pth": 3}', '{"toy/toy.pth": "abc"}', "[" * 100_000]
)
def test_a_damaged_record_is_named(content, folder, home):
    home.mkdir()
    (home / "trusted.json").write_text(content)
    (folder / "toy.pth").write_bytes(b"first")
    with pytest.raises(UserError, match=r"trusted\.json: the record of trusted weights is damaged.*try: rm"):
        find_weights(TOY, folder)
    assert (home / "trusted.json").read_text() == content


def _trust_many(number):
    for index in range(20):
        weight_trust.trust("toy", f"{number}-{index}", FIRST)
        weight_trust.trust("toy", f"both-{index}", f"{number}" * 64)


def test_two_processes_lose_no_entry_and_agree(home):
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    team = [context.Process(target=_trust_many, args=(number,)) for number in (1, 2)]
    for process in team:
        process.start()
    for process in team:
        process.join()
    entries = json.loads((home / "trusted.json").read_text())
    assert len(entries) == 60
    for index in range(20):
        kept = entries[f"toy/both-{index}"]
        assert kept in ("1" * 64, "2" * 64)
        assert weight_trust.trust("toy", f"both-{index}", FIRST) == kept


def test_folders_and_broken_links_under_the_name_are_refused(folder, tmp_path):
    (folder / "toy.pth").mkdir()
    with pytest.raises(UserError, match=r"toy\.pth: is a folder; expected the weights of toy"):
        find_weights(TOY, folder)
    (folder / "toy.pth").rmdir()
    (folder / "toy.pth").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"toy\.pth: is no file, or a link"):
        find_weights(TOY, folder)
    (tmp_path / "gone").write_bytes(b"first")
    assert find_weights(TOY, folder).sha256 == FIRST


def test_a_read_only_folder_is_only_read(folder, home):
    (folder / "toy.pth").write_bytes(b"first")
    before = folder.stat().st_mtime_ns
    folder.chmod(0o555)
    try:
        find_weights(TOY, folder)
    finally:
        folder.chmod(0o755)
    assert [path.name for path in folder.iterdir()] == ["toy.pth"]
    assert folder.stat().st_mtime_ns == before
    assert (home / "trusted.json").is_file()


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({}, "weights add toy FILE"),
        ({"url": "https://t/toy.pth"}, "weights fetch toy"),
        ({"pip": "t==1"}, "pip install t==1"),
    ],
)
def test_a_missing_file_says_how_to_come_by_it(changes, way, folder):
    with pytest.raises(MissingWeightsError, match=way):
        find_weights(Identity("toy", "", ("toy.pth",), None, "", "", "", **changes), folder)


def test_hashes_are_those_of_the_bytes(folder):
    content = np.random.default_rng(1).bytes(3_000_001)
    (folder / "toy.pth").write_bytes(content)
    assert find_weights(TOY, folder).sha256 == hashlib.sha256(content).hexdigest()
