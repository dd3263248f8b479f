"""Loading, crops and resizes against the official functions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from iper_bench.metrics.cropping import paper_frame, resize_corners
from iper_bench.metrics.head_region import BODY_HEIGHT, head_region
from iper_bench.metrics.inception_resize import clean_resize, legacy_resize, paper_resize
from iper_bench.metrics.profiles.paper import body_input
from iper_bench.metrics.profiles.standard import imagenet_input
from tests.oracles import load, oracle_files

CROPS = oracle_files("metrics/person_crop.npz")
LOADS = oracle_files("metrics/load_img.npz")
INCEPTION = oracle_files("metrics/inception_preprocess.npz")
CROP_TOLERANCE = 1e-5
UNIT, BYTE = 1e-5, 1e-3  # on [-1, 1] and on [0, 255]


@pytest.mark.parametrize("path", LOADS, ids=lambda p: p.stem)
def test_paper_loading(path):
    arrays = load(path)
    cases = [key.removeprefix("png_") for key in arrays if key.startswith("png_")]
    for name, data, size in [(c, f"png_{c}", f"size_{c}") for c in cases] + [("jpg", "jpg_q95", "size_jpg")]:
        frame = cv2.cvtColor(cv2.imdecode(arrays[data], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        result = paper_frame(frame, int(arrays[size]))
        np.testing.assert_array_equal(result.transpose(2, 0, 1), arrays[f"out_u8_{name}"], err_msg=name)


@pytest.mark.parametrize("path", CROPS, ids=lambda p: p.stem)
def test_paper_person_crop(path):
    arrays = load(path)
    image = arrays["image_u8"]
    batch = [image, image[::-1, ::-1], image[:, ::-1]]
    for index, (frame, box) in enumerate(zip(batch, arrays["boxes"], strict=True)):
        chosen = None if box[0] < 0 else tuple(int(v) for v in box)
        full = body_input(frame, chosen).numpy()
        np.testing.assert_allclose(full[:, ::8, ::8], arrays["crop256_sub8"][index], atol=CROP_TOLERANCE)
        np.testing.assert_allclose(full[:, -3:, -3:], arrays["crop256_last"][index], atol=CROP_TOLERANCE)
        np.testing.assert_allclose(full.mean((1, 2)), arrays["crop256_mean"][index], atol=CROP_TOLERANCE)
        part = frame if chosen is None else frame[chosen[1] : chosen[3], chosen[0] : chosen[2]]
        small = resize_corners(imagenet_input(part), 32, 16).numpy()
        np.testing.assert_allclose(small, arrays["crop32"][index], atol=CROP_TOLERANCE)
        large = resize_corners(imagenet_input(part), 384, 192).numpy()
        np.testing.assert_allclose(large[:, ::16, ::16], arrays["crop384_sub16"][index], atol=CROP_TOLERANCE)
        plain = torch.from_numpy(frame.transpose(2, 0, 1).copy()).float() / 255
        np.testing.assert_allclose(
            resize_corners(plain, 32, 16).numpy(), arrays["nobox32"][index], atol=CROP_TOLERANCE
        )


def test_an_empty_person_crop_is_no_input():
    assert body_input(np.zeros((50, 50, 3), np.uint8), (60, 0, 50, 50)) is None


@pytest.mark.parametrize("path", INCEPTION, ids=lambda p: p.stem)
@pytest.mark.parametrize("case", ["down", "up"])
def test_inception_resizes(path, case):
    arrays = load(path)
    image = arrays[f"image_u8_{case}"]
    for resize, key, tolerance in (
        (paper_resize, "out", UNIT),
        (clean_resize, "clean", BYTE),
        (legacy_resize, "tf1", BYTE),
    ):
        result = resize(image).numpy()
        np.testing.assert_allclose(result[:, ::13, ::13], arrays[f"{key}_sub13_{case}"], atol=tolerance)
        np.testing.assert_allclose(result[:, -4:, -4:], arrays[f"{key}_corner_{case}"], atol=tolerance)
        np.testing.assert_allclose(result.mean((1, 2)), arrays[f"{key}_mean_{case}"], atol=tolerance)
    if case == "down":
        np.testing.assert_allclose(
            paper_resize(image, 224).numpy()[:, ::13, ::13], arrays["sspe_out_sub13_down"], atol=UNIT
        )


def test_head_region_has_one_scale_at_any_size():
    frame = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    box = np.array([40.0, 20, 90, 120])
    small = head_region(frame, box)
    double = head_region(frame.repeat(2, 0).repeat(2, 1), box * 2)
    assert abs(small.shape[0] - double.shape[0]) <= 2
    assert small.shape[0] == round(55 * BODY_HEIGHT / 100)  # rows 10 to 65
    assert head_region(frame, None).shape == (512, 512, 3)
    assert head_region(frame, np.full(4, np.nan)).shape == (512, 512, 3)
    assert head_region(frame, np.array([200.0, 200, 300, 400])).shape == (512, 512, 3)
