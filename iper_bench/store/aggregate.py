"""Means over clips with intervals: rows in, sorted plain entries out.

By the rule ``frames`` the value of a clip is the mean of its rows, and the headline is the mean over clips,
so that a long clip weighs as much as a short one. By a rule of batches (profile `paper`) the headline is what
the paper's evaluator reports (svip-lab/impersonator, his_evaluators/evaluators/base.py): the rule over the
frames of all trials laid end to end in the order of the protocol. Clip mean and frame mean stand beside
either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iper_bench.averages import OVER_ALL_TRIALS, averaged
from iper_bench.store.intervals import (
    NO_INTERVAL,
    Interval,
    batch_interval,
    bootstrap_interval,
    group_interval,
)
from iper_bench.store.row import Row
from iper_bench.store.rows import WHOLE_SET

Group = tuple[str, str, str, str, str, int, int, int]
Key = tuple[str, str, str, str, str, int, int, int, str, str]
KEY_FIELDS = (
    "dataset",
    "protocol",
    "task",
    "setting",
    "method",
    "sn",
    "steps",
    "seed",
    "profile",
    "metric",
)
INFINITE = "+inf"  # in the reason of a value that is missing because a frame of it is infinite
UNFINISHED = "no finished unit"
NO_FRAMES = "no values per frame on record"


def aggregate(
    rows: Iterable[Row],
    planned: Mapping[Group, int] | None = None,
    trials: Mapping[Group, int] | None = None,
) -> list[dict[str, Any]]:
    """One entry per dataset, protocol, task, setting, method, sn, T, seed, profile and metric, sorted by
    these. Its content does not depend on the order of the rows.

    ``planned``, ``trials``: clips and trials that a run was to evaluate, by the first eight fields of the key
        (all but profile and metric). Clips without a row count in ``clips_total``; trials without a row are
        named in the ``reason`` of a value over all trials.

    Each entry carries, beside the fields of the key:

    ``average``: the rule of ``averages.py``.
    ``mean``: by ``frames``, mean over clips of the clip means; by a rule of batches, the rule over the frames
        of all trials in the order of ``Row.place``; the pooled value of a set metric; ``None`` when nothing
        could be computed, and by a rule of batches when a frame is infinite.
    ``low``, ``high``: 95 % percentile bootstrap interval over clips, ``actor_low``, ``actor_high``: over
        actors with all their clips; ``None`` below two, for set metrics, and where a row names no actor.
    ``frame_mean``, ``clip_mean``: mean over frames, mean over clips of the clip means; ``None`` for set
        metrics.
    ``clips``, ``clips_total``: clips with a value, clips planned or with a row. ``frames``, ``frames_total``:
        likewise in frames. ``actors``: actors with a value, ``None`` where a row names none.
    ``detections``: sums over rows of frames with a face or body in ``reference``, ``prediction`` and
        ``both``, of ``frames``; ``None`` for other metrics.
    ``pooled``: whether it is a set metric. ``reason``: why ``mean`` or a part of it is missing, or a caution.
    ``backbone``, ``definition``: as in the rows.

    Raises ValueError when rows of one key disagree in definition or average.
    """
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    clips, units = planned or {}, trials or {}
    return [_entry(key, groups[key], clips.get(key[:8], 0), units.get(key[:8], 0)) for key in sorted(groups)]


def _key(row: Row) -> Key:
    place = (row.dataset, row.protocol, row.task, row.setting, row.method)
    return (*place, row.sn, row.steps, row.seed, row.profile, row.metric)


def _entry(key: Key, rows: list[Row], planned: int, trials: int) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: (row.place, row.trial, row.unit))
    pooled = rows[0].clip == WHOLE_SET
    _check(key, rows, pooled)
    over_all = rows[0].average in OVER_ALL_TRIALS and not pooled
    clips = clip_means(rows)
    found = [value for value in clips.values() if value is not None]
    headline = _laid_out(rows) if over_all else _of_clips(rows, clips, pooled)
    infinite = over_all and headline.mean is None and _infinite(rows)
    beside = not pooled and not infinite  # the mean of frames one of which is infinite is no number either
    return {
        **dict(zip(KEY_FIELDS, key, strict=True)),
        "average": rows[0].average,
        "mean": headline.mean,
        "low": headline.clips[0],
        "high": headline.clips[1],
        "frame_mean": frame_mean(rows) if beside else None,
        "clip_mean": _mean(found) if beside else None,
        "clips": len(found),
        "clips_total": len(clips) if pooled else max(planned, len(clips)),
        "actors": _actors(rows),
        "actor_low": headline.actors[0],
        "actor_high": headline.actors[1],
        "frames": sum(row.count for row in rows),
        "frames_total": sum(row.total for row in rows),
        "detections": _detections(rows),
        "pooled": pooled,
        "reason": _pooled_reason(rows) if pooled else _reason(rows, trials if over_all else 0),
        "backbone": next((row.backbone for row in rows if row.backbone is not None), None),
        "definition": rows[0].definition,
    }


def _check(key: Key, rows: Sequence[Row], pooled: bool) -> None:
    for kind in ("definition", "average"):
        found = sorted({str(getattr(row, kind)) for row in rows})
        if len(found) > 1:
            raise ValueError(f"rows of {key} were measured by different {kind}s: {', '.join(found)}")
    if pooled and len(rows) > 1:
        raise ValueError(f"{len(rows)} pooled rows of {key}; expected one")


@dataclass(frozen=True)
class _Headline:
    """The mean with its intervals over clips and over actors."""

    mean: float | None
    clips: Interval = NO_INTERVAL
    actors: Interval = NO_INTERVAL


def _of_clips(rows: Sequence[Row], clips: Mapping[str, float | None], pooled: bool) -> _Headline:
    found = {clip: value for clip, value in clips.items() if value is not None}
    if pooled:
        return _Headline(rows[0].value)
    over_clips = bootstrap_interval(np.array(list(found.values()), dtype=np.float64))
    if not _named(rows):
        return _Headline(_mean(found.values()), over_clips)
    actors: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.clip in found:
            actors.setdefault(row.actor, {})[row.clip] = found[row.clip]
    groups = [[one[clip] for clip in sorted(one)] for _, one in sorted(actors.items())]
    return _Headline(_mean(found.values()), over_clips, group_interval(groups))


def _laid_out(rows: Sequence[Row]) -> _Headline:
    """``rows`` in the order of the protocol."""
    rule = rows[0].average
    if _infinite(rows):
        return _Headline(None)
    clips: dict[str, list[float | None]] = {}
    actors: dict[str, list[float | None]] = {}
    frames: list[float | None] = []
    for row in rows:
        own = laid_frames(row)
        frames.extend(own)
        clips.setdefault(row.clip, []).extend(own)
        actors.setdefault(row.actor, []).extend(own)
    over_clips = batch_interval([block for block in clips.values() if block], rule)
    blocks = [block for block in actors.values() if block] if _named(rows) else []
    return _Headline(averaged(frames, rule), over_clips, batch_interval(blocks, rule))


def laid_frames(row: Row) -> list[float | None]:
    """The frames of a trial as the evaluator sees them; none for a trial that failed.

    In cross-imitation predictions without a real frame of the same index come last: they are no pairs and
    fill no batch.
    """
    return list(row.per_frame or ())[: row.pairs]


def _infinite(rows: Iterable[Row]) -> bool:
    return any(row.value is None and INFINITE in (row.reason or "") for row in rows)


def _named(rows: Iterable[Row]) -> bool:
    return all(row.actor for row in rows)


def _actors(rows: Sequence[Row]) -> int | None:
    return len({row.actor for row in rows if row.value is not None}) if _named(rows) else None


def _detections(rows: Iterable[Row]) -> dict[str, int] | None:
    counts = [row.detections for row in rows if row.detections is not None]
    names = sorted({name for one in counts for name in one})
    return {name: sum(one.get(name, 0) for one in counts) for name in names} if counts else None


def _pooled_reason(rows: Iterable[Row]) -> str | None:
    return "; ".join(sorted({row.reason for row in rows if row.reason is not None})) or None


def _reason(rows: Sequence[Row], trials: int) -> str | None:
    """Why a value does not stand on all trials, and the cautions that the metric gave."""
    lacking = [row.reason or "no reason on record" for row in rows if row.value is None]
    if rows[0].average in OVER_ALL_TRIALS:
        lacking += [NO_FRAMES for row in rows if row.value is not None and row.per_frame is None]
    absent = max(0, trials - len(rows))
    lacking += [UNFINISHED] * absent
    words = [
        f"{lacking.count(reason)} of {len(rows) + absent} trials without a value: {reason}"
        for reason in sorted(set(lacking))
    ]
    words += sorted({row.reason for row in rows if row.value is not None and row.reason})
    return "; ".join(words) or None


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return math.fsum(found) / len(found) if found else None


def clip_means(rows: Sequence[Row]) -> dict[str, float | None]:
    """Clip name -> mean of its rows' values; ``None`` for a clip whose rows all lack one."""
    values: dict[str, list[float]] = {}
    for row in rows:
        found = values.setdefault(row.clip, [])
        if row.value is not None:
            found.append(row.value)
    return {clip: _mean(found) for clip, found in sorted(values.items())}


def frame_mean(rows: Sequence[Row]) -> float | None:
    """Mean over all frames with a value. A row without values per frame counts its value once per frame."""
    total, weight = [], 0
    for row in rows:
        if row.per_frame is not None:
            found = [value for value in row.per_frame if value is not None]
            total.extend(found)
            weight += len(found)
        elif row.value is not None:
            total.append(row.value * row.count)
            weight += row.count
    return math.fsum(total) / weight if weight else None
