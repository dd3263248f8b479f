"""Part transforms and masks of DSC against the official functions, by hand, and as laws."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.conditions.deformable import (
    DSC_KEYPOINTS,
    FACE,
    LIMBS,
    NOWHERE,
    PART_COUNT,
    UPPER,
    affine_fit,
    dsc_keypoints,
    limb_rectangle,
    part_masks,
    part_transforms,
    torso_length,
    whole_transform,
)
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/dsc_geometry*.npz")
EDGE_PIXELS = 5  # the sheet's tolerance: pixels exactly on an edge depend on the library


def official_points(yx: np.ndarray) -> np.ndarray:
    """Keypoint files hold (row, column) and -1 for a missing point."""
    points = yx[..., ::-1].astype(np.float64)
    points[(yx == -1).any(-1)] = np.nan
    return points


def standing() -> np.ndarray:
    """A person that looks to the camera, (18, 2) xy in a 100 px image."""
    named = {
        **{"nose": (50, 15), "neck": (50, 25), "Leye": (53, 12), "Reye": (47, 12), "Lear": (56, 14)},
        **{"Rear": (44, 14), "Rsho": (40, 26), "Relb": (34, 40), "Rwri": (30, 52), "Lsho": (60, 26)},
        **{"Lelb": (67, 41), "Lwri": (71, 54), "Rhip": (44, 56), "Rkne": (43, 74), "Rank": (42, 92)},
        **{"Lhip": (56, 56), "Lkne": (58, 73), "Lank": (60, 91)},
    }
    return np.array([named[name] for name in DSC_KEYPOINTS], dtype=np.float64)


def applied(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) under a (2, 3) map."""
    return points @ transform[:, :2].T + transform[:, 2]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle(path) -> None:
    arrays = load(path)
    size = int(arrays["masks_shape"][-1])
    masks = np.unpackbits(arrays["masks_packed"], axis=-1)[..., :size]
    for case, mask in enumerate(masks):
        target, source = (official_points(arrays[f"kp_{name}_yx"][case]) for name in ("tgt", "src"))
        expected = arrays["transforms8"][case][:, :6].reshape(-1, 2, 3)
        np.testing.assert_allclose(part_transforms(target, source), expected, rtol=0, atol=1e-6)
        whole = arrays["uniform_transform8"][case][:, :6].reshape(-1, 2, 3)
        np.testing.assert_allclose(whole_transform(target, source), whole, rtol=0, atol=1e-6)
        apart = (part_masks(target, size) != mask).sum((1, 2))
        assert apart.max() <= EDGE_PIXELS, apart
        assert apart[0] == apart[1] == 0


def test_order_of_keypoints() -> None:
    """OpenPose lists right eye, left eye, right ear, left ear."""
    openpose = np.arange(36, dtype=np.float32).reshape(18, 2) + 0.75
    points = dsc_keypoints(openpose)
    np.testing.assert_array_equal(points[:14], np.floor(openpose[:14]))
    assert [DSC_KEYPOINTS[k] for k in (14, 15, 16, 17)] == ["Leye", "Reye", "Lear", "Rear"]
    np.testing.assert_array_equal(points[14:, 0], [30, 28, 34, 32])
    np.testing.assert_array_equal(dsc_keypoints(np.full((18, 2), -1.5, np.float32)), np.full((18, 2), -1.0))


def test_rectangle_by_hand() -> None:
    """A limb of 10 px along x, longer by 0.1: from -1 to 10 + 0.1 x 11; 0.4 of a torso of 20 wide."""
    corners = limb_rectangle(np.array([0.0, 0.0]), np.array([10.0, 0.0]), 20.0, 0.1)
    np.testing.assert_allclose(sorted(corners[:, 0]), [-1, -1, 11.1, 11.1], atol=1e-12)
    np.testing.assert_allclose(sorted(corners[:, 1]), [-4, -4, 4, 4], atol=1e-12)
    assert torso_length(standing()) == pytest.approx(np.hypot(4, 30))


def test_fit_of_exact_points_and_of_points_without_extent() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 2)) * 40 + 100
    wanted = np.array([[0.8, -0.3, 12.0], [0.4, 1.1, -7.0]])
    found = affine_fit(points, applied(wanted, points))
    assert found is not None
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    line = np.stack([np.arange(4.0), 2 * np.arange(4.0)], axis=1)
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert affine_fit(line, square) is None  # not determined
    assert affine_fit(square, line) is None  # not invertible
    assert affine_fit(np.ones((4, 2)), square) is None
    assert affine_fit(square, np.ones((4, 2))) is None


