"""Lossless videos of predictions: every pixel, by exact number, whole or not at all, damage in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.store import prediction_video as module
from iper_bench.store.pictures import FrameFolder, Images
from iper_bench.store.prediction_video import KEY_FRAME_EVERY, PredictionVideo, predictions_of
from iper_bench.store.storing import StoreError

SIDE = (17, 32)  # height odd: nothing may depend on halves


def frames(count: int, seed: int = 0, size: tuple[int, int] = SIDE) -> Images:
    """Noise over every value of every channel, and flat frames: (count, H, W, 3)."""
    drawn = np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    drawn[::5] = np.arange(0, 256, 255, dtype=np.uint8)[1]
    return drawn


def batches(images: Images, size: int = 4) -> Iterator[Images]:
    for start in range(0, len(images), size):
        yield images[start : start + size]


def written(path: Path, images: Images) -> PredictionVideo:
    video = PredictionVideo(path)
    passed = list(video.write(batches(images)))
    np.testing.assert_array_equal(np.concatenate(passed), images)
    return video


@pytest.mark.parametrize("size", [SIDE, (1, 1), (64, 3), (128, 128)])
def test_every_pixel_comes_back(tmp_path: Path, size: tuple[int, int]) -> None:
    images = frames(2 * KEY_FRAME_EVERY + 3, size=size)
    video = written(tmp_path / "p" / "u0.mkv", images)
    np.testing.assert_array_equal(video.read(), images)
    assert video.read().dtype == np.uint8
    assert (video.count(), video.complete(19), video.sound(19)) == (19, True, True)
    assert not video.complete(18)
    assert not video.sound(20)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "p", video.path]


def test_all_greys_and_colours_come_back(tmp_path: Path) -> None:
    # every value of each channel beside every value of another: 256 x 256 pixels
    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    images = np.stack([np.stack([first, second, second[::-1]], -1), np.stack([second, first, first], -1)])
    np.testing.assert_array_equal(written(tmp_path / "u.mkv", images).read(), images)


def test_frames_by_exact_number_in_any_order(tmp_path: Path) -> None:
    images = frames(5 * KEY_FRAME_EVERY)
    video = written(tmp_path / "u0.mkv", images)
    random = np.random.default_rng(1)
    for _ in range(12):
        asked = random.integers(0, len(images), int(random.integers(1, 9)))
        np.testing.assert_array_equal(video.read(list(asked)), images[asked])
    np.testing.assert_array_equal(video.read(range(16, 32)), images[16:32])
    with pytest.raises(UserError, match="frame 40 is not among the 40 here"):
        video.read([3, len(images)])


def test_it_reads_as_the_same_pictures_do(tmp_path: Path) -> None:
    images = frames(7)
    folder = FrameFolder(tmp_path / "u0")
    for _ in folder.write(batches(images)):
        pass
    video = written(tmp_path / "u0.mkv", images)
    np.testing.assert_array_equal(video.read([6, 0, 2]), folder.read([6, 0, 2]))
    assert video.count() == folder.count() == 7


def test_equal_frames_are_equal_bytes(tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, frames(9)) for name in ("a.mkv", "b.mkv"))
    assert first.path.read_bytes() == second.path.read_bytes()


def test_nothing_remains_of_a_broken_writing(tmp_path: Path) -> None:
    video = written(tmp_path / "u0.mkv", frames(9))
    before = video.path.read_bytes()
    for batch in video.write(batches(frames(9, seed=2))):
        assert len(batch) == 4
        break
    writing = video.write(batches(frames(9, seed=2)))
    next(writing)
    writing.close()

    def failing() -> Iterator[Images]:
        yield frames(4)
        raise OSError(errno.EIO, "the method's own file")

    # what the method's own reading raises is not the store's error
    with pytest.raises(OSError, match="own file"):
        list(video.write(failing()))
    for wrong in (frames(3)[0], frames(3).astype(np.float32), frames(3)[..., :2]):
        with pytest.raises(ValueError, match="expected"):
            list(video.write([wrong]))
    with pytest.raises(ValueError, match="another size"):
        list(video.write([frames(2), frames(2, size=(8, 8))]))
    with pytest.raises(ValueError, match="no frames"):
        list(video.write([]))
    assert [file.name for file in tmp_path.iterdir()] == ["u0.mkv"]
    assert video.path.read_bytes() == before


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_is_the_stores_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    video = PredictionVideo(tmp_path / "u0.mkv")
    if call == "fsync":
        monkeypatch.setattr(module.os, "fsync", full)
    elif call == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        real = Path.open

        class Full:
            """A file whose disk is full from the first byte on."""

            def __init__(self, path: Path) -> None:
                self._file = real(path, "wb")
                self.name = str(path)

            write = full

            def __getattr__(self, name: str) -> Any:
                return getattr(self._file, name)

        monkeypatch.setattr(Path, "open", lambda path, mode="r": Full(path))
    with pytest.raises(StoreError, match="no space left"):
        list(video.write(batches(frames(40, size=(64, 64)))))
    assert list(tmp_path.iterdir()) == []


def test_damage_is_one_line_or_unsound(tmp_path: Path) -> None:
    images = frames(12, size=(32, 32))
    path = written(tmp_path / "u0.mkv", images).path
    whole = path.read_bytes()
    random = np.random.default_rng(3)
    spared = 0
    for _ in range(25):
        place, bit = int(random.integers(0, len(whole))), int(random.integers(0, 8))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(bytes(damaged))
        video = PredictionVideo(path)
        if video.sound(12):  # in what says nothing about pixels, such as the name of the program
            spared += 1
            np.testing.assert_array_equal(video.read(range(12)), images)
            continue
        with pytest.raises(UserError) as error:
            video.read(range(12))
        line = str(error.value)
        assert "\n" not in line
        assert str(path) in line
        assert "iper-bench run" in line
    assert spared < 6  # pixels make up nearly all of the file
    for cut in (0, 1, 200, len(whole) // 2, len(whole) - 400):
        path.write_bytes(whole[:cut])
        assert not PredictionVideo(path).sound(12), cut
        with pytest.raises(UserError):
            PredictionVideo(path).read(range(12))


def test_what_is_no_video_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "u0.mkv"
    with pytest.raises(UserError, match="no predictions here"):
        PredictionVideo(path).read()
    assert (PredictionVideo(path).count(), PredictionVideo(path).files()) == (0, [])
    path.write_text("#EXTM3U\nfile:///etc/passwd\n", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        PredictionVideo(path).read([0])
    # a list of checksums behind a playlist: what is opened is Matroska alone
    path.write_bytes(
        b"#EXTM3U\nfile:///etc/passwd\n" + written(tmp_path / "u1.mkv", frames(1)).path.read_bytes()[-29:]
    )
    with pytest.raises(UserError, match="damaged"):
        PredictionVideo(path).read([0])
    assert not PredictionVideo(path).sound(1)


def test_whichever_is_there_is_read_and_the_other_form_goes(tmp_path: Path) -> None:
    images = frames(5)
    assert isinstance(predictions_of(tmp_path, "u0"), FrameFolder)
    for kind, other in (("ffv1", "png"), ("png", "ffv1"), ("ffv1", "png")):
        for _ in predictions_of(tmp_path, "u0", kind).write(batches(images)):
            pass
        assert predictions_of(tmp_path, "u0").sound(5)
        assert isinstance(predictions_of(tmp_path, "u0"), PredictionVideo) == (kind == "ffv1")
        assert not predictions_of(tmp_path, "u0", other).path.exists()
    with pytest.raises(ValueError, match="none"):
        predictions_of(tmp_path, "u0", "none")
