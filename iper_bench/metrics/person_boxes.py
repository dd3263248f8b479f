"""From the raw output of YOLOv3 to one person box, as the official evaluator does it and without its scaling
error.

From: ``his_evaluators/metrics/yolo`` (objectness 0.8, merging NMS at IoU 0.4, largest person, enlargement
1.05). The evaluator rescales every box by (image side) / 416 although the network already answers in pixels
of its input; ``person_box`` keeps that with `PAPER_SIDE`, and ``None`` turns it off.
Must agree with: ``person_boxes.npz``, boxes exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.cropping import BODY_ENLARGEMENT, Box, enlarged_box

OBJECTNESS = np.float32(0.8)
OVERLAP = np.float32(0.4)
PERSON = 0  # COCO class
PAPER_SIDE = 416  # the nominal network side of the evaluator

Rows = npt.NDArray[np.float32]


def merged_detections(
    raw: Rows, *, objectness: np.float32 = OBJECTNESS, overlap: np.float32 = OVERLAP
) -> Rows:
    """Kept detections of one image.

    ``raw`` is float32 (n, 5 + classes): centre x, centre y, width, height in pixels, objectness, class
    scores. Returns (k, 7): x0, y0, x1, y1, objectness, class score, class, in order of objectness x class
    score. Boxes of one class that overlap a kept one are merged into it, weighted by objectness.
    """
    rows = raw[raw[:, 4] >= objectness].astype(np.float32)
    if len(rows) == 0:
        return np.zeros((0, 7), dtype=np.float32)
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    classes = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 5:].max(axis=1)
    table = np.column_stack([corners, rows[:, 4], scores, classes]).astype(np.float32)
    table = table[np.argsort(-(rows[:, 4] * scores), kind="stable")]
    kept = []
    while len(table):
        first = table[0]
        same = (overlaps(first[:4], table[:, :4]) > overlap) & (table[:, 6] == first[6])
        same[0] = True  # a box of no area does not overlap itself
        weights = table[same, 4:5]
        merged = first.copy()
        merged[:4] = (weights * table[same, :4]).sum(axis=0) / weights.sum()
        kept.append(merged)
        table = table[~same]
    return np.stack(kept)


def overlaps(box: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intersection over union of one box with (n, 4) boxes, with the +1 pixel convention of the evaluator."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    sides = np.clip(high - low + 1, 0, None)
    area = (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    shared = sides[:, 0] * sides[:, 1]
    return np.asarray(shared / (area + areas - shared + np.float32(1e-16)), dtype=np.float32)


def unpadded_boxes(boxes: Rows, network_side: int, height: int, width: int) -> Rows:
    """Boxes (n, 4) from a square network frame of ``network_side`` to a height x width image that was padded
    to a square.
    """
    longest = max(height, width)
    pad_x = max(height - width, 0) * (network_side / longest)
    pad_y = max(width - height, 0) * (network_side / longest)
    unpad_height, unpad_width = network_side - pad_y, network_side - pad_x
    result = boxes.astype(np.float32).copy()
    result[:, 0::2] = (result[:, 0::2] - pad_x // 2) / unpad_width * width
    result[:, 1::2] = (result[:, 1::2] - pad_y // 2) / unpad_height * height
    return result


def largest_box(boxes: Rows) -> Rows | None:
    """The box (4,) of largest area of (n, 4); ties: the first; ``None`` of none."""
    if len(boxes) == 0:
        return None
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(boxes[int(areas.argmax())], dtype=np.float32)


def largest_person(raw: Rows) -> Rows | None:
    """The largest person (4,) among the rows of one image, in pixels of the network's input, or ``None``."""
    rows = merged_detections(raw)
    return largest_box(rows[rows[:, 6] == PERSON][:, :4])


def person_box(
    box: npt.NDArray[np.floating],
    height: int,
    width: int,
    *,
    network_side: int | None = PAPER_SIDE,
    factor: float = BODY_ENLARGEMENT,
) -> Box:
    """A detector's box (4,) in a height x width image enlarged, clipped and truncated.

    ``network_side`` 416 first takes it for a box of a padded 416x416 input and scales it to the image, the
    evaluator's error; ``None`` takes it as it is.
    """
    if network_side is not None:
        box = unpadded_boxes(np.asarray(box, dtype=np.float32)[None], network_side, height, width)[0]
    return enlarged_box(box, height, width, factor)
