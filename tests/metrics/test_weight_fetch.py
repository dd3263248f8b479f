"""Fetching: whole and right, or not there; what arrived is kept; two processes do not disturb each other."""

from __future__ import annotations

import errno
import hashlib
import io
import multiprocessing
import os
import re
import sys
import urllib.request
from dataclasses import replace

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.metrics import weight_download, weight_trust
from iper_bench.metrics.backbones.identities import Backbone
from iper_bench.metrics.weight_fetch import fetch
from iper_bench.metrics.weights import Identity, unfit_weights
from tests.metrics.weight_server import serving

CONTENT = np.random.default_rng(0).bytes(3 << 20)  # three blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"toy-{SHA256[:8]}.pth"
OTHER = "0" * 64


def toy(address: str, **changes) -> Backbone:
    """A network whose every file that is not empty fits."""
    identity = Identity(
        "toy", "none", (NAME,), None, "", "", "the toy shop", url=f"{address}/{NAME}", hash_in_name=True
    )
    identity = replace(identity, **changes)

    def load(file, device):
        if not file.path.read_bytes().startswith(CONTENT[:8]):
            raise unfit_weights(identity, file.path, "junk")

    return Backbone(identity, load)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "weights"


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_arrives_whole_and_is_not_asked_for_again(server, folder, capsys):
    file, fetched = fetch(toy(server.address), folder)
    assert fetched
    assert file.sha256 == SHA256
    assert file.path.read_bytes() == CONTENT
    assert names(folder) == [NAME]
    assert f"{NAME}, MB: start, 3 items" in capsys.readouterr().err
    assert fetch(toy(server.address), folder) == (file, False)
    assert server.asked == [None]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_resumed_where_the_server_can(ranges, server, folder):
    server.breaks_after = [2_000_000]
    server.ranges = ranges
    with pytest.raises(UserError, match=r"connection failed.*2000000 bytes.*are kept.*same command again"):
        fetch(toy(server.address), folder)
    assert names(folder) == [f"{NAME}.part"]
    assert (folder / f"{NAME}.part").read_bytes() == CONTENT[:2_000_000]
    file, _ = fetch(toy(server.address), folder)
    assert file.path.read_bytes() == CONTENT
    assert names(folder) == [NAME]
    assert server.asked == [None, "bytes=2000000-"]


def test_a_part_that_is_whole_or_too_long_ends_well(server, folder):
    folder.mkdir()
    for surplus in (b"", b"more"):
        (folder / f"{NAME}.part").write_bytes(CONTENT + surplus)
        assert fetch(toy(server.address), folder)[0].path.read_bytes() == CONTENT
        (folder / NAME).unlink()
    assert server.asked == [f"bytes={len(CONTENT)}-", f"bytes={len(CONTENT) + 4}-", None]


def test_an_answer_with_another_range_begins_anew(server, folder):
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(CONTENT[:100])
    server.shifted = True
    assert fetch(toy(server.address), folder)[0].path.read_bytes() == CONTENT
    assert server.asked == ["bytes=100-", None]


def test_a_damaged_part_is_removed_after_the_hash_shows_it(server, folder):
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(b"x" * 100)
    with pytest.raises(UserError, match="was removed"):
        fetch(toy(server.address), folder)
    assert names(folder) == []
    assert fetch(toy(server.address), folder)[1]


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_refusals_of_the_server_are_one_line(status, server, folder):
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(CONTENT[:10])
    server.status = status
    with pytest.raises(UserError, match=f"the server answers {status} .*weights add") as caught:
        fetch(toy(server.address), folder)
    assert server.address in str(caught.value)
    assert (folder / f"{NAME}.part").read_bytes() == CONTENT[:10]
    assert not (folder / NAME).exists()


def test_another_content_than_published_is_named_with_both_hashes_and_removed(server, folder):
    server.content = b"<html>not found</html>"
    found = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(UserError, match=f"sha256 {found}.*expected {SHA256[:8]} of the published"):
        fetch(toy(server.address), folder)
    assert names(folder) == []


def test_without_a_published_hash_the_file_must_fit_and_is_trusted(server, folder):
    unknown = toy(server.address, hash_in_name=False)
    server.content = b"<html>not found</html>"
    with pytest.raises(UserError, match="junk"):
        fetch(unknown, folder)
    assert names(folder) == []
    assert weight_trust.recorded("toy", NAME) is None
    server.content = CONTENT
    file, _ = fetch(unknown, folder)
    assert weight_trust.recorded("toy", NAME) == file.sha256 == SHA256
    file.path.unlink()
    server.content = CONTENT + b"changed on the server"
    with pytest.raises(UserError, match=f"sha256 (?!{SHA256}).*expected {SHA256} of its first use"):
        fetch(unknown, folder)
    assert names(folder) == []


