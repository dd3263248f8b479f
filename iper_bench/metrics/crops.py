"""From a box that a detector found to the pixels that a network sees: box rules and crop rules by name.

A crop is float32 (3, H, W) of grey levels in [0, 255]; the network normalises. Interpolation weights sum to
one, so that normalising after resizing gives what normalising before gives.
From: definitions by name in ``kinds.py``. Must agree with: ``person_boxes.npz``, ``person_crop.npz``,
``mtcnn_face.npz``, ``inception_preprocess.npz``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics import cropping
from iper_bench.metrics.backbones.network import grey_levels
from iper_bench.metrics.cropping import Box, Frame, clipped_box, enlarged_box
from iper_bench.metrics.inception_resize import clean_resize, paper_resize, tf1_resize
from iper_bench.metrics.person_boxes import person_box

SSPE_SIDE = 224
FACE_OFFSET, FACE_SCALE = 127.5, 128.0  # (x - 127.5) / 128 follows in the network

Found = npt.NDArray[np.floating]
BoxRule = Callable[[Found, int, int], Box]
# the picture in which the box lies, and the box; None = the whole picture
CropRule = Callable[[Frame, Box | None], torch.Tensor | None]


BOXES: Mapping[str, BoxRule] = {
    "none": clipped_box,  # never asked: without a detector there is no box
    "clipped": clipped_box,
    "1.05": enlarged_box,
    "side/416 1.05": person_box,
}


def _resized(height: int, width: int, *, bicubic: bool) -> CropRule:
    def rule(image: Frame, box: Box | None) -> torch.Tensor | None:
        part = image if box is None else cropping.crop(image, box)
        if part is None:
            return None
        return grey_levels(cropping.resize_pil(part, height, width, bicubic=bicubic))

    return rule


def _with_corners(height: int, width: int) -> CropRule:
    def rule(image: Frame, box: Box | None) -> torch.Tensor | None:
        part = image if box is None else cropping.crop(image, box)
        return None if part is None else cropping.resize_corners(grey_levels(part), height, width)

    return rule


def _area(side: int) -> CropRule:
    def rule(image: Frame, box: Box | None) -> torch.Tensor | None:
        if box is None:
            # the evaluator scales a whole frame by 2x - 1 and a face by (x - 127.5) / 128, which follows here
            return cropping.area_resized(image, side) * FACE_SCALE + FACE_OFFSET
        part = cropping.crop(image, box)
        return None if part is None else grey_levels(cropping.area_face(part, side))

    return rule


def _whole(resize: Callable[[Frame], torch.Tensor]) -> CropRule:
    def rule(image: Frame, box: Box | None) -> torch.Tensor | None:
        part = image if box is None else cropping.crop(image, box)
        return None if part is None else resize(part)

    return rule


def _linear_224(image: Frame) -> torch.Tensor:
    return paper_resize(image, SSPE_SIDE)


CROPS: Mapping[str, CropRule] = {
    "bicubic-224": _resized(224, 224, bicubic=True),
    "clean-299": _whole(clean_resize),
    "linear-299": _whole(paper_resize),
    "tf1-299": _whole(tf1_resize),
    "linear-224": _whole(_linear_224),
    "bilinear-256x128": _resized(*cropping.BODY_SIZE, bicubic=False),
    "corners-256x128": _with_corners(*cropping.BODY_SIZE),
    "corners-384x192": _with_corners(384, 192),
    "area-160": _area(cropping.FACE_SIDE),
    "area-128": _area(128),
}
