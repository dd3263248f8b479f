"""How far the joints of an estimated body are from the true ones.

From: the definitions that 3-D pose papers share (HMR, section 4.1; SPIN, section 5): MPJPE, the mean distance
of joints after the pelvis was put in one place; PA-MPJPE, the same after the similarity that brings the
estimate nearest to the truth (Procrustes); the distance of projected joints. Differs: the 24 joints of the
body model, not the 14 of an evaluation set, because that is the truth that datasets of videos have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROOT = 0  # joint that MPJPE puts in one place: the pelvis
MILLIMETRES = 1000.0  # per metre


class Similarity(NamedTuple):
    """Maps of N frames, aligned = ``scale`` ``rotation`` point + ``shift``: scale (N,), rotation (N, 3, 3)
    with determinant 1, shift (N, 3).
    """

    scale: Array
    rotation: Array
    shift: Array

    def apply(self, points: NDArray[np.floating]) -> Array:
        """The images of points (N, J, 3)."""
        turned = np.einsum("nij,nkj->nki", self.rotation, np.asarray(points, np.float64))
        return self.scale[:, None, None] * turned + self.shift[:, None, :]


def mpjpe(found: NDArray[np.floating], truth: NDArray[np.floating]) -> Array:
    """Mean distance of joints relative to the pelvis.

    Parameters
    ----------
    found, truth: (N, J, 3) metres.

    Returns
    -------
    (N,) float64 millimetres, the mean over all J joints (the pelvis counts 0, as is the custom).

    Raises
    ------
    ValueError for shapes that differ or hold no joint.
    """
    ours, theirs = _checked(found, truth)
    return _mean_distance(ours - ours[:, ROOT : ROOT + 1], theirs - theirs[:, ROOT : ROOT + 1])


def pa_mpjpe(found: NDArray[np.floating], truth: NDArray[np.floating]) -> Array:
    """:func:`mpjpe` after :func:`nearest_similarity` in the place of the common pelvis: (N,) millimetres."""
    ours, theirs = _checked(found, truth)
    return _mean_distance(nearest_similarity(ours, theirs).apply(ours), theirs)


def nearest_similarity(found: NDArray[np.floating], truth: NDArray[np.floating]) -> Similarity:
    """The similarities that bring ``found`` (N, J, 3) to ``truth`` with the least sum of squared distances.

    From: Umeyama (1991). A reflection would sometimes come nearer and is no motion of a body: the weakest
    axis is turned back then. Where all points of ``found`` coincide the scale is 1.
    """
    ours, theirs = _checked(found, truth)
    our_mean, their_mean = ours.mean(1), theirs.mean(1)
    our_rest, their_rest = ours - our_mean[:, None], theirs - their_mean[:, None]
    left, strengths, right = np.linalg.svd(np.einsum("nki,nkj->nij", their_rest, our_rest))
    signs = np.ones_like(strengths)
    signs[:, 2] = np.where(np.linalg.det(left) * np.linalg.det(right) < 0, -1.0, 1.0)
    rotation = np.einsum("nij,nj,njk->nik", left, signs, right)
    size = (our_rest**2).sum((1, 2))
    flat = size == 0
    scale = np.where(flat, 1.0, (strengths * signs).sum(1) / np.where(flat, 1.0, size))
    shift = their_mean - scale[:, None] * np.einsum("nij,nj->ni", rotation, our_mean)
    return Similarity(scale, rotation, shift)


def reprojection(
    found: NDArray[np.floating],
    truth: NDArray[np.floating],
    found_cams: NDArray[np.floating],
    true_cams: NDArray[np.floating],
) -> Array:
    """Mean distance of the joints in the image, seen through their weak-perspective cameras.

    Parameters
    ----------
    found, truth: (N, J, 3) metres, y down. found_cams, true_cams: (N, 3) ``[s, tx, ty]`` with the frame as
        [-1, 1].

    Returns
    -------
    (N,) float64 as a share of the frame's side: times the side, pixels.
    """
    ours, theirs = _checked(found, truth)
    images = [
        np.asarray(cams, np.float64)[:, None, :1] * (joints[..., :2] + cams[:, None, 1:])
        for joints, cams in ((ours, found_cams), (theirs, true_cams))
    ]
    return np.asarray(np.linalg.norm(images[0] - images[1], axis=-1).mean(1) / 2.0)


def _mean_distance(ours: Array, theirs: Array) -> Array:
    return np.asarray(np.linalg.norm(ours - theirs, axis=-1).mean(1) * MILLIMETRES)


def _checked(found: NDArray[np.floating], truth: NDArray[np.floating]) -> tuple[Array, Array]:
    if found.shape != truth.shape or found.ndim != 3 or found.shape[1] == 0 or found.shape[2] != 3:
        raise ValueError(f"joints {found.shape} and {truth.shape}; expected the same (N, J, 3), J at least 1")
    return np.asarray(found, np.float64), np.asarray(truth, np.float64)
