"""Cameras of crops: official values, known answers, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body.camera import project
from iper_bench.body.camera_track import normalise
from iper_bench.data.crop import active_box, crop_frame
from iper_bench.data.crop_camera import crop_camera
from tests.oracles import load, oracle_files

ORACLES = [pytest.param(path, id=path.stem) for path in oracle_files("datasets/cameras*.npz")]
ROUNDING = 4 * 2.0**-24  # four float32 roundings, of the largest term of a sum that may cancel
BOX_SIDE, CENTRE_SIDE, REGRESSOR_SIDE = 512, 256, 224  # of the crops of the file, by its description
PIXEL = 1e-3  # float32 cameras: 1e-7 of a few hundred pixels, times the terms that cancel


def random_cams(generator: np.random.Generator, count: int = 5) -> np.ndarray:
    shifts = generator.uniform(-0.5, 0.5, (count, 2))
    return np.column_stack([generator.uniform(0.4, 1.5, count), shifts]).astype(np.float32)


def pixels(cams: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
    """(T, V, 2) where the points lie in a square frame."""
    image = project(torch.from_numpy(points).expand(len(cams), -1, -1), torch.from_numpy(cams).double())
    return (image[..., :2].numpy() + 1.0) / 2.0 * side


def official(data: dict[str, np.ndarray], key: str, side: int, start: np.ndarray) -> None:
    """Cameras of the official helpers (pixels of the frame in, [-1, 1] of the crop out) against ours."""
    sides, scales = data["image_size"][:, 0], data["scale2"]
    for row, (frame, scale) in enumerate(zip(sides, scales, strict=True)):
        cams = data["cam_norm"][row : row + 1]
        found = crop_camera(cams, frame=int(frame), scale=float(scale), start=start[row], side=side)
        expected = data[key][row : row + 1]
        zoom = cams[:, :1]
        terms = [cams[:, 1:], 1 / zoom, 2 * start[row] / (frame * scale * zoom), 1 / found[:, :1]]
        largest = max(float(np.abs(term).max()) for term in terms)
        # 1e-5 is the oracle's own tolerance
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=ROUNDING * largest + 1e-5)


@pytest.mark.parametrize("path", ORACLES)
def test_box_crops_agree_with_the_official_helper(path) -> None:
    data = load(path)
    # its start counts pixels of the frame
    official(data, "orig2boxcrop_512", BOX_SIDE, data["start_pt2"] * data["scale2"][:, None])


@pytest.mark.parametrize("path", ORACLES)
def test_centre_crops_agree_with_the_official_helper(path) -> None:
    data = load(path)
    # the scaled frame is padded by the side of the crop on every side before it is cut
    official(data, "orig2crop_center_256", CENTRE_SIDE, data["start_pt2"] - CENTRE_SIDE)


@pytest.mark.parametrize("path", ORACLES)
def test_pixel_cameras_of_the_regressor_agree(path) -> None:
    data = load(path)
    expected = data["denormalized_224"]
    assert expected.shape == data["cam_init"].shape
    found = normalise(expected, np.full((len(expected), 1), REGRESSOR_SIDE))
    np.testing.assert_allclose(found, data["cam_init"], rtol=1e-5, atol=1e-5)


def test_known_camera() -> None:
    # the lower right quarter of 100 pixels: twice as large, and what was at its middle is at the middle
    cams = np.array([[1.0, 0.0, 0.0]], np.float32)
    found = crop_camera(cams, frame=100, scale=1.0, start=np.array([50.0, 50.0]), side=50)
    np.testing.assert_allclose(found, [[2.0, -0.5, -0.5]], atol=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_points_move_as_the_pixels_do(seed) -> None:
    generator = np.random.default_rng(seed)
    frame, side = (int(value) for value in generator.integers(60, 700, 2))
    cams, points = random_cams(generator), generator.normal(0, 0.6, (7, 3))
    scale, start = float(generator.uniform(0.3, 3.0)), generator.uniform(-200, 200, 2)
    found = pixels(crop_camera(cams, frame=frame, scale=scale, start=start, side=side), points, side)
    np.testing.assert_allclose(found, pixels(cams, points, frame) * scale - start, rtol=1e-5, atol=PIXEL)


@pytest.mark.parametrize("size", [(90, 61), (61, 90), (70, 70)])
def test_points_move_as_in_a_real_crop_of_a_frame_that_is_no_square(size) -> None:
    generator = np.random.default_rng(1)
    cams, points = random_cams(generator), generator.normal(0, 0.6, (7, 3))
    square = max(size)
    padding = np.array([(square - size[1]) // 2, (square - size[0]) // 2])
    box = active_box(np.array([20, 45, 15, 55]), size, 1.3)
    crop = crop_frame(np.zeros((*size, 3), np.uint8), box, side=48)
    found = crop_camera(cams, frame=size, scale=crop.scale, start=crop.start, side=48)
    in_frame = pixels(cams, points, square) - padding
    np.testing.assert_allclose(pixels(found, points, 48), crop.points(in_frame), rtol=1e-5, atol=PIXEL)


def test_the_whole_frame_keeps_the_camera() -> None:
    cams = random_cams(np.random.default_rng(2))
    for side in (64, 512):
        found = crop_camera(cams, frame=64, scale=side / 64, start=np.zeros(2), side=side)
        np.testing.assert_allclose(found, cams, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_two_crops_are_one(seed) -> None:
    generator = np.random.default_rng(seed)
    cams = random_cams(generator)
    (k, m), (a, b) = generator.uniform(0.5, 2, 2), generator.uniform(-40, 40, (2, 2))
    first = crop_camera(cams, frame=100, scale=k, start=a, side=80)
    second = crop_camera(first, frame=80, scale=m, start=b, side=60)
    # m (k u - a) - b
    both = crop_camera(cams, frame=100, scale=k * m, start=m * a + b, side=60)
    np.testing.assert_allclose(second, both, rtol=1e-5, atol=1e-5)


def test_impossible_crops_are_refused() -> None:
    cams = np.ones((2, 3), np.float32)
    for scale, side, frame in ((0.0, 8, 8), (1.0, 0, 8), (1.0, 8, 0), (float("nan"), 8, 8)):
        with pytest.raises(ValueError, match="must be above 0"):
            crop_camera(cams, frame=frame, scale=scale, start=np.zeros(2), side=side)
    with pytest.raises(ValueError, match=r"expected \(T, 3\)"):
        crop_camera(cams[0], frame=8, scale=1.0, start=np.zeros(2), side=8)
    with pytest.raises(ValueError, match="camera scales too"):
        crop_camera(-cams, frame=8, scale=1.0, start=np.zeros(2), side=8)
