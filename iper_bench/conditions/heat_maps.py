"""One map per keypoint: a Gaussian bell of height 1 around it.

From: the keypoint maps of PATB (``cords_to_map``) and DSC (``cords_to_map``), which are the same rule. Pixel
grid at whole numbers. Must agree with the ``patb_heatmaps`` and ``dsc_geometry`` oracles to 1e-6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def gaussian_maps(points_xy: ArrayLike, size: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """exp(-d^2 / (2 sigma^2)) at every pixel, d = distance to the point.

    Parameters
    ----------
    points_xy: (..., K, 2) x, y in pixels; NaN = missing, whose map is zero. size: (height, width).
    sigma: pixels.

    Returns
    -------
    (..., K, height, width) float32 in [0, 1]. The bell is not cut: outside points give its flank.

    Raises
    ------
    ValueError for points of another shape or a sigma that is not positive.
    """
    points = np.asarray(points_xy, dtype=np.float64)
    if points.ndim < 2 or points.shape[-1] != 2 or not sigma > 0:
        raise ValueError(f"points {points.shape}, sigma {sigma}; expected (..., K, 2) and more than 0")
    height, width = size
    # the bell is a product of one along x and one along y
    across, down = (
        np.exp(-np.square(np.arange(length) - points[..., axis, None]) / (2.0 * sigma**2))
        for axis, length in ((0, width), (1, height))
    )
    maps = down[..., :, None] * across[..., None, :]
    return np.nan_to_num(maps, nan=0.0).astype(np.float32)


def one_pixel_maps(points_xy: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """1 at the pixel of a point that lies on whole numbers inside the image, 0 elsewhere: what is left of
    :func:`gaussian_maps` in the whole numbers of 8 bits that PATB's DeepFashion tool keeps.
    """
    return np.floor(gaussian_maps(points_xy, size, 0.5)).astype(np.float32)
