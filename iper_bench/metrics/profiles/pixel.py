"""Pixel metrics and set metrics as profiles define them, with their texts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.averages import PAPER_AVERAGE
from iper_bench.metrics.kernel_distance import SEED, SUBSET_SIZE, SUBSETS
from iper_bench.metrics.profiles.profile import Definition, PairFunction
from iper_bench.metrics.psnr import psnr, psnr_paper
from iper_bench.metrics.ssim import ssim, ssim_paper

NATIVE_FRAME = "uint8 RGB at native size"
STANDARD_PIXEL: Mapping[str, tuple[PairFunction, Definition]] = {
    "PSNR": (
        psnr,
        {"value": "8 bit, peak 255, exact integer mean squared error; identical frames are left out"},
    ),
    "SSIM": (
        ssim,
        {
            "value": "RGB on [0, 1], Gaussian window sigma 1.5, 11 taps, K 0.01 and 0.03, population"
            " covariance, border of 5"
            " cut, mean over channels"
        },
    ),
}
PAPER_PIXEL: Mapping[str, tuple[PairFunction, Definition]] = {
    "PSNR": (
        psnr_paper,
        {
            "value": "float32 on [-1, 1], range 2, but 1 where the truth has no value below 128",
            "average": PAPER_AVERAGE,
        },
    ),
    "SSIM": (
        ssim_paper,
        {
            "value": "RGB on [-1, 1], uniform window 7x7, K 0.01 and 0.03, range 2, sample covariance,"
            " border of 3 cut, mean over channels",
            "average": PAPER_AVERAGE,
        },
    ),
}
FRECHET_TEXT: Definition = {
    "value": "Frechet distance of Gaussian fits (covariance divisor n - 1) over all units of a method,"
    " float64, exact"
}
KERNEL_TEXT: Definition = {
    "value": f"unbiased squared MMD, kernel (xy/d + 1)^3, {SUBSETS} subsets of min(n, {SUBSET_SIZE}),"
    f" seed {SEED}"
}


def native(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The frame as it is."""
    return frame
