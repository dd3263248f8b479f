"""Intervals and tests over clips: what separates a difference from noise.

The unit of resampling is the clip: frames of one clip resemble each other, so they are never counted as
independent. Every function sorts its input first, so the order in which clips were evaluated cannot change
a digit, and every random draw comes from a generator with a stated seed. The sign-flip test is exact up to
:data:`EXACT_CLIPS` clips; its one assumption is that a change which does nothing makes a clip better or
worse with equal chance and by equal amounts. The percentile bootstrap needs no such assumption but is too
narrow for few clips (tests/report/test_statistics.py measures by how much), which is why verdicts ask for
both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEED = 20201118  # any fixed number: the day arXiv 2011.09055 appeared
DRAWS = 10_000
LEVEL = 0.95
ALPHA = 1.0 - LEVEL
EXACT_CLIPS = 14  # 2**14 sign patterns are enumerated in a millisecond
FEWEST_CLIPS = (
    6  # with 5 clips the smallest two-sided sign-flip p is 2/2**5 = 0.0625: no difference can be significant
)
_BLOCK = 2_000_000  # numbers drawn at once, so that memory does not grow with the number of clips


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; ``low`` and ``high`` are ``None`` when there are fewer than two values."""

    mean: float
    low: float | None
    high: float | None
    count: int

    def excludes(self, value: float) -> bool:
        """Whether ``value`` lies outside the interval; false when there is no interval."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high

    def within(self, bound: float) -> bool:
        """Whether the whole interval lies in [-bound, bound]; false when there is no interval."""
        return self.low is not None and self.high is not None and -bound <= self.low and self.high <= bound


def _sorted(values: Sequence[float] | Floats) -> Floats:
    array = np.sort(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"expected a non-empty list of numbers, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("expected finite numbers; leave missing values out before")
    return array


def bootstrap(values: Sequence[float] | Floats, *, seed: int = SEED, draws: int = DRAWS) -> Interval:
    """Mean of ``values`` with its percentile bootstrap interval of level :data:`LEVEL`.

    Raises ValueError for an empty list and for values that are not finite.
    """
    array = _sorted(values)
    mean = float(array.mean())
    if array.size < 2:
        return Interval(mean, None, None, int(array.size))
    generator = np.random.default_rng(seed)
    means = np.empty(draws, dtype=np.float64)
    step = max(1, _BLOCK // array.size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        picks = generator.integers(0, array.size, size=(count, array.size))
        means[start : start + count] = array[picks].mean(axis=1)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(mean, float(low), float(high), int(array.size))


def sign_flip_p(values: Sequence[float] | Floats, *, seed: int = SEED, draws: int = DRAWS) -> float:
    """One-sided p of 'the mean is not above 0': how often random signs give a mean at least as large.

    Exact (all 2**n sign patterns) for up to :data:`EXACT_CLIPS` values, else from ``draws`` random
    patterns with the observed one counted in, so that it is never 0. Raises ValueError as :func:`bootstrap`.
    """
    array = _sorted(values)
    observed = float(array.sum())
    slack = 1e-12 * float(np.abs(array).sum())  # sums of the same numbers in another order differ by rounding
    if array.size <= EXACT_CLIPS:
        patterns = np.arange(2**array.size, dtype=np.int64)[:, None] >> np.arange(array.size) & 1
        sums = (1.0 - 2.0 * patterns) @ array
        return float(np.mean(sums >= observed - slack))
    generator = np.random.default_rng(seed)
    reached = 1
    step = max(1, _BLOCK // array.size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        signs = 1.0 - 2.0 * generator.integers(0, 2, size=(count, array.size))
        reached += int(np.count_nonzero(signs @ array >= observed - slack))
    return reached / (draws + 1)


def two_sided_p(values: Sequence[float] | Floats, *, margin: float = 0.0) -> float:
    """Two-sided sign-flip p of 'the mean lies within [-margin, margin]': twice the smaller one-sided p, at
    most 1.
    """
    array = _sorted(values)
    return min(1.0, 2.0 * min(sign_flip_p(array - margin), sign_flip_p(-array - margin)))


def smallest_p(clips: int) -> float:
    """The smallest two-sided p that ``clips`` clips can give, whatever the differences."""
    return min(1.0, 2.0 * max(0.5**clips, 1.0 / (DRAWS + 1) if clips > EXACT_CLIPS else 0.0))


def clips_needed(comparisons: int) -> int:
    """Fewest clips with which one of ``comparisons`` simultaneous comparisons can be significant after
    Holm's correction.

    Raises ValueError when no number of clips suffices with :data:`DRAWS` draws.
    """
    for clips in range(1, EXACT_CLIPS + 2):
        if smallest_p(clips) * comparisons <= ALPHA:
            return clips
    raise ValueError(f"{comparisons} comparisons are more than {DRAWS} draws can separate")


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given: the chance of even one false alarm among all stays
    below alpha.
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: (p_values[i], i))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def paired(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Floats:
    """Differences ours - theirs over the clips both have, in the order of the clips' names: (n,) float64."""
    return np.asarray(
        [ours[clip] - theirs[clip] for clip in sorted(ours.keys() & theirs.keys())], dtype=np.float64
    )


def separable(differences: Floats) -> bool:
    """Whether a mean paired difference is told from 0: enough clips, interval without 0, and sign-flip p
    below alpha.
    """
    if differences.size < FEWEST_CLIPS:
        return False
    return bootstrap(differences).excludes(0.0) and two_sided_p(differences) < ALPHA
