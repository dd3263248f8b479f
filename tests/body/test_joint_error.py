"""Joint errors: an independent alignment, known answers, laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from iper_bench.body.recovery.joint_error import mpjpe, nearest_similarity, pa_mpjpe, reprojection

FRAMES, JOINTS = 5, 24
EXACT = 1e-9  # millimetres or share of the side; float64 on metres


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def joints(rng: np.random.Generator) -> np.ndarray:
    """Joints within a body's extent, metres."""
    return rng.uniform(-0.9, 0.9, (FRAMES, JOINTS, 3))


def moved(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A similarity of every frame."""
    turns = Rotation.random(len(joints), rng=rng).as_matrix()
    scales, shifts = rng.uniform(0.5, 2.0, (len(joints), 1, 1)), rng.normal(size=(len(joints), 1, 3))
    return scales * (joints @ turns.transpose(0, 2, 1)) + shifts


def rms(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.sqrt(((found - truth) ** 2).sum(-1).mean(-1))


def test_truth_has_no_error(joints: np.ndarray) -> None:
    cams = np.tile([[0.9, 0.1, 0.2]], (FRAMES, 1))
    assert np.array_equal(mpjpe(joints, joints), np.zeros(FRAMES))
    assert pa_mpjpe(joints, joints).max() < EXACT
    assert np.array_equal(reprojection(joints, joints, cams, cams), np.zeros(FRAMES))


def test_known_distances(joints: np.ndarray) -> None:
    """Every joint but the pelvis 5 mm away: 23 of 24 joints count."""
    found = joints.copy()
    found[:, 1:] += [0.003, 0.0, -0.004]
    np.testing.assert_allclose(mpjpe(found, joints), 5.0 * 23 / 24, atol=EXACT)
    # the pelvis moved alone moves all others against it
    found = joints.copy()
    found[:, 0] += [0.003, 0.0, -0.004]
    np.testing.assert_allclose(mpjpe(found, joints), 5.0 * 23 / 24, atol=EXACT)


def test_known_reprojection(joints: np.ndarray) -> None:
    """A camera moved by (3, 4) hundredths of a metre at scale 0.8, in a frame whose side is 2."""
    cams = np.tile([[0.8, 0.1, 0.2]], (FRAMES, 1))
    np.testing.assert_allclose(
        reprojection(joints, joints, cams + np.array([0, 0.03, 0.04]), cams), 0.8 * 0.05 / 2, atol=EXACT
    )
    depth = joints + np.array([0.0, 0.0, 3.0])
    assert reprojection(depth, joints, cams, cams).max() < EXACT  # a weak-perspective camera sees no depth


def test_the_alignment_agrees_with_scipy(joints: np.ndarray, rng: np.random.Generator) -> None:
    found = moved(joints, rng) + rng.normal(0, 0.05, joints.shape)
    near = nearest_similarity(found, joints)
    for frame in range(FRAMES):
        ours = found[frame] - found[frame].mean(0)
        theirs = joints[frame] - joints[frame].mean(0)
        turn, _ = Rotation.align_vectors(theirs, ours)
        np.testing.assert_allclose(near.rotation[frame], turn.as_matrix(), atol=1e-7)
        turned = turn.apply(ours)
        np.testing.assert_allclose(near.scale[frame], (turned * theirs).sum() / (ours**2).sum(), rtol=1e-9)


def test_a_known_similarity_is_found(joints: np.ndarray, rng: np.random.Generator) -> None:
    turns = Rotation.random(FRAMES, rng=rng).as_matrix()
    scales, shifts = rng.uniform(0.5, 2.0, FRAMES), rng.normal(size=(FRAMES, 3))
    truth = scales[:, None, None] * (joints @ turns.transpose(0, 2, 1)) + shifts[:, None]
    near = nearest_similarity(joints, truth)
    np.testing.assert_allclose(near.scale, scales, rtol=1e-9)
    np.testing.assert_allclose(near.rotation, turns, atol=1e-9)
    np.testing.assert_allclose(near.shift, shifts, atol=1e-9)
    assert pa_mpjpe(joints, truth).max() < EXACT


def test_invariances(joints: np.ndarray, rng: np.random.Generator) -> None:
    found = joints + rng.normal(0, 0.05, joints.shape)
    np.testing.assert_allclose(pa_mpjpe(moved(found, rng), joints), pa_mpjpe(found, joints), rtol=1e-9)
    shifted = found + rng.normal(size=(FRAMES, 1, 3))
    np.testing.assert_allclose(mpjpe(shifted, joints), mpjpe(found, joints), rtol=1e-9)
    assert (mpjpe(moved(found, rng), joints) > 2 * mpjpe(found, joints)).all()
    order = rng.permutation(FRAMES)
    np.testing.assert_array_equal(pa_mpjpe(found[order], joints[order]), pa_mpjpe(found, joints)[order])


def test_no_alignment_reflects(joints: np.ndarray) -> None:
    """The mirrored body is another body: no rotation brings it back."""
    mirrored = joints * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(np.linalg.det(nearest_similarity(mirrored, joints).rotation), 1.0, atol=1e-9)
    assert pa_mpjpe(mirrored, joints).min() > 100.0


def test_the_alignment_is_the_best_one(joints: np.ndarray, rng: np.random.Generator) -> None:
    """Neither a common pelvis nor a neighbouring similarity has a smaller sum of squares."""
    found = joints + rng.normal(0, 0.1, joints.shape)
    near = nearest_similarity(found, joints)
    best = rms(near.apply(found), joints)
    assert (best <= rms(found - found[:, :1], joints - joints[:, :1])).all()
    for _ in range(20):
        tilt = Rotation.from_rotvec(rng.normal(0, 0.02, (FRAMES, 3))).as_matrix()
        other = near._replace(
            scale=near.scale * rng.uniform(0.97, 1.03, FRAMES),
            rotation=tilt @ near.rotation,
            shift=near.shift + rng.normal(0, 0.01, (FRAMES, 3)),
        )
        assert (rms(other.apply(found), joints) > best).all()


def test_more_noise_is_more_error(joints: np.ndarray, rng: np.random.Generator) -> None:
    noise = rng.normal(size=joints.shape)
    for measure in (mpjpe, pa_mpjpe):
        errors = [measure(joints + amount * noise, joints).mean() for amount in (0.0, 0.01, 0.02, 0.05, 0.1)]
        assert errors == sorted(errors)
        assert errors[-1] > 50.0


def test_a_body_in_one_point_has_an_error_all_the_same(joints: np.ndarray) -> None:
    collapsed = np.zeros_like(joints)
    expected = np.linalg.norm(joints - joints.mean(1, keepdims=True), axis=-1).mean(1) * 1000
    np.testing.assert_allclose(pa_mpjpe(collapsed, joints), expected, rtol=1e-9)


def test_shapes_that_do_not_fit_are_refused(joints: np.ndarray) -> None:
    for other in (joints[:, :23], joints[0], joints[..., :2], joints[:4]):
        with pytest.raises(ValueError, match="joints"):
            mpjpe(other, joints)
