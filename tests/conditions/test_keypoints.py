"""Keypoints of the posed body in pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.conditions.keypoints import MPII14, OPENPOSE18, mpii14, openpose18
from iper_bench.data.clip import BodyTrack

BODY = load_body("open-coarse")
HALF_TURN = np.array([np.pi, 0, 0])  # y-up body into the y-down camera


def still(count: int = 1, cam: tuple[float, float, float] = (0.8, 0.0, 0.0)) -> BodyTrack:
    """The rest pose, seen from the front."""
    poses = np.zeros((count, 72), np.float32)
    poses[:, :3] = HALF_TURN
    return BodyTrack(np.zeros(10, np.float32), poses, np.tile(np.float32(cam), (count, 1)))


@pytest.mark.parametrize(("points_of", "names"), [(openpose18, OPENPOSE18), (mpii14, MPII14)])
def test_rest_pose_from_the_front(points_of: object, names: tuple[str, ...]) -> None:
    """Known answer: seen from the front, the person's right is left in the image; what is higher in the body
    is higher in the image; left and right mirror each other to 2 % of the image (the open body is not exactly
    symmetric).
    """
    (points,) = points_of(BODY, still(), 100)  # type: ignore[operator]
    at = dict(zip(names, points, strict=True))
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        right, left = at[f"right {part}"], at[f"left {part}"]
        assert right[0] < 50 < left[0]
        assert abs(right[0] + left[0] - 100) < 2
        assert abs(right[1] - left[1]) < 2
    order = ("neck", "right hip", "right knee", "right ankle")
    heights = [at[name][1] for name in order]
    assert heights == sorted(heights)
    top = at["nose"] if "nose" in at else at["head top"]
    assert top[1] < at["neck"][1]


def test_reference_joints() -> None:
    """Reference: the joints of the posed body under the weak-perspective camera, written out."""
    rng = np.random.default_rng(0)
    track = still(3, (0.7, 0.1, -0.2))
    poses = track.poses.copy()
    poses[:, 3:] = rng.normal(0, 0.3, (3, 69))
    track = BodyTrack(rng.normal(0, 1, 10).astype(np.float32), poses, track.cams)
    joints = BODY.pose(torch.from_numpy(track.betas), torch.from_numpy(poses)).joints.numpy()
    wanted = (0.7 * (joints[..., :2] + np.array([0.1, -0.2])) + 1) / 2 * 64
    found = openpose18(BODY, track, 64)
    # float32 pixels of a 64 px image: 1e-4
    assert np.abs(found[:, 2:5] - wanted[:, [17, 19, 21]]).max() < 1e-4
    assert np.abs(found[:, 11:14] - wanted[:, [1, 4, 7]]).max() < 1e-4
    assert np.abs(found[:, 1] - wanted[:, [16, 17]].mean(1)).max() < 1e-4
    assert np.abs(mpii14(BODY, track, 64)[:, 1] - wanted[:, 12]).max() < 1e-4


def test_laws() -> None:
    """A larger image scales the points; the camera moves them; a frame does not depend on the others."""
    track = still(2, (0.8, 0.1, 0.0))
    small, large = openpose18(BODY, track, 64), openpose18(BODY, track, 256)
    assert np.allclose(large, 4 * small, atol=1e-3)
    moved = openpose18(BODY, still(2, (0.8, 0.35, 0.0)), 64)
    assert np.allclose(moved - small, [0.8 * 0.25 * 32, 0], atol=1e-3)
    assert np.allclose(openpose18(BODY, track.take([1]), 64)[0], small[1], atol=1e-5)


def test_face_turns_with_the_head() -> None:
    """Seen from behind, the right ear is right in the image, and the nose lies behind the neck's middle."""
    back = still()
    turn = np.array([0.0, np.pi, 0.0])
    poses = back.poses.copy()
    poses[0, 45:48] = turn  # the head alone
    (points,) = openpose18(BODY, BodyTrack(back.betas, poses, back.cams), 100)
    at = dict(zip(OPENPOSE18, points, strict=True))
    assert at["right ear"][0] > at["left ear"][0]
    assert at["right shoulder"][0] < at["left shoulder"][0]
