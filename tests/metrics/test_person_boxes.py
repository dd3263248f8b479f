"""YOLO post-processing and box arithmetic against the official functions."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.backbones.person_detector import largest_person as largest_detection
from iper_bench.metrics.cropping import crop, enlarged_box, usable
from iper_bench.metrics.person_boxes import (
    PAPER_SIDE,
    largest_box,
    largest_person,
    merged_detections,
    person_box,
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
                largest = largest_person(raw)
                if largest is None:
                    assert box.tolist() == [-1] * 4, (name, side, key)
                    continue
                found = person_box(largest, int(side), int(side), network_side=network_side)
                assert list(found) == box.tolist(), (name, side, key)


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
    corners = (160, 70, 240, 230)
    box = largest_person(raw)
    assert box.dtype == np.float32
    assert box.tolist() == list(corners)  # in the detector's own pixels, neither scaled nor enlarged
    assert person_box(box, 512, 512, network_side=None, factor=1.0) == corners
    assert person_box(box, 512, 512, factor=1.0) == tuple(int(v * 512 / 416) for v in corners)
    # enlarged about (200, 150) by 84 x 168 of 80 x 160
    assert person_box(box, 512, 512, network_side=None) == (158, 66, 242, 234)


def test_empty_and_unusable_boxes():
    assert largest_person(np.zeros((0, 85), dtype=np.float32)) is None
    assert largest_box(np.zeros((0, 4), dtype=np.float32)) is None
    assert crop(np.zeros((8, 8, 3), np.uint8), (9, 0, 8, 8)) is None
    assert not usable(np.array([0, 0, np.nan, 4]))
    assert not usable(np.array([3.0, 0, 3, 4]))
    assert not usable(None)


def test_largest_confident_person_is_taken():
    boxes = np.array([[0, 0, 9, 9], [0, 0, 5, 5], [0, 0, 7, 7]], dtype=np.float32)
    labels, scores = np.array([2, 1, 1]), np.array([0.99, 0.95, 0.9], dtype=np.float32)
    np.testing.assert_array_equal(largest_detection(boxes, labels, scores), boxes[2])
    assert largest_detection(boxes, labels, scores * 0.5) is None


def test_law_of_order_and_ties():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (20, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(1, 50, (20, 2)).astype(np.float32)], axis=1)
    found = largest_box(boxes)
    for _ in range(5):
        np.testing.assert_array_equal(largest_box(rng.permutation(boxes)), found)
    equal = np.array([[0, 0, 4, 9], [1, 1, 7, 7], [9, 9, 11, 11]], dtype=np.float32)
    np.testing.assert_array_equal(largest_box(equal), equal[0])
    np.testing.assert_array_equal(largest_box(equal[::-1]), equal[1])
