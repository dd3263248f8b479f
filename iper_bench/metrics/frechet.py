"""Frechet distance between the Gaussians fitted to two feature sets: FID, Body-FD, Face-FD.

From: Heusel et al. 2017, without a complex root or an epsilon. With A = (X - mean) / sqrt(n - 1), S = A^T A,
the non-zero eigenvalues of S1 S2 are the squared singular values of A1 A2^T, hence tr (S1 S2)^(1/2) is their
sum: no covariance matrix, n1 and n2 may differ and be smaller than d. Two other exact forms stand beside it:

* many samples (both sets above d): tr (S1^(1/2) S2 S1^(1/2))^(1/2) by eigenvalues, whose cost hardly grows
  with n. Roots of eigenvalues near 0 lose digits, so it is used only while its own error bound allows.
* nearly equal sets: traces minus twice the sum is a small difference of large numbers. The distance is also
  the least squared distance of A1 to a rotated A2 (Procrustes), a sum of squares that loses nothing.
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
EXACT = 1e-10  # relative error that the eigenvalue form may have
NEARLY_EQUAL = 1e-4  # of the traces; a distance below it would lose 4 of 16 digits to the subtraction
ROUNDING = float(np.finfo(np.float64).eps)

Matrix = npt.NDArray[np.float64]


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
    shift = float(np.square(mean1 - mean2).sum())
    traces = float(np.square(factor1).sum() + np.square(factor2).sum())
    if min(len(ours), len(theirs)) > ours.shape[1]:
        shared, bound = _shared_of_eigenvalues(factor1, factor2)
        value = shift + traces - 2 * shared
        if 2 * bound <= EXACT * value:
            return value
    left, right = _triangle(factor1), _triangle(factor2)
    value = shift + traces - 2 * _shared_of_factors(left, right)
    return value if value > NEARLY_EQUAL * traces else shift + _rotated_difference(left, right)


def frechet_of_gaussians(
    mean1: npt.NDArray[np.floating],
    covariance1: npt.NDArray[np.floating],
    mean2: npt.NDArray[np.floating],
    covariance2: npt.NDArray[np.floating],
) -> float:
    """The same from means (d,) and covariances (d, d), by the symmetric eigen form, for stored statistics.

    About 8 digits are left where a covariance is singular; :func:`frechet_distance` keeps them.
    """
    values, vectors = np.linalg.eigh(np.atleast_2d(np.asarray(covariance1, dtype=np.float64)))
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    second = np.atleast_2d(np.asarray(covariance2, dtype=np.float64))
    inner = np.linalg.eigvalsh(root @ second @ root)
    shared = np.sqrt(inner.clip(min=0)).sum()
    difference = np.atleast_1d(np.asarray(mean1, dtype=np.float64) - np.asarray(mean2, dtype=np.float64))
    return max(0.0, float(np.square(difference).sum() + values.sum() + np.trace(second) - 2 * shared))


def _centred_factor(features: Matrix, mean: Matrix) -> Matrix:
    """A (n, d) with A^T A = covariance (divisor n - 1)."""
    return np.asarray((features - mean) / np.sqrt(len(features) - 1))


def _triangle(factor: Matrix) -> Matrix:
    """No more rows than columns: R of A = QR has the same R^T R = A^T A."""
    return np.asarray(np.linalg.qr(factor, mode="r")) if factor.shape[0] > factor.shape[1] else factor


def _shared_of_factors(left: Matrix, right: Matrix) -> float:
    """tr (S1 S2)^(1/2) as the sum of the singular values of A1 A2^T."""
    return float(np.linalg.svd(left @ right.T, compute_uv=False).sum())


def _rotated_difference(left: Matrix, right: Matrix) -> float:
    """tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) as the least squared distance of A1 and a rotated A2."""
    rows = max(len(left), len(right))
    left, right = (np.pad(one, ((0, rows - len(one)), (0, 0))) for one in (left, right))
    turn1, _, turn2 = np.linalg.svd(left @ right.T)
    return float(np.square(turn1.T @ left - turn2 @ right).sum())


def _shared_of_eigenvalues(first: Matrix, second: Matrix) -> tuple[float, float]:
    """tr (S1 S2)^(1/2) by two symmetric eigenproblems of size d, and a bound of its error.

    An eigenvalue is known to rounding of the largest, its root to that over twice the root. Where this can be
    foretold to be too much, the second problem is left out and the bound infinite.
    """
    hopeless = 0.0, float("inf")
    values, vectors = scipy.linalg.eigh(first.T @ first, check_finite=False)
    # of two sets alike, the eigenvalues of the second problem are the squares of these
    if values[0] <= 0 or ROUNDING * values[-1] ** 2 * (1 / values).sum() > EXACT * values.sum():
        return hopeless
    half = second @ (vectors * np.sqrt(values))
    inner = scipy.linalg.eigh(half.T @ half, eigvals_only=True, check_finite=False)
    if inner[0] <= 0:
        return hopeless
    roots = np.sqrt(inner)
    # seen against 60 digits: the error is 2 to 50 times smaller
    return float(roots.sum()), float(ROUNDING * inner[-1] * (1 / roots).sum())
