"""Numbers of two sets of features by the name of the statistic (``kinds.STATISTICS``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.frechet_curve import frechet_curve
from iper_bench.metrics.inception_score import inception_score, inception_score_splits
from iper_bench.metrics.kernel_distance import kernel_distance

Features = npt.NDArray[np.float32]


def set_value(
    statistic: str, ours: Features, theirs: Features, project: Callable[[Features], Features] | None
) -> tuple[float, str | None]:
    """The number of two sets (n, d) and (m, d), and what is to be said beside it: n, d, and a caution.

    ``project``: from features to class logits, for the inception score. Raises UndefinedError for sets that
    are too small.
    """
    counts = f"{len(ours)} predictions, {len(theirs)} references, {ours.shape[1]} dimensions"
    few = min(len(ours), len(theirs)) <= ours.shape[1]
    if statistic == "frechet":
        caution = "; no more samples than dimensions: biased upwards, compare at equal counts only"
        return frechet_distance(ours, theirs), counts + (caution if few else "")
    if statistic == "frechet-infinity":
        return frechet_curve(ours, theirs).extrapolated, counts
    if statistic == "kernel":
        return kernel_distance(ours, theirs), counts
    if statistic == "softmax of features":
        return inception_score(ours), f"{len(ours)} predictions"
    if statistic == "logits, 10 splits":
        if project is None:
            raise ValueError("this network has no class logits")
        mean, deviation = inception_score_splits(np.asarray(project(ours)))
        return mean, f"{len(ours)} predictions, standard deviation of the splits {deviation:.3g}"
    raise ValueError(f"no statistic is called {statistic!r}")
