"""YOLO post-processing and box arithmetic against the official functions."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.backbones.person_detector import largest_person as largest_detection
from iper_bench.metrics.cropping import crop, enlarged_box, usable
from iper_bench.metrics.person_boxes import (
    PAPER_SIDE,
    largest_person,
    merged_detections,
    unpadded_boxes,
)
from tests.oracles import cases, load, oracle_files

FILES = oracle_files("metrics/person_boxes*.npz")
PIXEL = 1e-3  # float32 coordinates of up to some thousand pixels
#: name of the boxes of one input side -> network side that the evaluator assumes
BOXES = {"boxes_input": PAPER_SIDE, "boxes_correct_input": None}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_boxes(path):
    arrays = load(path)
    for key, network_side in BOXES.items():
        for side in cases(arrays, key):
            expected = arrays[f"{key}{side}"]
            assert len(expected) == len(arrays["names"]) > 0
            for name, raw, box in zip(arrays["names"], arrays["raw_predictions"], expected, strict=True):
                found = largest_person(raw, int(side), network_side=network_side)
                assert list(found or (-1,) * 4) == box.tolist(), (name, side, key)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_detections(path):
    arrays = load(path)
    rows = [merged_detections(raw) for raw in arrays["raw_predictions"]]
    assert [len(kept) for kept in rows] == arrays["nms_count"].tolist()
    np.testing.assert_allclose(np.concatenate(rows), arrays["nms_rows"], rtol=0, atol=PIXEL)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference_arithmetic(path):
    arrays = load(path)
    for box, (h, w), factor, expected in zip(
        arrays["enlarge_boxes_in"],
        arrays["enlarge_shapes_hw"],
        arrays["enlarge_factor"],
        arrays["enlarge_boxes_out"],
        strict=True,
    ):
        assert list(enlarged_box(box, int(h), int(w), float(factor))) == expected.tolist()
    for (h, w, side), expected in zip(arrays["rescale_h_w_dim"], arrays["rescale_boxes_out"], strict=True):
        result = unpadded_boxes(arrays["rescale_boxes_in"], int(side), int(h), int(w))
        np.testing.assert_allclose(result, expected, rtol=0, atol=PIXEL)


def test_the_evaluators_scaling_moves_a_box_by_side_over_416():
    raw = np.zeros((1, 85), dtype=np.float32)
    raw[0, :6] = [200, 150, 80, 160, 0.9, 0.9]
    assert largest_person(raw, 512, network_side=None, factor=1.0) == (160, 70, 240, 230)
    assert largest_person(raw, 512, factor=1.0) == tuple(int(v * 512 / 416) for v in (160, 70, 240, 230))


def test_empty_and_unusable_boxes():
    assert largest_person(np.zeros((0, 85), dtype=np.float32), 512) is None
    assert crop(np.zeros((8, 8, 3), np.uint8), (9, 0, 8, 8)) is None
    assert not usable(np.array([0, 0, np.nan, 4]))
    assert not usable(np.array([3.0, 0, 3, 4]))
    assert not usable(None)


def test_largest_confident_person_is_taken():
    boxes = np.array([[0, 0, 9, 9], [0, 0, 5, 5], [0, 0, 7, 7]], dtype=np.float32)
    labels, scores = np.array([2, 1, 1]), np.array([0.99, 0.95, 0.9], dtype=np.float32)
    np.testing.assert_array_equal(largest_detection(boxes, labels, scores), boxes[2])
    assert largest_detection(boxes, labels, scores * 0.5) is None
