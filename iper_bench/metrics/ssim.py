"""Structural similarity of one pair of frames.

From: Wang et al. 2004. `ssim` uses the settings that match that paper (Gaussian window, population
covariance, interior only); `ssim_paper` is scikit-image 0.16.2's ``structural_similarity`` as the official
evaluator calls it (uniform 7x7 window, sample covariance, images in [-1, 1]).
Must agree with: ``ssim_psnr.npz``, `paper` to 1e-12, `standard` to 1e-6. Window sums come from OpenCV's
filters in float64 (``benchmarks/ssim.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable

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
Means = Callable[[Planes, float], npt.NDArray[np.float64]]  # windowed means of planes, plus a constant


def _grey_levels(frame: npt.NDArray[np.uint8]) -> Planes:
    """Over their range they are what [0, 1] over 1 is; they and their products are exact in float32."""
    return frame.astype(np.float32)


def _signed(frame: npt.NDArray[np.uint8]) -> Planes:
    """The float32 rounding of the steps to [-1, 1] is part of the definition."""
    return signed_unit(frame).astype(np.float64)


VALUES: dict[str, tuple[Callable[[npt.NDArray[np.uint8]], Planes], float]] = {
    "unit": (_grey_levels, GREY_RANGE),
    "signed": (_signed, PAPER_RANGE),
}


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
    radius, share, means = _window(window)
    _check(prediction, truth, radius)
    if values not in VALUES:
        raise ValueError(f"no values are called {values!r}")
    convert, data_range = VALUES[values]
    # of a weighted window the unbiased factor is 1 / (1 - sum of squared weights); 49 / 48 for a uniform 7x7
    scales = {"population": 1.0, "sample": 1 / (1 - share)}
    if covariance not in scales:
        raise ValueError(f"no covariance is called {covariance!r}")
    # the factor and that of 2 before covariances leave the windows' arithmetic for the constants
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2 / scales[covariance]
    height, sums, count = len(truth), [], 0
    # strip by strip: what a strip needs stays in the processor's cache
    for start in range(radius, height - radius, STRIP):
        rows = slice(start - radius, min(start + STRIP, height - radius) + radius)
        quarters = _quarters(convert(prediction[rows]), convert(truth[rows]), radius, means, c1, c2)
        sums.append(float(quarters.sum()))
        count += quarters.size
    return 4 * math.fsum(sums) / count


def _window(name: str) -> tuple[int, float, Means]:
    """Radius, sum of squared weights, and windowed means of a window."""
    if name == "uniform-7":
        side = 2 * PAPER_RADIUS + 1

        def uniform(values: Planes, added: float) -> npt.NDArray[np.float64]:
            means = np.asarray(cv2.boxFilter(values, cv2.CV_64F, (side, side)), dtype=np.float64)
            return means + added if added else means

        return PAPER_RADIUS, 1 / side**2, uniform
    if name != "gaussian-11":
        raise ValueError(f"no window is called {name!r}")
    taps = np.exp(-0.5 * np.square(np.arange(-RADIUS, RADIUS + 1) / SIGMA))
    taps /= taps.sum()

    def gaussian(values: Planes, added: float) -> npt.NDArray[np.float64]:
        means = cv2.sepFilter2D(values, cv2.CV_64F, taps, taps, delta=added)
        return np.asarray(means, dtype=np.float64)

    return RADIUS, float(np.square(np.outer(taps, taps)).sum()), gaussian


def _check(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], radius: int) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(f"frames of shape {prediction.shape} and {truth.shape} cannot be compared")
    if min(prediction.shape[:2]) < 2 * radius + 1:
        side = 2 * radius + 1
        raise UndefinedError(f"SSIM is undefined for frames smaller than {side}x{side}: {prediction.shape}")


def _quarters(
    x: Planes, y: Planes, radius: int, means: Means, c1: float, c2: float
) -> npt.NDArray[np.float64]:
    """A quarter of the similarity of the rows whose windows lie inside: its two factors of 2 are left out.

    In place, for half of the time is memory.
    """

    def windowed(values: Planes, added: float = 0.0) -> npt.NDArray[np.float64]:
        # the border is cut, so the kind of border never enters
        return means(values, added)[radius:-radius, radius:-radius]

    squares, mean_y = windowed(x), windowed(y)
    covariance, variances = windowed(x * y, c2 / 2), windowed(x * x + y * y, c2)
    product = squares * mean_y
    squares *= squares
    mean_y *= mean_y
    squares += mean_y
    covariance -= product
    variances -= squares
    product += c1 / 2
    squares += c1
    product *= covariance
    squares *= variances
    product /= squares
    return product