def test_a_connection_that_cannot_be_made_is_one_line(folder):
    with serving(b"") as gone:
        address = gone.address
    with pytest.raises(UserError, match=r"the connection failed: .*refused") as caught:
        fetch(toy(address), folder)
    assert "bytes that arrived" not in str(caught.value)


def test_a_server_that_falls_silent_is_given_up(server, folder, monkeypatch):
    monkeypatch.setattr(weight_download, "TIMEOUT", 0.2)
    server.slow = 1.0
    with pytest.raises(UserError, match=r"connection failed: .*timed out.* are kept"):
        fetch(toy(server.address), folder)
    server.slow = 0.0
    assert fetch(toy(server.address), folder)[0].path.read_bytes() == CONTENT


def test_files_without_an_address_name_the_source(folder):
    with pytest.raises(
        UserError, match=r"no public address.*the toy shop; try: iper-bench weights add toy FILE"
    ):
        fetch(toy("", url=""), folder)
    assert names(folder) == []


def test_addresses_of_files_are_read(folder, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(toy(f"file://{tmp_path}"), folder)[0].sha256 == SHA256
    with pytest.raises(UserError, match=r"connection failed: .*No such file"):
        fetch(toy(f"file://{tmp_path}/gone"), tmp_path / "two")
    with pytest.raises(UserError, match="another kind; expected https or http or file"):
        fetch(toy("ftp://toys"), tmp_path / "two")


def test_redirections_are_followed_but_not_out_of_https(server, folder):
    with serving(b"") as entrance:
        entrance.location = f"{server.address}/elsewhere"
        assert fetch(toy(entrance.address), folder)[0].path.read_bytes() == CONTENT
    rule = weight_download._SameSafety()
    asked = urllib.request.Request("https://toys/a")
    with pytest.raises(OSError, match="from https to http"):
        rule.redirect_request(asked, io.BytesIO(), 302, "", {}, "http://toys/a")
    assert rule.redirect_request(asked, io.BytesIO(), 302, "", {}, "https://other/a").full_url.endswith(
        "other/a"
    )


def _fetch_in_process(address, folder, found):
    file, fetched = fetch(toy(address), folder)
    found.put((file.path.read_bytes() == CONTENT, fetched))


def test_two_processes_fetch_once(server, folder):
    server.slow = 0.5
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    found = context.Queue()
    team = [context.Process(target=_fetch_in_process, args=(server.address, folder, found)) for _ in range(2)]
    for process in team:
        process.start()
    results = sorted(found.get(timeout=60) for _ in team)
    for process in team:
        process.join()
    assert results == [(True, False), (True, True)]
    assert server.asked == [None]
    assert names(folder) == [NAME]


@pytest.mark.parametrize("obstacle", ["folder", "broken link", "link as part", "folder as part"])
def test_what_stands_in_the_way_is_left_alone(obstacle, server, folder, tmp_path):
    folder.mkdir()
    target, victim = folder / NAME, tmp_path / "victim"
    victim.write_bytes(b"mine")
    if obstacle == "folder":
        target.mkdir()
    elif obstacle == "broken link":
        target.symlink_to(tmp_path / "gone")
    elif obstacle == "link as part":
        target.with_name(f"{NAME}.part").symlink_to(victim)
    else:
        target.with_name(f"{NAME}.part").mkdir()
    before = names(folder)
    with pytest.raises(UserError, match=re.escape(str(target))):
        fetch(toy(server.address), folder)
    assert names(folder) == before
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "gone").exists()


def test_a_folder_that_cannot_be_written_is_one_line(server, folder, monkeypatch):
    def refused(path, *rest, **named):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        with pytest.raises(UserError, match="no permission to write"):
            fetch(toy(server.address), folder)
    assert server.asked == []


def test_a_full_disk_keeps_the_part(server, folder):
    class Full(io.BytesIO):
        def write(self, block):
            if self.tell() >= 1 << 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(block)

    part = Full()
    with pytest.raises(UserError, match="no space left"):
        weight_download.download(f"{server.address}/{NAME}", part, NAME)
    assert part.getvalue() == CONTENT[: 1 << 20]
