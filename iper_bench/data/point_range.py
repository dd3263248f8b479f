"""Ranges in which image points are written, and the way between them.

From: iPERCore's keypoint normalisation: [0, 1] and [-1, 1] by 2 u - 1, pixels by width and height, x before
y. Must agree with the ``normkps`` arrays of the ``crop_image`` oracle to 1e-5 relative.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", np.float32, np.float64)
Range = Literal["pixels", "unit", "signed"]  # of the frame, [0, 1], [-1, 1]


def convert_points(
    points: NDArray[Float], source: Range, target: Range, size: tuple[int, int]
) -> NDArray[Float]:
    """Points in another range.

    Parameters
    ----------
    points: (..., C) with x, y first; further columns such as a confidence stay as they are.
    source, target: ``pixels`` (0 to width and height), ``unit`` ([0, 1]) or ``signed`` ([-1, 1]); 0, 0 and
        -1 are the left or upper border of the frame.
    size: (height, width) of the frame in pixels.

    Raises
    ------
    ValueError for fewer than two columns or a size below 1.
    """
    if points.ndim < 1 or points.shape[-1] < 2 or min(size) < 1:
        raise ValueError(f"points {points.shape} in a frame of {size}; expected (..., 2 or more)")
    whole = np.array([size[1], size[0]], np.float64)
    place = points[..., :2].astype(np.float64)
    if source == "pixels":
        place = place / whole
    elif source == "signed":
        place = (place + 1.0) / 2.0
    if target == "pixels":
        place = place * whole
    elif target == "signed":
        place = place * 2.0 - 1.0
    moved = points.copy()
    moved[..., :2] = place
    return moved
