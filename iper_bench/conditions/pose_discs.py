"""Solid discs at keypoints and the mask of a stick figure.

From: Pose Guided Person Image Generation (Ma et al., NIPS 2017): one map per keypoint with a disc of radius 4
at 256 pixels, and the mask of discs along the limbs, closed, that weights its loss. Must agree with the
``pg2_pose`` oracles exactly. Coordinates are truncated towards zero, so a point up to one pixel outside the
left or upper border falls on pixel 0, as in the original.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.flow.morphology import dilate, erode

LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (1, 16), (1, 17), (8, 11), (11, 5), (8, 2), (16, 17),
)  # fmt: skip
"""Pairs of the 18 keypoints in OpenPose's order, counted from 0 (the original's list, 1-based there)."""
KEYPOINTS = 18
CLOSING = 5  # side of the square that closes the mask, pixels at 256
_FAR = 1e6  # pixels: what lies farther outside is put there, so that it fits an integer
_MOST_STAMPS = 1 << 15  # along one limb: more than cross any image


def disc_offsets(radius: int) -> NDArray[np.int64]:
    """(M, 2) whole-number offsets (row, column) within ``radius``: 49 for 4. Raises ValueError below 0."""
    if radius < 0:
        raise ValueError(f"radius {radius}; expected 0 or more")
    span = np.arange(-radius, radius + 1)
    rows, columns = np.meshgrid(span, span, indexing="ij")
    inside = rows**2 + columns**2 <= radius**2
    return np.stack([rows[inside], columns[inside]], 1).astype(np.int64)


def pose_discs(points: NDArray[np.floating], size: tuple[int, int], radius: int) -> NDArray[np.uint8]:
    """One map per keypoint, 1 in its disc.

    Parameters
    ----------
    points: (..., K, 2) x, y in pixels; NaN = missing, which gives an empty map.
    size: (height, width). radius: of the discs, pixels.

    Returns
    -------
    (..., K, height, width) uint8 of 0 and 1, cut at the border.
    """
    flat = np.asarray(points, np.float64).reshape(-1, 2)
    maps = np.zeros((len(flat), *size), np.uint8)
    present = np.flatnonzero(np.isfinite(flat).all(1))
    _stamp(maps, present, flat[present], radius)
    return maps.reshape(*np.shape(points)[:-1], *size)


def limb_mask(
    points: NDArray[np.floating], size: tuple[int, int], radius: int, closing: int = CLOSING
) -> NDArray[np.uint8]:
    """The mask of a stick figure: discs at the ends of every limb and along it, closed with a square.

    Parameters
    ----------
    points: (..., 18, 2) x, y in pixels, OpenPose's order; a limb with a missing (NaN) end is left out.
    size: (height, width). radius: of the discs. closing: odd side of the square, pixels; outside the image
        counts as 0 for the dilation and as 1 for the erosion.

    Returns
    -------
    (..., height, width) uint8 of 0 and 1.

    Raises
    ------
    ValueError for another number of keypoints, or an even ``closing``.
    """
    if np.shape(points)[-2:] != (KEYPOINTS, 2):
        raise ValueError(f"keypoints of shape {np.shape(points)}; expected (..., {KEYPOINTS}, 2)")
    figures = np.asarray(points, np.float64).reshape(-1, KEYPOINTS, 2)
    masks = np.zeros((len(figures), *size), np.uint8)
    for place, figure in enumerate(figures):
        stamps = np.concatenate([_along(figure[first], figure[last], radius) for first, last in LIMBS])
        _stamp(masks, np.full(len(stamps), place), stamps, radius)
    if len(masks):
        drawn = torch.from_numpy(masks)[:, None].float()
        masks = erode(dilate(drawn, closing), closing)[:, 0].to(torch.uint8).numpy()
    return masks.reshape(*np.shape(points)[:-2], *size)


def _along(first: NDArray[np.float64], last: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """(M, 2) where a limb is stamped: both ends, and points about one radius apart between them."""
    if not (np.isfinite(first).all() and np.isfinite(last).all()):
        return np.zeros((0, 2))
    parts = min(int(np.hypot(*(last - first)) / max(radius, 1)), _MOST_STAMPS)
    share = np.arange(1, parts) / max(parts, 1)
    return np.concatenate([first[None], last[None], first + (last - first) * share[:, None]])


def _stamp(
    maps: NDArray[np.uint8], places: NDArray[np.int64], centres: NDArray[np.float64], radius: int
) -> None:
    """Set the disc around centre k (x, y) in map ``places[k]``, in place."""
    height, width = maps.shape[1:]
    whole = np.trunc(np.clip(centres, -_FAR, _FAR)).astype(np.int64)
    offsets = disc_offsets(radius)
    rows = whole[:, None, 1] + offsets[None, :, 0]
    columns = whole[:, None, 0] + offsets[None, :, 1]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    place = np.broadcast_to(places[:, None], inside.shape)
    maps[place[inside], rows[inside], columns[inside]] = 1
