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
    values = [
        _squared_mmd(
            ours[generator.choice(len(ours), size, replace=False)],
            theirs[generator.choice(len(theirs), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return float(np.mean(values))


def _squared_mmd(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    count, dimensions = x.shape

    def kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((a @ b.T / dimensions + COEFFICIENT) ** DEGREE)

    inner_x, inner_y = kernel(x, x), kernel(y, y)
    within = (inner_x.sum() - np.trace(inner_x) + inner_y.sum() - np.trace(inner_y)) / (count * (count - 1))
    return float(within - 2 * kernel(x, y).mean())
