"""Cameras: official values, known answers, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body.camera import STRATEGIES, project, swap_camera
from iper_bench.body.camera_track import (
    CROP_SIDE,
    crop_to_frame,
    jump_intervals,
    jump_mask,
    local_extrema,
    normalise,
    stabilise,
)
from iper_bench.errors import UserError
from tests.oracles import load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/cameras*.npz")]
RENDERS = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/flow_render_*.npz")]
TRACKS = [pytest.param(path, id=path.stem) for path in oracle_files("datasets/cameras*.npz")]
TOLERANCE = 1e-5  # relative; float32 arithmetic in another order
ROUNDING = 4 * 2.0**-24  # four float32 roundings, of the largest term of a sum that may cancel


def assert_sums(found: np.ndarray, expected: np.ndarray, largest_term: float) -> None:
    """Equal to 1e-5 relative, and near zero to the rounding of the terms that cancel there."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=ROUNDING * largest_term)


def largest_shift(cams: np.ndarray, scale: np.ndarray, start: np.ndarray) -> float:
    """The largest term of a frame camera's translation."""
    terms = (cams[:, 1:], 1.0 / cams[:, :1], 2.0 * start / (CROP_SIDE * cams[:, :1]), 2.0 / cams[:, :1])
    return max(float(np.abs(term).max()) for term in terms)


@pytest.mark.parametrize("path", ORACLES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_agree_with_the_official_code(path, strategy) -> None:
    data = load(path)
    cams = [data[f"in/{who}_cam"] for who in ("src", "ref", "first")]
    found = swap_camera(strategy, *(torch.from_numpy(cam) for cam in cams))
    assert_sums(found.numpy(), data[f"out/cam_{strategy}"], max(np.abs(cam).max() for cam in cams))


@pytest.mark.parametrize("path", ORACLES)
def test_crop_cameras_agree_with_the_official_code(path) -> None:
    data = load(path)
    cams, scale, start = (data[f"in/{name}"] for name in ("src_cam", "scale", "start_pt"))
    largest = largest_shift(cams, scale, start)
    assert_sums(crop_to_frame(cams, scale, start), data["out/cam_orig"], largest)
    found = normalise(data["out/cam_orig"], data["in/im_height"])
    assert_sums(found, data["out/cam_norm"], max(largest, np.abs(data["out/cam_orig"][:, 1:]).max()))


@pytest.mark.parametrize("path", TRACKS)
def test_cameras_of_the_datasets_agree_with_the_official_code(path) -> None:
    data = load(path)
    cams, scale, start = data["cam_init"], data["scale"], data["start_pt"]
    largest = largest_shift(cams, scale, start)
    assert_sums(crop_to_frame(cams, scale, start), data["cam_orig"], largest)
    found = normalise(data["cam_orig"], data["image_size"])
    assert_sums(found, data["cam_norm"], max(largest, np.abs(data["cam_orig"][:, 1:]).max()))
    # Both routes give the pixels of the frame: by the pixel camera, and by the camera of the whole frame.
    points = torch.from_numpy(data["points3d"]).float().expand(len(cams), -1, -1)
    in_frame = project(points, torch.from_numpy(data["cam_orig"]))[..., :2].numpy()
    normed = project(points, torch.from_numpy(data["cam_norm"]))[..., :2].numpy()
    half = data["image_size"][:, None] / 2.0
    # float32 cameras of pixels: 4e-5 of a pixel by the oracle's own check in float64, and float32 sums here
    np.testing.assert_allclose(in_frame, data["pixels_in_frame"], rtol=TOLERANCE, atol=1e-3)
    np.testing.assert_allclose((normed + 1.0) * half, data["pixels_in_frame"], rtol=TOLERANCE, atol=1e-3)


@pytest.mark.parametrize("path", TRACKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_of_the_datasets_agree_with_the_official_code(path, strategy) -> None:
    data = load(path)
    expected = data[f"swap_{strategy}"]
    rows = len(expected)
    # by the description: the sources first, then the references, then the first frames
    cams = [data["cam_init"][start * rows : (start + 1) * rows] for start in range(3)]
    found = swap_camera(strategy, *(torch.from_numpy(cam) for cam in cams))
    assert_sums(found.numpy(), expected, max(np.abs(cam).max() for cam in cams))


@pytest.mark.parametrize("path", ORACLES)
def test_ground_contact_agrees_with_the_official_code(path) -> None:
    data = load(path)
    cams, foot = data["in/smpls"][:, :3], data["in/foot_y"]
    level = foot + cams[:, 2]
    assert local_extrema(level) == data["out/checkpoints"].tolist()
    assert jump_intervals(level) == [tuple(pair) for pair in data["out/jump_intervals"].tolist()]
    np.testing.assert_array_equal(jump_mask(level), data["out/jump_mask"])
    largest = max(np.abs(foot).max(), np.abs(cams).max())
    assert_sums(stabilise(cams, foot), data["out/stable_smpls"][:, :3], largest)


@pytest.mark.parametrize("path", RENDERS)
def test_projection_agrees_with_the_official_renderer(path) -> None:
    data = load(path)
    found = project(torch.from_numpy(data["in/src_verts"]), torch.from_numpy(data["in/src_cam"]))
    expected = data["out/proj_verts"]
    assert_sums(found[..., :2].numpy(), expected[..., :2], float(np.abs(expected[..., :2]).max()))


def test_known_projection() -> None:
    found = project(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([0.5, -1.0, 2.0]))
    assert found.tolist() == [[[0.0, 2.0, 3.0]]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_self_imitation_keeps_the_camera(strategy) -> None:
    cam = torch.tensor([0.9, 0.1, -0.2])
    torch.testing.assert_close(swap_camera(strategy, cam, cam, cam), cam)


def test_one_source_for_many_frames() -> None:
    reference = torch.rand(7, 3, generator=torch.Generator().manual_seed(0)) + 0.5
    source = torch.tensor([0.9, 0.1, -0.2])
    together = swap_camera("smooth", source, reference, reference[0])
    assert together.shape == (7, 3)
    for row, frame in zip(together, reference, strict=True):
        torch.testing.assert_close(row, swap_camera("smooth", source, frame, reference[0]))


def test_unknown_strategy() -> None:
    with pytest.raises(UserError, match=r"unknown camera strategy 'smoth'.*did you mean smooth"):
        swap_camera("smoth", torch.zeros(3), torch.zeros(3), torch.ones(3))


def test_standing_still_is_no_jump() -> None:
    cams = np.tile(np.array([[0.9, 0.3, 0.1]], np.float32), (6, 1))
    foot = np.full(6, 0.8, np.float32)
    assert not jump_mask(foot + cams[:, 2]).any()
    np.testing.assert_allclose(stabilise(cams, foot), np.tile([[1.0, 0.0, 0.1]], (6, 1)), atol=1e-7)


def test_a_jump_keeps_its_height() -> None:
    foot = np.full(9, 0.8, np.float32)
    rise = np.array([0.0, 0.0, -0.15, -0.3, -0.4, -0.3, -0.15, 0.0, 0.0], np.float32)
    cams = np.stack([np.ones(9, np.float32), np.zeros(9, np.float32), 0.1 + rise], 1)
    assert jump_intervals(foot + cams[:, 2]) == [(2, 7)]
    np.testing.assert_allclose(stabilise(cams, foot), cams, atol=1e-6)
