"""Means over clips with intervals: rows in, sorted plain entries out.

The value of a clip is the mean of its rows, and the headline is the mean over clips, so that a long clip
weighs as much as a short one. Differs from the paper's evaluator, which averages the means of loader batches
over the whole set (svip-lab/impersonator, his_evaluators/evaluators/base.py): the frame mean beside it is
what that tends to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.store.row import Row
from iper_bench.store.rows import WHOLE_SET

BOOTSTRAP_SEED = 20201  # any fixed number: the same rows must give the same interval on every machine
RESAMPLES = 2000  # half-width of a 95 % percentile interval is then known to about 3 % of itself
CONFIDENCE = 0.95

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


def aggregate(rows: Iterable[Row], planned: Mapping[Group, int] | None = None) -> list[dict[str, Any]]:
    """One entry per dataset, protocol, task, setting, method, sn, T, seed, profile and metric, sorted by
    these.

    ``planned``: clips that a run was to evaluate, by the first eight fields of the key (all but profile and
        metric); clips without a row then count in ``clips_total``.

    Each entry carries, beside the fields of the key:

    ``mean``: mean over clips of the clip means, or the pooled value of a set metric; ``None`` when nothing
        could be computed.
    ``low``, ``high``: 95 % percentile bootstrap interval over clips; ``None`` below two clips and for set
        metrics.
    ``frame_mean``: mean over frames; ``None`` for set metrics.
    ``clips``, ``clips_total``: clips with a value, clips planned or with a row. ``frames``, ``frames_total``:
        likewise in frames.
    ``pooled``: whether it is a set metric. ``reason``: why ``mean`` or a part of it is missing, or a caution.
    ``backbone``, ``definition``: as in the rows. Raises ValueError when rows of one key disagree in these.
    """
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    clips = planned or {}
    return [_entry(key, groups[key], clips.get(key[:8], 0)) for key in sorted(groups)]


def _key(row: Row) -> Key:
    place = (row.dataset, row.protocol, row.task, row.setting, row.method)
    return (*place, row.sn, row.steps, row.seed, row.profile, row.metric)


def _entry(key: Key, rows: list[Row], planned: int) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: (row.clip, row.trial, row.unit))
    definitions = sorted({row.definition for row in rows})
    if len(definitions) > 1:
        raise ValueError(f"rows of {key} were measured by different definitions: {', '.join(definitions)}")
    pooled = rows[0].clip == WHOLE_SET
    if pooled and len(rows) > 1:
        raise ValueError(f"{len(rows)} pooled rows of {key}; expected one")
    clips = clip_means(rows)
    values = np.array([value for value in clips.values() if value is not None], dtype=np.float64)
    low, high = (None, None) if pooled else bootstrap_interval(values)
    reasons = sorted({row.reason for row in rows if row.reason is not None})
    return {
        **dict(zip(KEY_FIELDS, key, strict=True)),
        "mean": math.fsum(values) / len(values) if len(values) else None,
        "low": low,
        "high": high,
        "frame_mean": None if pooled else frame_mean(rows),
        "clips": len(values),
        "clips_total": len(clips) if pooled else max(planned, len(clips)),
        "frames": sum(row.count for row in rows),
        "frames_total": sum(row.total for row in rows),
        "pooled": pooled,
        "reason": "; ".join(reasons) or None,
        "backbone": next((row.backbone for row in rows if row.backbone is not None), None),
        "definition": definitions[0],
    }


def clip_means(rows: Sequence[Row]) -> dict[str, float | None]:
    """Clip name -> mean of its rows' values; ``None`` for a clip whose rows all lack one."""
    values: dict[str, list[float]] = {}
    for row in rows:
        found = values.setdefault(row.clip, [])
        if row.value is not None:
            found.append(row.value)
    return {clip: math.fsum(found) / len(found) if found else None for clip, found in sorted(values.items())}


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


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """95 % percentile bootstrap interval of the mean of ``values`` (N,); ``(None, None)`` when N < 2.

    The same N draws the same resamples, so that intervals of two methods on the same clips are comparable.
    """
    if len(values) < 2:
        return None, None
    drawn = np.random.default_rng(BOOTSTRAP_SEED).integers(0, len(values), (RESAMPLES, len(values)))
    means = values[drawn].mean(axis=1)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)
