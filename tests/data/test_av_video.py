"""Videos by PyAV: the same frames as OpenCV, exact places, and everything that may be wrong with a file."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from iper_bench.data import av_video
from iper_bench.data.av_video import AvVideo, nearest_frames
from iper_bench.errors import UserError

HEIGHT, WIDTH = 48, 64
LEVEL = 4  # of 255: what a codec at its best quality loses on flat areas


def picture(number: int) -> np.ndarray:
    """Every frame has its own level of red; a green bar is left and a blue one below."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[..., 0] = 10 * number
    image[:, :16, 1] = 200
    image[-16:, :, 2] = 240
    return image


def write_video(
    path: Path, count: int = 12, codec: str = "libx264", spans: list[int] | None = None, **options: str
) -> Path:
    """``spans``: milliseconds for which the frames are shown, in turn; without it 25 frames a second."""
    with av.open(
        str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}
    ) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = HEIGHT, WIDTH
        stream.pix_fmt = "yuv444p" if codec == "libx264" else "yuv420p"
        stream.options = {"crf": "4", **options} if codec == "libx264" else options
        if spans:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = number
            if spans:
                frame.time_base = Fraction(1, 1000)
                frame.pts = sum(spans[place % len(spans)] for place in range(number))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def reds(frames: Any) -> list[int]:
    return [round(float(frame[8:24, 24:56, 0].mean()) / 10) for frame in frames]


def keep(frames: list[np.ndarray], stream: Iterator[np.ndarray]) -> None:
    """All frames of ``stream``, also those before an error."""
    for frame in stream:
        frames.append(frame)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # B-frames, so that packets and frames are in another order; a key frame every fifth, so that one can seek
    options = {"bf": "2", "g": "5", "b_strategy": "0"}
    return write_video(tmp_path_factory.mktemp("av") / "moving.mp4", 14, **options)


def test_frames_and_their_times(video) -> None:
    opened = AvVideo(video)
    assert opened.count == 14
    assert opened.fps == 25.0
    assert not opened.variable_rate
    assert opened.missing == 0
    np.testing.assert_allclose(opened.frame_times, np.arange(14) / 25, atol=1e-9)
    frames = list(opened.frames())
    assert reds(frames) == list(range(14))
    for number, frame in enumerate(frames):
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert np.abs(frame[4:20, 24:].astype(int) - picture(number)[4:20, 24:]).max() <= LEVEL


def test_pixels_are_those_of_opencv(video) -> None:
    capture = cv2.VideoCapture(str(video))
    for frame in AvVideo(video).frames():
        done, expected = capture.read()
        assert done
        # two builds of FFmpeg; 1: they may round differently
        assert np.abs(frame.astype(int) - expected[..., ::-1]).max() <= 1
    capture.release()


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.mp4", "mpeg4")])
def test_other_containers(tmp_path, name, codec) -> None:
    opened = AvVideo(write_video(tmp_path / name, 9, codec))
    assert (opened.count, opened.fps, opened.variable_rate) == (9, 25.0, False)
    assert reds(opened.frames()) == list(range(9))
    assert reds(opened.frames(5)) == [5, 6, 7, 8]


@pytest.mark.parametrize("start", range(14))
def test_any_part_is_that_part_of_the_whole(video, start) -> None:
    opened = AvVideo(video)
    stop = min(start + 3, 14)
    assert reds(opened.frames(start, stop)) == list(range(start, stop))


def test_ends_of_a_range(video) -> None:
    opened = AvVideo(video)
    assert list(opened.frames(3, 3)) == []
    with pytest.raises(UserError, match=r"no frame 14; expected frames 0 to 13"):
        list(opened.frames(12, 16))
    with pytest.raises(ValueError, match="frame -1"):
        next(opened.frames(-1))


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}  # clockwise: a, b, c, d of the matrix


