"""Soft masks of the limbs in the source image, their log prior, and maps of the joints.

From: Balakrishnan et al., "Synthesizing Images of Humans in Unseen Poses" (CVPR 2018), as the authors'
data_generation.py computes them for 256 pixels; every length scales with the image's side. Must agree with
the ``shup_geometry`` oracles (1e-5). Joints as in :mod:`iper_bench.conditions.limb_transforms`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iper_bench.conditions.limb_transforms import LIMBS

Maps = NDArray[np.float32]

MADE_FOR = 256  # pixels, the side for which the lengths below are meant
JOINT_DEVIATION = 1.75  # of a joint's Gaussian, pixels of the half-size map
ACROSS, ACROSS_TORSO = 11.0, 13.0  # deviations across a limb, pixels
ALONG = 1 / 1.5  # variance along a limb, of its squared length
SHORTEST = 5.0  # the smallest variance along a limb, squared pixels
_PEAK = 1e-6  # added to a mask's maximum before it is divided by it
_FLOOR = 1e-10  # added to the prior before its logarithm
_TORSO = len(LIMBS) - 1


def joint_maps(joints: ArrayLike, size: int, scale: float | None = None) -> Maps:
    """Gaussian maps of the joints at half the image's side, peak 1.

    Parameters
    ----------
    joints: (n, J, 2) x, y in pixels of the image. size: its side, even. scale: of the deviation,
        ``None`` = size / 256.

    Returns
    -------
    (n, J, size / 2, size / 2) float32 in [0, 1]; zero where a joint lies outside 0 < x, y < size / 2 - 1 of
    the map.
    """
    half = size // 2
    points = np.asarray(joints, np.float64) / 2.0
    inside = np.all((points > 0) & (points < half - 1), axis=-1, keepdims=True)
    grid = np.arange(half, dtype=np.float64)
    distance = (grid - points[..., None]) / (JOINT_DEVIATION * _share(size, scale))
    profile = np.exp(-0.5 * distance**2) * inside[..., None]  # (n, J, 2, half)
    maps: Maps = (profile[..., 1, :, None] * profile[..., 0, None, :]).astype(np.float32)
    return maps


def limb_masks(joints: ArrayLike, size: int, scale: float | None = None) -> NDArray[np.float64]:
    """Soft masks of the limbs: Gaussians along and across, with maxima just below 1.

    Parameters
    ----------
    joints: (n, 14, 2) of the source. size: side of its image. scale: of all deviations, ``None`` =
        size / 256.

    Returns
    -------
    (n, 10, size, size) float64 in [0, 1), in the order of
    :data:`~iper_bench.conditions.limb_transforms.LIMBS`. A limb of no length lies along x.
    """
    first, second = _ends(np.asarray(joints, np.float64))
    share = _share(size, scale)
    middle, along = (first + second) / 2.0, second - first
    length = np.linalg.norm(along, axis=-1)
    flat = length == 0
    axis = np.where(flat[..., None], [1.0, 0.0], along / np.where(flat, 1.0, length)[..., None])
    widths = np.full(len(LIMBS), ACROSS**2 * share**2)
    widths[_TORSO] = ACROSS_TORSO**2 * share**2
    lengths = np.maximum(SHORTEST * share**2, ALONG * length**2)
    exponent = _quadratic(middle, axis, lengths, np.broadcast_to(widths, lengths.shape), size)
    masks = np.exp(exponent, out=exponent)
    masks /= masks.max((-1, -2), keepdims=True) + _PEAK
    return masks


def mask_prior(masks: NDArray[np.float64]) -> Maps:
    """Logarithm of background and limb masks, which the network's mask logits are added to.

    Parameters
    ----------
    masks: (n, 10, H, W) of :func:`limb_masks`.

    Returns
    -------
    (n, 11, H, W) float32, about -23 to 0; channel 0 is the background, 1 minus the largest limb.
    """
    background = 1.0 - masks.max(1, keepdims=True)
    prior: Maps = np.log(np.concatenate([background, masks], 1) + _FLOOR).astype(np.float32)
    return prior


def _share(size: int, scale: float | None) -> float:
    return size / MADE_FOR if scale is None else scale


def _ends(joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends (n, 10, 2) of every limb; the torso's are the middles of shoulders and hips."""
    ends = [(joints[:, limb[0]], joints[:, limb[1]]) for limb in LIMBS[:_TORSO]]
    shoulders, hips = LIMBS[_TORSO][:2], LIMBS[_TORSO][2:]
    ends.append((joints[:, shoulders].mean(1), joints[:, hips].mean(1)))
    return np.stack([first for first, _ in ends], 1), np.stack([second for _, second in ends], 1)


def _quadratic(
    middle: NDArray[np.float64],
    axis: NDArray[np.float64],
    lengths: NDArray[np.float64],
    widths: NDArray[np.float64],
    size: int,
) -> NDArray[np.float64]:
    """-u^2 / (2 lengths) - w^2 / (2 widths) at every pixel, a polynomial in x and y: (n, 10, size, size)."""
    grid = np.arange(size, dtype=np.float64)
    x, y = grid - middle[..., :1], grid - middle[..., 1:]  # (n, 10, size)
    c, s = axis[..., 0], axis[..., 1]
    xx, yy = c**2 / lengths + s**2 / widths, s**2 / lengths + c**2 / widths
    xy = c * s * (1.0 / lengths - 1.0 / widths)
    rows, columns = -0.5 * yy[..., None] * y**2, -0.5 * xx[..., None] * x**2
    cross: NDArray[np.float64] = (-xy[..., None] * y)[..., :, None] * x[..., None, :]
    cross += rows[..., :, None]
    cross += columns[..., None, :]
    return cross
