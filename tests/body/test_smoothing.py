"""Temporal smoothing of tracks and the rotation forms it goes through: official values, known answers,
laws.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.rotations import axis_angles, matrices_from_six, quaternions, six_from_matrices
from iper_bench.body.smoothing import SAMPLING_RATE, first_order, lowpass, smooth_track
from iper_bench.errors import UserError
from tests.oracles import cases, load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/smoothing_and_views*.npz")]
ROTATIONS = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/rotations*.npz")]
TOLERANCE = 1e-6  # absolute, float64 on both sides
ROTATION_TOLERANCE = 1e-5  # absolute; the official float32 code adds 1e-8 to angles


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert found.shape == expected.shape
    assert found.size, "nothing to compare"
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def walk(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A noisy track in float64 with angles well below pi."""
    generator = np.random.default_rng(seed)
    return 0.2 * generator.normal(size=(count, 72)), generator.normal(size=(count, 3))


@pytest.mark.parametrize("path", ORACLES)
def test_tracks_agree_with_the_official_code(path) -> None:
    data = load(path)
    smpls = data["in/smpls"]
    for name in cases(data, "out/smoothed_"):
        pose_fc, cam_fc = (float(n) for n in re.fullmatch(r"pose(\d+)_cam(\d+)", name).groups())
        expected = data[f"out/smoothed_{name}"]
        poses, cams = smooth_track(smpls[:, 3:75], smpls[:, :3], pose_fc, cam_fc)
        close(poses, expected[:, 3:75])
        close(cams, expected[:, :3])
        np.testing.assert_array_equal(smpls[:, 75:], expected[:, 75:])  # shapes pass


@pytest.mark.parametrize("path", ORACLES)
def test_filters_agree_with_the_official_code(path) -> None:
    data = load(path)
    for kind, smooth in (("lowpass_fc", lowpass), ("first_order_alpha", first_order)):
        for setting in cases(data, f"out/{kind}"):
            expected = data[f"out/{kind}{setting}"]
            close(smooth(data["in/smpls"][:, : expected.shape[1]], float(setting)), expected)


@pytest.mark.parametrize("path", ROTATIONS)
def test_rotation_forms_agree_with_the_official_code(path) -> None:
    data = {key: torch.from_numpy(value) for key, value in load(path).items() if key != "meta/config"}
    matrices = matrices_from_six(data["in/rot6d"])
    close(matrices.numpy(), data["out/rotmat_from_6d"].numpy(), ROTATION_TOLERANCE)
    six = six_from_matrices(rotation_matrices(data["in/rotvec"]))
    close(six.numpy(), data["out/rot6d_from_rotvec"].numpy(), ROTATION_TOLERANCE)
    # near pi the vectors themselves are ambiguous
    back = rotation_matrices(axis_angles(matrices))
    close(back.numpy(), rotation_matrices(data["out/rotvec_from_rotmat"]).numpy(), ROTATION_TOLERANCE)
    official = data["out/quat_from_rotmat"]
    found = quaternions(data["out/rotmat_from_6d"])
    sign = torch.sign((found * official).sum(-1, keepdim=True))
    close((sign * found).numpy(), official.numpy(), ROTATION_TOLERANCE)


def test_known_rotations() -> None:
    identity = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    assert torch.equal(matrices_from_six(identity), torch.eye(3))
    assert torch.equal(axis_angles(torch.eye(3)), torch.zeros(3))
    # columns of any length, the second made orthogonal to the first
    assert torch.equal(matrices_from_six(torch.tensor([2.0, 5.0, 0.0, 3.0, 0.0, 0.0])), torch.eye(3))
    half = axis_angles(torch.diag(torch.tensor([1.0, -1.0, -1.0])))
    torch.testing.assert_close(half.abs(), torch.tensor([torch.pi, 0.0, 0.0]))


@pytest.mark.parametrize("count", [1, 3, 24])
def test_rotation_forms_invert_each_other(count) -> None:
    """Three rows too, where torch's cross product without a dimension takes the wrong axis."""
    generator = torch.Generator().manual_seed(count)
    vectors = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    matrices = rotation_matrices(vectors)
    for angle in (1e-9, 1e-4, 1.0, 3.1):
        short = vectors / vectors.norm(dim=-1, keepdim=True) * angle
        torch.testing.assert_close(axis_angles(rotation_matrices(short)), short, rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(matrices_from_six(six_from_matrices(matrices)), matrices, rtol=0, atol=1e-14)


def test_a_still_body_stays_still() -> None:
    poses, cams = (np.repeat(values[:1], 30, axis=0) for values in walk(1))
    smooth = smooth_track(poses, cams)
    close(smooth[0], poses, 1e-9)
    close(smooth[1], cams, 1e-9)


def test_slow_passes_and_fast_is_stopped() -> None:
    t = np.arange(400.0)
    slow = np.sin(2 * np.pi * 20.0 * t / SAMPLING_RATE)
    fast = np.sin(2 * np.pi * 1000.0 * t / SAMPLING_RATE)
    found = lowpass(np.stack([slow, fast], axis=1), 300.0)
    inner = slice(50, 350)
    close(found[inner, 0], slow[inner], 1e-3)
    assert np.abs(found[inner, 1]).max() < 1e-3


def test_time_backwards_is_smoothed_backwards() -> None:
    """No delay in either direction, up to the transients at the ends."""
    poses, cams = walk(400)
    forth, back = smooth_track(poses, cams), smooth_track(poses[::-1].copy(), cams[::-1].copy())
    for one, other in zip(forth, back, strict=True):
        close(one[180:220], other[::-1][180:220], 1e-5)


@pytest.mark.parametrize("count", [11, 12, 18, 19, 40])
def test_short_tracks_become_calmer(count) -> None:
    poses, cams = walk(count)
    smooth, smooth_cams = smooth_track(poses.astype(np.float32), cams.astype(np.float32))
    assert smooth.dtype == smooth_cams.dtype == np.float32
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.7 * np.abs(np.diff(poses, axis=0)).mean()
    assert np.abs(np.diff(smooth_cams, axis=0)).mean() < 0.7 * np.abs(np.diff(cams, axis=0)).mean()


def test_ten_frames_are_left_alone() -> None:
    poses, cams = walk(10)
    smooth = smooth_track(poses, cams)
    np.testing.assert_array_equal(smooth[0], poses)
    np.testing.assert_array_equal(smooth[1], cams)
    assert not np.shares_memory(smooth[0], poses)


def test_known_first_order() -> None:
    values = np.array([0.0, 1.0, 1.0])
    assert first_order(values, 0.5).tolist() == [0.0, 0.5, 0.75]
    np.testing.assert_array_equal(first_order(values, 0.0), values)


def test_bad_settings_are_refused_in_one_line() -> None:
    poses, cams = walk(30)
    for cutoff in (0.0, -1.0, 1104.0, float("nan")):
        with pytest.raises(UserError, match="more than 0 and less than 1104 Hz"):
            smooth_track(poses, cams, pose_fc=cutoff)
    with pytest.raises(UserError, match=r"alpha 1\.0"):
        first_order(cams, 1.0)
    with pytest.raises(UserError, match="1 frames"):
        lowpass(cams[:1], 100.0)
    with pytest.raises(ValueError, match="30 poses and 29 cams"):
        smooth_track(poses, cams[:-1])
