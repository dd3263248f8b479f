"""The square image of one person that the small estimator looks at.

From: the patch of SPIN (``patch.spin_patch``): the person's longer side takes 200/224 of the side, centred,
black outside of the frame. Differs: any side, no rounding to whole pixels, and frames are averaged before
they are made smaller, because a patch of a hundred pixels would otherwise skip pixels of a large frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.body.recovery.patch import PERSON_SIDE
from iper_bench.body.recovery.spin import INPUT_SIDE
from iper_bench.errors import UserError

PERSON_SHARE = PERSON_SIDE / INPUT_SIDE  # of the patch's side, taken by the person's longer side


class PatchPlace(NamedTuple):
    """Where a patch lies: point in the patch = point in the frame * ``scale`` + side - ``start``, in pixels,
    (0, 0) being the outer corner of the first one. ``start`` (2,) float64 x, y.
    """

    scale: float
    start: NDArray[np.float64]


def patch_place(box: NDArray[np.floating], side: int, frame_side: int, where: str = "box") -> PatchPlace:
    """The place of the patch around one person.

    Parameters
    ----------
    box: (4,) x0, x1, y0, y1 of the person, pixels; may reach beyond the frame.
    side: of the patch. frame_side: of the square frame.
    where: name of the frame, for the error.

    Raises
    ------
    UserError for a box that is empty, not finite, centred outside of the frame, or less than a pixel large.
    """
    x0, x1, y0, y1 = (float(value) for value in box)
    longer = max(x1 - x0, y1 - y0)
    centre = np.array([x0 + x1, y0 + y1]) / 2.0
    inside = bool(np.isfinite(box).all()) and bool(((centre >= 0) & (centre <= frame_side)).all())
    if not inside or x1 <= x0 or y1 <= y0 or longer < 1.0:
        raise UserError(
            f"no usable person box ({x0:g}, {x1:g}, {y0:g}, {y1:g})",
            where=where,
            expected=f"x0 < x1 and y0 < y1 inside {frame_side}x{frame_side} pixels, longer side at least 1",
        )
    scale = PERSON_SHARE * side / longer
    return PatchPlace(scale, centre * scale + side / 2.0)


def cut_patch(image: NDArray[np.uint8], place: PatchPlace, side: int) -> NDArray[np.uint8]:
    """The patch (side, side, 3) uint8 RGB of a frame (H, W, 3), black outside of it."""
    scale, height, width = place.scale, *image.shape[:2]
    shrink = np.ones(2)
    if scale < 1.0:
        size = max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale))
        shrink = np.array([size[0] / width, size[1] / height])
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    zoom = scale / shrink
    # OpenCV counts from the middle of the first pixel
    shift = side - place.start + (zoom - 1.0) / 2.0
    matrix = np.array([[zoom[0], 0.0, shift[0]], [0.0, zoom[1], shift[1]]])
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def cameras_in_patch(
    cams: NDArray[np.floating], place: PatchPlace, side: int, frame_side: int
) -> NDArray[np.float64]:
    """Cameras (N, 3) ``[s, tx, ty]`` with the frame as [-1, 1], as cameras with the patch as [-1, 1].

    The way back is ``camera_track.crop_to_frame`` and ``normalise``. Every ``s`` must be above 0.
    """
    ratio = place.scale * frame_side / side
    zoom = np.asarray(cams[:, :1], np.float64) * ratio
    offset = ratio + 2.0 * (side - place.start) / side - 1.0
    return np.concatenate([zoom, cams[:, 1:] + offset / zoom], axis=1)
