"""``golden_pairs``: the eight pairs. True frames are stored, predictions are made from them by
``defects.py``.

True frames are renders of the project's own embedded dataset (body CC0-1.0): whole persons, upper bodies,
heads, one from behind.
Made by ``tools/make_golden_frames.py``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from iper_bench.data.image_io import decode_png
from iper_bench.errors import UserError
from iper_bench.metrics.golden.defects import DEFECTS, SHIFT

PACKAGE = "iper_bench.metrics.golden"
FACTS = "frames.json"
REMEDY = "pip install --force-reinstall iper-bench"

Frames = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GoldenPairs:
    """Eight pairs.

    Attributes
    ----------
    predictions, truths: uint8 (8, 160, 160, 3) RGB.
    prediction_boxes, truth_boxes: float32 (8, 4), the projected body enlarged by 1.05 and clipped, in pixels;
        NaN where a prediction shows no body.
    """

    predictions: Frames
    truths: Frames
    prediction_boxes: Boxes
    truth_boxes: Boxes


def golden_pairs() -> GoldenPairs:
    """The pairs, checked against their stored hashes. Raises UserError for files that are missing or not
    those that were installed.
    """
    folder = resources.files(PACKAGE)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        truths = np.stack([decode_png((folder / picture_name(k)).read_bytes()) for k in range(len(DEFECTS))])
        boxes = np.asarray(facts["boxes"], dtype=np.float32)
        expected = facts["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError("golden frames cannot be read", where=PACKAGE, hint=REMEDY) from error
    pairs = paired(truths, boxes)
    for side, frames in (("truths", pairs.truths), ("predictions", pairs.predictions)):
        if frames_sha256(frames) != expected[side]:
            raise UserError(f"the {side} are not those that were stored", where=PACKAGE, hint=REMEDY)
    return pairs


def paired(truths: Frames, boxes: Boxes) -> GoldenPairs:
    """True frames (8, S, S, 3) and their boxes (8, 4) with the predictions made from them."""
    made = np.stack([defect(frame) for defect, frame in zip(DEFECTS.values(), truths, strict=True)])
    moved = np.stack(
        [_moved(name, box, truths.shape[2]) for name, box in zip(DEFECTS, boxes, strict=True)]
    ).astype(np.float32)
    return GoldenPairs(made, truths, moved, boxes)


def _moved(defect: str, box: Boxes, width: int) -> Boxes:
    """Where the body of a prediction is."""
    x0, y0, x1, y1 = box
    if defect == "shift":
        return np.array([x0 + SHIFT, y0, min(x1 + SHIFT, width), y1], dtype=np.float32)
    if defect == "mirror":
        return np.array([width - x1, y0, width - x0, y1], dtype=np.float32)
    return np.full(4, np.nan, dtype=np.float32) if defect == "mosaic" else box


def frames_sha256(frames: Frames) -> str:
    """Hash of shape and pixels."""
    return hashlib.sha256(str(frames.shape).encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()


def picture_name(number: int) -> str:
    """File of a true frame."""
    return f"truth_{number}.png"
