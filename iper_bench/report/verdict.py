"""From differences to verdicts: improved, unchanged, regressed, cannot tell.

Two thresholds per metric, both as absolute numbers: the ``tolerance`` is the noise floor below which a
difference means nothing, the ``limit`` is a drop that is taken as broken whatever the statistics say,
because baseline and run saw the very same clips. In between the sign-flip test decides, with Holm's
correction over everything compared at once, so that a gate over sixty numbers does not raise an alarm by
chance in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from iper_bench.report.statistics import (
    ALPHA,
    FEWEST_CLIPS,
    Floats,
    Interval,
    bootstrap,
    clips_needed,
    holm,
    smallest_p,
    two_sided_p,
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
    higher_is_better, tolerance, limit: direction and thresholds of the metric, thresholds in its unit.
    before, now: the two values; over the common clips when there are clip values; ``None`` when missing.
    differences: (n,) now - before per common clip; ``None`` for a value over the whole set.
    coverage_before, coverage_now: share of frames that entered, ``None`` when unknown.
    reason: why ``now`` is missing, or why the two cannot be compared.
    comparable: false when the number is not in the run, or was computed over other frames.
    """

    name: str
    higher_is_better: bool
    tolerance: float
    limit: float
    before: float | None
    now: float | None
    differences: Floats | None = None
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
        return None if self.sample.differences is None else int(self.sample.differences.size)


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """Verdicts in the order of ``samples``. The order of the samples and of their clips changes nothing.

    Raises ValueError for a tolerance or limit that is negative or not finite.
    """
    for sample in samples:
        if not (0 <= sample.tolerance < np.inf and 0 <= sample.limit < np.inf):
            raise ValueError(
                f"{sample.name}: tolerance {sample.tolerance} and limit {sample.limit}; expected 0 or more"
            )
    gains = [_gains(sample) for sample in samples]
    tested = [
        i for i, gain in enumerate(gains) if gain is not None and np.abs(gain).max() > samples[i].tolerance
    ]
    raw = [two_sided_p(_gain(gains[i]), margin=samples[i].tolerance) for i in tested]
    adjusted = dict(zip(tested, holm(raw), strict=True))
    return [_judge_one(sample, gains[i], adjusted.get(i), len(tested)) for i, sample in enumerate(samples)]


def _gain(gain: Floats | None) -> Floats:
    if gain is None:
        raise TypeError("no clip values")
    return gain


def _gains(sample: Sample) -> Floats | None:
    """Differences per clip, positive for better; ``None`` when the number is judged without clips."""
    if not sample.comparable or sample.before is None or sample.now is None or sample.differences is None:
        return None
    return sample.differences * (1.0 if sample.higher_is_better else -1.0)


def _judge_one(sample: Sample, gains: Floats | None, p: float | None, tested: int) -> Verdict:
    if not sample.comparable:
        return Verdict(sample, CANNOT_TELL, sample.reason or "not comparable")
    if sample.before is None or sample.now is None:
        return _judge_missing(sample)
    lost = _lost_coverage(sample)
    if gains is None:
        return _judge_whole_set(sample, lost)
    interval = bootstrap(gains)
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
    if abs(gain) > sample.limit:
        return Verdict(sample, REGRESSED if gain < 0 else IMPROVED, "beyond the limit", gain)
    return Verdict(sample, CANNOT_TELL, "one value over the whole set: no clips to test with", gain)


def _judge_paired(
    sample: Sample, gains: Floats, interval: Interval, p: float | None, tested: int
) -> tuple[str, str]:
    better = interval.mean > 0
    direction = IMPROVED if better else REGRESSED
    if p is None:
        return UNCHANGED, "no clip moved by more than the tolerance"
    if abs(interval.mean) > sample.limit:
        return direction, "beyond the limit"
    if p <= ALPHA:
        return direction, f"beyond the tolerance (p = {p:.3g})"
    if gains.size >= FEWEST_CLIPS and interval.within(sample.tolerance):
        return UNCHANGED, "interval within the tolerance"
    if smallest_p(gains.size) * tested > ALPHA:
        return CANNOT_TELL, f"too few clips: {gains.size}, needs {clips_needed(tested)} or more"
    return CANNOT_TELL, f"not told from the tolerance (p = {p:.2g})"


def count_verdicts(verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """How many of each verdict, worst first."""
    return {
        name: sum(v.verdict == name for v in verdicts)
        for name in (REGRESSED, CANNOT_TELL, IMPROVED, UNCHANGED)
    }
