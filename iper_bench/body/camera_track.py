"""Cameras of whole sequences: crop frames, ground contact and jumps.

From: iPERCore's ``cam_init2orig``, ``cam_norm``, ``stabilize`` and ``get_jump_mask``. Must agree with the
``cameras`` oracle to 1e-5 relative. Used before the ``smooth`` camera strategy: a stabilised reference stands
on the ground at constant scale.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

CROP_SIDE = 224  # pixels, input side of the released body estimator
JUMP_RISE = 0.2  # metres that a segment must rise to start a jump
LANDING_GAP = 0.1  # metres: nearer to the start level than this is landed


def crop_to_frame(cams: Array, scale: Array, start: Array, side: int = CROP_SIDE) -> Array:
    """Cameras of a square crop to cameras in frame pixels.

    Parameters
    ----------
    cams: (N, 3) ``[s, tx, ty]`` with the crop as [-1, 1].
    scale: (N, 1) resized side over original side.
    start: (N, 2) x, y of the crop's corner in the resized and padded frame, pixels.
    side: of the crop, pixels.

    Returns
    -------
    (N, 3) ``[s, tx, ty]``: pixel = s (X + t), origin at the frame's corner.
    """
    zoom = side * cams[:, :1] / 2.0
    shift = cams[:, 1:] + 1.0 / cams[:, :1] + (start - side) / zoom
    return np.concatenate([zoom / scale, shift], axis=1)


def normalise(pixel_cams: Array, height: Array) -> Array:
    """Cameras in frame pixels (N, 3) to cameras with a frame of side ``height`` (N, 1) as [-1, 1]."""
    zoom = pixel_cams[:, :1]
    return np.concatenate([2.0 * zoom / height, pixel_cams[:, 1:] - height / (2.0 * zoom)], axis=1)


def stabilise(cams: Array, foot: Array) -> Array:
    """Discard changes of scale and sideways motion, and keep the lowest vertex on the ground except in jumps.

    Parameters
    ----------
    cams: (T, 3) of a reference sequence.
    foot: (T,) largest y (down) over the posed vertices, metres; shape of frame 0.

    Returns
    -------
    (T, 3): scale 1, tx 0, ty that pins the foot to its level in frame 0, or higher during jumps.
    """
    grounded = cams[0, 2] - foot + foot[0]
    jumping = jump_mask(foot + cams[:, 2])
    lifted = np.where(jumping, np.minimum(cams[:, 2], grounded), grounded)
    return np.stack([np.ones_like(lifted), np.zeros_like(lifted), lifted], axis=1).astype(cams.dtype)


def jump_mask(level: Array) -> NDArray[np.bool_]:
    """Frames of a jump, both ends included: foot levels (T,), y down, metres -> (T,) bool."""
    mask = np.zeros(len(level), dtype=np.bool_)
    for first, last in jump_intervals(level):
        mask[first : last + 1] = True
    return mask


def local_extrema(level: Array) -> list[int]:
    """Frames where ``level`` (T,) stops rising or falling, with the first and the last frame."""
    change = np.diff(level)
    turns = np.nonzero(change[:-1] * change[1:] <= 0)[0] + 1
    return sorted({0, *(int(turn) for turn in turns), len(level) - 1})


def jump_intervals(level: Array) -> list[tuple[int, int]]:
    """First and last frame of every jump.

    Parameters
    ----------
    level: (T,) foot level, y down, metres.

    Returns
    -------
    A segment between extrema that rises by more than 0.2 starts a jump, at its first frame above the level of
    frame 0 if it has one; another such rise starts it anew. The jump ends at the first later extremum that is
    not more than 0.1 above the start, or with the sequence.
    """
    if len(level) == 0:
        return []
    found: list[tuple[int, int]] = []
    start: int | None = None
    turns = local_extrema(level)
    for begin, end in pairwise(turns):
        if level[begin] - level[end] > JUMP_RISE:
            above = np.nonzero(level[begin : end + 1] < level[0])[0]
            start = begin + int(above[0]) if len(above) else begin
        elif start is not None and not level[start] - level[end] > LANDING_GAP:
            found.append((start, end))
            start = None
    if start is not None:
        found.append((start, len(level) - 1))
    return found
