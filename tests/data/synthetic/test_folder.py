"""The dataset as a folder: pixel-identical, resumable, and honest about damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import iper_bench.data.synthetic.make as make_module
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset, open_synthetic
from iper_bench.data.synthetic.make import make_synthetic
from iper_bench.errors import UserError
from tests.data.synthetic.conftest import TINY

NAME = "actor000/outfit0"
EVERY = range(18)


@pytest.fixture
def made(tmp_path: Path, home: Path) -> Path:
    return make_synthetic(tmp_path / "made", TINY)


def same(first: SyntheticDataset, second: SyntheticDataset) -> bool:
    for name in first.clip_names():
        one, other = first.clip(name), second.clip(name)
        pairs = [
            (one.frames(EVERY), other.frames(EVERY)),
            (one.masks(EVERY), other.masks(EVERY)),
            (one.backgrounds([3]), other.backgrounds([3])),
            (one.track.betas, other.track.betas),
            (one.track.poses, other.track.poses),
            (one.track.cams, other.track.cams),
        ]
        if not all(np.array_equal(a, b) for a, b in pairs):
            return False
    return True


def test_folder_reads_back_identical(made: Path) -> None:
    rendered, read = SyntheticDataset(TINY), open_synthetic(root=str(made))
    assert read.fingerprint == rendered.fingerprint
    assert read.config == TINY
    assert read.clip_names("test") == rendered.clip_names("test")
    assert same(rendered, read)
    assert np.array_equal(read.clip(NAME).true_flow(0, 1), rendered.clip(NAME).true_flow(0, 1))
    assert (made / "splits" / "test.txt").read_text().split() == rendered.clip_names("test")


def test_interrupted_make_goes_on_where_it_was(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "made"
    written: list[str] = []
    write = make_module._write_clip

    def interrupted(folder: Path, dataset: SyntheticDataset, part: make_module.Part) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        write(folder, dataset, part)
        written.append(part.name)

    monkeypatch.setattr(make_module, "_write_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_synthetic(out, TINY)
    with pytest.raises(UserError, match="not finished"):
        open_synthetic(root=str(out)).clip("actor002/outfit0").frames([0])

    def counted(folder: Path, dataset: SyntheticDataset, part: make_module.Part) -> None:
        write(folder, dataset, part)
        written.append(part.name)

    monkeypatch.setattr(make_module, "_write_clip", counted)
    make_synthetic(out, TINY)
    assert sorted(written) == SyntheticDataset(TINY).clip_names(), "each clip exactly once"
    make_synthetic(out, TINY)
    assert len(written) == 4
    assert same(SyntheticDataset(TINY), open_synthetic(root=str(out)))


@pytest.mark.parametrize("file", ["frames/00005.png", "masks/00005.png", "background.png", "body.npz"])
@pytest.mark.parametrize("harm", ["damage", "remove"])
def test_harmed_file_is_named_and_mended(made: Path, file: str, harm: str) -> None:
    path = made / "clips" / NAME / file
    if harm == "remove":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(bytes(content))
    clip = open_synthetic(root=str(made)).clip(NAME)
    with pytest.raises(UserError) as caught:
        _ = clip.backgrounds([0]), clip.frames(EVERY)
    assert NAME in str(caught.value)
    assert file in str(caught.value)
    assert "make-synthetic" in str(caught.value)
    make_synthetic(made, TINY)
    assert same(SyntheticDataset(TINY), open_synthetic(root=str(made)))


def test_another_dataset_in_the_folder_is_not_mixed(made: Path) -> None:
    with pytest.raises(UserError, match="holds another dataset") as caught:
        make_synthetic(made, SyntheticConfig(size=48, seed=5))
    assert "config, fingerprint" in str(caught.value)
    with pytest.raises(UserError, match="frames of 48 px, not 64"):
        open_synthetic(root=str(made), size=64)
    assert open_synthetic(root=str(made), size=48).image_size == 48


def test_bad_manifests(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no synthetic dataset in this folder"):
        open_synthetic(root=str(tmp_path / "nothing"))
    manifest = made / "dataset.json"
    good = json.loads(manifest.read_text())
    for change, word in (
        ({"format": 99}, "format 99"),
        ({"config": {}}, "damaged file"),
        ({"config": {**good["config"], "size": "48"}}, "config.size '48'"),
        ({"config": {**good["config"], "size": 3}}, "size 3"),
    ):
        manifest.write_text(json.dumps({**good, **change}))
        with pytest.raises(UserError, match=word):
            open_synthetic(root=str(made))
    manifest.write_text("{")
    with pytest.raises(UserError, match="damaged file"):
        open_synthetic(root=str(made))


def test_frames_of_another_version_are_read_but_have_no_scene(made: Path) -> None:
    manifest = made / "dataset.json"
    manifest.write_text(
        json.dumps({**json.loads(manifest.read_text()), "rendering": 0, "fingerprint": "old"})
    )
    read = open_synthetic(root=str(made))
    assert read.fingerprint == "old"
    assert read.clip(NAME).frames([0]).any()
    with pytest.raises(UserError, match="another version"):
        read.clip(NAME).true_flow(0, 1)


def test_data_variable_names_the_folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPER_BENCH_DATA", str(tmp_path / "data"))
    assert open_synthetic(size=64).image_size == 64, "not made yet: rendered on demand"
    assert make_synthetic(None, TINY) == tmp_path / "data" / "synthetic"
    assert open_synthetic().config == TINY


def test_without_a_folder_the_cache_is_filled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_synthetic(None, TINY)
    assert folder.is_relative_to(home)
    monkeypatch.setattr("iper_bench.data.synthetic.film.build_scene", None)
    assert SyntheticDataset(TINY).clip(NAME).frames([17]).any(), "nothing is rendered again"


def test_folder_that_cannot_be_written(tmp_path: Path, home: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(UserError, match="cannot write"):
        make_synthetic(blocker / "made", TINY)


def test_chosen_splits_only(tmp_path: Path) -> None:
    out = make_synthetic(tmp_path / "made", TINY, splits=["test_actor"])
    made = {path.parent.relative_to(out / "clips").as_posix() for path in out.rglob("clip.json")}
    assert made == set(SyntheticDataset(TINY).clip_names("test_actor"))
    make_synthetic(out, TINY)
    again = {path.parent.relative_to(out / "clips").as_posix() for path in out.rglob("clip.json")}
    assert again == set(SyntheticDataset(TINY).clip_names())


def test_unknown_split_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown split 'tets'.*test"):
        make_synthetic(tmp_path / "made", TINY, splits=["tets"])
    assert not (tmp_path / "made").exists()
