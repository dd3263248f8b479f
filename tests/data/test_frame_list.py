"""Lists of frames from folders, videos and clips: ids, order, one bad frame among good ones."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.frame_list import ClipFrames, FrameError, ImageFrames, VideoFrames, open_frames
from iper_bench.data.image_io import encode_png
from iper_bench.data.video_io import VideoFile
from iper_bench.errors import UserError
from tests.run.drawn_clips import peak_bytes
from tests.run.toys import ToyClip


def picture(number: int, side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), (number * 10, 255 - number * 10, 7), np.uint8)


def folder_of(folder: Path, names: dict[str, int]) -> Path:
    folder.mkdir(parents=True)
    for name, number in names.items():
        (folder / name).write_bytes(encode_png(picture(number)))
    return folder


def video_of(path: Path, count: int, side: int = 32, *, noise: bool = False) -> Path:
    rng = np.random.default_rng(0)
    with VideoFile(path, 25) as video:
        for number in range(count):
            drawn = rng.integers(0, 256, (side, side, 3), dtype=np.uint8) if noise else picture(number, side)
            video.write(drawn)
    return path


def test_folder_is_named_by_numbers_and_ordered_by_them(tmp_path: Path) -> None:
    frames = open_frames(folder_of(tmp_path / "in", {"f10.png": 3, "f9.png": 2, "f1.png": 1}))
    assert isinstance(frames, ImageFrames)
    assert list(frames.ids) == [1, 9, 10]
    assert [frames.read(index)[0, 0, 0] for index in range(3)] == [10, 20, 30]
    assert not frames.lossy
    assert not frames.numbered_by_place
    assert frames.name_of(0) == "f1.png"


def test_one_bad_frame_never_loses_the_others(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", {f"{number:03d}.png": number for number in range(4)})
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes()[:50])
    (folder / "002.png").unlink()
    (folder / "002.png").mkdir()
    read = list(open_frames(folder).stream())
    assert [isinstance(one, FrameError) for one in read] == [False, True, True, False]
    assert np.array_equal(read[3], picture(3))


def test_indices_beyond_the_end_are_refused(tmp_path: Path) -> None:
    frames = open_frames(folder_of(tmp_path / "in", {"0.png": 0}))
    for index in (-1, 1):
        with pytest.raises(IndexError):
            frames.read(index)


def test_lossy_by_ending_and_by_content(tmp_path: Path) -> None:
    from PIL import Image as Pil

    (tmp_path / "a").mkdir()
    Pil.fromarray(picture(1)).save(tmp_path / "a/0.jpg")
    assert open_frames(tmp_path / "a").lossy
    (tmp_path / "a/0.jpg").rename(tmp_path / "a/0.png")
    frames = open_frames(tmp_path / "a")
    assert not frames.lossy  # not known yet
    frames.read(0)
    assert frames.lossy


def test_video_has_places_for_ids(tmp_path: Path) -> None:
    frames = open_frames(video_of(tmp_path / "a.mkv", 5))
    assert isinstance(frames, VideoFrames)
    assert list(frames.ids) == [0, 1, 2, 3, 4]
    assert not frames.lossy
    for index in (0, 1, 2, 4, 3, 3, 0):
        assert np.array_equal(frames.read(index), picture(index))
    assert frames.warning() is None


def test_mp4_is_lossy(tmp_path: Path) -> None:
    assert open_frames(video_of(tmp_path / "a.mp4", 2)).lossy


def test_cut_video_gives_the_frames_that_it_has(tmp_path: Path) -> None:
    path = video_of(tmp_path / "a.avi", 20, noise=True)
    whole = [open_frames(path).read(index) for index in range(20)]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = open_frames(path)
    assert 0 < len(frames) < 20
    last = len(frames) - 1
    assert np.array_equal(frames.read(last), whole[last])


def test_clip_frames_carry_the_indices_of_the_clip() -> None:
    clip = ToyClip("p0/c0")
    frames = ClipFrames(clip, (8, 10))
    assert list(frames.ids) == [8, 10]
    assert np.array_equal(frames.read(1), clip.frames([10])[0])


@pytest.mark.parametrize("name", ["absent", "empty", "text", "no.mp4"])
def test_what_holds_no_frames_is_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").touch()
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(UserError) as caught:
        open_frames(tmp_path / name)
    assert not isinstance(caught.value, FrameError)
    assert str(tmp_path / name) in str(caught.value)


def test_absurd_videos_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video_of(tmp_path / "a.mkv", 2)
    monkeypatch.setattr("iper_bench.data.video_io.MOST_PIXELS", 32 * 31)
    with pytest.raises(UserError, match="32 x 32 pixels"):
        open_frames(path)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"frame\xff_3.png")
    frames = open_frames(folder_of(tmp_path / "in", {name: 3}))
    assert np.array_equal(frames.read(0), picture(3))
    assert frames.name_of(0) == "frame\\xff_3.png"
    assert list(frames.ids) == [3]
    odd = tmp_path / os.fsdecode(b"\xff.mkv")
    video_of(tmp_path / "a.mkv", 2).rename(odd)
    with pytest.raises(UserError, match="not UTF-8"):
        open_frames(odd)


def test_links_may_not_leave_the_root(tmp_path: Path) -> None:
    outside = folder_of(tmp_path / "outside", {"0.png": 0, "1.png": 1})
    root = folder_of(tmp_path / "root", {"0.png": 0})
    (root / "1.png").symlink_to(outside / "1.png")
    read = list(open_frames(root).stream())
    assert [isinstance(one, FrameError) for one in read] == [False, True]
    (root / "clip").symlink_to(outside)
    with pytest.raises(UserError, match="out of the folder"):
        open_frames(root / "clip", root)
    video_of(tmp_path / "a.mkv", 2)
    (root / "a.mkv").symlink_to(tmp_path / "a.mkv")
    with pytest.raises(UserError, match="out of the folder"):
        open_frames(root / "a.mkv", root)
    (root / "ring").symlink_to(root / "ring")
    with pytest.raises(UserError, match="out of the folder"):
        open_frames(root / "ring", root)
    (tmp_path / "link").symlink_to(outside)  # what the user names himself may be a link
    assert len(open_frames(tmp_path / "link")) == 2
    assert open_frames(tmp_path / "link").read(0).shape == (32, 32, 3)


def test_memory_does_not_grow_with_frames(tmp_path: Path) -> None:
    side, count = 256, 24
    folder = tmp_path / "in"
    folder.mkdir()
    content = encode_png(picture(1, side))
    for number in range(count):
        (folder / f"{number}.png").write_bytes(content)
    frames = open_frames(folder)
    peak = peak_bytes(lambda: deque(frames.stream(), maxlen=0))
    assert peak < 6 * side * side * 3  # a few copies of one frame; all of them are 24
