"""From differences to verdicts: improved, unchanged, regressed, cannot tell.

Two thresholds per metric, both as absolute numbers: the ``tolerance`` is the noise floor below which a
difference means nothing, the ``limit`` is a drop that is taken as broken whatever the statistics say,
because baseline and run saw the very same clips. In between the sign-flip test over actors decides (all clips
of an actor change sign together, because they resemble each other), with Holm's correction over everything
compared at once, so that a gate over sixty numbers does not raise an alarm by chance in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from iper_bench.report.statistics import (
    ALPHA,
    FEWEST_ACTORS,
    Interval,
    Paired,
    actor_sign_flip_p,
    actors_needed,
    holm,
    nested_bootstrap,
    smallest_actor_p,
)

IMPROVED = "improved"
UNCHANGED = "unchanged"
REGRESSED = "regressed"
CANNOT_TELL = "cannot tell"
#: a metric that a face or body detector feeds may lose this share of its frames before the gate objects
COVERAGE_LOSS = 0.05


@dataclass(frozen=True)
class Sample:
    """One number before and now.

    Attributes
    ----------
    name: readable name of the number.
    higher_is_better, tolerance, limit: direction and thresholds of the metric, thresholds in its unit; a
        limit of ``None``: only the test decides, as between two methods.
    before, now: the two values; over the common clips when there are clip values; ``None`` when missing.
    differences: now - before per common clip, by actor; ``None`` for a value over the whole set.
    coverage_before, coverage_now: share of frames that entered, ``None`` when unknown.
    reason: why ``now`` is missing, or why the two cannot be compared.
    comparable: false when the number is not in the run, or was computed over other frames.
    """

    name: str
    higher_is_better: bool
    tolerance: float
    limit: float | None
    before: float | None
    now: float | None
    differences: Paired | None = None
    coverage_before: float | None = None
    coverage_now: float | None = None
    reason: str | None = None
    comparable: bool = True


@dataclass(frozen=True)
class Verdict:
    """What the gate says about one number; ``gain`` and ``interval`` are positive for better, in the
    metric's unit.
    """

    sample: Sample
    verdict: str
    reason: str
    gain: float | None = None
    interval: Interval | None = None
    p: float | None = None

    @property
    def clips(self) -> int | None:
        """Clips compared, ``None`` for a value over the whole set."""
        return None if self.sample.differences is None else self.sample.differences.clips

    @property
    def actors(self) -> int | None:
        """Actors compared, the unit of the test; ``None`` for a value over the whole set."""
        return None if self.sample.differences is None else self.sample.differences.actors


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """Verdicts in the order of ``samples``. The order of the samples and of their clips changes nothing.

    Raises ValueError for a tolerance or limit that is negative or not finite.
    """
    for sample in samples:
        if not all(0 <= bound < np.inf for bound in (sample.tolerance, sample.limit or 0.0)):
            raise ValueError(
                f"{sample.name}: tolerance {sample.tolerance} and limit {sample.limit}; expected 0 or more"
            )
    gains = [_gains(sample) for sample in samples]
    moved = {i: gain for i, gain in enumerate(gains) if gain is not None and _moved(gain, samples[i])}
    raw = [actor_sign_flip_p(gain, margin=samples[i].tolerance) for i, gain in moved.items()]
    adjusted = dict(zip(moved, holm(raw), strict=True))
    return [_judge_one(sample, gains[i], adjusted.get(i), len(moved)) for i, sample in enumerate(samples)]


def _moved(gain: Paired, sample: Sample) -> bool:
    """Whether any clip moved by more than the tolerance."""
    return any(float(np.abs(group).max()) > sample.tolerance for group in gain.groups)


def _gains(sample: Sample) -> Paired | None:
    """Differences, positive for better; ``None`` when the number is judged without clips."""
    if not sample.comparable or sample.before is None or sample.now is None or sample.differences is None:
        return None
    if sample.higher_is_better:
        return sample.differences
    return Paired(tuple(-group for group in sample.differences.groups))


def _judge_one(sample: Sample, gains: Paired | None, p: float | None, tested: int) -> Verdict:
    if not sample.comparable:
        return Verdict(sample, CANNOT_TELL, sample.reason or "not comparable")
    if sample.before is None or sample.now is None:
        return _judge_missing(sample)
    lost = _lost_coverage(sample)
    if gains is None:
        return _judge_whole_set(sample, lost)
    interval = nested_bootstrap(gains)
    verdict, reason = _judge_paired(sample, gains, interval, p, tested)
    if lost and verdict != REGRESSED:
        verdict, reason = REGRESSED, lost
    return Verdict(sample, verdict, reason, interval.mean, interval, p)


def _judge_missing(sample: Sample) -> Verdict:
    if sample.before is None and sample.now is None:
        return Verdict(sample, UNCHANGED, "missing in both")
    if sample.now is None:
        return Verdict(sample, REGRESSED, f"missing now: {sample.reason or 'no reason on record'}")
    return Verdict(sample, CANNOT_TELL, "no value in the baseline")


def _lost_coverage(sample: Sample) -> str | None:
    before, now = sample.coverage_before, sample.coverage_now
    if before is None or now is None or before - now <= COVERAGE_LOSS:
        return None
    return f"coverage fell from {before:.0%} to {now:.0%} of the frames"


def _judge_whole_set(sample: Sample, lost: str | None) -> Verdict:
    gain = ((sample.now or 0.0) - (sample.before or 0.0)) * (1.0 if sample.higher_is_better else -1.0)
    if lost:
        return Verdict(sample, REGRESSED, lost, gain)
    if abs(gain) <= sample.tolerance:
        return Verdict(sample, UNCHANGED, "within the tolerance", gain)
    if sample.limit is not None and abs(gain) > sample.limit:
        return Verdict(sample, REGRESSED if gain < 0 else IMPROVED, "beyond the limit", gain)
    return Verdict(sample, CANNOT_TELL, "one value over the whole set: no clips to test with", gain)


def _judge_paired(
    sample: Sample, gains: Paired, interval: Interval, p: float | None, tested: int
) -> tuple[str, str]:
    better = interval.mean > 0
    direction = IMPROVED if better else REGRESSED
    if p is None:
        return UNCHANGED, "no clip moved by more than the tolerance"
    if sample.limit is not None and abs(interval.mean) > sample.limit:
        return direction, "beyond the limit"
    if p <= ALPHA:
        return direction, f"beyond the tolerance (p = {p:.3g})"
    if gains.actors >= FEWEST_ACTORS and interval.within(sample.tolerance):
        return UNCHANGED, "interval within the tolerance"
    if smallest_actor_p(gains.actors) * tested > ALPHA:
        return CANNOT_TELL, f"too few actors: {gains.actors}, needs {_needed(tested)}"
    return CANNOT_TELL, f"not told from the tolerance (p = {p:.2g})"


def _needed(tested: int) -> str:
    try:
        return f"{actors_needed(tested)} or more"
    except ValueError:
        return f"fewer numbers at once than {tested}"


def count_verdicts(verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """How many of each verdict, worst first."""
    return {
        name: sum(v.verdict == name for v in verdicts)
        for name in (REGRESSED, CANNOT_TELL, IMPROVED, UNCHANGED)
    }


def who_guards(samples: Sequence[Sample]) -> str | None:
    """One sentence where no test can fail a number and only the limits guard, whatever the numbers are: fewer
    actors than any test needs. ``None`` where at least one number has enough.
    """
    actors = [sample.differences.actors for sample in samples if sample.differences is not None]
    if not actors or max(actors) >= FEWEST_ACTORS:
        return None
    return (
        f"only the limits guard: {max(actors)} actor{'s' if max(actors) > 1 else ''}, and with fewer than "
        f"{FEWEST_ACTORS} no difference can be significant"
    )
