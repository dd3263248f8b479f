"""Similarities of the limbs against the original's, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iper_bench.conditions.keypoints import MPII14
from iper_bench.conditions.limb_transforms import (
    LIMBS,
    OTHER_SIDE,
    chained,
    limb_transforms,
    moved,
    similarity,
)
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/shup_geometry*.npz")


def poses(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).uniform(20, 230, (count, 14, 2))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_transforms(path: Path) -> None:
    arrays = load(path)
    found = limb_transforms(arrays["joints_src_xy"], arrays["joints_tgt_xy"])
    # the sheet's tolerance; the original solves the same least squares by a singular value decomposition
    np.testing.assert_allclose(found, arrays["limb_transforms"], atol=1e-8, rtol=0)


def test_two_points_by_hand() -> None:
    """(0, 0) to (2, 1) and (1, 0) to (2, 3): a quarter turn from x towards y, twice as large."""
    start, end = np.array([[0.0, 0], [1, 0]]), np.array([[2.0, 1], [2, 3]])
    np.testing.assert_allclose(similarity(start, end), [[0, -2, 2], [2, 0, 1]], atol=1e-12)


def test_limbs_are_named_by_their_joints() -> None:
    names = [[MPII14[joint] for joint in limb] for limb in LIMBS]
    assert names[0] == ["head top", "neck"]
    assert names[2] == ["right elbow", "right wrist"]
    assert names[8] == ["left knee", "left ankle"]
    assert names[9] == ["right shoulder", "left shoulder", "right hip", "left hip"]
    for place, name in enumerate(MPII14):
        there = name.replace("right", "LEFT").replace("left", "right").replace("LEFT", "left")
        assert MPII14[OTHER_SIDE[place]] == there


def test_target_joints_go_to_source_joints() -> None:
    source, target = poses(0), poses(1)
    found = limb_transforms(source, target)
    for k, limb in enumerate(LIMBS):
        there = moved(target[:, limb], found[:, k])
        if len(limb) == 2:
            np.testing.assert_allclose(there, source[:, limb], atol=1e-8)
        else:  # a fit: the means agree, and no small change makes it better
            np.testing.assert_allclose(there.mean(1), source[:, limb].mean(1), atol=1e-8)
            error = ((there - source[:, limb]) ** 2).sum()
            for angle in (-1e-3, 1e-3):
                turn = np.array([[1, -angle, 0], [angle, 1, 0]])
                other = moved(moved(target[:, limb], turn), found[:, k])
                other += (there - other).mean(1, keepdims=True)
                assert ((other - source[:, limb]) ** 2).sum() > error


def test_identity_and_inverse() -> None:
    source, target = poses(2), poses(3)
    np.testing.assert_allclose(
        limb_transforms(source, source), np.broadcast_to(np.eye(2, 3), (4, 10, 2, 3)), atol=1e-10
    )
    there, back = limb_transforms(source, target)[0, 3], limb_transforms(target, source)[0, 3]
    np.testing.assert_allclose(chained(there, back), np.eye(2, 3), atol=1e-8)


def test_a_similarity_is_found_again() -> None:
    start = poses(4)[0]
    made = np.array([[0.6, -0.8, 30.0], [0.8, 0.6, -7.0]]) * 1.3
    np.testing.assert_allclose(similarity(start, moved(start, made)), made, atol=1e-9)
    determinant = np.linalg.det(similarity(start, start * [-1, 1])[:, :2])
    assert determinant >= 0  # never a reflection


def test_a_limb_seen_end_on_is_shifted() -> None:
    target = np.full((2, 2), 50.0)
    found = similarity(target, np.array([[10.0, 20], [30, 20]]))
    np.testing.assert_allclose(found, [[1, 0, -30], [0, 1, -30]])
