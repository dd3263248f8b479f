"""The square image of one person that SPIN looks at.

From: iPERCore's preprocessing of SPIN: the frame is resized so that the person's longer side has 200 pixels,
and a window of 224 around the person is cut out, black outside of the frame. Must agree with the ``spin_*``
arrays of the ``image_crops`` oracle (numbers 1e-4, pixels one level) and the ``regressor_crop`` oracle.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.body.recovery.spin import INPUT_SIDE
from iper_bench.errors import UserError

PERSON_SIDE = 200.0  # pixels of the person's longer side in the patch
LONGEST_RESIZED = 10_000  # pixels; the whole frame is resized, so a tiny box would ask for any memory


class Patch(NamedTuple):
    """One person: pixel in the patch = pixel in the frame * ``scale`` + 224 - ``start``, to within a pixel
    (the size of the resized frame is floored).

    ``pixels`` (3, 224, 224) float32 RGB in [0, 1]; ``scale`` resized over original; ``start`` (2,) int64 x, y
    of the window's corner in the resized frame with 224 black pixels on every side.
    """

    pixels: NDArray[np.float32]
    scale: float
    start: NDArray[np.int64]


def spin_patch(frame: NDArray[np.uint8], box: NDArray[np.floating], where: str = "box") -> Patch:
    """Cut the patch of one person.

    Parameters
    ----------
    frame: (H, W, 3) uint8 RGB.
    box: (4,) x0, x1, y0, y1 of the person, pixels; may reach beyond the frame.
    where: name of the frame, for the error.

    Raises
    ------
    UserError for a box that is empty, not finite, centred outside of the frame, or so small that the person
    cannot be enlarged.
    """
    height, width = frame.shape[:2]
    x0, x1, y0, y1 = (float(value) for value in box)
    longer = max(x1 - x0, y1 - y0)
    centre = np.array([(x0 + x1) / 2.0, (y0 + y1) / 2.0])
    inside = bool(np.isfinite(box).all()) and 0 <= centre[0] <= width and 0 <= centre[1] <= height
    if not inside or x1 <= x0 or y1 <= y0 or max(height, width) * PERSON_SIDE / longer > LONGEST_RESIZED:
        raise UserError(
            f"no usable person box ({x0:g}, {x1:g}, {y0:g}, {y1:g})",
            where=where,
            expected=f"x0 < x1 and y0 < y1 inside {width}x{height} pixels, longer side at least "
            f"{max(height, width) * PERSON_SIDE / LONGEST_RESIZED:g}",
        )
    scale = PERSON_SIDE / longer
    size = max(1, int(width * scale)), max(1, int(height * scale))
    resized = cv2.resize(frame, size)
    # the centre moves by the true ratios of the floored size; the camera is later turned back by ``scale``.
    # The released code gives x the ratio of the heights and y that of the widths: a pixel at most, kept so.
    moved = centre * np.array([size[1] / height, size[0] / width])
    start = np.rint(moved).astype(np.int64) + INPUT_SIDE // 2
    pixels = np.zeros((INPUT_SIDE, INPUT_SIDE, 3), np.uint8)
    # rows and columns of the window that lie inside the resized frame
    left, top = (int(value) for value in start - INPUT_SIDE)
    part = resized[max(top, 0) : max(top + INPUT_SIDE, 0), max(left, 0) : max(left + INPUT_SIDE, 0)]
    row, column = max(-top, 0), max(-left, 0)
    pixels[row : row + part.shape[0], column : column + part.shape[1]] = part
    return Patch(pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255.0), scale, start)
