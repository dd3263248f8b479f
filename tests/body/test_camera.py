"""Cameras: official values, known answers, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body.camera import STRATEGIES, project, swap_camera
from iper_bench.body.camera_track import (
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
TOLERANCE = 1e-5  # relative; float32 arithmetic in another order


@pytest.mark.parametrize("path", ORACLES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_agree_with_the_official_code(path, strategy) -> None:
    data = load(path)
    cams = [torch.from_numpy(data[f"in/{who}_cam"]) for who in ("src", "ref", "first")]
    found = swap_camera(strategy, *cams)
    np.testing.assert_allclose(found.numpy(), data[f"out/cam_{strategy}"], rtol=TOLERANCE, atol=1e-6)


@pytest.mark.parametrize("path", ORACLES)
def test_crop_cameras_agree_with_the_official_code(path) -> None:
    data = load(path)
    pixel = crop_to_frame(data["in/src_cam"], data["in/scale"], data["in/start_pt"])
    np.testing.assert_allclose(pixel, data["out/cam_orig"], rtol=TOLERANCE)
    np.testing.assert_allclose(
        normalise(pixel, data["in/im_height"]), data["out/cam_norm"], rtol=TOLERANCE, atol=1e-6
    )


@pytest.mark.parametrize("path", ORACLES)
def test_ground_contact_agrees_with_the_official_code(path) -> None:
    data = load(path)
    cams, foot = data["in/smpls"][:, :3], data["in/foot_y"]
    level = foot + cams[:, 2]
    assert local_extrema(level) == data["out/checkpoints"].tolist()
    assert jump_intervals(level) == [tuple(pair) for pair in data["out/jump_intervals"].tolist()]
    np.testing.assert_array_equal(jump_mask(level), data["out/jump_mask"] > 0)
    np.testing.assert_allclose(
        stabilise(cams, foot), data["out/stable_smpls"][:, :3], rtol=TOLERANCE, atol=1e-6
    )


@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem) for p in oracle_files("lwg/flow_render_*.npz")])
def test_projection_agrees_with_the_official_renderer(path) -> None:
    data = load(path)
    found = project(torch.from_numpy(data["in/src_verts"]), torch.from_numpy(data["in/src_cam"]))
    np.testing.assert_allclose(found[..., :2].numpy(), data["out/proj_verts"][..., :2], atol=1e-6)


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
