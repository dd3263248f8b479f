"""Crops of a person out of a video: one square box for the whole sequence.

From: iPERCore's cropper (``enlarge_boxes``, ``pad_boxes``, ``process_crop_img``). Must agree with the
``image_crops`` oracle: boxes exactly, numbers to 1e-4, pixels to one level (OpenCV versions differ). The step
that should square the enlarged box has height and width exchanged and is kept so.
Boxes are (x0, x1, y0, y1) in pixels, half open: ``image[y0:y1, x0:x1]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.errors import UserError

Box = tuple[int, int, int, int]

SOURCE_FACTOR = 1.3  # height of the crop per height of the person, for source photographs
WHOLE_FRAME = 0.0  # iPER, FashionVideo and the official evaluation: the centred square of the full frame
CROP_SIDE = 512  # pixels, the released resolution


@dataclass(frozen=True)
class Crop:
    """A square image and where it came from: point in the crop = point in the frame * scale - start.

    Attributes
    ----------
    image: (S, S, 3) uint8, channels in the order of the frame.
    scale: side of the crop over side of the square it shows.
    start: (2,) float32 x, y of the square's corner, in crop pixels; negative where borders were replicated.
    centre: (2,) float32 x, y of the box's centre in the crop.
    """

    image: NDArray[np.uint8]
    scale: float
    start: NDArray[np.float32]
    centre: NDArray[np.float32]

    def points(self, in_frame: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 2) x, y of the frame in pixels of the crop."""
        return np.asarray(in_frame, np.float64) * self.scale - self.start

    def box(self, in_frame: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes (..., 4) of the frame in pixels of the crop."""
        corners = np.asarray(in_frame, np.float64)
        # (x0, x1, y0, y1) -> two points (x, y)
        moved = self.points(np.stack([corners[..., :2], corners[..., 2:]], axis=-1))
        return np.concatenate([moved[..., 0], moved[..., 1]], axis=-1)


def union_box(boxes: NDArray[np.generic]) -> NDArray[np.generic]:
    """The smallest box (4,) around boxes (N, 4) with N of 1 or more; the person of a whole sequence."""
    least, most = boxes.min(0), boxes.max(0)
    return np.array([least[0], most[1], least[2], most[3]])


def active_box(person: NDArray[np.generic], size: tuple[int, int], factor: float) -> Box:
    """The part of the frame that a crop should show.

    Parameters
    ----------
    person: (4,) box of the person in the whole sequence, pixels.
    size: (height, width) of the frame.
    factor: height of the part per height of the person; 0 takes the whole frame.

    Returns
    -------
    A box inside the frame: as high as asked, as wide as it is high, cut off at the borders, then extended
    along its LONGER side by the difference of the sides (the exchange noted above).

    Raises
    ------
    UserError for a negative factor, or a box that leaves nothing of the frame.
    """
    height, width = size
    if not factor >= 0.0:
        raise UserError(f"crop factor {factor}", where="crop", expected="0 (whole frame) or more")
    if factor == WHOLE_FRAME:
        half = max(size) // 2
        rows = _clipped(height // 2 - half, height // 2 + half, height)
        return (*_clipped(width // 2 - half, width // 2 + half, width), *rows)
    x0, x1, y0, y1 = (float(value) for value in person)
    asked = (y1 - y0) * factor
    centre_x, centre_y = (x0 + x1) // 2, (y0 + y1) // 2
    y0, y1 = _clipped(int(centre_y - asked / 2), int(centre_y + asked / 2), height)
    x0, x1 = _clipped(int(centre_x - (y1 - y0) / 2), int(centre_x + (y1 - y0) / 2), width)
    if x0 >= x1 or y0 >= y1:
        raise UserError(
            f"person box {tuple(float(value) for value in person)} leaves nothing to crop",
            where="crop",
            expected=f"x0 < x1 and y0 < y1 inside {width}x{height} pixels",
        )
    if x1 - x0 > y1 - y0:
        x0, x1 = _extended(x0, x1, (x1 - x0) - (y1 - y0), width)
    else:
        y0, y1 = _extended(y0, y1, (y1 - y0) - (x1 - x0), height)
    return x0, x1, y0, y1


def square_box(box: Box, size: tuple[int, int]) -> Box:
    """Extend the shorter side of a box as far as the frame of ``size`` (height, width) reaches."""
    x0, x1, y0, y1 = box
    missing = (y1 - y0) - (x1 - x0)
    if missing > 0:
        x0, x1 = _extended(x0, x1, missing, size[1])
    else:
        y0, y1 = _extended(y0, y1, -missing, size[0])
    return x0, x1, y0, y1


def crop_frame(frame: NDArray[np.uint8], box: Box, side: int = CROP_SIDE) -> Crop:
    """Cut a box out of a frame as a square image.

    Parameters
    ----------
    frame: (H, W, 3) uint8.
    box: of :func:`active_box`; what is missing to a square is taken from the frame, and beyond its borders
        the border pixels are repeated.
    side: of the result, pixels; resized bilinearly by OpenCV.

    Raises
    ------
    UserError for a box that is empty or not inside the frame, and for a side below 1.
    """
    part, (top, bottom), (left, right), square = _cut(frame, box, side)
    scale = side / max(part.shape[:2])
    corner = np.array([square[0] - left, square[2] - top], np.float32) * np.float32(scale)
    middle = np.array([(square[0] + square[1]) / 2, (square[2] + square[3]) / 2], np.float32)
    centre = middle * np.float32(scale) - corner
    # the same bytes as np.pad with "edge", at a tenth of the time
    padded = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return Crop(_resized(padded, side), scale, corner, centre)


def crop_matte(matte: NDArray[np.uint8], box: Box, side: int = CROP_SIDE) -> NDArray[np.uint8]:
    """The matte (H, W) uint8 of a frame as (S, S), cut out and resized as :func:`crop_frame` does the frame.

    Differs: beyond the borders stands nobody (0), where the frame repeats its border. Raises as
    :func:`crop_frame`.
    """
    part, (top, bottom), (left, right), _ = _cut(matte, box, side)
    padded = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0)
    return _resized(padded, side)


def _cut(
    frame: NDArray[np.uint8], box: Box, side: int
) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int], Box]:
    """The part of the frame, the rows and columns that it lacks before and after, and its own box."""
    height, width = frame.shape[:2]
    if side < 1 or not (0 <= box[0] < box[1] <= width and 0 <= box[2] < box[3] <= height):
        raise UserError(
            f"box {box} for a crop of {side} pixels",
            where="crop",
            expected=f"0 <= x0 < x1 <= {width}, 0 <= y0 < y1 <= {height} and a side of 1 or more",
        )
    square = square_box(box, (height, width))
    part = frame[square[2] : square[3], square[0] : square[1]]
    rows, columns = (_halves(max(part.shape[:2]) - have) for have in part.shape[:2])
    return part, rows, columns, square


def _resized(square: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _halves(amount: int) -> tuple[int, int]:
    """An amount split in two; an odd remainder goes to the far side."""
    return amount // 2, amount - amount // 2


def _clipped(low: int, high: int, limit: int) -> tuple[int, int]:
    return max(0, low), min(limit, high)


def _extended(low: int, high: int, amount: int, limit: int) -> tuple[int, int]:
    near, far = _halves(amount)
    return _clipped(low - near, high + far, limit)
