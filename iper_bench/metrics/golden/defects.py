"""Defects that turn a true golden frame into a prediction: whole numbers only, so that every machine makes
the same pixels.

Each takes and returns a uint8 (H, W, 3) frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]

SHIFT = 3  # pixels to the right
NOISE = 12  # grey levels to either side
BLOCK = 8  # pixels, as JPEG's
STEP = 24  # of the quantised difference from a block's mean
MOSAIC = 20  # pixels; a face of that size is gone
SEED = 20  # numpy's RandomState is frozen: the same numbers in every version


def nothing(frame: Frame) -> Frame:
    """An exact copy."""
    return frame.copy()


def blur(frame: Frame) -> Frame:
    """Mean over 5x5 pixels, rounded down, edges repeated."""
    height, width = frame.shape[:2]
    wide = np.pad(frame.astype(np.int32), ((2, 2), (2, 2), (0, 0)), mode="edge")
    total = np.zeros(frame.shape, dtype=np.int32)
    for y in range(5):
        for x in range(5):
            total += wide[y : y + height, x : x + width]
    return np.asarray(total // 25, dtype=np.uint8)


def shift(frame: Frame) -> Frame:
    """Moved by :data:`SHIFT` pixels to the right, the left edge repeated."""
    return np.ascontiguousarray(np.pad(frame, ((0, 0), (SHIFT, 0), (0, 0)), mode="edge")[:, : frame.shape[1]])


def noise(frame: Frame) -> Frame:
    """Uniform noise of up to :data:`NOISE` levels."""
    drawn = np.random.RandomState(SEED).randint(-NOISE, NOISE + 1, frame.shape)
    return np.clip(frame.astype(np.int32) + drawn, 0, 255).astype(np.uint8)


def blocks(frame: Frame) -> Frame:
    """Differences from the mean of each block of 8x8 in coarse steps, as a strong JPEG leaves them."""
    found = frame.astype(np.int32)
    for top in range(0, frame.shape[0], BLOCK):
        for left in range(0, frame.shape[1], BLOCK):
            part = found[top : top + BLOCK, left : left + BLOCK]
            mean = part.sum(axis=(0, 1)) // (part.shape[0] * part.shape[1])
            part[:] = mean + (part - mean + STEP // 2) // STEP * STEP
    return np.clip(found, 0, 255).astype(np.uint8)


def tint(frame: Frame) -> Frame:
    """Darker and redder: channels times 15/16, 13/16 and 12/16."""
    return np.asarray(frame.astype(np.int32) * np.array([15, 13, 12]) // 16, dtype=np.uint8)


def mosaic(frame: Frame) -> Frame:
    """Means of squares of 20 pixels: nobody can be seen any more."""
    found = frame.astype(np.int32)
    for top in range(0, frame.shape[0], MOSAIC):
        for left in range(0, frame.shape[1], MOSAIC):
            part = found[top : top + MOSAIC, left : left + MOSAIC]
            part[:] = part.sum(axis=(0, 1)) // (part.shape[0] * part.shape[1])
    return found.astype(np.uint8)


def mirror(frame: Frame) -> Frame:
    """Left and right exchanged."""
    return np.ascontiguousarray(frame[:, ::-1])


#: in the order of the frames
DEFECTS: Mapping[str, Callable[[Frame], Frame]] = {
    "nothing": nothing,
    "blur": blur,
    "shift": shift,
    "noise": noise,
    "blocks": blocks,
    "tint": tint,
    "mosaic": mosaic,
    "mirror": mirror,
}
