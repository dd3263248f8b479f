"""Loading, crops and resizes against the official functions."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import torch

from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.backbones.normalisation import imagenet, signed
from iper_bench.metrics.cropping import paper_frame, resize_corners
from iper_bench.metrics.crops import BOXES
from iper_bench.metrics.crops import CROPS as RULES
from iper_bench.metrics.head_region import BODY_HEIGHT, head_region
from iper_bench.metrics.inception_resize import clean_resize, paper_resize, tf1_resize
from tests.oracles import cases, load, oracle_files

CROPS = oracle_files("metrics/person_crop*.npz")
LOADS = oracle_files("metrics/load_img*.npz")
INCEPTION = oracle_files("metrics/inception_preprocess*.npz")
CROP_TOLERANCE = 1e-5  # float32 interpolation of numbers up to 3
UNIT, BYTE = 1e-5, 1e-3  # float32 interpolation on [-1, 1] and on [0, 255]


def assert_close(found, expected, tolerance):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance)


def every(image, key):
    """The rows and columns of a (3, h, w) array that an array named ...sub<step>... holds."""
    step = int(re.search(r"sub(\d+)", key)[1])
    return image[:, ::step, ::step]


def last(image, part):
    """The corner of a (3, h, w) array that is as large as ``part``."""
    return image[:, -part.shape[-2] :, -part.shape[-1] :]


@pytest.mark.parametrize("path", LOADS, ids=lambda p: p.stem)
def test_paper_loading(path):
    arrays = load(path)
    files = [(f"png_{name}", name) for name in cases(arrays, "png_")]
    files += [(f"jpg_{name}", "jpg") for name in cases(arrays, "jpg_") if name != "source"]
    for key, name in files:
        frame = cv2.cvtColor(cv2.imdecode(arrays[key], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        result = paper_frame(frame, int(arrays[f"size_{name}"]))
        np.testing.assert_array_equal(result.transpose(2, 0, 1), arrays[f"out_u8_{name}"], err_msg=key)


@pytest.mark.parametrize("path", CROPS, ids=lambda p: p.stem)
def test_paper_person_crop(path):
    arrays = load(path)
    image = arrays["image_u8"]
    # by the description: turned by 180 degrees, flipped
    batch = [image, image[::-1, ::-1], image[:, ::-1]]
    (larger,) = (key for key in arrays if key.startswith("crop384"))
    for index, (frame, box) in enumerate(zip(batch, arrays["boxes"], strict=True)):
        chosen = None if box[0] < 0 else tuple(int(v) for v in box)
        full = imagenet(RULES["corners-256x128"](frame, chosen)).numpy()
        (sub,) = (key for key in arrays if key.startswith(f"crop{full.shape[1]}_sub"))
        assert_close(every(full, sub), arrays[sub][index], CROP_TOLERANCE)
        corner = arrays[f"crop{full.shape[1]}_last"][index]
        assert_close(last(full, corner), corner, CROP_TOLERANCE)
        assert_close(full.mean((1, 2)), arrays[f"crop{full.shape[1]}_mean"][index], CROP_TOLERANCE)
        assert_close(full.std((1, 2)), arrays[f"crop{full.shape[1]}_std"][index], CROP_TOLERANCE)
        part = frame if chosen is None else frame[chosen[1] : chosen[3], chosen[0] : chosen[2]]
        small = imagenet(resize_corners(grey_levels(part), *arrays["crop32"].shape[-2:]))
        assert_close(small, arrays["crop32"][index], CROP_TOLERANCE)
        large = imagenet(RULES["corners-384x192"](frame, chosen))  # the evaluator's PCB input
        assert_close(every(large, larger), arrays[larger][index], CROP_TOLERANCE)
        plain = torch.from_numpy(frame.transpose(2, 0, 1).copy()).float() / 255
        without = resize_corners(plain, *arrays["nobox32"].shape[-2:])
        assert_close(without, arrays["nobox32"][index], CROP_TOLERANCE)


@pytest.mark.parametrize("box", [(-60, 10, -20, 40), (10, -60, 40, -20), (60, 10, 90, 40), (10, 60, 40, 90)])
@pytest.mark.parametrize("rule", ["clipped", "1.05"])
def test_a_box_outside_the_frame_is_no_input(box, rule):
    whole = BOXES[rule](np.array(box, np.float32), 50, 50)
    for name, crop in RULES.items():
        assert crop(np.zeros((50, 50, 3), np.uint8), whole) is None, name


def test_an_empty_person_crop_is_no_input():
    for name, rule in RULES.items():
        assert rule(np.zeros((50, 50, 3), np.uint8), (60, 0, 50, 50)) is None, name


RESIZES = ((paper_resize, "out", UNIT), (clean_resize, "clean", BYTE), (tf1_resize, "tf1", BYTE))


@pytest.mark.parametrize("path", INCEPTION, ids=lambda p: p.stem)
@pytest.mark.parametrize(("resize", "key", "tolerance"), RESIZES, ids=[key for _, key, _ in RESIZES])
def test_inception_resizes(path, resize, key, tolerance):
    arrays = load(path)
    for case in cases(arrays, "image_u8_"):
        result = resize(arrays[f"image_u8_{case}"])
        if resize is paper_resize:  # the evaluator resizes what is on [-1, 1] already
            result = signed(result)
        (sub,) = (name for name in arrays if re.fullmatch(rf"{key}_sub\d+_{case}", name))
        assert_close(every(result, sub), arrays[sub], tolerance)
        corner = arrays[f"{key}_corner_{case}"]
        assert_close(last(result, corner), corner, tolerance)
        # float64: float32 sums of 89,401 values up to 255 differ by 1e-3 between libraries
        assert_close(result.double().mean((1, 2)), arrays[f"{key}_mean_{case}"], tolerance)
        if f"{key}_std_{case}" in arrays:  # of the official resize only
            assert_close(result.numpy().std((1, 2)), arrays[f"{key}_std_{case}"], tolerance)


@pytest.mark.parametrize("path", INCEPTION, ids=lambda p: p.stem)
def test_resize_of_the_body_regressor(path):
    arrays = load(path)
    names = [name for name in arrays if name.startswith("sspe_out_sub")]
    assert names
    for name in names:
        result = signed(RULES["linear-224"](arrays[f"image_u8_{name.split('_')[3]}"], None))
        assert_close(every(result, name), arrays[name], UNIT)


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
