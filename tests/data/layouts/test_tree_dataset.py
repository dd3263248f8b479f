"""Datasets on the disk: where they are looked for, how little is read, fingerprints, recipes."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.dataset import DATASETS
from iper_bench.data.image_io import encode_png
from iper_bench.data.layouts import video_cursor
from iper_bench.data.layouts.fashionvideo import open_fashionvideo
from iper_bench.data.layouts.folder import open_folder_dataset
from iper_bench.data.layouts.iper import open_iper
from iper_bench.data.layouts.video_cursor import video_frames
from iper_bench.errors import UserError
from tests.data.layouts.trees import (
    SIZE,
    bodies,
    make_fashionvideo,
    make_folder,
    make_iper,
    make_motionsynthetic,
    make_youtube,
    picture,
    write_pickle,
    write_splits,
    write_video,
)

CLIP = "001/1/1"
VARIABLE = "IPER_BENCH_DATA"


def test_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UserError, match=r"--data-root FOLDER, or IPER_BENCH_DATA=FOLDER"):
        open_iper()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    with pytest.raises(UserError, match=r"IPER_BENCH_DATA: .*data: there is no such folder"):
        open_iper()
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match=r"no dataset 'iper' in .*expected a folder 'iper' in it"):
        open_iper()
    make_iper(tmp_path / "data")
    assert open_iper().root == tmp_path / "data"
    make_iper(tmp_path / "data" / "iper")
    assert open_iper().root == tmp_path / "data" / "iper"
    make_iper(tmp_path / "typed")
    assert open_iper(root=str(tmp_path / "typed")).root == tmp_path / "typed"
    with pytest.raises(UserError, match=r"train\.txt: is a file"):
        open_iper(root=str(tmp_path / "typed" / "train.txt"))
    # any folder of folders could be this one
    make_folder(tmp_path / "data")
    with pytest.raises(UserError, match="no dataset 'folder'"):
        open_folder_dataset()


def test_a_folder_that_nobody_named_is_known_by_its_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``primitives`` and ``processed`` are folders of several datasets."""
    makers = {
        "motionsynthetic": make_motionsynthetic,
        "fashionvideo": make_fashionvideo,
        "youtube-dancer18": make_youtube,
        "iper": lambda root: make_iper(root, layout="tpami"),
    }
    for name, make in makers.items():
        monkeypatch.setenv(VARIABLE, str(make(tmp_path / name)))
        found = []
        for other in makers:
            with contextlib.suppress(UserError):
                found.append(DATASETS.get(other)(root=None, size=None).name)
        assert found == [name]


def test_opening_reads_neither_frame_nor_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_iper(tmp_path)
    for path in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.pkl")]:
        path.write_bytes(b"broken")
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    data = open_iper(root=str(tmp_path))
    clips = [data.clip(name) for name in data.clip_names()]
    assert [clip.has_track for clip in clips] == [True] * 4
    assert not any("images_HD/" in folder for folder in listed)
    assert [len(clip) for clip in clips] == [4] * 4  # lists the folder of every clip, once
    assert [len(clip.frame_names) for clip in clips] == [4] * 4
    assert len([folder for folder in listed if "images_HD/" in folder]) == 4


def test_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    first, second = make_iper(tmp_path / "a"), make_iper(tmp_path / "b")
    assert open_iper(root=str(first)).fingerprint == open_iper(root=str(second)).fingerprint
    assert open_iper(root=str(first), size=64).fingerprint != open_iper(root=str(first)).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "images_HD" / CLIP / "2.jpg").unlink(),
        lambda root: (root / "images_HD" / CLIP / "2.jpg").rename(root / "images_HD" / CLIP / "9.jpg"),
        lambda root: (root / "images_HD" / CLIP / "2.jpg").write_bytes(encode_png(picture("other", 5))[:-1]),
        lambda root: write_pickle(root / "smpls" / CLIP / "pose_shape.pkl", bodies("other")),
        lambda root: (root / "smpls" / CLIP / "pose_shape.pkl").unlink(),
        lambda root: write_splits(root, {"val": ["001/2/1"]}),
        lambda root: (root / "images_HD" / CLIP).rename(root / "gone"),
        lambda root: (root / "images_HD").rename(root / "images"),
    ],
    ids=["frame", "name", "length", "track", "no track", "split", "clip", "layout"],
)
def test_fingerprint_notices(tmp_path: Path, change: Callable[[Path], object]) -> None:
    root = make_iper(tmp_path)
    before = open_iper(root=str(root)).fingerprint
    change(root)
    assert open_iper(root=str(root)).fingerprint != before


@pytest.mark.parametrize("layout", ["iccv", "video"])
def test_recipes_are_small_and_give_the_frames(tmp_path: Path, layout: str) -> None:
    clip = open_iper(root=str(make_iper(tmp_path, layout=layout)), size=SIZE).clip(CLIP)
    packed = pickle.dumps(clip.recipe([3, 1, 1]))
    assert len(packed) < 2000
    np.testing.assert_array_equal(pickle.loads(packed)(), clip.frames([3, 1, 1]))
    assert clip.frames([]).shape == (0, SIZE, SIZE, 3)


def test_frames_of_a_video_do_not_depend_on_what_was_asked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", "a", frames=20)
    straight = list(video_frames(tmp_path / "a.mp4", range(20)))
    monkeypatch.setattr(video_cursor, "SKIPPED", 3)  # so that jumps ahead seek
    order = [5, 6, 6, 8, 19, 2, 0, 13, 14, 14, 3]
    for index, image in zip(order, video_frames(tmp_path / "a.mp4", order), strict=True):
        np.testing.assert_array_equal(image, straight[index])
    with pytest.raises(UserError, match=r"no frame 20"):
        list(video_frames(tmp_path / "a.mp4", [19, 20]))
    np.testing.assert_array_equal(next(video_frames(tmp_path / "a.mp4", [1])), straight[1])


def test_video_that_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, "a", frames=3)
    first = next(video_frames(path, [0]))
    write_video(path, "b", frames=6)
    assert not np.array_equal(next(video_frames(path, [1])), first)
    assert len(list(video_frames(path, range(6)))) == 6


def test_cut_video_is_found_and_its_lost_frames_are_errors(tmp_path: Path) -> None:
    """AVI plays up to where it is cut; its header still says how long it was."""
    root = tmp_path / "own"
    write_video(root / "a.avi", "a", frames=12)
    content = (root / "a.avi").read_bytes()
    (root / "a.avi").write_bytes(content[: len(content) * 2 // 3])
    clip = open_folder_dataset(root=str(root), size=SIZE).clip("a.avi")
    assert len(clip) == 12
    assert "cut: holds" in clip.findings()[0]
    assert clip.frames([0]).shape == (1, SIZE, SIZE, 3)
    with pytest.raises(UserError, match=r"a\.avi"):
        clip.frames([11])


def test_mattes_and_files_are_told(tmp_path: Path) -> None:
    """What preparing a clip starts from."""
    root = make_fashionvideo(tmp_path)
    clip = open_fashionvideo(root=str(root)).clip("91M3UFSKn8S.mp4")
    folder = root / "processed/val/91M3UFSKn8S.mp4"
    assert clip.source == folder / "images"
    assert clip.frame_files[1] == folder / "images/frame_00000001.png"
    assert clip.matte_files is not None
    assert clip.matte_files[1] == folder / "pred_masks/mask_frame_00000001.png"
    assert clip.track_path == folder / "pose_shape.pkl"