def test_same_pose_is_the_identity_and_moving_undoes_itself() -> None:
    points = standing()
    identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(
        part_transforms(points, points), np.broadcast_to(identity, (PART_COUNT, 2, 3)), rtol=0, atol=1e-9
    )
    # the target stands 7 px further right and 3 px higher: it reads the source to the left of it and below
    moved = part_transforms(points + np.array([7.0, -3.0]), points)
    np.testing.assert_allclose(moved[:, :, 2], np.broadcast_to([-7.0, 3.0], (PART_COUNT, 2)), atol=1e-8)


def test_target_limbs_land_on_source_limbs() -> None:
    rng = np.random.default_rng(1)
    source = standing()
    target = source + rng.normal(size=source.shape) * 4
    transforms = part_transforms(target, source)
    for limb, (first, last) in enumerate(LIMBS):
        longer = 0.1 if UPPER[limb] else 0.3
        here, there = (
            limb_rectangle(points[first], points[last], torso_length(points), longer)
            for points in (target, source)
        )
        np.testing.assert_allclose(applied(transforms[2 + limb], here), there, rtol=0, atol=1e-6)


def test_missing_points() -> None:
    whole, source, target = standing(), standing(), standing()
    source[3] = np.nan  # right elbow of the source: its arm comes from the left one
    target[13] = np.nan  # left ankle of the target: no left shin
    transforms = part_transforms(target, source)
    left_arm = limb_rectangle(whole[5], whole[6], torso_length(whole), 0.1)
    right_arm = limb_rectangle(whole[2], whole[3], torso_length(whole), 0.1)
    np.testing.assert_allclose(applied(transforms[6], right_arm), left_arm, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(transforms[5], NOWHERE)
    assert not part_masks(target, 100)[5].any()
    source[[6]] = np.nan  # and the left elbow: nothing to take the arms from
    transforms = part_transforms(target, source)
    for part in (6, 7, 8, 9):
        np.testing.assert_array_equal(transforms[part], NOWHERE)
    target[list(FACE)] = np.nan
    np.testing.assert_array_equal(part_transforms(target, source)[1], NOWHERE)
    assert not part_masks(target, 100)[1].any()
    target[8] = np.nan
    for call in (part_transforms, whole_transform):
        with pytest.raises(ValueError, match="hips and shoulders"):
            call(target, source)
    with pytest.raises(ValueError, match="hips and shoulders"):
        part_masks(target, 100)


def test_a_torso_seen_edge_on_has_no_transform() -> None:
    source, target = standing(), standing()
    target[[2, 5]], target[[8, 11]] = (50.0, 26.0), (50.0, 56.0)
    np.testing.assert_array_equal(part_transforms(target, source)[0], NOWHERE)
    target[[9, 12]] = (50.0, 74.0)
    np.testing.assert_array_equal(whole_transform(target, source)[0], NOWHERE)
    assert np.isfinite(part_transforms(source, target)).all()


def test_masks_by_hand() -> None:
    points = standing()
    masks = part_masks(points, 100)
    assert masks.dtype == np.bool_
    assert masks[0].all()
    # 0.4 of a torso of 30.27 is 12 px; the face's mean is (50, 13.4)
    rows, columns = np.nonzero(masks[1])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 24, 38, 61)
    assert masks[1].sum() == 24 * 24
    points[list(FACE)] -= [45, 10]  # clipped by the image's corner
    assert part_masks(points, 100)[1].sum() == 17 * 15


def test_masks_hold_their_joints_and_move_with_them() -> None:
    points = standing()
    masks = part_masks(points, 128)
    for limb, ends in enumerate(LIMBS):
        for joint in ends:
            x, y = points[joint].astype(int)
            assert masks[2 + limb, y, x], (limb, joint)
    moved = part_masks(points + np.array([9.0, 5.0]), 128)
    apart = (moved[1:, 5:, 9:] != masks[1:, :-5, :-9]).sum((1, 2))
    assert apart.max() <= EDGE_PIXELS  # float64 on either side of an edge
    np.testing.assert_array_equal(moved[1, 5:, 9:], masks[1, :-5, :-9])


def test_no_mask_for_a_limb_without_length() -> None:
    points = standing()
    points[9] = points[8]
    assert not part_masks(points, 100)[2].any()
    np.testing.assert_array_equal(part_transforms(points, standing())[2], NOWHERE)
