"""Ranges of points, colours and mattes: official values, known answers, laws."""

from __future__ import annotations

from itertools import permutations

import cv2
import numpy as np
import pytest
import torch

from iper_bench.data.point_range import convert_points
from iper_bench.lwg.inputs import person_masks, to_frames, to_network
from tests.data.uncommitted import uncommitted
from tests.oracles import load

COLOURS = uncommitted("datasets/normalise*.npz")
POINTS = uncommitted("datasets/crop_image*.npz")
NAMES = {"01": "unit", "-1+1": "signed", "hw": "pixels"}  # as the file calls them
FRAME = (240, 320)  # height, width, by the file's description
LEVEL = 2.0 / 255.0  # one grey level in [-1, 1]: versions of OpenCV round resized pixels differently


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """As frames and mattes are brought to a size everywhere: bilinear by OpenCV, no ratio kept."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("path", POINTS)
def test_points_agree_with_the_official_code(path) -> None:
    data = load(path)
    kinds = [key.split("|")[1] for key in data if key.startswith("normkps_in|")]
    assert len(kinds) == 6
    for kind in kinds:
        source, target = (NAMES[name] for name in kind.split("=>"))
        points, expected = data[f"normkps_in|{kind}"], data[f"normkps_out|{kind}"]
        found = convert_points(points, source, target, FRAME)
        assert found.dtype == np.float32
        # the file's own tolerance; 1e-6: what 2 u - 1 leaves of two float32 numbers that cancel
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=kind)


@pytest.mark.parametrize("path", COLOURS)
def test_colours_agree_with_the_official_code(path) -> None:
    data = load(path)
    side = data["normalized_32"].shape[-1]
    image = to_network(resized(data["image_rgb"], side)[None])[0].numpy()
    np.testing.assert_allclose(image, data["normalized_32"], rtol=0, atol=LEVEL + 1e-6)
    np.testing.assert_allclose(image, data["transformer_out0"], rtol=0, atol=LEVEL + 1e-6)
    np.testing.assert_allclose((image + 1) / 2, data["scaled01_32"], rtol=0, atol=LEVEL / 2 + 1e-6)


@pytest.mark.parametrize("path", COLOURS)
def test_levels_are_rounded_where_the_official_code_cuts(path) -> None:
    data = load(path)
    floats, official = data["float_image"], data["to_uint8"].astype(int)
    found = to_frames(torch.from_numpy(floats)[None])[0].transpose(2, 0, 1).astype(int)
    exact = (floats.astype(np.float64) + 1) / 2 * 255
    # the half level that rounding wins; values that are a level but for float32 may be cut to the one below
    assert np.abs(found - exact).max() <= 0.5 + 1e-4
    assert ((exact - official > -1e-4) & (exact - official < 1 + 1e-4)).all()
    assert ((found - official == 0) | (found - official == 1)).all()


@pytest.mark.parametrize("path", COLOURS)
def test_mattes_agree_with_the_official_code(path) -> None:
    data = load(path)
    side = data["mask_resized_32"].shape[-1]
    person = person_masks(resized(data["mask_u8"], side)[None])[0].numpy()
    np.testing.assert_allclose(person, data["mask_resized_32"], rtol=0, atol=LEVEL / 2 + 1e-6)
    np.testing.assert_allclose(1 - person, data["mask_background_is_one"], rtol=0, atol=LEVEL / 2 + 1e-6)


def test_known_points() -> None:
    corner = np.array([[320.0, 240.0, 0.5], [0.0, 0.0, 0.25], [80.0, 60.0, 1.0]])
    expected = [[1.0, 1.0, 0.5], [-1.0, -1.0, 0.25], [-0.5, -0.5, 1.0]]
    np.testing.assert_allclose(convert_points(corner, "pixels", "signed", FRAME), expected, atol=1e-15)


@pytest.mark.parametrize(("source", "target"), [*permutations(NAMES.values(), 2), ("unit", "unit")])
def test_there_and_back_is_nothing(source, target) -> None:
    points = np.random.default_rng(0).normal(size=(4, 5, 3))
    there = convert_points(points, source, target, FRAME)
    np.testing.assert_allclose(convert_points(there, target, source, FRAME), points, rtol=0, atol=1e-12)
    # by way of the third range
    (third,) = set(NAMES.values()) - {source, target} if source != target else {"signed"}
    around = convert_points(convert_points(points, source, third, FRAME), third, target, FRAME)
    np.testing.assert_allclose(around, there, rtol=1e-12, atol=1e-12)


def test_every_level_survives_the_network_range() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    np.testing.assert_array_equal(to_frames(to_network(levels)), levels)


def test_other_points_are_refused() -> None:
    for points, size in ((np.zeros((3, 1)), FRAME), (np.zeros((3, 2)), (0, 5))):
        with pytest.raises(ValueError, match="expected"):
            convert_points(points, "unit", "pixels", size)
