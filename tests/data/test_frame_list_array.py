"""Arrays and tensors as frames: exact levels, and every odd array refused by name and frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.data.frame_list_array import RANGES, frames_of_array
from iper_bench.errors import UserError


def levels(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_uint8_is_given_back(kind: Any) -> None:
    frames = frames_of_array(kind(levels()))
    assert list(frames.ids) == [0, 1, 2]
    assert frames.numbered_by_place
    for index, frame in enumerate(levels()):
        assert np.array_equal(frames.read(index), frame)


@pytest.mark.parametrize("low_high", RANGES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_survive_the_way_through_floats(low_high: tuple[float, float], dtype: Any) -> None:
    low, high = low_high
    floats = (levels().astype(np.float64) / 255 * (high - low) + low).astype(dtype)
    frames = frames_of_array(np.clip(floats, low, high), value_range=low_high)
    for index, frame in enumerate(levels()):
        assert np.array_equal(frames.read(index), frame)


@given(st.floats(0, 1))
def test_every_level_is_the_nearest(value: float) -> None:
    frames = frames_of_array(np.full((1, 1, 1, 3), value), value_range=(0, 1))
    assert abs(int(frames.read(0)[0, 0, 0]) - value * 255) <= 0.5


def test_torch_types() -> None:
    tensor = torch.rand(2, 4, 4, 3, requires_grad=True)
    frames = frames_of_array(tensor, value_range=(0, 1))
    assert np.array_equal(frames.read(1), np.rint(tensor[1].detach().numpy() * np.float64(255)))
    assert frames_of_array(tensor.detach().bfloat16(), value_range=(0, 1)).read(0).shape == (4, 4, 3)


def test_ids_are_taken_as_given() -> None:
    frames = frames_of_array(levels(), ids=(16, 18, 17))
    assert list(frames.ids) == [16, 18, 17]
    assert not frames.numbered_by_place


def _with(value: float) -> np.ndarray:
    array = np.zeros((3, 4, 5, 3))
    array[1, 2, 3, 0] = value
    return array


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (_with(np.nan), {"value_range": (0, 1)}, ["frame 1", "nan", "row 2, column 3", "finite"]),
        (_with(-np.inf), {"value_range": (0, 1)}, ["frame 1", "-inf"]),
        (_with(1.5), {"value_range": (0, 1)}, ["frame 1", "1.5", "0 to 1"]),
        (_with(-0.01), {"value_range": (0, 1)}, ["frame 1", "-0.01"]),
        (_with(0.5), {}, ["float64 without value_range"]),
        (_with(0.5), {"value_range": (0, 2)}, ["(0, 2)", "one of"]),
        (levels().astype(np.int64), {}, ["int64", "uint8"]),
        (levels().astype(np.uint16), {}, ["uint16"]),
        (levels() > 3, {}, ["bool"]),
        (levels(), {"value_range": (0, 1)}, ["uint8 with value_range"]),
        (levels().transpose(0, 3, 1, 2), {}, ["(3, 3, 8, 6)", "transpose(0, 2, 3, 1)"]),
        (levels()[0], {}, ["(8, 6, 3)", "(N, H, W, 3)"]),
        (levels()[..., :1], {}, ["(3, 8, 6, 1)"]),
        (levels()[:0], {}, ["(0, 8, 6, 3)", "at least one"]),
        (levels(), {"ids": (1, 2)}, ["2 ids for 3 frames"]),
        ([[1]], {}, ["list", "numpy array"]),
    ],
)
def test_odd_arrays_are_refused(array: Any, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        frames_of_array(array, field="predictions", **options)
    assert str(caught.value).startswith("predictions: ")
    for word in words:
        assert word in str(caught.value)
