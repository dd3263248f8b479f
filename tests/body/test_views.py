"""Novel views, view effects and SMPL-H poses: official values, known views, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.loading import load_body
from iper_bench.body.smplh import add_mean_hands
from iper_bench.body.views import bullet_time, rotate_view, turntable
from iper_bench.errors import UserError
from tests.oracles import cases, load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/smoothing_and_views*.npz")]
TOLERANCE = 1e-6  # absolute; float64 on both sides, float32 results near pi


def track(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Poses and cams of the official 85 numbers."""
    return data["in/smpls"][:, 3:75], data["in/smpls"][:, :3]


def random_track(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    poses = generator.normal(size=(count, 72)).astype(np.float32)
    return poses, generator.normal(size=(count, 3)).astype(np.float32)


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert found.shape == expected.shape
    assert found.size, "nothing to compare"
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def same_rotation(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Equal as rotations: near the half turn the vectors are ambiguous."""
    close(Rotation.from_rotvec(found).as_matrix(), Rotation.from_rotvec(expected).as_matrix(), tolerance)


@pytest.mark.parametrize("path", ORACLES)
def test_turntable_agrees_with_the_official_code(path) -> None:
    data = load(path)
    for name in cases(data, "out/tpose_view_"):
        expected = data[f"out/tpose_view_{name}"]
        frames, _, step = name.partition("_every")
        found = turntable(None, int(frames))[:: int(step or 1)]
        assert found.dtype == np.float32
        if expected.shape[1] == 85:
            close(found, expected[:, 3:75])
        else:
            close(found[:, :3], expected)


@pytest.mark.parametrize("path", ORACLES)
def test_view_effect_agrees_with_the_official_code(path) -> None:
    data = load(path)
    poses, _ = track(data)
    for degrees in cases(data, "out/view_"):
        found = rotate_view(poses, float(degrees))
        close(found[:, :3], data[f"out/view_{degrees}"])
        np.testing.assert_array_equal(found[:, 3:], poses[:, 3:])


@pytest.mark.parametrize("path", ORACLES)
def test_bullet_time_agrees_with_the_official_code(path) -> None:
    data = load(path)
    (name,) = [case for case in cases(data, "out/bullet_") if case != "img_ids"]
    stops = [tuple(int(n) for n in stop.split("x")) for stop in name.split("_")]
    poses, cams, ids = bullet_time(*track(data), stops)
    np.testing.assert_array_equal(ids, data["out/bullet_img_ids"])
    close(np.concatenate([cams, poses[:, :3]], axis=1), data[f"out/bullet_{name}"])


@pytest.mark.parametrize("path", ORACLES)
def test_mean_hands_agree_with_the_official_code(path) -> None:
    data = load(path)
    expected = data["out/smplh_params"]
    poses, _ = track(data)
    found = add_mean_hands(poses[: len(expected)], data["in/hands_mean"])
    np.testing.assert_array_equal(found, expected[:, 3:-10])


def test_known_turntable() -> None:
    found = turntable(None, 5)
    assert not found[:, 3:].any()
    chest = rotation_matrices(torch.from_numpy(found[:, :3]))[..., 2]
    # towards the camera (-z), the left edge (-x), away, the right edge, and the camera again
    expected = [[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]
    torch.testing.assert_close(chest, torch.tensor(expected), rtol=0, atol=1e-6)


def test_a_turntable_keeps_the_body_pose() -> None:
    pose = random_track(1, 0)[0][0]
    found = turntable(pose, 4)
    np.testing.assert_array_equal(found[:, 3:], np.tile(pose[3:], (4, 1)))
    np.testing.assert_array_equal(found[:, :3], turntable(None, 4)[:, :3])


def test_yaw_adds_up_and_a_full_turn_is_none() -> None:
    poses = random_track(5, 1)[0].astype(np.float64)
    twice = rotate_view(rotate_view(poses, 30.0), 45.0)
    for degrees, expected in ((0.0, poses), (360.0, poses), (75.0, twice)):
        found = rotate_view(poses, degrees)
        same_rotation(found[:, :3], expected[:, :3], 1e-12)


def test_yaw_keeps_the_vertical_and_the_input() -> None:
    poses = random_track(5, 2)[0]
    before = poses.copy()
    turned = rotate_view(poses, 130.0)
    np.testing.assert_array_equal(poses, before)
    assert turned.dtype == poses.dtype
    heights = [rotation_matrices(torch.from_numpy(p[:, :3]))[:, 1] for p in (poses, turned)]
    torch.testing.assert_close(heights[0], heights[1], rtol=0, atol=1e-6)


def test_bullet_time_only_inserts() -> None:
    poses, cams = random_track(6, 3)
    longer, longer_cams, ids = bullet_time(poses, cams, [(4, 3), (0, 2)])
    assert ids.tolist() == [0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 5]
    originals = [2, 3, 4, 5, 9, 10]  # the last row of every frame
    np.testing.assert_array_equal(longer[originals], poses)
    np.testing.assert_array_equal(longer_cams, cams[ids])
    np.testing.assert_array_equal(longer[:, 3:], poses[ids][:, 3:])
    np.testing.assert_array_equal(longer[6:9, :3], turntable(None, 3)[:, :3])
    np.testing.assert_array_equal(bullet_time(poses, cams, [])[0], poses)


def test_a_turned_root_is_a_rotated_mesh() -> None:
    """The paper's M R + t, about the root joint."""
    body = load_body("open-coarse")
    poses = rotate_view(0.3 * random_track(2, 4)[0], 0.0)
    posed = body.pose(torch.zeros(10), torch.from_numpy(poses))
    turned = body.pose(torch.zeros(10), torch.from_numpy(rotate_view(poses, 70.0)))
    yaw = torch.from_numpy(Rotation.from_euler("y", 70.0, degrees=True).as_matrix()).float()
    root = posed.joints[:, :1]
    torch.testing.assert_close(turned.vertices, (posed.vertices - root) @ yaw.T + root, rtol=0, atol=1e-5)


def test_bad_views_are_refused_in_one_line() -> None:
    poses, cams = random_track(4, 5)
    with pytest.raises(UserError, match="a turntable of 0 frames"):
        turntable(None, 0)
    with pytest.raises(UserError, match="a view of nan degrees"):
        rotate_view(poses, float("nan"))
    with pytest.raises(UserError, match=r"no frame 4.*a frame from 0 to 3"):
        bullet_time(poses, cams, [(4, 3)])
    with pytest.raises(UserError, match="length 0 at frame 1"):
        bullet_time(poses, cams, [(1, 0)])
    with pytest.raises(UserError, match="a second stop at frame 1"):
        bullet_time(poses, cams, [(1, 2), (1, 3)])
    with pytest.raises(ValueError, match=r"expected \(T, 72\)"):
        add_mean_hands(poses[:, :66], np.zeros(90))
