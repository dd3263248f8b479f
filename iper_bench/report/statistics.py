"""Intervals and tests over actors and their clips: what separates a difference from noise.

The unit of resampling is the actor, then the clip within: two clips of one actor resemble each other, and so
do the frames of a clip, so neither are ever counted as independent. ``docs/statistics.md`` says what the
functions assume and how often they are right.

Every function puts its input into an order that depends on the numbers alone, so that neither names nor the
order in which clips were evaluated can change a digit, and every random draw comes from a generator with a
stated seed. The sign-flip test, exact up to :data:`EXACT_ACTORS` actors, assumes that a change which does
nothing makes an actor better or worse with equal chance and by equal amounts. The bootstrap assumes no such
thing but is an approximation for few actors: a difference is told from 0 only when both agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from iper_bench.report.draws import bootstrap_weights, flip_signs

Floats = npt.NDArray[np.float64]

SEED = 20201118  # any fixed number: the day arXiv 2011.09055 appeared
DRAWS = 10_000
LEVEL = 0.95
ALPHA = 1.0 - LEVEL
FEWEST_ACTORS = 6  # with 5 the smallest two-sided sign-flip p is 2/2**5 = 0.0625: nothing can be significant
EXACT_ACTORS = 28  # two halves of 2**14 patterns each are counted against each other in two milliseconds
FLIPS = 120_000  # random flips beyond: enough for the 2850 pairs of a table of 20 methods and 15 metrics


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


@dataclass(frozen=True)
class Paired:
    """Differences of two measurements over the clips both have, gathered by actor.

    ``groups``: one array of finite differences per actor, at least one clip each; ``clips`` and ``actors``
    count them. Raises ValueError for an empty group or a value that is not finite.
    """

    groups: tuple[Floats, ...]

    def __post_init__(self) -> None:
        for group in self.groups:
            if group.ndim != 1 or not group.size or not np.isfinite(group).all():
                raise ValueError("expected a non-empty list of finite differences for each actor")

    @property
    def actors(self) -> int:
        """Number of actors."""
        return len(self.groups)

    @property
    def clips(self) -> int:
        """Number of clips of all actors."""
        return sum(group.size for group in self.groups)

    @property
    def mean(self) -> float:
        """Mean over clips, every clip alike. Raises ValueError when there is no clip."""
        if not self.groups:
            raise ValueError("no clip in common")
        return float(self.sums.sum()) / self.clips

    @cached_property
    def ordered(self) -> tuple[Floats, ...]:
        """The groups in an order that depends on the numbers alone, so that no name changes a digit."""
        arrays = [np.sort(np.asarray(group, dtype=np.float64)) for group in self.groups]
        return tuple(sorted(arrays, key=lambda array: (array.size, array.tolist())))

    @cached_property
    def sums(self) -> Floats:
        """Sum over the clips of each actor, in the order of :attr:`ordered`: (actors,) float64."""
        return np.array([group.sum() for group in self.ordered], dtype=np.float64)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Clips of each actor, in the order of :attr:`ordered`."""
        return tuple(group.size for group in self.ordered)

    @property
    def standard_error(self) -> float | None:
        """Standard error of :attr:`mean`, clustered by actor (the linearised one of a ratio of sums with
        actors / (actors - 1)); ``None`` below two actors.
        """
        if self.actors < 2:
            return None
        errors = self.sums - self.mean * np.array(self.sizes)
        square = float(errors @ errors) * self.actors / (self.actors - 1)
        return float(np.sqrt(square)) / self.clips

    @property
    def nested_error(self) -> float | None:
        """Standard deviation of the means of :func:`nested_bootstrap`, widened as its quantiles are. It holds
        the spread between the clips of an actor twice, in the actor's mean and in drawing his clips, so it is
        above :attr:`standard_error`; ``None`` below two actors.
        """
        error = self.standard_error
        if error is None:
            return None
        within = sum(float(((group - group.mean()) ** 2).sum()) for group in self.ordered)
        return float(np.sqrt(error**2 + within / self.clips**2 * self.actors / (self.actors - 1)))


def paired_by_actor(
    ours: Mapping[str, float], theirs: Mapping[str, float], actors: Mapping[str, str]
) -> Paired:
    """Differences ours - theirs over the clips both have, actors and their clips sorted by name.

    A clip that ``actors`` does not know is an actor of its own. Without a common clip the result is empty.
    """
    groups: dict[tuple[int, str], list[float]] = {}
    for clip in sorted(ours.keys() & theirs.keys()):
        # an unknown clip may not fall in with an actor who has its name
        who = (0, actors[clip]) if clip in actors else (1, clip)
        groups.setdefault(who, []).append(ours[clip] - theirs[clip])
    return Paired(tuple(np.asarray(groups[who], dtype=np.float64) for who in sorted(groups)))


