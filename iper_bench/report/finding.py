"""``Finding``: the verdict about one number, with the clips that it stands on.

Gate and comparison both put numbers side by side in pairs; this file turns pairs into verdicts and names the
clips on which a number got worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iper_bench.report.evidence import Measurement
from iper_bench.report.statistics import paired_by_actor
from iper_bench.report.verdict import REGRESSED, Sample, Verdict, judge

#: in the reason of a value whose frames were left out because they equal their truth: nothing got worse there
PERFECT = ("+inf", "identical to its truth", "identical to their truth")
WORST = 3  # clips named per number that got worse: enough to look at, few enough to read


@dataclass(frozen=True)
class Pair:
    """One number before and now (or of A and of B), with its direction and thresholds.

    ``limit`` of ``None``: see ``verdict.Sample``. ``now`` of ``None``: the number is not there.
    ``strict``: a value or frames that got lost are a regression; else they are told and nothing more.
    """

    before: Measurement
    now: Measurement | None
    higher_is_better: bool
    tolerance: float
    limit: float | None
    name: str
    strict: bool = True


@dataclass(frozen=True)
class ClipDrop:
    """A clip on which a number got worse by ``gain`` (negative, in the metric's unit), ``None`` when its
    value got lost; ``pictures``: folders or films of the predictions there.
    """

    clip: str
    gain: float | None
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What is said about one number.

    Attributes
    ----------
    number: the measurement before. verdict: what is said. drops: for a number that got worse the worst clips,
    the worst first.
    """

    number: Measurement
    verdict: Verdict
    drops: tuple[ClipDrop, ...] = ()


def find(pairs: Sequence[Pair]) -> tuple[Finding, ...]:
    """Verdicts over all pairs at once, in their order."""
    verdicts = judge([_sample(pair) for pair in pairs])
    return tuple(
        Finding(pair.before, verdict, _drops(pair) if verdict.verdict == REGRESSED else ())
        for pair, verdict in zip(pairs, verdicts, strict=True)
    )


def _sample(pair: Pair) -> Sample:
    before, now = pair.before, pair.now
    head = (pair.name, pair.higher_is_better, pair.tolerance, pair.limit, before.value)
    if now is None:
        return Sample(*head, None, reason="not in this run", comparable=False)
    if before.seeds != now.seeds:
        seeds = [", ".join(map(str, m.seeds)) for m in (before, now)]
        return Sample(
            *head, now.value, reason=f"other seeds: {seeds[0]} there, {seeds[1]} here", comparable=False
        )
    if not pair.strict and now.value is None and before.value is not None:
        reason = f"no value: {now.reason or 'no reason on record'}"
        return Sample(*head, None, reason=reason, comparable=False)
    perfect = any(words in (now.reason or "") for words in PERFECT)
    if perfect and now.value is None and before.value is not None:
        return Sample(*head, None, reason=f"no value: {now.reason}", comparable=False)
    coverage = (before.coverage, now.coverage) if pair.strict and not perfect else (None, None)
    if before.total != now.total:  # other clips or frames: their shares say nothing about each other
        coverage = (None, None)
    if before.clip_values and now.clip_values:
        common = sorted(before.clip_values.keys() & now.clip_values.keys())
        if not common:
            return Sample(*head, now.value, reason="no clip in common", comparable=False)
        differences = paired_by_actor(
            now.clip_values, before.clip_values, {**now.clip_actors, **before.clip_actors}
        )
        means = (_mean(before, common), _mean(now, common))
        return Sample(*head[:4], *means, differences, *coverage)
    other = now.value is not None and before.value is not None and before.total != now.total
    return Sample(
        *head,
        now.value,
        None,
        *coverage,
        reason=f"other frames: {before.total} there, {now.total} here" if other else now.reason,
        comparable=not other,
    )


def _mean(m: Measurement, clips: Sequence[str]) -> float:
    return sum(m.clip_values[clip] for clip in clips) / len(clips)


def _drops(pair: Pair) -> tuple[ClipDrop, ...]:
    before, now = pair.before, pair.now
    if now is None or not before.clip_values:
        return ()
    same_frames = before.total == now.total
    lost = sorted(before.clip_values.keys() - now.clip_values.keys()) if same_frames else []
    sign = 1.0 if pair.higher_is_better else -1.0
    gains = {
        clip: sign * (now.clip_values[clip] - before.clip_values[clip])
        for clip in before.clip_values.keys() & now.clip_values.keys()
    }
    worse = sorted((gain, clip) for clip, gain in gains.items() if gain < 0)
    found = [ClipDrop(clip, None) for clip in lost] + [ClipDrop(clip, gain) for gain, clip in worse]
    return tuple(found[:WORST])


def values_text(verdict: Verdict) -> str:
    """``"baseline 22.0000, now 21.5000, gain -0.5000 [-0.6000, -0.4000], 12 clips of 6 actors"``."""
    values = [
        "none" if value is None else f"{value:.4f}" for value in (verdict.sample.before, verdict.sample.now)
    ]
    parts = [f"baseline {values[0]}", f"now {values[1]}"]
    if verdict.gain is not None:
        parts.append(f"gain {gain_text(verdict)}")
    return ", ".join([*parts, basis_text(verdict)])


def gain_text(verdict: Verdict) -> str:
    """``"-0.5000 [-0.6000, -0.4000]"``; without an interval the gain alone, empty where there is none."""
    if verdict.gain is None:
        return ""
    interval = verdict.interval
    if interval is None or interval.low is None or interval.high is None:
        return _signed(verdict.gain)
    return f"{_signed(verdict.gain)} [{_signed(interval.low)}, {_signed(interval.high)}]"


def _signed(value: float) -> str:
    """Four decimals with the sign, none for what is 0 by four decimals."""
    text = f"{value:+.4f}"
    return text if float(text) else "0.0000"


def basis_text(verdict: Verdict) -> str:
    """What the gain stands on: ``"12 clips of 6 actors"``, or ``"the whole set"``."""
    if verdict.clips is None or verdict.actors is None:
        return "the whole set"
    clips = f"{verdict.clips} clip{'s' if verdict.clips != 1 else ''}"
    return f"{clips} of {verdict.actors} actor{'s' if verdict.actors != 1 else ''}"


def drop_text(drop: ClipDrop) -> str:
    """``"actor003/outfit1 -1.2000"``, or ``"actor003/outfit1 lost its value"``."""
    return f"{drop.clip} " + ("lost its value" if drop.gain is None else f"{drop.gain:+.4f}")
