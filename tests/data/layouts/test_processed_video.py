"""The reader of iPERCore's ``processed`` folders: rows, candidates, moved folders, and every refusal."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from iper_bench.data.layouts.processed_video import STAGES, ProcessedVideo, read_processed
from iper_bench.errors import UserError

ROWS = 6  # frames that were cropped; frame 2 of them was dropped by the 3-D pose stage, then another


def info(folder: Path) -> dict[str, Any]:
    """A video of 8 original frames: 6 cropped, 5 with a body, 4 segmented."""
    random = np.random.default_rng(0)
    cams = random.uniform(0.5, 1.0, (ROWS, 3))
    return {
        "input_info": {"meta_input": {"path": "/elsewhere/video.mp4", "fps": 25.0}},
        "src_img_dir": "/elsewhere/processed/orig_images",
        "out_img_dir": "/elsewhere/processed/images",
        "out_parse_dir": "/elsewhere/processed/parse",
        **dict.fromkeys((*STAGES, "has_finished"), True),
        "orig_shape": (1080, 1920),
        "valid_img_info": {
            "names": [f"frame_{number:08d}.png" for number in (1, 2, 6, 7)],
            "ids": [1, 2, 6, 7],
            "crop_ids": [1, 2, 3, 4, 6, 7],
            "pose3d_ids": [0, 1, 3, 4, 5],
            "parse_ids": [0, 1, 3, 4],
            "stage": "parser",
        },
        "processed_pose3d": {
            "cams": cams,
            "pose": random.normal(size=(ROWS, 72)).astype(np.float32),
            "shape": random.normal(size=(ROWS, 10)),
            "init_pose": random.normal(size=(ROWS, 72)),
        },
        "processed_front_info": {
            "ft": {"body_num": [9, 8], "face_num": [3, 1], "ids": [2, 0]},
            "bk": {"body_num": [9, 8], "face_num": [3, 1], "ids": np.array([3, 1])},
        },
        "processed_deform": {"links": np.array([[1, 2], [3, 4]]), "offsets": None},
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    """``processed`` with the files of the four frames."""
    for name in ("images", "parse"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    picture = encode_png(np.zeros((4, 4, 3), np.uint8))
    for number in (1, 2, 6, 7):
        (folder / "images" / f"frame_{number:08d}.png").write_bytes(picture)
        (folder / "parse" / f"frame_{number:08d}_alpha.png").write_bytes(picture)
    (folder / "vid_info.pkl").write_bytes(pickle.dumps(content, protocol=2))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "one" / "processed", info(tmp_path))


def test_what_is_read(folder: Path) -> None:
    video, content = read_processed(folder), info(folder)
    assert len(video) == 4
    assert video.names == tuple(content["valid_img_info"]["names"])
    assert [path.name for path in video.images] == list(video.names)
    assert video.alphas is not None
    assert [path.name for path in video.alphas] == [
        f"frame_{number:08d}_alpha.png" for number in (1, 2, 6, 7)
    ]
    assert all(path.is_file() for path in (*video.images, *video.alphas))
    assert video.ids == (1, 2, 6, 7)
    assert (video.front, video.back) == ((2, 0), (3, 1))
    assert video.links is not None
    assert video.links.tolist() == [[1, 2], [3, 4]]
    assert video.offsets is None
    assert video.frame_size == (1080, 1920)


def test_bodies_are_the_rows_of_the_frames_even_when_frames_were_dropped(folder: Path) -> None:
    """Row pose3d_ids[parse_ids[i]]; row parse_ids[i], as released, would be 0, 1, 3, 4."""
    video, pose3d = read_processed(folder), info(folder)["processed_pose3d"]
    rows = [0, 1, 4, 5]
    assert np.array_equal(video.track.cams, pose3d["cams"][rows].astype(np.float32))
    assert np.array_equal(video.track.poses, pose3d["pose"][rows])
    assert np.array_equal(video.shapes, pose3d["shape"][rows].astype(np.float32))
    assert np.allclose(video.track.betas, pose3d["shape"][rows].mean(0), atol=1e-6)  # float32


def test_nothing_dropped_gives_the_released_rows(tmp_path: Path) -> None:
    content = info(tmp_path)
    content["valid_img_info"]["pose3d_ids"] = list(range(ROWS))
    video = read_processed(write(tmp_path / "processed", content))
    assert np.array_equal(video.track.poses, content["processed_pose3d"]["pose"][[0, 1, 3, 4]])


def test_moved_folder_and_a_copy_give_the_same(folder: Path, tmp_path: Path) -> None:
    here = read_processed(folder)
    shutil.copytree(folder, tmp_path / "two" / "processed")
    shutil.rmtree(folder)
    there = read_processed(tmp_path / "two" / "processed")
    assert there.names == here.names
    assert np.array_equal(there.track.cams, here.track.cams)
    assert all(path.is_relative_to(tmp_path / "two") for path in there.images)


def test_driving_video_is_not_segmented(tmp_path: Path) -> None:
    content = info(tmp_path)
    content.update(has_run_parser=False, has_find_front=False)
    content["valid_img_info"].update(pose3d_ids=[0, 1, 4, 5], parse_ids=[])
    content["processed_front_info"] = {"ft": {"ids": []}, "bk": {"ids": []}}
    folder = write(tmp_path / "processed", content)
    shutil.rmtree(folder / "parse")
    video = read_processed(folder)
    assert (video.alphas, video.front, video.back) == (None, (), ())
    assert np.array_equal(video.track.poses, content["processed_pose3d"]["pose"][[0, 1, 4, 5]])


def test_offsets_are_read(tmp_path: Path) -> None:
    content = info(tmp_path)
    content["processed_deform"] = {"links": None, "offsets": np.ones((7, 3))}
    content["orig_shape"] = ()
    video: ProcessedVideo = read_processed(write(tmp_path / "processed", content))
    assert video.offsets is not None
    assert video.offsets.dtype == np.float32
    assert video.offsets.shape == (7, 3)
    assert (video.links, video.frame_size) == (None, None)


def put(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one value of the pickle; ``...`` removes it."""

    def change(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        if value is ...:
            del content[keys[-1]]
        else:
            content[keys[-1]] = value

    return change


def with_nan(content: dict[str, Any]) -> None:
    content["processed_pose3d"]["pose"][4, 7] = np.nan


def with_scale(content: dict[str, Any]) -> None:
    content["processed_pose3d"]["cams"][1, 0] = -0.5


NAMES = [f"frame_{number:08d}.png" for number in (1, 2, 6, 7)]
DAMAGE: list[tuple[Callable[[dict[str, Any]], None], tuple[str, ...]]] = [
    (put("has_finished", value=False), ("has not finished", "has_finished")),
    (
        lambda c: c.update(has_finished=False, has_run_parser=False, has_run_inpaintor=False),
        ("has not finished", "has_run_parser"),
    ),
    (put("valid_img_info", value=...), ("valid_img_info", "missing")),
    (put("valid_img_info", "names", value=...), ("valid_img_info.names",)),
    (put("valid_img_info", "names", value=[]), ("valid_img_info.names", "empty")),
    (put("valid_img_info", "names", value=NAMES[:3] + NAMES[:1]), ("frame 3", "repeats", NAMES[0])),
    (put("valid_img_info", "names", value=NAMES[:3]), ("parse_ids", "4 entries for 3 names")),
    (put("valid_img_info", "names", value=[*NAMES[:3], "../../secret.png"]), ("frame 3",)),
    (put("valid_img_info", "names", value=[*NAMES[:3], "/etc/passwd"]), ("frame 3",)),
    (put("valid_img_info", "names", value=[*NAMES[:3], "frame_00000099.png"]), ("frame_00000099.png",)),
    (put("valid_img_info", "parse_ids", value=[0, 1, 3, 5]), ("parse_ids", "entry 3 is 5", "0 to 4")),
    (put("valid_img_info", "parse_ids", value=[0, 1, 3, "4"]), ("parse_ids", "whole numbers")),
    (put("valid_img_info", "parse_ids", value=None), ("parse_ids", "missing")),
    (put("valid_img_info", "pose3d_ids", value=[0, 1, 3, 4, 6]), ("frame 3 wants row 6", "6 rows")),
    (put("valid_img_info", "ids", value=[1]), ("valid_img_info.ids", "1 entries for 4 names")),
    (put("processed_pose3d", "cams", value=[]), ("processed_pose3d.cams", "no array")),
    (put("processed_pose3d", "pose", value=np.zeros((6, 71))), ("processed_pose3d.pose", "(6, 71)")),
    (put("processed_pose3d", "shape", value=np.zeros((1, 10))), ("shape", "1 rows but cams has 6")),
    (with_nan, ("processed_pose3d.pose", "frame 2", "not finite")),
    (with_scale, ("processed_pose3d.cams", "frame 1", "-0.5")),
    (put("processed_front_info", "bk", "ids", value=[4]), ("processed_front_info.bk.ids", "entry 0 is 4")),
    (put("processed_front_info", "ft", value=...), ("processed_front_info.ft", "missing")),
    (put("processed_deform", "links", value=np.zeros((2, 3), int)), ("processed_deform.links",)),
    (put("processed_deform", "offsets", value=np.full((2, 3), np.inf)), ("processed_deform.offsets",)),
    (put("orig_shape", value=(0, 5)), ("orig_shape",)),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_damage_is_named_in_one_line(
    tmp_path: Path, damage: Callable[[dict[str, Any]], None], words: tuple[str, ...]
) -> None:
    content = info(tmp_path)
    damage(content)
    folder = write(tmp_path / "processed", content)
    with pytest.raises(UserError) as caught:
        read_processed(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert str(folder) in text
    for word in words:
        assert word in text, text


def test_missing_matte_is_an_error(folder: Path) -> None:
    """The released reader goes on with a shorter list, whose mattes then belong to other frames."""
    (folder / "parse" / "frame_00000002_alpha.png").unlink()
    with pytest.raises(UserError, match=r"frame 1: no file 'frame_00000002_alpha\.png'"):
        read_processed(folder)


def test_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
    inner = folder / "images" / "frame_00000002.png"
    inner.unlink()
    inner.symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="frame 1"):
        read_processed(folder)


def test_no_index_and_no_dictionary(tmp_path: Path) -> None:
    (tmp_path / "vid_info.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="holds list"):
        read_processed(tmp_path)
    (tmp_path / "vid_info.pkl").unlink()
    with pytest.raises(UserError, match=r"vid_info\.pkl"):
        read_processed(tmp_path)


class Exploit:
    """What an attacker pickles: a command that runs when the file is read."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._mark}",)


def test_command_in_the_pickle_does_not_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    content = {**info(tmp_path), "extra": Exploit(mark)}
    payload = pickle.dumps(content, protocol=2)
    pickle.loads(payload)
    assert mark.exists()  # it is one
    mark.unlink()
    (folder / "vid_info.pkl").write_bytes(payload)
    with pytest.raises(UserError, match="system"):
        read_processed(folder)
    assert not mark.exists()
