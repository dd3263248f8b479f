"""Kernel (Inception) distance: the unbiased maximum mean discrepancy with the cubic polynomial kernel.

From: Binkowski et al. 2018; settings of torch-fidelity and clean-fid (degree 3, gamma 1/d, coefficient 1, 100
subsets of min(n, 1000)), with a fixed seed. Recommended beside FID below a few thousand frames because its
estimate is unbiased.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError

SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020  # torch-fidelity's defaults
DEGREE, COEFFICIENT = 3, 1.0
BLOCK = 1024  # rows of a kernel at a time

Matrix = npt.NDArray[np.float64]


def kernel_distance(
    prediction: npt.NDArray[np.floating],
    reference: npt.NDArray[np.floating],
    *,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = SEED,
) -> float:
    """Mean over random subsets of the unbiased squared MMD of (n1, d) and (n2, d) features; may be slightly
    negative.

    Raises UndefinedError for fewer than two samples on a side.
    """
    size = min(len(prediction), len(reference), subset_size)
    if size < 2:
        raise UndefinedError(
            f"{len(prediction)} predictions and {len(reference)} references; the estimate needs 2 each"
        )
    ours = np.asarray(prediction, dtype=np.float64)
    theirs = np.asarray(reference, dtype=np.float64)
    if len(ours) == size and len(theirs) == size:
        # every subset would be the whole set
        return _squared_mmd(ours, theirs)
    generator = np.random.default_rng(seed)
    drawn = [
        (
            generator.choice(len(ours), size, replace=False),
            generator.choice(len(theirs), size, replace=False),
        )
        for _ in range(subsets)
    ]
    # kernels of all samples, once, take fewer products than those of the subsets up to some thousand samples
    if (len(ours) + len(theirs)) ** 2 > 4 * subsets * size**2:
        return float(np.mean([_squared_mmd(ours[rows], theirs[columns]) for rows, columns in drawn]))
    members1, members2 = np.zeros((subsets, len(ours))), np.zeros((subsets, len(theirs)))
    for subset, (rows, columns) in enumerate(drawn):
        members1[subset, rows] = 1
        members2[subset, columns] = 1
    return float(_of_members(ours, theirs, members1, members2, size).mean())


def _squared_mmd(x: Matrix, y: Matrix) -> float:
    """Of two sets of one size."""
    everyone = np.ones((1, len(x)))
    return float(_of_members(x, y, everyone, everyone, len(x))[0])


def _of_members(x: Matrix, y: Matrix, members1: Matrix, members2: Matrix, size: int) -> Matrix:
    """Squared MMD of each of S subsets of ``size`` samples, which the ones of (S, n) and (S, m) name: sums of
    kernel values as products with these.
    """
    within = _sums_within(x, members1) + _sums_within(y, members2)
    across = np.zeros(len(members1))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        across += np.einsum("sm,sm->s", members1[:, rows] @ _kernel(x[rows], y), members2)
    return np.asarray(within / (size * (size - 1)) - 2 * across / size**2)


def _sums_within(x: Matrix, members: Matrix) -> Matrix:
    """Sum over ordered pairs of different members per subset; half of the symmetric kernel is computed."""
    sums = np.zeros(len(members))
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        kernel = _kernel(x[rows], x[start:])
        np.fill_diagonal(kernel, 0)
        kernel[:, BLOCK:] *= 2
        sums += np.einsum("sn,sn->s", members[:, rows] @ kernel, members[:, start:])
    return sums


def _kernel(a: Matrix, b: Matrix) -> Matrix:
    """(x y / d + 1)^3."""
    base = a @ b.T
    base /= a.shape[1]
    base += COEFFICIENT
    # by products: a power of floats takes ten times as long
    power = base.copy()
    for _ in range(DEGREE - 1):
        power *= base
    return np.asarray(power)
