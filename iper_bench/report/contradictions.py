"""Where two metrics contradict each other about two methods: the frames to look at, because one of the two
metrics must be wrong there.

For methods A and B and a metric, ``d`` is the difference A - B of a frame, with its sign turned so that
positive means A is better. ``u = sign(d) rank(|d|) / n`` in -1..1 is the standardised difference: the
mid-rank of ``|d|`` among the n frames at which both methods have a value. Two metrics disagree at a frame
when their ``u`` have opposite signs, by ``min(|u1|, |u2|)`` in 0..1: both must see a large difference, each
by its own measure, whatever its units. The rank correlation of two metrics is that of their ``d`` over frames
(ranks are taken once per metric: Spearman's where both metrics have the same frames).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iper_bench.report.frame_values import Cohort, Values

NEIGHBOURS_APART = 10  # frames of one trial between two that are shown for one question


@dataclass(frozen=True)
class Question:
    """Two methods and two metrics: places in the cohort's methods and in the list of metrics, each rising."""

    a: int
    b: int
    first: int
    second: int


@dataclass(frozen=True)
class Answer:
    """What the frames say.

    Attributes
    ----------
    question: of whom and by what.
    frames: with a value of both metrics for both methods.
    correlation: rank correlation of the two differences over frames, -1..1; ``None`` when one of them does
        not vary.
    opposed: share 0..1 of ``frames`` at which the metrics say opposite things.
    columns: the frames that disagree most, most first; strengths: by how much, 0..1.
    """

    question: Question
    frames: int
    correlation: float | None
    opposed: float
    columns: tuple[int, ...]
    strengths: tuple[float, ...]


def signed_ranks(differences: Values) -> tuple[Values, Values]:
    """Mid-ranks 1..n of (metrics, frames) differences and of their absolute values, with one sorting; ties
    share their mean rank, NaN keeps NaN.
    """
    plain, absolute = np.full(differences.shape, np.nan), np.full(differences.shape, np.nan)
    for line, own in enumerate(differences):
        sizes = np.abs(own)
        places = np.argsort(sizes)[: np.count_nonzero(~np.isnan(own))]
        absolute[line, places] = _shared_ranks(sizes[places])
        ordered = own[places]
        # negative ones rise as their size falls
        rising = (places[ordered < 0][::-1], places[ordered == 0], places[ordered > 0])
        places = np.concatenate(rising)
        plain[line, places] = _shared_ranks(own[places])
    return plain, absolute


def _shared_ranks(ordered: Values) -> Values:
    """Mid-ranks of rising values (n,)."""
    bounds = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [ordered.size]])
    if bounds.size == ordered.size + 1:  # no ties
        return np.arange(1.0, ordered.size + 1)
    return np.repeat((bounds[:-1] + bounds[1:] + 1) / 2.0, np.diff(bounds))


def standardised(differences: Values, sizes: Values) -> Values:
    """``u`` of the module's text from differences (metrics, frames), positive = A better, and the mid-ranks
    of their sizes; NaN stays.
    """
    counts = np.count_nonzero(~np.isnan(differences), axis=-1, keepdims=True)
    return np.asarray(np.sign(differences) * sizes / np.maximum(counts, 1), dtype=np.float64)


def differences_of(values: Values, signs: npt.NDArray[np.float64], a: int, b: int) -> Values:
    """(metrics, frames) A - B, positive = A better, of (metrics, methods, frames); NaN where one is missing,
    0 where both are the same infinity.
    """
    ours, theirs = values[:, a], values[:, b]
    with np.errstate(invalid="ignore"):
        found = (ours - theirs) * signs[:, None]
    found[np.isinf(ours) & (ours == theirs)] = 0.0
    return np.asarray(found, dtype=np.float64)


def correlations(ranks: Values) -> Values:
    """(metrics, metrics) correlation of ranks (metrics, frames) over the frames that two metrics share; NaN
    where one does not vary.
    """
    there = (~np.isnan(ranks)).astype(np.float64)
    filled = np.where(np.isnan(ranks), 0.0, ranks)
    filled -= there * (filled.sum(axis=1) / np.maximum(there.sum(axis=1), 1.0))[:, None]
    shared = np.maximum(there @ there.T, 1.0)
    means = (filled @ there.T) / shared  # of the row's metric over the frames it shares with the column's
    covariance = (filled @ filled.T) / shared - means * means.T
    variance = (filled**2 @ there.T) / shared - means**2
    scale = np.sqrt(np.maximum(variance, 0.0) * np.maximum(variance.T, 0.0))
    flat = scale <= 1e-9 * np.maximum(scale.max(initial=0.0), 1.0)
    found = np.where(flat, np.nan, covariance / np.where(flat, 1.0, scale))
    return np.asarray(np.clip(found, -1.0, 1.0), dtype=np.float64)


def answers(cohort: Cohort, values: Values, higher: Sequence[bool], *, count: int) -> Iterator[Answer]:
    """The answer to every question that the cohort allows: all pairs of its methods by all pairs of metrics,
    with the ``count`` strongest frames, of one trial at least :data:`NEIGHBOURS_APART` apart. Questions
    without a common frame are left out.

    ``values``: (metrics, methods, frames), NaN = none. ``higher``: whether higher is better, per metric.
    """
    signs = np.array([1.0 if up else -1.0 for up in higher])
    for a, b in itertools.combinations(range(len(cohort.methods)), 2):
        differences = differences_of(values, signs, a, b)
        ranks, sizes = signed_ranks(differences)
        u, related = standardised(differences, sizes).astype(np.float32), correlations(ranks)
        there = (~np.isnan(u)).astype(np.float32)
        shared = there @ there.T
        sign = np.nan_to_num(np.sign(u))
        met = np.abs(sign)
        opposed = (met @ met.T - sign @ sign.T) / 2.0
        for first, second in itertools.combinations(range(len(values)), 2):
            frames = int(shared[first, second])
            if frames:
                columns, strengths = _strongest(u[first], u[second], cohort, count)
                correlation = float(related[first, second])
                yield Answer(
                    Question(a, b, first, second),
                    frames,
                    correlation if np.isfinite(correlation) else None,
                    float(opposed[first, second]) / frames,
                    columns,
                    strengths,
                )


def _strongest(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], cohort: Cohort, count: int
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    # opposite signs: the smaller of u1 and -u2, or of -u1 and u2, is positive for one order only
    strength = np.maximum(np.minimum(first, -second), np.minimum(-first, second))
    strength[np.isnan(strength)] = 0.0
    taken: list[int] = []
    reach = (2 * NEIGHBOURS_APART + 1) * count  # so many columns at most are blocked by those that are taken
    least = np.partition(strength, -reach)[-reach] if reach < strength.size else 0.0
    candidates = np.flatnonzero((strength >= least) & (strength > 0))
    held: dict[str, list[int]] = {}
    for column in candidates[np.lexsort((candidates, -strength[candidates]))]:
        if len(taken) >= count:
            break
        trial, number = cohort.place(int(column))
        if all(abs(number - other) >= NEIGHBOURS_APART for other in held.get(trial, ())):
            held.setdefault(trial, []).append(number)
            taken.append(int(column))
    return tuple(taken), tuple(float(strength[column]) for column in taken)
