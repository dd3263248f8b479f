"""The Frechet distance against the number of frames, extrapolated to infinitely many.

From: Chong and Forsyth 2020 ("Effectively unbiased FID and Inception Score"): the bias of the distance falls
as 1 / n, so that distances of random subsets of growing size lie on a line over 1 / n, and its intercept is
the distance without that bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.metric import UndefinedError

POINTS = 15  # subset sizes; the paper's
SMALLEST_SHARE = 0.1  # of all samples; smaller subsets lie above the line
SMALLEST = 10  # samples; fewer give no line
SEED = 2020

Features = npt.NDArray[np.floating]


@dataclass(frozen=True)
class FrechetCurve:
    """Distances by subset size.

    Attributes
    ----------
    sizes: samples of the smaller side per point. values: distances. extrapolated: intercept over 1 / n.
    slope: of the line over 1 / n.
    """

    sizes: tuple[int, ...]
    values: tuple[float, ...]
    extrapolated: float
    slope: float


def frechet_curve(
    prediction: Features, reference: Features, *, points: int = POINTS, seed: int = SEED
) -> FrechetCurve:
    """The curve of two sets (n, d) and (m, d); both sides are thinned to the same share.

    Raises UndefinedError for fewer than 10 samples on a side, ValueError for fewer than 2 points.
    """
    if points < 2:
        raise ValueError(f"{points} point gives no line")
    count = min(len(prediction), len(reference))
    if count < SMALLEST:
        raise UndefinedError(
            f"{len(prediction)} predictions and {len(reference)} references; the curve needs {SMALLEST} each"
        )
    smallest = max(SMALLEST // 2, round(SMALLEST_SHARE * count))
    sizes = sorted({round(float(size)) for size in np.linspace(smallest, count, points)})
    generator = np.random.default_rng(seed)
    values = []
    for size in sizes:
        parts = []
        for features in (prediction, reference):
            wanted = max(2, round(size / count * len(features)))
            parts.append(features[np.sort(generator.choice(len(features), wanted, replace=False))])
        values.append(frechet_distance(*parts))
    slope, intercept = np.polyfit(1 / np.asarray(sizes, dtype=np.float64), values, 1)
    return FrechetCurve(tuple(sizes), tuple(values), float(intercept), float(slope))
