"""Footage in and out: order, exactness, turns, and every file that is none."""

from __future__ import annotations

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from iper_bench.data.image_io import decode_png, encode_png
from iper_bench.data.video_io import (
    CODECS,
    FrameFolder,
    ImageFootage,
    VideoFile,
    VideoFootage,
    open_footage,
    read_image,
)
from iper_bench.errors import UserError

LOSSY = 12  # mean difference in levels that MPEG-4 or VP9 may leave on a smooth picture of 32 px


def picture(number: int, height: int = 32, width: int = 48) -> np.ndarray:
    """A smooth picture whose red level tells its number."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(x, 20 * number), 3 * y, 4 * x], -1).astype(np.uint8)


def write_video(path: Path, count: int, height: int = 32, width: int = 48) -> Path:
    with VideoFile(path, 12.5) as video:
        for number in range(count):
            video.write(picture(number, height, width))
    return path


def _write_all(video: VideoFile, *frames: np.ndarray) -> None:
    for frame in frames:
        video.write(frame)


def write_images(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(encode_png(picture(number)))
    return folder


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_video_round_trip(tmp_path: Path, suffix: str) -> None:
    footage = open_footage(write_video(tmp_path / f"a{suffix}", 6))
    assert isinstance(footage, VideoFootage)
    assert len(footage) == 6
    assert footage.fps == pytest.approx(12.5)
    for number, frame in enumerate(footage.stream(range(6))):
        off = np.abs(frame.astype(int) - picture(number)).mean()
        assert off <= (0 if CODECS[suffix] == "FFV1" else LOSSY), number


def test_odd_sides_are_padded_by_repeating(tmp_path: Path) -> None:
    footage = open_footage(write_video(tmp_path / "odd.mkv", 2, 31, 47))
    frame = next(iter(footage.stream([1])))
    assert frame.shape == (32, 48, 3)
    assert np.array_equal(frame[:31, :47], picture(1, 31, 47))
    assert np.array_equal(frame[:, 47], frame[:, 46])


def test_any_order_gives_the_same_frames(tmp_path: Path) -> None:
    footage = open_footage(write_video(tmp_path / "a.mkv", 5))
    order = [3, 3, 1, 4, 0]
    for number, frame in zip(order, footage.stream(order), strict=True):
        assert np.array_equal(frame, picture(number))


def test_images_come_in_natural_order(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "in", ["f1.png", "f2.png", "f10.png"])
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(b"x")
    footage = open_footage(folder)
    assert isinstance(footage, ImageFootage)
    assert [file.name for file in footage.files] == ["f1.png", "f2.png", "f10.png"]
    assert [int(frame[0, 0, 0]) for frame in footage.stream([2, 0])] == [40, 0]


def test_exif_turn_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by a quarter
    Image.fromarray(picture(0)).save(tmp_path / "phone.jpg", exif=exif)
    assert read_image(tmp_path / "phone.jpg").shape == (48, 32, 3)


def test_grey_and_alpha_are_read_as_asked(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5, 4), 200, np.uint8)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (4, 5, 3)
    assert read_image(tmp_path / "a.png", grey=True).shape == (4, 5)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.mp4: no such file or folder"):
        open_footage(tmp_path / "nothing.mp4")


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no image in this folder"):
        open_footage(tmp_path)


@pytest.mark.parametrize("content", [b"", b"this is no video" * 50])
def test_undecodable_video(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.mp4: no video that can be decoded"):
        open_footage(path)
    assert capfd.readouterr().err == ""  # what the codecs say stays away


def test_video_cut_short_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.avi", 40)
    assert open_footage(path).warning() is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    footage = open_footage(path)
    assert 0 < len(footage) < 39
    warning = footage.warning()
    assert warning is not None
    assert f"{len(footage)} frames can be decoded, its header says 40" in warning


def test_damaged_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(picture(0))[:60])
    with pytest.raises(UserError, match=r"a\.png: not a whole image"):
        list(open_footage(tmp_path / "a.png").stream([0]))


@pytest.mark.parametrize("frame", [6, -1])
def test_frame_that_is_not_there(tmp_path: Path, frame: int) -> None:
    with pytest.raises(UserError, match=rf"no frame {frame}; expected 0 to 2"):
        list(open_footage(write_video(tmp_path / "a.mp4", 3)).stream([0, frame]))


def test_video_that_ends_early_is_kept_apart(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", 4)
    video = VideoFile(tmp_path / "a.mkv", 25)
    with pytest.raises(ValueError, match="in a video of"), video:
        _write_all(video, picture(9), picture(9, 8, 8))
    assert video.partial == tmp_path / "a.partial.mkv"
    assert len(open_footage(video.partial)) == 1
    assert len(open_footage(tmp_path / "a.mkv")) == 4  # the older one is whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "a.partial.mkv"]


def test_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "a.mp4", 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write a video '\.gif'; expected \.mp4"):
        VideoFile(tmp_path / "a.gif", 25)


def test_missing_codec_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, ".mp4", "zzzz")
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda _: False, raising=False)
    with (
        pytest.raises(UserError, match=r"cannot write '\.mp4' with 25 frames"),
        VideoFile(tmp_path / "a.mp4", 25) as video,
    ):
        video.write(picture(0))


def test_numbered_frames_are_whole_and_not_mixed(tmp_path: Path) -> None:
    first = FrameFolder(tmp_path / "frames")
    for number in range(3):
        first.write(picture(number))
    assert sorted(path.name for path in first.folder.iterdir()) == [f"{k:08d}.png" for k in range(3)]
    assert np.array_equal(decode_png((first.folder / "00000002.png").read_bytes()), picture(2))
    with pytest.raises(UserError, match=r"holds 3 numbered frames already.*--overwrite"):
        FrameFolder(tmp_path / "frames")
    (first.folder / "mine.png").write_bytes(b"x")
    FrameFolder(tmp_path / "frames", overwrite=True)
    assert [path.name for path in first.folder.iterdir()] == ["mine.png"]


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(UserError, match="cannot write"):
        FrameFolder(tmp_path / "taken" / "frames")
    with pytest.raises(UserError, match="cannot write"):
        VideoFile(tmp_path / "taken" / "a.mp4", 25)


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_video_that_did_not_fit_on_the_disk(tmp_path: Path, suffix: str) -> None:
    """The codecs say nothing; a limit on the size of files stands for the full disk."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"older")
    noise = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        with VideoFile(path, 25.0) as video:
            _write_all(video, *noise)

    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with pytest.raises(UserError, match=r"only \d+ of 12 frames could be written.*space"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_rate_that_no_codec_takes(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "a.mp4", 0.001) as video, pytest.raises(UserError, match=r"0\.001 frames per"):
        video.write(picture(0))
