"""Frechet distance between the Gaussians fitted to two feature sets: FID, Body-FD, Face-FD.

From: Heusel et al. 2017; the exact form by singular values of the centred factors. With A = (X - mean) /
sqrt(n - 1), S = A^T A, the non-zero eigenvalues of S1 S2 are the squared singular values of A1 A2^T, hence tr
(S1 S2)^(1/2) is their sum. No covariance matrix, no complex root, no epsilon; n1 and n2 may differ and may be
smaller than d.
Must agree with: ``frechet.npz``, exact to 1e-10 relative; the official sqrtm route to 2e-7 relative (its own
error).
Differs: empty and one-sample sets have no value; the evaluator reports 0 and finite nonsense.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError

MINIMUM_SAMPLES = 2  # a covariance needs two


def frechet_distance(prediction: npt.NDArray[np.floating], reference: npt.NDArray[np.floating]) -> float:
    """Squared Frechet distance of two sets of shape (n1, d) and (n2, d), in float64.

    Raises UndefinedError for fewer than two samples on a side, ValueError for different d or non-finite
    features.
    """
    for side, features in (("prediction", prediction), ("reference", reference)):
        if len(features) < MINIMUM_SAMPLES:
            raise UndefinedError(f"{len(features)} {side} samples; a Gaussian fit needs {MINIMUM_SAMPLES}")
        if not np.isfinite(features).all():
            raise ValueError(f"the {side} features hold values that are not finite")
    if prediction.shape[1] != reference.shape[1]:
        raise ValueError(f"features of {prediction.shape[1]} and {reference.shape[1]} dimensions")
    mean1, factor1 = _centred_factor(prediction)
    mean2, factor2 = _centred_factor(reference)
    shared = np.linalg.svd(factor1 @ factor2.T, compute_uv=False).sum()
    traces = np.square(factor1).sum() + np.square(factor2).sum()
    return max(0.0, float(np.square(mean1 - mean2).sum() + traces - 2 * shared))


def frechet_of_gaussians(
    mean1: npt.NDArray[np.floating],
    covariance1: npt.NDArray[np.floating],
    mean2: npt.NDArray[np.floating],
    covariance2: npt.NDArray[np.floating],
) -> float:
    """The same from means (d,) and covariances (d, d), by the symmetric eigen form, for stored statistics."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.asarray(covariance1, dtype=np.float64)))
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    second = np.atleast_2d(np.asarray(covariance2, dtype=np.float64))
    inner = np.linalg.eigvalsh(root @ second @ root)
    shared = np.sqrt(inner.clip(min=0)).sum()
    difference = np.atleast_1d(np.asarray(mean1, dtype=np.float64) - np.asarray(mean2, dtype=np.float64))
    return max(0.0, float(np.square(difference).sum() + values.sum() + np.trace(second) - 2 * shared))


def _centred_factor(
    features: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (d,) and a factor A of at most d rows with A^T A = covariance (divisor n - 1)."""
    wide = np.asarray(features, dtype=np.float64)
    mean = wide.mean(axis=0)
    factor = (wide - mean) / np.sqrt(len(wide) - 1)
    if factor.shape[0] > factor.shape[1]:
        # R of A = QR has the same R^T R and is no larger than d x d
        factor = np.linalg.qr(factor, mode="r")
    return mean, factor
