"""Peak signal-to-noise ratio of one pair of frames, in dB.

From: the `paper` form is scikit-image 0.16.2's ``compare_psnr`` as called by the official evaluator
(``his_evaluators/metrics/psnr.py``); the `standard` form is the usual 8-bit definition.
Must agree with: ``ssim_psnr.npz`` to 1e-9 dB. Differs from nothing: the paper form keeps the evaluator's
range switch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PEAK = 255.0  # 8-bit images
FULL_RANGE = 2.0  # float images in [-1, 1]
FIRST_NOT_NEGATIVE = 128  # the first grey level that is not below 0 on [-1, 1]
HALF_RANGE = 1.0  # skimage 0.16.2 takes [0, 1] when the reference has no negative value


def mean_squared_error(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """Mean squared difference of two uint8 arrays of one shape, in grey levels squared, by an exact integer
    sum.

    Raises ValueError when the shapes differ or are empty.
    """
    if prediction.shape != truth.shape or prediction.size == 0:
        raise ValueError(f"frames of shape {prediction.shape} and {truth.shape} cannot be compared")
    difference = prediction.astype(np.int32) - truth
    return int(np.einsum("i,i->", difference.ravel(), difference.ravel(), dtype=np.int64)) / difference.size


def psnr_of_error(error: float) -> float:
    """PSNR in dB of a mean squared error in grey levels squared; +inf for 0."""
    return float("inf") if error == 0 else float(10 * np.log10(PEAK**2 / error))


def psnr(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """PSNR of two uint8 (H, W, 3) frames with peak 255; +inf for identical frames."""
    return psnr_by(prediction, truth, arithmetic="exact", data_range="255")


def signed_unit(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 to float32 in [-1, 1] by the evaluator's steps; the float32 rounding is part of the
    definition.
    """
    unit = frame.astype(np.float32) / np.float32(255)
    return unit * np.float32(2) - np.float32(1)


def psnr_paper(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    """PSNR on float32 [-1, 1] with skimage 0.16.2's range: 2, but 1 when the truth has no value below 128."""
    return psnr_by(prediction, truth, arithmetic="float32-signed", data_range="skimage-0.16")


def psnr_by(
    prediction: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.uint8],
    *,
    arithmetic: str,
    data_range: str,
) -> float:
    """PSNR of two uint8 arrays of one shape by the choices of those names in ``kinds.PSNR``.

    ``uint8-wrap`` is an error kept on purpose: differences of uint8 arrays wrap around at 0, and so do their
    squares at 256 (Wangt-CN/DisCo#86). Raises ValueError for other shapes or choices.
    """
    if prediction.shape != truth.shape or prediction.size == 0:
        raise ValueError(f"frames of shape {prediction.shape} and {truth.shape} cannot be compared")
    if data_range not in ("255", "skimage-0.16"):
        raise ValueError(f"no range is called {data_range!r}")
    halved = data_range == "skimage-0.16" and int(truth.min()) >= FIRST_NOT_NEGATIVE
    if arithmetic == "float32-signed":
        difference = signed_unit(truth) - signed_unit(prediction)
        error = float(np.mean(np.square(difference), dtype=np.float64))
        peak = HALF_RANGE if halved else FULL_RANGE
        return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
    if arithmetic == "exact":
        error = mean_squared_error(prediction, truth)
    elif arithmetic == "uint8-wrap":
        error = float(np.mean(np.square(prediction - truth), dtype=np.float64))
    else:
        raise ValueError(f"no arithmetic is called {arithmetic!r}")
    peak = PEAK / 2 if halved else PEAK
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))
