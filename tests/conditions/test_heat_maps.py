"""Gaussian keypoint maps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iper_bench.conditions.heat_maps import gaussian_maps, one_pixel_maps
from tests.oracles import config, load, oracle_files

ORACLES = oracle_files("baselines/patb_heatmaps*.npz")


def points_of(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """(K, 2) xy, NaN where the oracle has -1."""
    points = arrays["in/kp_yx"][:, ::-1].astype(np.float64)
    return np.where((points == -1).any(-1, keepdims=True), np.nan, points)


@pytest.mark.parametrize("path", ORACLES, ids=lambda path: path.stem)
def test_official_maps(path: object) -> None:
    """Reference. 1e-6: float32 Gaussians."""
    arrays = load(path)  # type: ignore[arg-type]
    size = tuple(int(n) for n in arrays["in/size_hw"])
    for sigma in config(path)["sigma"]:  # type: ignore[arg-type]
        wanted = arrays[f"out/float32_sigma{sigma}"].transpose(2, 0, 1)
        assert np.abs(gaussian_maps(points_of(arrays), size, sigma) - wanted).max() < 1e-6  # type: ignore[arg-type]
    for key in arrays:
        if key.startswith("out/uint8"):
            wanted = arrays[key].transpose(2, 0, 1)
            assert np.array_equal(one_pixel_maps(points_of(arrays), size), wanted)  # type: ignore[arg-type]


def test_known_answer() -> None:
    """An interior bell sums to 2 pi sigma^2; its height is 1; one sigma beside the middle it is exp(-1/2)."""
    maps = gaussian_maps([[[20.0, 30.0], [np.nan, 3.0]]], (64, 48), 3.0)
    assert maps.shape == (1, 2, 64, 48)
    assert maps[0, 0].sum() == pytest.approx(2 * math.pi * 9, rel=1e-4)
    assert maps[0, 0, 30, 20] == 1
    assert maps[0, 0, 30, 23] == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert maps[0, 0, 33, 20] == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert not maps[0, 1].any()


def test_laws() -> None:
    """A point moved by whole pixels moves its map; the order of points is that of maps."""
    rng = np.random.default_rng(0)
    points = rng.uniform(8, 24, (5, 2))
    maps = gaussian_maps(points, (40, 40), 2.5)
    moved = gaussian_maps(points + np.array([3, -2]), (40, 40), 2.5)
    assert np.allclose(moved[:, :38, 3:], maps[:, 2:, :37], atol=1e-6)
    assert np.array_equal(gaussian_maps(points[::-1], (40, 40), 2.5), maps[::-1])


def test_bad_shapes_are_mistakes_of_the_caller() -> None:
    with pytest.raises(ValueError, match="expected"):
        gaussian_maps(np.zeros((3, 3)), (8, 8), 2.0)
    with pytest.raises(ValueError, match="more than 0"):
        gaussian_maps(np.zeros((3, 2)), (8, 8), 0.0)
