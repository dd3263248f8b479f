"""Where the person is in every frame: boxes from 2-D points, from mattes, from posed bodies.

Boxes are ``(x0, x1, y0, y1)`` in pixels, the order of ``patch.spin_patch`` and ``data.crop``; files hold
``(x0, y0, x1, y1)``. A frame in which nobody is found has a row of NaN, never a box that was made up.

From: iPERCore, whose box of a frame is the extent of the keypoints that were found and whose box of a video
is the union. Differs: the union does not overwrite the box of frame 0 (a side effect of the released code).
:func:`enlarged_mask_boxes` must agree with the ``joint_boxes`` oracle exactly.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.camera import project
from iper_bench.body.model import BodyModel
from iper_bench.errors import UserError

Floats = NDArray[np.float32]

INSIDE = 128  # matte level (of 255) from which a pixel belongs to the person
FEWEST_POINTS = 3  # of a frame in which a person counts as found: two points are a line, not a person
MASK_FACTOR = 1.25  # by which the training data of the released code enlarge boxes of masks
_BATCH = 64  # bodies at once


def boxes_from_keypoints(points: Floats) -> Floats:
    """Extent of the points that were found.

    Parameters
    ----------
    points: (T, J, 3) x, y in pixels and confidence; points of confidence 0 were not found.

    Returns
    -------
    (T, 4) float32 ``x0, x1, y0, y1``; NaN where fewer than 3 points were found or they lie on a line along
    an axis.
    """
    boxes = np.full((len(points), 4), np.nan, np.float32)
    for row, frame in enumerate(points):
        found = frame[frame[:, 2] > 0, :2]
        if len(found) >= FEWEST_POINTS and (np.ptp(found, axis=0) > 0).all():
            low, high = found.min(0), found.max(0)
            boxes[row] = low[0], high[0], low[1], high[1]
    return boxes


def boxes_from_mattes(mattes: NDArray[np.uint8], inside: int = INSIDE) -> Floats:
    """Extent of the pixels at or above ``inside``.

    Parameters
    ----------
    mattes: (N, H, W) uint8, 255 = person.

    Returns
    -------
    (N, 4) float32 ``x0, x1, y0, y1``, half open: ``mattes[n, y0:y1, x0:x1]`` holds the person; NaN where
    nobody stands.
    """
    boxes = np.full((len(mattes), 4), np.nan, np.float32)
    for row, matte in enumerate(mattes):
        person = matte >= inside
        columns, rows = np.flatnonzero(person.any(0)), np.flatnonzero(person.any(1))
        if len(rows):
            boxes[row] = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return boxes


def boxes_from_bodies(body: BodyModel, betas: Floats, poses: Floats, cams: Floats, side: int) -> Floats:
    """Extent of posed bodies.

    Parameters
    ----------
    betas: (10,); poses: (T, 72); cams: (T, 3) with the square frame as [-1, 1].
    side: of the square frames, pixels.

    Returns
    -------
    (T, 4) float32 ``x0, x1, y0, y1``; may reach beyond the frame.
    """
    found = [np.zeros((0, 4), np.float32)]
    for first in range(0, len(poses), _BATCH):
        rows = slice(first, first + _BATCH)
        vertices = body.pose(torch.from_numpy(betas), torch.from_numpy(poses[rows])).vertices
        image = project(vertices, torch.from_numpy(cams[rows]))[..., :2]
        low, high = ((edge.cpu().numpy() + 1.0) / 2.0 * side for edge in (image.amin(1), image.amax(1)))
        found.append(np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1).astype(np.float32))
    return np.concatenate(found)


def union_box(boxes: Floats, where: str = "boxes") -> Floats:
    """The smallest box (4,) around all ``boxes`` (T, 4); rows of NaN do not count.

    Raises UserError naming ``where`` when nobody was found in any frame.
    """
    found = boxes[np.isfinite(boxes).all(1)]
    if not len(found):
        raise UserError("shows nobody in any frame", where=where, expected="a person in a frame at least")
    low, high = found.min(0), found.max(0)
    return np.array([low[0], high[1], low[2], high[3]], np.float32)


def filled_boxes(boxes: Floats, where: str = "boxes") -> Floats:
    """``boxes`` (T, 4) with every row of NaN replaced by the box of the nearest frame that has one (the
    earlier of two).

    Raises UserError naming ``where`` when nobody was found in any frame.
    """
    union_box(boxes, where)
    there = np.flatnonzero(np.isfinite(boxes).all(1))
    frames = np.arange(len(boxes))
    after = np.searchsorted(there, frames).clip(max=len(there) - 1)
    before = (after - (there[after] > frames)).clip(min=0)
    nearer = np.where(np.abs(there[before] - frames) <= np.abs(there[after] - frames), before, after)
    return boxes[there[nearer]]


def enlarged_mask_boxes(
    masks: NDArray[np.uint8], factor: float = MASK_FACTOR
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Boxes of masks as the released training data make them.

    Parameters
    ----------
    masks: (N, H, W), 0 = background.
    factor: of the extent (largest index, not plus one) about its centre, which is rounded down.

    Returns
    -------
    boxes (N, 4) int64 ``x0, x1, y0, y1``, truncated and clipped to the frame, and valid (N,) bool: where a
    mask is empty or has no extent, the box is the whole frame and not valid.
    """
    height, width = masks.shape[1:]
    boxes = np.tile(np.array([0, width, 0, height], np.int64), (len(masks), 1))
    valid = np.zeros(len(masks), np.bool_)
    for row, mask in enumerate(masks):
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if not len(rows) or columns[0] == columns[-1] or rows[0] == rows[-1]:
            continue
        valid[row] = True
        for place, (line, limit) in enumerate(((columns, width), (rows, height))):
            centre, half = (line[0] + line[-1]) // 2, (line[-1] - line[0]) * factor / 2.0
            boxes[row, 2 * place] = max(0, int(centre - half))
            boxes[row, 2 * place + 1] = min(limit, int(centre + half))
    return boxes, valid
