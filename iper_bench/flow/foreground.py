"""The person cut out of a source with the band around it filled, so that warps never drag background onto
the body.

The released code fills the band from the three nearest edge pixels (``iper_bench.flow.composition``); here
each pixel takes the colour of the nearest pixel inside the eroded matte, which is exact, free of ties in
practice, and a few milliseconds.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

INSIDE = 250  # matte level (of 255) from which a pixel belongs to the person alone


def filled_foreground(frame: NDArray[np.uint8], matte: NDArray[np.uint8], band: int) -> NDArray[np.uint8]:
    """Extend the person's colours ``band`` pixels beyond the matte; black (level 127.5 rounded down)
    elsewhere.

    Parameters
    ----------
    frame: (H, W, 3) uint8 RGB.
    matte: (H, W) uint8, 255 = person.
    band: width in pixels of the filled band.

    Returns
    -------
    (H, W, 3) uint8; pixels farther than ``band`` from the person hold 127, which is 0 in [-1, 1].
    """
    inside = matte >= INSIDE
    if not inside.any():
        return np.full_like(frame, 127)
    distance, index = ndimage.distance_transform_edt(~inside, return_indices=True)
    filled = frame[index[0], index[1]]
    return np.where((distance <= band)[..., None], filled, np.uint8(127)).astype(np.uint8)


def inpainted_background(
    frame: NDArray[np.uint8], matte: NDArray[np.uint8], dilate: int, radius: float = 3.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Remove the person by Telea's fast-marching inpainting (OpenCV).

    Parameters
    ----------
    frame: (H, W, 3) uint8 RGB.
    matte: (H, W) uint8, 255 = person.
    dilate: odd side of the square by which the person is dilated first.
    radius: neighbourhood of each inpainted pixel, in pixels.

    Returns
    -------
    the inpainted frame (H, W, 3) uint8 and the hole (H, W) uint8, 1 = inpainted.
    """
    hole = cv2.dilate((matte > 0).astype(np.uint8), np.ones((dilate, dilate), np.uint8))
    filled = cv2.inpaint(frame, hole, radius, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.uint8), hole
