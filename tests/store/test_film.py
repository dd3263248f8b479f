"""Films: exact frame numbers, equal bytes, whole or absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.av_video import AvVideo
from iper_bench.errors import UserError
from iper_bench.store.film import KEY_FRAME_EVERY, read_film, write_film
from iper_bench.store.pictures import Images

STEP = 4  # grey levels between numbered frames: further apart than the codec's error


def numbered(count: int, size: tuple[int, int] = (32, 32)) -> Images:
    """Frames that carry their number as a grey level."""
    levels = (np.arange(count) * STEP).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, *size, 3)).copy()


def scene(count: int) -> Images:
    """Smooth colours that move."""
    y, x = np.mgrid[:48, :64].astype(np.float64)
    frames = [
        np.stack([np.sin((x + t) / 9), np.cos((y - t) / 7), np.sin((x + y + t) / 15)], axis=-1)
        for t in range(count)
    ]
    return (127.5 + 100.0 * np.stack(frames)).astype(np.uint8)


def psnr(ours: Images, theirs: Images) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((ours.astype(float) - theirs.astype(float)) ** 2)))


def test_a_film_looks_like_its_frames(tmp_path: Path) -> None:
    frames = scene(12)
    assert write_film(tmp_path / "a.webm", [frames[:5], frames[5:]]) == 12
    shown = read_film(tmp_path / "a.webm", range(12))
    assert all(psnr(shown[n], frames[n]) > 30.0 for n in range(12))
    # each frame looks more like itself than like its neighbour
    assert all(psnr(shown[n], frames[n]) > psnr(shown[n], frames[n + 1]) for n in range(11))


def test_every_frame_is_found_by_its_number(tmp_path: Path) -> None:
    count = 2 * KEY_FRAME_EVERY + 9
    write_film(tmp_path / "a.webm", [numbered(count)])
    asked = [count - 1, 0, KEY_FRAME_EVERY, KEY_FRAME_EVERY - 1, KEY_FRAME_EVERY + 1, 3, 3, count - 2]
    shown = read_film(tmp_path / "a.webm", asked).mean(axis=(1, 2, 3)) / STEP
    assert [round(float(number)) for number in shown] == asked
    video = AvVideo(tmp_path / "a.webm")
    assert (video.count, video.fps, video.variable_rate) == (count, 25.0, False)


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    frames = scene(6)
    write_film(tmp_path / "a.webm", [frames])
    write_film(tmp_path / "b.webm", [frames[:1], frames[1:]])
    assert (tmp_path / "a.webm").read_bytes() == (tmp_path / "b.webm").read_bytes()


@pytest.mark.parametrize(("size", "side", "shown"), [((31, 20), None, (32, 20)), ((64, 32), 16, (16, 8))])
def test_odd_sides_are_padded_and_large_ones_made_smaller(
    tmp_path: Path, size: tuple[int, int], side: int | None, shown: tuple[int, int]
) -> None:
    write_film(tmp_path / "a.webm", [numbered(2, size)], fps=30.0, side=side)
    assert read_film(tmp_path / "a.webm", [1]).shape == (1, *shown, 3)


def test_a_small_film_is_not_made_larger(tmp_path: Path) -> None:
    write_film(tmp_path / "a.webm", [numbered(2)], side=256)
    assert read_film(tmp_path / "a.webm", [0]).shape == (1, 32, 32, 3)


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[Images]:
        yield numbered(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_film(tmp_path / "a.webm", breaking())
    for batches in ([], [numbered(1), numbered(1, (16, 16))], [numbered(1).astype(np.float32)]):
        with pytest.raises(ValueError, match="frames"):
            write_film(tmp_path / "a.webm", batches)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_damage_is_one_line(tmp_path: Path) -> None:
    film = tmp_path / "a.webm"
    write_film(film, [scene(30)])
    with pytest.raises(UserError, match="no frame 30"):
        read_film(film, [30])
    with pytest.raises(UserError, match=r"missing\.webm"):
        read_film(tmp_path / "missing.webm", [0])
    film.write_bytes(film.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"a\.webm"):
        read_film(film, [29])
    with pytest.raises(ValueError, match="expected 0 or more"):
        read_film(film, [-1])
