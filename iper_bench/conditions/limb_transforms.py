"""How every limb moved between two poses: one similarity per limb, from the target's pixels to the source's.

From: Balakrishnan et al., "Synthesizing Images of Humans in Unseen Poses" (CVPR 2018), as the authors'
transformations.py computes it. Must agree with the ``shup_geometry`` oracles (1e-8). Differs: joints of no
extent (a limb seen end on) are moved without turning or scaling, where the original's solver returns what its
version happens to.

Joints are (x, y) in pixels in the order of :data:`iper_bench.conditions.keypoints.MPII14`; whole numbers are
the middles of pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]

LIMBS = ((0, 1), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12), (12, 13), (2, 5, 8, 11))
"""Joints of every limb; the last one is the torso."""
OTHER_SIDE = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10)
"""Place of every joint's partner on the other side of the body."""

_NO_EXTENT = 1e-12  # of squared pixels


def similarity(start: Points, end: Points) -> Points:
    """Least-squares rotation, scaling and translation from ``start`` to ``end``, never a reflection.

    Parameters
    ----------
    start, end: (..., k, 2), k >= 2.

    Returns
    -------
    (..., 2, 3) float64: end = M (x, y, 1). Exact for two points; where ``start`` has no extent the shift of
    the means alone.
    """
    from_mean, to_mean = start.mean(-2), end.mean(-2)
    a, b = start - from_mean[..., None, :], end - to_mean[..., None, :]
    extent = (a**2).sum((-1, -2))
    flat = extent < _NO_EXTENT
    extent = np.where(flat, 1.0, extent)
    cosine = np.where(flat, 1.0, (a * b).sum((-1, -2)) / extent)
    sine = np.where(flat, 0.0, (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1) / extent)
    x, y = from_mean[..., 0], from_mean[..., 1]
    rows = [
        [cosine, -sine, to_mean[..., 0] - cosine * x + sine * y],
        [sine, cosine, to_mean[..., 1] - sine * x - cosine * y],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def limb_transforms(source: ArrayLike, target: ArrayLike) -> Points:
    """One similarity per limb that takes pixels of the target to pixels of the source.

    Parameters
    ----------
    source, target: (..., 14, 2) joints.

    Returns
    -------
    (..., 10, 2, 3) float64, in the order of :data:`LIMBS`.
    """
    there, here = np.asarray(source, np.float64), np.asarray(target, np.float64)
    return np.stack([similarity(here[..., limb, :], there[..., limb, :]) for limb in LIMBS], -3)


def moved(points: ArrayLike, matrix: Points) -> Points:
    """Points (..., k, 2) under the affine map (..., 2, 3)."""
    linear, shift = matrix[..., :2], matrix[..., 2]
    return np.asarray(points, np.float64) @ np.swapaxes(linear, -1, -2) + shift[..., None, :]


def chained(first: Points, then: Points) -> Points:
    """The affine map (2, 3) that is ``first``, then ``then``."""
    linear = then[:, :2] @ first[:, :2]
    return np.concatenate([linear, (then[:, :2] @ first[:, 2] + then[:, 2])[:, None]], 1)
