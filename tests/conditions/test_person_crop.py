"""Crops around the person against the original's, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iper_bench.conditions.limb_transforms import moved
from iper_bench.conditions.person_crop import crop_matrix, cropped, pair_scale, person_scale
from iper_bench.errors import UserError
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/shup_preprocess*.npz")
ORIGINAL = 256  # the side of the original's crops


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_scales_and_joints(path: Path) -> None:
    arrays = load(path)
    for case in range(len(arrays["scale"])):
        pair = np.stack([arrays["joints_src_1based"][case], arrays["joints_tgt_1based"][case]]) - 1
        scales = person_scale(pair)
        # 1e-6: the sheet's tolerance
        np.testing.assert_allclose(scales, arrays["person_scale"][case], atol=1e-6, rtol=0)
        scale = pair_scale(scales, ORIGINAL)
        assert scale == pytest.approx(arrays["scale"][case], abs=1e-6)
        matrix = crop_matrix(scale, arrays["pos"][case], ORIGINAL)
        found = moved(pair, matrix)
        np.testing.assert_allclose(found[0], arrays["joints_src_256"][case], atol=1e-6, rtol=0)
        np.testing.assert_allclose(found[1], arrays["joints_tgt_256"][case], atol=1e-6, rtol=0)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_pixels(path: Path) -> None:
    arrays = load(path)
    found = cropped(arrays["case0_image_bgr"], arrays["scale"][0], arrays["pos"][0], ORIGINAL)
    truth = arrays["case0_crop_bgr_stride2"]
    difference = np.abs(found[::2, ::2].astype(int) - truth.astype(int))
    assert difference.max() <= 1  # another OpenCV may round otherwise


def figure() -> np.ndarray:
    """Hips at y = 100, head at y = 20, calves 40 long."""
    joints = np.zeros((14, 2))
    joints[:, 1] = 100
    joints[0] = [0, 20]
    joints[[9, 12]] = [[-5, 150], [5, 150]]
    joints[[10, 13]] = [[-5, 190], [5, 190]]
    return joints


def test_scale_by_hand() -> None:
    assert person_scale(figure()) == pytest.approx(max(2.5 * 80, 5 * 40) / 200)
    sitting = figure()
    sitting[0, 1] = 60
    assert person_scale(sitting) == pytest.approx(5 * 40 / 200)  # the calves do not shrink
    assert pair_scale([1.0, 2.0], 256) == pytest.approx(0.57)
    assert pair_scale([1.0, 2.0], 128) == pytest.approx(0.285)


def test_the_middle_goes_to_the_middle() -> None:
    matrix = crop_matrix(0.5, (300.0, 200.0), 256)
    np.testing.assert_allclose(
        moved([[300.0, 200.0], [302.0, 200.0]], matrix), [[127.5, 127.5], [128.5, 127.5]]
    )
    image = np.zeros((64, 96, 3), np.uint8)
    image[20, 70] = 200
    crop = cropped(image, 1.0, (70.5, 20.5), 32)
    assert crop[15, 15].tolist() == [200, 200, 200]
    assert crop.sum() == 600
    assert cropped(image + 9, 1.0, (0.5, 0.5), 32)[0, 0].tolist() == [0, 0, 0]  # outside is black


def test_a_body_without_extent_is_refused() -> None:
    with pytest.raises(UserError, match="has no extent"):
        pair_scale(person_scale(np.zeros((2, 14, 2))), 256)
