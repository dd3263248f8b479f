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
MOST_ENTRIES = 10_000**2  # of whole kernels, 0.8 GB in float64


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
    # whole kernels once cost (n + m)^2 / 2, the subsets' own 2 size^2 each
    whole = (len(ours) + len(theirs)) ** 2 <= min(4 * subsets * size**2, MOST_ENTRIES)
    if not whole:
        return float(np.mean([_squared_mmd(ours[rows], theirs[columns]) for rows, columns in drawn]))
    within_ours, within_theirs, across = _kernel(ours, ours), _kernel(theirs, theirs), _kernel(ours, theirs)
    return float(
        np.mean(
            [
                _of_kernels(
                    within_ours[np.ix_(rows, rows)],
                    within_theirs[np.ix_(columns, columns)],
                    across[np.ix_(rows, columns)],
                )
                for rows, columns in drawn
            ]
        )
    )


def _squared_mmd(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    return _of_kernels(_kernel(x, x), _kernel(y, y), _kernel(x, y))


def _kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((a @ b.T / a.shape[1] + COEFFICIENT) ** DEGREE)


def _of_kernels(
    inner_x: npt.NDArray[np.float64], inner_y: npt.NDArray[np.float64], across: npt.NDArray[np.float64]
) -> float:
    count = len(inner_x)
    within = (inner_x.sum() - np.trace(inner_x) + inner_y.sum() - np.trace(inner_y)) / (count * (count - 1))
    return float(within - 2 * across.mean())
