"""Temporal metrics on the distances of consecutive frames.

A video flickers when its frames differ by more than its motion: the distance of each predicted frame to the
one before it holds both. The truth moves alike, so the difference of the two (``flicker_excess``) and their
ratio (``flicker_ratio``) leave the flicker. Below 0, or below 1, the prediction moves too little.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError

Distances = npt.NDArray[np.float64]


def flicker(prediction: Distances) -> float:
    """Mean of (n,) distances of consecutive frames. Raises UndefinedError for none."""
    if len(prediction) == 0:
        raise UndefinedError("one frame has none before it")
    return math.fsum(prediction) / len(prediction)


def flicker_excess(prediction: Distances, truth: Distances) -> float:
    """Mean over frames of the prediction's distance minus the truth's.

    Raises UndefinedError for none, ValueError for different lengths.
    """
    if len(prediction) != len(truth):
        raise ValueError(f"{len(prediction)} distances of predictions and {len(truth)} of truths")
    return flicker(np.asarray(prediction, dtype=np.float64) - truth)


def flicker_ratio(prediction: Distances, truth: Distances) -> float:
    """Mean distance of the predictions over that of the truth.

    Raises UndefinedError for none and for a truth that does not move.
    """
    still = flicker(truth)
    if still == 0:
        raise UndefinedError("the truth does not move: no ratio")
    return flicker(prediction) / still
