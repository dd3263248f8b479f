"""Structural similarity of one pair of frames.

From: Wang et al. 2004. `ssim` uses the settings that match that paper (Gaussian window, population
covariance, interior only); `ssim_paper` is scikit-image 0.16.2's ``structural_similarity`` as the official
evaluator calls it (uniform 7x7 window, sample covariance, images in [-1, 1]).
Must agree with: ``ssim_psnr.npz``, `paper` to 1e-12, `standard` to 1e-6. Window sums come from OpenCV's
separable filters (``benchmarks/ssim.py``).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.psnr import signed_unit

K1, K2 = 0.01, 0.03  # Wang et al. 2004
SIGMA, RADIUS = 1.5, 5  # Gaussian window of 11 taps
PAPER_RADIUS = 3  # uniform 7x7 window, skimage's default
PAPER_RANGE, GREY_RANGE = 2.0, 255.0
STRIP = 64  # rows at a time

Planes = npt.NDArray[np.floating]


def ssim(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """SSIM of two uint8 (H, W, C) frames on [0, 1], mean over the interior and channels.

    Raises UndefinedError below 11x11.
    """
    return ssim_by(prediction, truth, values="unit", window="gaussian-11", covariance="population")


def ssim_paper(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """SSIM of two uint8 (H, W, C) frames as the official evaluator has it.

    Raises UndefinedError below 7x7.
    """
    return ssim_by(prediction, truth, values="signed", window="uniform-7", covariance="sample")


def ssim_by(
    prediction: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.uint8],
    *,
    values: str,
    window: str,
    covariance: str,
) -> float:
    """SSIM of two uint8 (H, W, C) or (H, W) frames by the choices of those names in ``kinds.SSIM``.

    Raises UndefinedError for frames smaller than the window, ValueError for other shapes or choices.
    """
    taps = _taps(window)
    _check(prediction, truth, len(taps) // 2)
    first: Planes
    second: Planes
    if values == "signed":
        # the float32 rounding of these steps is part of the definition
        first = signed_unit(prediction).astype(np.float64)
        second = signed_unit(truth).astype(np.float64)
        data_range = PAPER_RANGE
    elif values == "unit":
        # grey levels over their range are what [0, 1] over 1 is; they and their products are exact in float32
        first, second = prediction.astype(np.float32), truth.astype(np.float32)
        data_range = GREY_RANGE
    else:
        raise ValueError(f"no values are called {values!r}")
    # of a weighted window the unbiased factor is 1 / (1 - sum of squared weights); 49 / 48 for a uniform 7x7
    share = float(np.square(np.outer(taps, taps)).sum())
    scales = {"population": 1.0, "sample": 1 / (1 - share)}
    if covariance not in scales:
        raise ValueError(f"no covariance is called {covariance!r}")
    return _similarity(first, second, taps, scales[covariance], data_range)


def _taps(window: str) -> npt.NDArray[np.float64]:
    if window == "uniform-7":
        size = 2 * PAPER_RADIUS + 1
        return np.full(size, 1 / size)
    if window != "gaussian-11":
        raise ValueError(f"no window is called {window!r}")
    taps = np.exp(-0.5 * np.square(np.arange(-RADIUS, RADIUS + 1) / SIGMA))
    return np.asarray(taps / taps.sum())


def _check(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], radius: int) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(f"frames of shape {prediction.shape} and {truth.shape} cannot be compared")
    if min(prediction.shape[:2]) < 2 * radius + 1:
        side = 2 * radius + 1
        raise UndefinedError(f"SSIM is undefined for frames smaller than {side}x{side}: {prediction.shape}")


def _similarity(
    x: Planes, y: Planes, taps: npt.NDArray[np.float64], covariance_scale: float, data_range: float
) -> float:
    """The mean over the interior, strip by strip: what a strip needs stays in the processor's cache."""
    radius, height = len(taps) // 2, len(x)
    sums, count = [], 0
    for start in range(radius, height - radius, STRIP):
        stop = min(start + STRIP, height - radius)
        rows = slice(start - radius, stop + radius)
        similarity = _strip(x[rows], y[rows], taps, covariance_scale, data_range)
        sums.append(float(similarity.sum()))
        count += similarity.size
    return math.fsum(sums) / count


def _strip(
    x: Planes, y: Planes, taps: npt.NDArray[np.float64], covariance_scale: float, data_range: float
) -> npt.NDArray[np.float64]:
    """Similarity of the rows whose windows lie inside, computed in place: half of the time is memory."""
    radius = len(taps) // 2

    def windowed(values: Planes) -> npt.NDArray[np.float64]:
        # the border is cut, so the kind of border never enters
        filtered = cv2.sepFilter2D(values, cv2.CV_64F, taps, taps, borderType=cv2.BORDER_REFLECT)
        return np.asarray(filtered, dtype=np.float64)[radius:-radius, radius:-radius]

    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    squares, mean_y = windowed(x), windowed(y)
    covariance, variances = windowed(x * y), windowed(x * x + y * y)
    product = squares * mean_y
    squares *= squares
    mean_y *= mean_y
    squares += mean_y
    covariance -= product
    variances -= squares
    covariance *= 2 * covariance_scale
    covariance += c2
    variances *= covariance_scale
    variances += c2
    product *= 2
    product += c1
    squares += c1
    product *= covariance
    squares *= variances
    product /= squares
    return product
