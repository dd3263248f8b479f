"""Inception score: exp of the mean divergence of class distributions from their mean.

From: Salimans et al. 2016. The official evaluator applies the softmax to the 2048 pooled features instead of
the class logits, over one split, which bounds the score near 1.0 to 1.5 in practice (`paper`). `standard`
uses the unbiased logits of the FID graph with torch-fidelity's 10 splits after a shuffle with seed 2020.
Must agree with: ``inception_score.npz``, 1e-5 relative (`paper` is float32 there), 1e-9 (`standard`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.metric import UndefinedError

SPLITS, SHUFFLE_SEED = 10, 2020  # torch-fidelity's defaults


def inception_score(logits: npt.NDArray[np.floating]) -> float:
    """Score of one split from (n, classes) logits, in float64. Raises UndefinedError for an empty array."""
    if len(logits) == 0:
        raise UndefinedError("no predictions")
    wide = np.asarray(logits, dtype=np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    log_mean = np.log(p.mean(axis=0, keepdims=True).clip(min=np.finfo(np.float64).tiny))
    return float(np.exp((p * (log_p - log_mean)).sum(axis=1).mean()))


def inception_score_splits(
    logits: npt.NDArray[np.floating], *, splits: int = SPLITS, seed: int = SHUFFLE_SEED
) -> tuple[float, float]:
    """Mean and standard deviation over ``splits`` parts of the shuffled rows.

    Raises UndefinedError for fewer rows than splits.
    """
    count = len(logits)
    if count < splits:
        raise UndefinedError(f"{count} predictions; {splits} splits need as many")
    # the legacy generator is part of torch-fidelity's definition
    shuffled = np.asarray(logits)[np.random.RandomState(seed).permutation(count)]
    scores = [
        inception_score(shuffled[part * count // splits : (part + 1) * count // splits])
        for part in range(splits)
    ]
    return float(np.mean(scores)), float(np.std(scores))
