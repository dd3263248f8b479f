"""Measurements of several seeds as one: what a table shows of a run with ``--seeds 0,1,2``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from iper_bench.report.evidence import Evidence, Measurement
from iper_bench.store.intervals import NO_INTERVAL, Interval, bootstrap_interval, group_interval


def over_seeds(evidence: Evidence) -> Evidence:
    """The same evidence with one measurement for all seeds of a method.

    The value is the mean of the values by seed, a clip's value the mean of its values by seed over the seeds
    that have one; intervals are over clips and actors of these means, so that seeds are never counted as
    clips. By a rule of batches, which has no clip values of its own, the interval is left out. A seed
    without a value makes the pooled value stand on the others, and ``reason`` says so.
    """
    groups: dict[tuple[object, ...], list[Measurement]] = {}
    for one in evidence.measurements:
        groups.setdefault((one.bench, one.setting, one.sn, one.steps, one.metric, one.method), []).append(one)
    pooled = tuple(_pooled(ones) for ones in groups.values())
    return replace(evidence, measurements=pooled)


def _pooled(ones: Sequence[Measurement]) -> Measurement:
    if len(ones) == 1:
        return ones[0]
    ordered = sorted(ones, key=lambda one: one.seed)
    values = [one.value for one in ordered if one.value is not None]
    clips = _clip_means(ordered)
    actors = {clip: actor for one in ordered for clip, actor in one.clip_actors.items() if clip in clips}
    over_clips, over_actors = _intervals(ordered[0], clips, actors)
    return replace(
        ordered[0],
        seeds=tuple(one.seed for one in ordered),
        value=math.fsum(values) / len(values) if values else None,
        low=over_clips[0],
        high=over_clips[1],
        actor_low=over_actors[0],
        actor_high=over_actors[1],
        clip_values=clips,
        clip_actors=actors,
        clips=max(one.clips for one in ordered),
        count=sum(one.count for one in ordered),
        total=sum(one.total for one in ordered),
        backbone=next((one.backbone for one in ordered if one.backbone is not None), None),
        detections=_summed([one.detections for one in ordered if one.detections is not None]),
        reason=_reason(ordered, len(values)),
    )


def _clip_means(ones: Sequence[Measurement]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for one in ones:
        for clip, value in one.clip_values.items():
            found.setdefault(clip, []).append(value)
    return {clip: math.fsum(values) / len(values) for clip, values in sorted(found.items())}


def _intervals(
    first: Measurement, clips: Mapping[str, float], actors: Mapping[str, str]
) -> tuple[Interval, Interval]:
    if first.average != "frames" or not clips:
        return NO_INTERVAL, NO_INTERVAL
    over_clips = bootstrap_interval(np.array(list(clips.values()), dtype=np.float64))
    if set(actors) != set(clips):
        return over_clips, NO_INTERVAL
    groups: dict[str, list[float]] = {}
    for clip, value in clips.items():
        groups.setdefault(actors[clip], []).append(value)
    return over_clips, group_interval([groups[actor] for actor in sorted(groups)])


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int] | None:
    names = sorted({name for one in counts for name in one})
    return {name: sum(one.get(name, 0) for one in counts) for name in names} if counts else None


def _reason(ones: Sequence[Measurement], valued: int) -> str | None:
    words = sorted({one.reason for one in ones if one.reason})
    if valued < len(ones):
        words.insert(0, f"{len(ones) - valued} of {len(ones)} seeds without a value")
    return "; ".join(words) or None