@lru_cache(maxsize=16)
def tail_of(actors: int) -> float:
    """Share of bootstrap draws that is cut off at either end so that the interval of ``actors`` independent
    values covers about :data:`LEVEL`.

    The plain percentile interval cuts off 0.025, too much for few: it is narrower than Student's by the
    factor of the normal to the t quantile and by sqrt((n - 1) / n). This takes both back (T. Hesterberg, What
    Teachers Should Know About the Bootstrap, 2015, expanded percentile). Raises ValueError below two.
    """
    if actors < 2:
        raise ValueError("one actor has no interval")
    return float(ndtr(np.sqrt(actors / (actors - 1)) * stdtrit(actors - 1, ALPHA / 2)))


def nested_bootstrap(paired: Paired, *, seed: int = SEED, draws: int = DRAWS) -> Interval:
    """Mean over clips with the interval of level :data:`LEVEL` of the nested bootstrap: actors are drawn with
    replacement, then for each drawn actor as many of his clips as he has. ``count`` is the number of clips.

    The quantiles are those of :func:`tail_of`. No interval below two actors: clips of one actor say nothing
    of others. Raises ValueError when there is no clip.
    """
    mean = paired.mean
    if paired.actors < 2:
        return Interval(mean, None, None, paired.clips)
    values = np.concatenate(paired.ordered)
    means = np.concatenate([weights @ values for weights in bootstrap_weights(paired.sizes, seed, draws)])
    tail = tail_of(paired.actors)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), paired.clips)


def actor_sign_flip_p(paired: Paired, *, margin: float = 0.0) -> float:
    """Two-sided sign-flip p of 'the mean over clips lies within [-margin, margin]'; all clips of an actor
    change sign together, because they share whatever that actor does to a method.

    Exact up to :data:`EXACT_ACTORS` actors, else from :data:`FLIPS` random patterns with the observed one
    counted in. At most 1. Raises ValueError when there is no clip and for a negative margin.
    """
    if not paired.groups or margin < 0:
        raise ValueError("expected at least one clip and a margin of 0 or more")
    sizes = np.array(paired.sizes, dtype=np.float64)
    # of the two one-sided p values the one towards the observed mean is the smaller
    towards = paired.sums if paired.sums.sum() >= 0 else -paired.sums
    return min(1.0, 2.0 * _flipped(towards - margin * sizes))


def actor_flip_p_above(paired: Paired, margin: float) -> float:
    """One-sided p of 'the mean over clips is not above ``margin``' (any sign), by the same flips."""
    if not paired.groups:
        raise ValueError("expected at least one clip")
    return _flipped(paired.sums - margin * np.array(paired.sizes, dtype=np.float64))


def _flipped(sums: Floats) -> float:
    """Share of sign patterns of ``sums`` (actors,) that add up to at least the observed total."""
    sums = np.sort(sums)
    observed = float(sums.sum()) - 1e-12 * float(np.abs(sums).sum())  # another order rounds otherwise
    if sums.size > EXACT_ACTORS:
        patterns = flip_signs(sums.size, FLIPS, SEED)
        reached = sum(int(np.count_nonzero(signs @ sums >= observed)) for signs in patterns)
        return (reached + 1) / (FLIPS + 1)
    # every pattern is one of the first half beside one of the second: for each total of the first, how many
    # totals of the second are enough
    half = sums.size // 2
    first, second = _totals(sums[:half]), np.sort(_totals(sums[half:]))
    enough = second.size - np.searchsorted(second, observed - first, side="left")
    return float(enough.sum()) / 2.0**sums.size


def _totals(sums: Floats) -> Floats:
    """Totals of all sign patterns: (2**n,) float64."""
    if not sums.size:
        return np.zeros(1, dtype=np.float64)
    return np.concatenate([signs @ sums for signs in flip_signs(sums.size, None, SEED)])


def told_apart(paired: Paired) -> bool:
    """Whether a mean difference is told from 0: at least :data:`FEWEST_ACTORS` actors, nested interval
    without 0, and sign-flip p below alpha. One comparison by itself; tables correct for many by Holm
    (``ranking.py``).
    """
    if paired.actors < FEWEST_ACTORS:
        return False
    return nested_bootstrap(paired).excludes(0.0) and actor_sign_flip_p(paired) < ALPHA


