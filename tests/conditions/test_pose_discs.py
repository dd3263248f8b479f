"""Discs and limb masks against the original's arrays, by hand, and as laws."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from iper_bench.conditions.pose_discs import LIMBS, disc_offsets, limb_mask, pose_discs
from tests.oracles import cases, load, oracle_files

FILES = oracle_files("baselines/pg2_pose*.npz")


def parts(name: str) -> tuple[int, str]:
    """Radius and the rest of a name such as ``heatmaps_r4_128x64``."""
    found = re.fullmatch(r"(\d+)(.*)", name)
    assert found is not None
    return int(found[1]), found[2]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle(path: Path) -> None:
    """Exact: every coordinate is a whole number after truncation."""
    arrays = load(path)
    for name in cases(arrays, "heatmaps_r"):
        radius, case = parts(name)
        truth = arrays[f"heatmaps_r{name}"]
        drawn = pose_discs(arrays[f"kp_xy{case}"], truth.shape[-2:], radius)
        np.testing.assert_array_equal(drawn, truth)
    for name in cases(arrays, "mask_r"):
        radius, case = parts(name)
        truth = arrays[f"mask_r{name}"]
        np.testing.assert_array_equal(limb_mask(arrays[f"kp_xy{case}"], truth.shape[-2:], radius), truth)


def test_known_discs() -> None:
    assert [len(disc_offsets(radius)) for radius in (0, 1, 4, 8)] == [1, 5, 49, 197]
    points = np.array([[10.9, 20.2], [np.nan, 3.0], [-0.6, 5.0], [-9.0, 5.0]])
    maps = pose_discs(points, (40, 30), 4)
    assert maps.shape == (4, 40, 30)
    rows, columns = np.nonzero(maps[0])
    assert (rows.mean(), columns.mean(), len(rows)) == (20.0, 10.0, 49)
    assert not maps[1].any()
    assert maps[2, 5, 0] == 1
    assert np.nonzero(maps[2])[1].max() == 4  # -0.6 is truncated to 0, not to -1
    assert not maps[3].any()


def test_a_limb_without_both_ends_is_left_out() -> None:
    points = np.full((18, 2), np.nan)
    points[3] = (20.0, 20.0)
    assert not limb_mask(points, (64, 64), 4).any()
    points[4] = (44.0, 20.0)  # the right forearm, horizontal
    mask = limb_mask(points, (64, 64), 4)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 24, 16, 48)
    assert mask[20, 16:49].all()


def test_moving_all_points_by_whole_pixels_moves_the_mask() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 44, (18, 2))
    still, moved = limb_mask(np.stack([points, points + np.array([5, -3])]), (64, 64), 3)
    np.testing.assert_array_equal(np.roll(still, (-3, 5), (0, 1)), moved)


def test_the_mask_holds_every_disc_of_a_whole_figure() -> None:
    """Every keypoint ends a limb, and a closing takes nothing away."""
    assert {end for limb in LIMBS for end in limb} == set(range(18))
    points = np.random.default_rng(1).uniform(0, 64, (18, 2))
    mask = limb_mask(points, (64, 64), 4)
    assert (pose_discs(points, (64, 64), 4).max(0) <= mask).all()


def test_points_far_outside_and_no_frames() -> None:
    points = np.full((18, 2), 1e30)
    assert not pose_discs(points, (16, 16), 2).any()
    assert not limb_mask(points, (16, 16), 2).any()
    assert limb_mask(np.zeros((0, 18, 2)), (16, 16), 2).shape == (0, 16, 16)


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="keypoints of shape"):
        limb_mask(np.zeros((17, 2)), (16, 16), 2)
    with pytest.raises(ValueError, match="radius -1"):
        pose_discs(np.zeros((1, 2)), (16, 16), -1)
