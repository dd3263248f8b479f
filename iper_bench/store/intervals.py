"""95 % percentile bootstrap intervals over clips or actors.

What is drawn with replacement is a block: all frames of a clip, or of an actor. Frames of one block resemble
each other and are never counted as independent. The seed is fixed: the same number of blocks draws the same
resamples, so that intervals of two methods on the same clips are comparable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iper_bench.averages import BATCH_RULES, PAPER_BATCH

BOOTSTRAP_SEED = 20201  # any fixed number: the same rows must give the same interval on every machine
RESAMPLES = 2000  # half-width of a 95 % percentile interval is then known to about 3 % of itself
CONFIDENCE = 0.95
#: how the intervals of ``aggregates.json`` came about, as that file says it
INTERVAL_FACTS = {
    "confidence": CONFIDENCE,
    "resamples": RESAMPLES,
    "seed": BOOTSTRAP_SEED,
    "unit": "clip",
    "beside": "actor",
}

Interval = tuple[float | None, float | None]
NO_INTERVAL: Interval = (None, None)


def bootstrap_interval(values: NDArray[np.float64]) -> Interval:
    """Interval of the mean of ``values`` (N,); ``(None, None)`` when N < 2."""
    return group_interval([[float(value)] for value in values])


def group_interval(groups: Sequence[Sequence[float]]) -> Interval:
    """Interval of the mean of all values when whole groups of them are drawn; ``(None, None)`` below two
    groups.

    Groups hold at least one value each.
    """
    if len(groups) < 2:
        return NO_INTERVAL
    drawn = _drawn(len(groups))
    counts = np.array([len(group) for group in groups], dtype=np.float64)
    if (counts == 1).all():
        # no division of sums: the mean of equal values must be that value
        return _ends(np.array([group[0] for group in groups], dtype=np.float64)[drawn].mean(axis=1))
    sums = np.array([math.fsum(group) for group in groups], dtype=np.float64)
    return _ends(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))


def batch_interval(blocks: Sequence[Sequence[float | None]], rule: str) -> Interval:
    """Interval of a rule of batches over frames laid end to end when whole blocks of frames are drawn.

    ``blocks`` in the order of the protocol, in which the drawn ones are laid as well. ``(None, None)`` below
    two blocks, or when no resample has a value.
    """
    if len(blocks) < 2:
        return NO_INTERVAL
    values = batch_means(blocks, rule, np.sort(_drawn(len(blocks)), axis=1))
    values = values[np.isfinite(values)]
    return _ends(values) if len(values) else NO_INTERVAL


def batch_means(
    blocks: Sequence[Sequence[float | None]], rule: str, drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The mean of means of batches for each row of ``drawn`` (R, N), blocks laid end to end: float64 (R,),
    ``nan`` where there is no value.

    Equals ``averages.averaged`` of the concatenation but for the rounding of sums. What a block adds depends
    only on how full the open batch is when it begins: all cases are summed once, then the blocks of all
    resamples are laid side by side.
    """
    empty = BATCH_RULES[rule]
    parts = _Parts.of(blocks, empty)
    count = len(drawn)
    total, batches = np.zeros(count), np.zeros(count)
    open_sum, open_count = np.zeros(count), np.zeros(count)
    fill = np.zeros(count, dtype=np.int64)  # frames in the open batch, with and without a value
    for block in drawn.T:
        case = (block, fill)
        open_sum += parts.head_sum[case]
        open_count += parts.head_count[case]
        closes = fill + parts.frames[block] >= PAPER_BATCH
        mean, there = _batch_mean(open_sum, open_count, empty)
        total += np.where(closes, mean + parts.full_sum[case], 0.0)
        batches += np.where(closes, there + parts.full_count[case], 0.0)
        open_sum = np.where(closes, parts.tail_sum[case], open_sum)
        open_count = np.where(closes, parts.tail_count[case], open_count)
        fill = (fill + parts.frames[block]) % PAPER_BATCH
    mean, there = _batch_mean(open_sum, open_count, empty)
    total += np.where(fill > 0, mean, 0.0)
    batches += np.where(fill > 0, there, 0.0)
    return np.divide(total, batches, out=np.full(count, np.nan), where=batches > 0)


def _batch_mean(
    sums: NDArray[np.float64], counts: NDArray[np.float64], empty: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of each batch, and 1 where it counts as a batch, else 0."""
    filled = counts > 0
    mean = np.divide(sums, counts, out=np.full(len(sums), empty or 0.0), where=filled)
    return mean, np.ones(len(sums)) if empty is not None else filled.astype(np.float64)


@dataclass(frozen=True)
class _Parts:
    """What blocks add to the batches: arrays (blocks, 16) by the frames that lie in the open batch before.

    ``head``: what completes the open batch. ``full``: sum and number of the means of the batches that lie
    wholly within the block. ``tail``: what opens the next batch. ``frames`` (blocks,): their lengths.
    """

    frames: NDArray[np.int64]
    head_sum: NDArray[np.float64]
    head_count: NDArray[np.float64]
    full_sum: NDArray[np.float64]
    full_count: NDArray[np.float64]
    tail_sum: NDArray[np.float64]
    tail_count: NDArray[np.float64]

    @staticmethod
    def of(blocks: Sequence[Sequence[float | None]], empty: float | None) -> _Parts:
        found = np.zeros((6, len(blocks), PAPER_BATCH))
        for index, block in enumerate(blocks):
            there = np.array([value is not None for value in block], dtype=np.float64)
            values = np.array([0.0 if value is None else value for value in block], dtype=np.float64)
            for fill in range(PAPER_BATCH):
                found[:, index, fill] = _case(values, there, PAPER_BATCH - fill, empty)
        frames = np.array([len(block) for block in blocks], dtype=np.int64)
        return _Parts(frames, *found)


def _case(
    values: NDArray[np.float64], there: NDArray[np.float64], room: int, empty: float | None
) -> tuple[float, float, float, float, float, float]:
    """Head, full and tail of a block when ``room`` frames are missing in the open batch."""
    full = max(0, len(values) - room) // PAPER_BATCH
    end = room + full * PAPER_BATCH
    middle = (full, PAPER_BATCH)
    sums = values[room:end].reshape(middle).sum(axis=1)
    means, counted = _batch_mean(sums, there[room:end].reshape(middle).sum(axis=1), empty)
    return (
        *(values[:room].sum(), there[:room].sum()),
        *(means.sum(), counted.sum()),
        *(values[end:].sum(), there[end:].sum()),
    )


def _drawn(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(BOOTSTRAP_SEED).integers(0, count, (RESAMPLES, count))


def _ends(means: NDArray[np.float64]) -> Interval:
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)
