"""YOLOv3-SPP's forward pass: reference (Darknet's own plan), known answer, laws; small parts are in
``test_person_detector.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.metrics.backbones import yolov3_spp as yolo
from iper_bench.metrics.person_boxes import person_box
from iper_bench.metrics.weights import WeightFile
from tests.metrics import darknet

CPU = torch.device("cpu")
SIDE = 64  # of the square frame
HEIGHT, WIDTH = 32, 192  # 1 x 6 coarse cells: fewer than six in a row and the pools of 9 and 13 are one
RELATIVE = 1e-3  # of the largest value of a column: float32 through 75 convolutions in another order
DRAWS = 999_983  # seeded numbers, repeated with a prime period: no two layers get the same ones
NEVER, SURELY = -20.0, 6.0  # logits


def seeded_values() -> np.ndarray:
    """The float32 content of a Darknet file without its header."""
    drawn = np.random.default_rng(0).standard_normal(DRAWS).astype(np.float32)
    parts, place = [], 0

    def take(count: int) -> np.ndarray:
        nonlocal place
        place += count
        return np.take(drawn, np.arange(place - count, place), mode="wrap")

    for inputs, filters, kernel, norm in darknet.convolutions():
        fan_in = inputs * kernel * kernel
        if norm:
            shift, scale, mean, spread = (take(filters) for _ in range(4))
            # half the gain that keeps the spread: residual sums then stay in the range of exp
            parts += [0.1 * shift, 0.7 + 0.1 * scale, 0.1 * mean, 0.75 + 0.25 * np.tanh(spread)]
        else:
            parts.append(0.5 * take(filters))
        parts.append(take(filters * fan_in) * np.float32(np.sqrt((2 if norm else 0.1) / fan_in)))
    return np.concatenate(parts).astype(np.float32, copy=False)


@pytest.fixture(scope="module")
def values():
    return seeded_values()


@pytest.fixture(scope="module")
def detector(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "yolov3-spp.weights"
    with path.open("wb") as file:
        np.array([0, 2, 0, 0, 0], dtype=np.int32).tofile(file)
        values.tofile(file)
    made = yolo.PaperPersonDetector(WeightFile(path, "0" * 64), CPU)
    path.unlink()  # a quarter of a gigabyte
    return made


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_reference_forward(detector, values, images):
    for image in images:
        expected = darknet.rows(values, np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / 255)
        found = detector.raw(image)
        assert found.shape == expected.shape == (3 * (6 + 24 + 96), 85)
        # rows are not constant: a wrong route or a shifted weight would show
        assert (expected.std(axis=0) > 1e-3 * np.abs(expected).max(axis=0)).all()
        assert (np.abs(found - expected) <= RELATIVE * np.abs(expected).max(axis=0)).all()


def test_rows_depend_on_nothing_but_their_image(detector, images):
    alone = [detector.raw(image) for image in images]
    np.testing.assert_array_equal(detector.raw(images[0]), alone[0])
    assert np.abs(alone[0] - alone[1]).max() > 0.1
    units = torch.from_numpy(images.transpose(0, 3, 1, 2)).float() / 255
    with torch.inference_mode():
        for order in ([0, 1], [1, 0]):
            batch = detector._net(units[order]).numpy()
            for row, number in zip(batch, order, strict=True):
                assert (np.abs(row - alone[number]) <= RELATIVE * np.abs(alone[number]).max(axis=0)).all()


def test_known_answer_of_one_person_everywhere(detector):
    """Heads that see nothing but their bias, which names a person in the largest anchor."""
    frame = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    saved = {key: value.clone() for key, value in detector._net.state_dict().items() if "head" in key}
    try:
        for number in (1, 2, 3):
            head = getattr(detector._net, f"head{number}")[1]
            head.weight.zero_()
            head.bias.zero_()
            head.bias[4::85] = NEVER
        detector._net.head1[1].bias[2 * 85 + 4 : 2 * 85 + 6] = SURELY  # objectness and class 0 of 373 x 326
        found = detector.raw(frame)
        sure = found[found[:, 4] > 0.5]
        sigmoid = 1 / (1 + np.exp(-SURELY))
        # four cells of 32 pixels, row by row, the centre in the middle of each
        expected = [[x, y, 373, 326, sigmoid, sigmoid] for y in (16, 48) for x in (16, 48)]
        np.testing.assert_allclose(sure[:, :6], expected, rtol=1e-6)
        # merged to one box about (32, 32), in the detector's own pixels
        box = detector.largest(frame)
        np.testing.assert_allclose(box, [32 - 186.5, 32 - 163, 32 + 186.5, 32 + 163], atol=1e-4)
        # scaled by 64 / 416 as the evaluator does, enlarged, cut, truncated
        scale = SIDE / 416
        right, bottom = (int(32 * scale + 1.05 * side * scale / 2) for side in (373, 326))
        assert person_box(box, SIDE, SIDE) == (0, 0, right, bottom)
        # a frame whose sides are no multiples of 32 is filled up: its cells are those of 64 x 64
        np.testing.assert_array_equal(detector.largest(frame[:50, :34]), box)
        detector._net.head1[1].bias[2 * 85 + 5] = 0.0  # another class is now as likely or likelier
        detector._net.head1[1].bias[2 * 85 + 6] = SURELY
        assert detector.largest(frame) is None
    finally:
        detector._net.load_state_dict(saved, strict=False)
