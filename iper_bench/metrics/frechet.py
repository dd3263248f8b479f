"""Frechet distance between the Gaussians fitted to two feature sets: FID, Body-FD, Face-FD.

From: Heusel et al. 2017, in two exact forms without a complex root or an epsilon. With A = (X - mean) /
sqrt(n - 1), S = A^T A, the non-zero eigenvalues of S1 S2 are the squared singular values of A1 A2^T, hence tr
(S1 S2)^(1/2) is their sum: no covariance matrix, n1 and n2 may differ and be smaller than d. With more
samples than dimensions on both sides the symmetric form tr (S1^(1/2) S2 S1^(1/2))^(1/2) is used; it takes
roots of eigenvalues, which costs half of the digits of those near 0, and gives way where there are any.
Must agree with: ``frechet.npz``, exact to 1e-10 relative; the official sqrtm route to 2e-7 relative (its own
error).
Differs: empty and one-sample sets have no value; the evaluator reports 0 and finite nonsense.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg

from iper_bench.metrics.metric import UndefinedError

MINIMUM_SAMPLES = 2  # a covariance needs two
# Share of the largest eigenvalue. An eigenvalue is known to 1e-16 of the largest, so its root to 1e-16 / (2 x
# the root of the share) of the largest root: 5e-12 at this share.
SMALLEST_EIGENVALUE = 1e-10


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
    ours, theirs = (np.asarray(features, dtype=np.float64) for features in (prediction, reference))
    mean1, mean2 = ours.mean(axis=0), theirs.mean(axis=0)
    factor1, factor2 = _centred_factor(ours, mean1), _centred_factor(theirs, mean2)
    shared = None
    if min(len(ours), len(theirs)) > ours.shape[1]:
        shared = _shared_of_eigenvalues(factor1, factor2)
    if shared is None:
        shared = _shared_of_factors(factor1, factor2)
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
    features: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A (n, d) with A^T A = covariance (divisor n - 1)."""
    return np.asarray((features - mean) / np.sqrt(len(features) - 1))


def _shared_of_factors(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """tr (S1 S2)^(1/2) as the sum of the singular values of A1 A2^T."""
    # R of A = QR has the same R^T R and is no larger than d x d
    left, right = (
        np.asarray(np.linalg.qr(one, mode="r")) if one.shape[0] > one.shape[1] else one
        for one in (first, second)
    )
    return float(np.linalg.svd(left @ right.T, compute_uv=False).sum())


def _shared_of_eigenvalues(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float | None:
    """The same by two symmetric eigenproblems of size d; ``None`` where an eigenvalue is too near 0 for its
    root to keep its digits.
    """
    values, vectors = scipy.linalg.eigh(first.T @ first, check_finite=False)
    if values[0] < SMALLEST_EIGENVALUE * values[-1]:
        return None
    half = second @ (vectors * np.sqrt(values))
    inner = scipy.linalg.eigh(half.T @ half, eigvals_only=True, check_finite=False)
    if inner[0] < SMALLEST_EIGENVALUE * inner[-1]:
        return None
    return float(np.sqrt(inner).sum())
