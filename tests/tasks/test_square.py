"""Squares: known places, and back again."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.tasks.square import Square, at_height


@pytest.mark.parametrize(("height", "width"), [(6, 10), (10, 6), (8, 8), (5, 8), (8, 5)])
def test_there_and_back(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    square = Square.around(image)
    assert square.padded == (height != width)
    assert np.array_equal(square.crop(square.bring(image, square.side)), image)


def test_border_is_repeated_for_pictures_and_empty_for_masks() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    square = Square.around(image)
    brought = square.bring(image, 4)
    assert np.array_equal(brought[0], image[0])
    assert np.array_equal(brought[3], image[1])
    mask = square.bring_mask(np.full((2, 4), 255, np.uint8), 4)
    assert mask[[0, 3]].max() == 0
    assert mask[1:3].min() == 255


def test_crop_keeps_the_shape_at_another_size() -> None:
    square = Square(1080, 1920)
    assert square.crop(np.zeros((256, 256, 3), np.uint8)).shape == (144, 256, 3)
    assert Square(1000, 1).crop(np.zeros((64, 64, 3), np.uint8)).shape == (64, 1, 3)  # never nothing


def test_halving_averages() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[::2] = 100
    assert (Square.around(image).bring(image, 2) == 50).all()


def test_at_height_keeps_the_shape() -> None:
    assert at_height(np.zeros((20, 30, 3), np.uint8), 10).shape == (10, 15, 3)
