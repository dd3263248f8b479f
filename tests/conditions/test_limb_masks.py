"""Joint maps, limb masks and their prior against the original's, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iper_bench.conditions.limb_masks import joint_maps, limb_masks, mask_prior
from tests.oracles import load, oracle_files

GEOMETRY = oracle_files("baselines/shup_geometry*.npz")
NETWORK = oracle_files("baselines/shup_network*.npz")
ORIGINAL = 1.0  # the original's lengths do not follow the size


def standing(size: int = 64) -> np.ndarray:
    """One frontal pose, (1, 14, 2)."""
    upper = [[32, 8], [32, 14], [26, 16], [22, 24], [20, 31], [38, 16], [42, 24], [44, 31]]
    lower = [[28, 32], [27, 44], [27, 55], [36, 32], [37, 44], [37, 55]]
    return np.array([upper + lower], dtype=np.float64) * size / 64


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_joint_maps(path: Path) -> None:
    arrays = load(path)
    maps = arrays["heatmaps_src"]
    size = 2 * maps.shape[-1]
    # 1e-6: the sheet's tolerance
    np.testing.assert_allclose(joint_maps(arrays["joints_src_xy"], size, ORIGINAL), maps, atol=1e-6, rtol=0)
    found = joint_maps(arrays["joints_tgt_xy"][:1], size, ORIGINAL)[0]
    np.testing.assert_allclose(found, arrays["heatmaps_tgt_case0"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_masks_and_prior(path: Path) -> None:
    arrays = load(path)
    size = 2 * arrays["heatmaps_src"].shape[-1]
    stride = size // arrays["limb_masks_src_stride4"].shape[-1]
    masks = limb_masks(arrays["joints_src_xy"], size, ORIGINAL)
    every = (..., slice(None, None, stride), slice(None, None, stride))
    # 1e-5: the sheet's tolerance
    np.testing.assert_allclose(masks[every], arrays["limb_masks_src_stride4"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(mask_prior(masks)[every], arrays["log_prior_src_stride4"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("path", NETWORK, ids=lambda p: p.stem)
def test_maps_of_the_network_reference(path: Path) -> None:
    arrays = load(path)
    size = arrays["src_bgr"].shape[-1]
    for pose in ("src", "tgt"):
        found = joint_maps(arrays[f"joints_{pose}"][None], size, ORIGINAL)[0]
        np.testing.assert_allclose(found, arrays[f"pose_{pose}"], atol=1e-6, rtol=0)
    prior = mask_prior(limb_masks(arrays["joints_src"][None], size, ORIGINAL))[0]
    np.testing.assert_allclose(prior, arrays["log_prior"], atol=1e-5, rtol=0)


def test_a_joint_by_hand() -> None:
    maps = joint_maps(np.array([[[80.0, 120.0]]]), 256)[0, 0]
    assert maps.shape == (128, 128)
    assert maps[60, 40] == 1.0  # row y / 2, column x / 2
    assert maps[60, 42] == pytest.approx(np.exp(-4 / (2 * 1.75**2)))
    assert maps.sum() == pytest.approx(2 * np.pi * 1.75**2, abs=1e-3)  # 19.24


def test_joints_at_the_border_have_no_map() -> None:
    joints = np.array([[[0.0, 50], [50, 0], [62, 50], [50, 62], [0.1, 50], [61.9, 50], [-4, 9], [9, 90]]])
    sums = joint_maps(joints, 64)[0].sum((1, 2))
    assert (sums > 0).tolist() == [False, False, False, False, True, True, False, False]


def test_everything_scales_with_the_image() -> None:
    """Twice the pixels, the same picture: every second sample is equal."""
    small, large = standing(64), standing(128)
    np.testing.assert_allclose(joint_maps(large, 128)[..., ::2, ::2], joint_maps(small, 64), atol=1e-6)
    # the maximum over the finer grid is a little higher
    np.testing.assert_allclose(limb_masks(large, 128)[..., ::2, ::2], limb_masks(small, 64), atol=0.02)


def test_masks_lie_on_their_limbs() -> None:
    joints = standing(256)
    masks = limb_masks(joints, 256)[0]
    assert masks.min() >= 0
    assert 0.999 < masks.max() < 1
    y, x = np.unravel_index(masks[2].argmax(), masks[2].shape)  # the right forearm: joints 3 and 4
    assert np.abs([x, y] - joints[0, [3, 4]].mean(0)).max() <= 1
    upright = limb_masks(joints, 256)[0, 0]  # head to neck, 24 pixels along y about (128, 44)
    variance = max(5.0, 24**2 / 1.5)
    assert upright[44, 139] == pytest.approx(np.exp(-0.5), abs=1e-4)  # one deviation across
    assert upright[64, 128] == pytest.approx(np.exp(-(20**2) / (2 * variance)), abs=1e-4)


def test_a_limb_of_no_length_lies_along_x() -> None:
    joints = standing(256)
    joints[0, 1] = joints[0, 0]
    mask = limb_masks(joints, 256)[0, 0]
    x, y = joints[0, 0].astype(int)
    assert mask[y, x + 2] == pytest.approx(np.exp(-(2**2) / (2 * 5.0)), abs=1e-4)
    assert mask[y + 11, x] == pytest.approx(np.exp(-0.5), abs=1e-4)


def test_the_prior_is_a_logarithm() -> None:
    masks = limb_masks(standing(), 64)
    prior = np.exp(mask_prior(masks)[0].astype(np.float64))
    np.testing.assert_allclose(prior[1:], masks[0], atol=1e-6)
    np.testing.assert_allclose(prior[0], 1 - masks[0].max(0), atol=1e-6)