def smallest_actor_p(actors: int) -> float:
    """The smallest two-sided p that ``actors`` actors can give, whatever the differences and however many
    clips each has.
    """
    return min(1.0, 2.0 * (0.5**actors if actors <= EXACT_ACTORS else 1.0 / (FLIPS + 1)))


def actors_needed(comparisons: int = 1) -> int:
    """Fewest actors with which one of ``comparisons`` simultaneous comparisons can be told apart after Holm's
    correction: 6 for one, 7 for two or three, 14 for 400, 17 for 3000.

    Raises ValueError for more comparisons than :data:`FLIPS` flips can separate (3000): beyond
    :data:`EXACT_ACTORS` actors none of them could be told apart.
    """
    if smallest_actor_p(EXACT_ACTORS + 1) * comparisons >= ALPHA:
        raise ValueError(f"{comparisons} comparisons are more than {FLIPS} flips can separate")
    enough = (n for n in range(FEWEST_ACTORS, EXACT_ACTORS) if smallest_actor_p(n) * comparisons < ALPHA)
    return next(enough)


def detectable_spreads(
    actors: int, *, power: float = 0.8, comparisons: int = 1, widening: float = 1.0
) -> float | None:
    """Smallest mean difference, in standard deviations between actors, that :func:`told_apart` finds with
    chance ``power`` when Holm's first step divides alpha by ``comparisons``.

    It is what the stricter of the two conditions asks for, plus t(power) / sqrt(n): the flips
    t(1 - alpha / 2m) / sqrt(n), with alpha / m rounded down to what n actors can give, or, where only one
    pattern may reach the observed one, the difference at which n normal values have all one sign with that
    chance; and the interval t(1 - alpha / 2) * ``widening`` / sqrt(n), ``widening`` being how much wider than
    the standard error it is. ``None`` when that many actors can tell nothing. The flips are taken for a t
    test, which is a little optimistic (``benchmarks/statistics_power.py``). Raises ValueError for a power
    outside (0.5, 1).
    """
    if not 0.5 < power < 1 or comparisons < 1:
        raise ValueError("expected a power between 0.5 and 1 and at least one comparison")
    least = smallest_actor_p(actors)
    if actors < FEWEST_ACTORS or least * comparisons >= ALPHA:
        return None
    patterns = int(np.ceil(ALPHA / comparisons / least)) - 1  # p below alpha, in steps of the smallest p
    freedom = actors - 1
    flips = stdtrit(freedom, 1 - patterns * least / 2)
    interval = widening * stdtrit(freedom, 1 - ALPHA / 2)
    by_spread = (max(flips, interval) + stdtrit(freedom, power)) / np.sqrt(actors)
    by_signs = ndtri(power ** (1.0 / actors)) if patterns == 1 else 0.0
    return float(max(by_spread, by_signs))


def smallest_detectable(paired: Paired, *, power: float = 0.8, comparisons: int = 1) -> float | None:
    """Smallest true mean difference, in the metric's unit, that this protocol with these actors would tell
    from 0 with chance ``power``, given the measured spread of the differences between actors.

    ``None`` when these actors can tell nothing (see :func:`actors_needed`).
    """
    spreads = detectable_spreads(
        paired.actors, power=power, comparisons=comparisons, widening=_widening(paired)
    )
    error = paired.standard_error
    return None if spreads is None or error is None else spreads * error * float(np.sqrt(paired.actors))


def _widening(paired: Paired) -> float:
    """How much wider the interval is than the standard error asks for; 1 without any spread."""
    error, nested = paired.standard_error, paired.nested_error
    return nested / error if error and nested else 1.0


def actors_to_detect(
    paired: Paired, difference: float, *, power: float = 0.8, comparisons: int = 1, most: int = 100_000
) -> int | None:
    """Fewest actors, with as many clips each and the same spread, that would tell ``difference`` from 0 with
    chance ``power``; ``None`` when that is more than ``most``, for a difference of 0 and below two actors.
    """
    error, widening = paired.standard_error, _widening(paired)
    if error is None or difference == 0:
        return None
    wanted = abs(difference) / (error * float(np.sqrt(paired.actors))) if error else np.inf

    def enough(actors: int) -> bool:
        spreads = detectable_spreads(actors, power=power, comparisons=comparisons, widening=widening)
        return spreads is not None and spreads <= wanted

    low, high = FEWEST_ACTORS - 1, FEWEST_ACTORS
    while not enough(high):
        low, high = high, high * 2
        if low > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= most else None
