"""Boxes and crops, the steps where evaluators disagree.

Each function names the official behaviour it equals. Boxes are x0, y0, x1, y1 in pixels; crops are uint8 (h,
w, 3).
Must agree with: ``person_boxes.npz`` (enlargement), ``person_crop.npz`` (paper crop), ``mtcnn_face.npz``
(face crop).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

BODY_ENLARGEMENT = 1.05  # his_evaluators, about the box centre
BODY_SIZE = (256, 128)  # height, width of a re-ID crop
FACE_SIDE = 160  # InceptionResnetV1's input

Frame = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]


def enlarged_box(
    box: npt.NDArray[np.floating], height: int, width: int, factor: float = BODY_ENLARGEMENT
) -> Box:
    """Scale a box about its centre, clip it to the frame and truncate to integers, in the evaluator's
    order.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    half_width, half_height = (x1 - x0) * factor / 2, (y1 - y0) * factor / 2
    return (
        int(max(0.0, centre_x - half_width)),
        int(max(0.0, centre_y - half_height)),
        int(min(float(width), centre_x + half_width)),
        int(min(float(height), centre_y + half_height)),
    )


def clipped_box(box: npt.NDArray[np.floating], height: int, width: int) -> Box:
    """Clip a box to the frame and truncate it to integers."""
    return (
        int(max(float(box[0]), 0.0)),
        int(max(float(box[1]), 0.0)),
        int(min(float(box[2]), float(width))),
        int(min(float(box[3]), float(height))),
    )


def crop(frame: Frame, box: Box) -> Frame | None:
    """The pixels of a box, or ``None`` when it is empty."""
    x0, y0, x1, y1 = box
    if x1 <= x0 or y1 <= y0:
        return None  # among others a box that ends left of the frame or above it
    part = frame[y0:y1, x0:x1]
    return part if part.size else None


def usable(box: npt.NDArray[np.floating] | None) -> bool:
    """Whether a box is finite and has an area."""
    return box is not None and all(math.isfinite(v) for v in box) and box[2] > box[0] and box[3] > box[1]


def resize_pil(image: Frame, height: int, width: int, *, bicubic: bool = False) -> Frame:
    """Antialiased PIL resize of a uint8 image, bilinear or bicubic."""
    method = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), method))


def face_crop(image: Frame, box: npt.NDArray[np.floating], side: int = FACE_SIDE) -> Frame:
    """The face of facenet-pytorch's ``extract_face`` without margin: clip, truncate, area-resize to side x
    side.
    """
    x0, y0, x1, y1 = clipped_box(box, *image.shape[:2])
    return area_face(image[y0:y1, x0:x1], side)


def area_face(part: Frame, side: int) -> Frame:
    """uint8 (h, w, 3) to (side, side, 3) by OpenCV's area interpolation."""
    return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def area_resized(frame: Frame, side: int = FACE_SIDE) -> torch.Tensor:
    """The whole frame as the evaluator's stand-in for a missing face: area interpolation, 2x - 1, float32 (3,
    s, s).
    """
    unit = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))).float() / 255
    return F.interpolate(unit[None] * 2 - 1, size=(side, side), mode="area")[0]


def resize_corners(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear resize of float32 (3, h, w) with aligned corners and no antialiasing: the evaluator's re-ID
    crop.
    """
    return F.interpolate(image[None], size=(height, width), mode="bilinear", align_corners=True)[0]


def paper_frame(frame: Frame, side: int) -> Frame:
    """The evaluator's image loading: OpenCV INTER_LINEAR on uint8 to side x side unless it has that size."""
    if frame.shape[:2] == (side, side):
        return frame
    return np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