@pytest.mark.parametrize("degrees", TURNS)
def test_turned_videos_are_upright(video, tmp_path, degrees) -> None:
    """The display matrix of the track header (ISO 14496-12, 8.3.2) against turning the pixels."""
    content = bytearray(video.read_bytes())
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16  # version 0: times and ids, then layer to volume
    a, b, c, d = (value << 16 for value in TURNS[degrees])
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    found = next(AvVideo(turned).frames())
    expected = np.rot90(next(AvVideo(video).frames()), -degrees // 90)
    np.testing.assert_array_equal(found, expected)
    done, other = cv2.VideoCapture(str(turned)).read()
    assert done
    assert np.abs(found.astype(int) - other[..., ::-1]).max() <= 1


def test_a_variable_rate_is_noticed_and_resampled(tmp_path) -> None:
    opened = AvVideo(write_video(tmp_path / "uneven.mp4", 9, spans=[40, 40, 80]))
    assert opened.variable_rate
    np.testing.assert_allclose(opened.frame_times[:5], [0, 0.04, 0.08, 0.16, 0.2], atol=1e-9)
    assert opened.fps == pytest.approx(8 / opened.frame_times[-1])
    # 25 frames a second: every frame that is shown twice as long comes twice
    assert nearest_frames(opened.frame_times, 25.0) == [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8]


def test_the_rounding_of_a_clock_is_no_variable_rate(tmp_path) -> None:
    # 120 frames a second in Matroska's milliseconds: 8, 8, 9
    opened = AvVideo(write_video(tmp_path / "fast.mkv", 12, spans=[8, 8, 9]))
    assert not opened.variable_rate


@pytest.mark.parametrize("seed", range(3))
def test_laws_of_resampling(seed) -> None:
    generator = np.random.default_rng(seed)
    times = np.concatenate([[0.0], np.cumsum(generator.uniform(0.01, 0.2, 30))])
    for fps in (3.0, 24.0, 29.97, 60.0):
        found = nearest_frames(times, fps)
        assert found == sorted(found)
        assert found[0] == 0
        apart = np.abs(np.arange(len(found)) / fps - times[found])
        best = np.abs(np.arange(len(found))[:, None] / fps - times).min(1)
        np.testing.assert_allclose(apart, best, atol=2e-9)
    even = np.arange(50) / 29.97
    assert nearest_frames(even, 29.97) == list(range(50))
    assert nearest_frames(even[:1], 5.0) == [0]
    with pytest.raises(ValueError, match="frames per second"):
        nearest_frames(even, 0.0)


def test_a_damaged_picture_names_the_last_good_frame(video, tmp_path) -> None:
    content = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    # the third key frame, in order of decoding, and so frame 10
    broken = [packet for packet in packets if packet.is_keyframe][2]
    place = content.index(bytes(broken))
    content[place : place + broken.size] = b"\xff" * broken.size
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    frames: list[np.ndarray] = []
    with pytest.raises(
        UserError, match=r"damaged\.mp4: frames 0 to \d+ of 14 can be decoded, frame \d+ cannot"
    ) as caught:
        keep(frames, AvVideo(damaged).frames())
    assert 1 <= len(frames) <= 10
    assert f"frames 0 to {len(frames) - 1} of 14" in str(caught.value)
    assert reds(frames) == list(range(len(frames)))
    assert reds(AvVideo(damaged).frames(0, 3)) == [0, 1, 2]


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4"])
def test_a_cut_file_names_the_last_good_frame(tmp_path, name) -> None:
    # the index of the MP4 comes first, so that its end can be cut off
    whole = write_video(tmp_path / name, 14, "mpeg4")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) - 300])
    opened = AvVideo(whole)
    assert opened.missing > 0
    frames: list[np.ndarray] = []
    with pytest.raises(UserError, match=r"cut\.m..: frames 0 to \d+ of 14 can be decoded, frame \d+ cannot"):
        keep(frames, opened.frames())
    assert 0 < len(frames) < 14


def test_no_videos(video, tmp_path) -> None:
    playlist = tmp_path / "playlist.mp4"  # would make FFmpeg open what it names
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{video}\n#EXT-X-ENDLIST\n")
    concat = tmp_path / "concat.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile '{video}'\n")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "half.mp4").write_bytes(video.read_bytes()[:200])
    for name in ("playlist.mp4", "concat.mp4", "empty.mp4"):
        with pytest.raises(UserError, match=f"{name}: no video that can be opened, or one that is cut"):
            AvVideo(tmp_path / name)
    with pytest.raises(UserError, match=r"half\.mp4: (no video that can be opened|holds no video stream)"):
        AvVideo(tmp_path / "half.mp4")
    with pytest.raises(UserError, match=r"gone\.mp4: cannot read: No such file"):
        AvVideo(tmp_path / "gone.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")  # opened, it would wait for ever
    for path in (tmp_path, tmp_path / "pipe.mp4"):
        with pytest.raises(UserError, match="not a regular file"):
            AvVideo(path)


def test_sound_alone_is_no_video(tmp_path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(UserError, match="holds no video stream"):
        AvVideo(path)


def test_absurd_sizes_are_refused_by_the_header(video, monkeypatch) -> None:
    monkeypatch.setattr(av_video, "MOST_PIXELS", HEIGHT * WIDTH - 1)
    with pytest.raises(UserError, match=r"frames of 64 x 48 pixels; expected 1 to 3071 pixels"):
        AvVideo(video)


def test_odd_names(video, tmp_path, monkeypatch) -> None:
    content = video.read_bytes()
    monkeypatch.chdir(tmp_path)
    for name in (os.fsdecode(b"\xff\xfe.mp4"), "concat:a.mp4", "http:b.mp4"):
        Path(name).write_bytes(content)
        assert reds(AvVideo(Path(name)).frames(0, 2)) == [0, 1]
    Path(os.fsdecode(b"\xff.mp4")).write_bytes(b"no")
    with pytest.raises(UserError, match=r"\\xff\.mp4: no video"):
        AvVideo(Path(os.fsdecode(b"\xff.mp4")))
