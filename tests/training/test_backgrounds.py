"""Backgrounds from a folder: reference (torchvision), known answers, laws, and bad folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iper_bench.errors import UserError
from iper_bench.training.backgrounds import RATIO, SCALE, BackgroundFolder, augmented, random_box


def photo(side: tuple[int, int] = (80, 60), seed: int = 0) -> Image.Image:
    """A smooth random picture, (width, height)."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(side, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images in two folders, and files that are no images."""
    (tmp_path / "sub").mkdir()
    photo(seed=1).save(tmp_path / "b.jpg")
    photo(seed=2).save(tmp_path / "sub" / "A.PNG")
    photo((50, 70), seed=3).convert("L").save(tmp_path / "c.webp", lossless=True)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.jpg").write_text("no image either")
    return tmp_path


class Recorded:
    """Stands for a random generator whose uniform and integer draws are given."""

    def __init__(self, *draws: float) -> None:
        self._draws = list(draws)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._draws.pop(0)

    def integers(self, high: int) -> int:
        return int(self._draws.pop(0) * high)

    def random(self) -> float:
        return self._draws.pop(0)


def test_pixels_are_those_of_torchvision() -> None:
    """The same box through torchvision's own crop and resize, with and without the mirror."""
    from torchvision.transforms import functional as tv

    image = photo()
    for mirrored in (0.2, 0.8):
        draws = (0.1, 0.95, 0.7, 0.1)
        left, top, width, height = random_box(Recorded(*draws), *image.size)  # type: ignore[arg-type]
        wanted = np.asarray(tv.resized_crop(image, top, left, height, width, [32, 32]))
        ours = augmented(image, Recorded(*draws, mirrored), 32)  # type: ignore[arg-type]
        assert np.array_equal(ours, wanted[:, ::-1] if mirrored < 0.5 else wanted)


def test_boxes_have_the_released_area_and_shape() -> None:
    rng = np.random.default_rng(0)
    boxes = [random_box(rng, 400, 400) for _ in range(500)]
    areas = np.array([w * h / 400**2 for _, _, w, h in boxes])
    ratios = np.array([w / h for _, _, w, h in boxes])
    assert all(min(x, y, 400 - x - w, 400 - y - h) >= 0 for x, y, w, h in boxes)
    # a box inside the image has at most its area; rounding moves a side by half a pixel of 400
    assert SCALE[0] - 0.01 <= areas.min() < 0.78
    assert 0.95 < areas.max() <= 1.0
    assert RATIO[0] - 0.01 <= ratios.min() < 0.8
    assert 1.25 < ratios.max() <= RATIO[1] + 0.01


def test_long_image_falls_back_to_the_central_box() -> None:
    """No box of the drawn shapes fits into 100 x 10, so the widest of ratio 4/3 stands in the middle."""
    assert random_box(np.random.default_rng(0), 100, 10) == (43, 0, 13, 10)
    assert random_box(np.random.default_rng(0), 10, 100) == (0, 43, 10, 13)


def test_draws_are_a_function_of_the_generator(folder: Path) -> None:
    places = BackgroundFolder(folder, 32)
    assert len(places) == 3
    first = [places(np.random.default_rng([1, step])) for step in range(20)]
    again = BackgroundFolder(folder, 32)
    for step in reversed(range(20)):
        assert np.array_equal(again(np.random.default_rng([1, step])), first[step])
    assert all(place.shape == (32, 32, 3) and place.dtype == np.uint8 for place in first)
    grey = [bool((place[..., :1] == place).all()) for place in first]
    assert 0 < sum(grey) < 20, "grey and coloured images are drawn"


def test_fingerprint_follows_names_and_sizes(folder: Path) -> None:
    before = BackgroundFolder(folder, 32).fingerprint
    assert BackgroundFolder(folder, 40).fingerprint == before
    (folder / "b.jpg").rename(folder / "d.jpg")
    assert BackgroundFolder(folder, 32).fingerprint != before


def test_bad_folders_and_images_are_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        BackgroundFolder(folder / "missing", 32)
    with pytest.raises(UserError, match=r"b\.jpg: is 80x60 px, too small"):
        BackgroundFolder(folder, 128)
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="holds no image"):
        BackgroundFolder(folder / "empty", 32)
    (folder / "sub" / "wrong.png").write_bytes(b"no png")
    with pytest.raises(UserError, match=r"wrong\.png: is no image") as caught:
        BackgroundFolder(folder, 32)
    assert "\n" not in str(caught.value)


def test_image_that_would_fill_the_memory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    with pytest.raises(UserError, match=r"A\.PNG: is no image|b\.jpg: is no image"):
        BackgroundFolder(folder, 32)


def test_damaged_image_is_told_once_and_passed_over(tmp_path: Path, capsys) -> None:
    """Its header is sound: only decoding shows that the rest is missing."""
    photo(seed=1).save(tmp_path / "whole.png")
    photo((400, 300), seed=2).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 3])
    places = BackgroundFolder(tmp_path, 32)
    capsys.readouterr()
    for step in range(12):
        assert places(np.random.default_rng(step)).shape == (32, 32, 3)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "cut.png: damaged image" in told[0]
    (tmp_path / "whole.png").unlink()
    with pytest.raises(UserError, match="damaged images in a row"):
        BackgroundFolder(tmp_path, 32)(np.random.default_rng(0))
