"""The average over datasets of Table 1.

The paper does not say how it weighs its three datasets; its evaluator runs one dataset at a time, so that
the plain mean of their values is the natural reading. It is taken here: every dataset weighs the same,
whatever its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from iper_bench.report.evidence import Measurement
from iper_bench.report.paper_layout import Place
from iper_bench.report.statistics import ALPHA, DRAWS, SEED

AVERAGE_NOTE = (
    "Average over datasets: the plain mean of their values, every dataset weighs the same, whatever its "
    "number of "
    "clips (the paper does not say how it weighs; its evaluator measures one dataset at a time). Intervals "
    "draw "
    "actors with all their clips within every dataset; a clip enters tests with the weight of its dataset."
)
Everyone = Mapping[tuple[str, str, str], Measurement]  # (method, setting, metric)


def averaged_over(
    parts: Mapping[str, Mapping[Place, Measurement]], everyone: Mapping[str, Everyone]
) -> dict[Place, Measurement]:
    """The measurements of one method, averaged over datasets.

    Parameters
    ----------
    parts: dataset -> (setting, metric) -> measurement of the method.
    everyone: dataset -> measurements of all methods; the weight of a clip comes from all clips that any
        method has a value for, so that it is the same for all methods.

    Returns
    -------
    (setting, metric) -> measurement. Without a value in one of the datasets there is no average: ``value`` is
    ``None`` and ``reason`` names the dataset. ``clip_values`` hold value times weight, weights having mean 1
    over the clips of all datasets, so that mean differences over clips are mean differences over datasets.
    """
    places = {place for values in parts.values() for place in values}
    return {place: _average(place, parts, everyone) for place in sorted(places)}


def _average(
    place: Place, parts: Mapping[str, Mapping[Place, Measurement]], everyone: Mapping[str, Everyone]
) -> Measurement:
    held = {dataset: values[place] for dataset, values in parts.items() if place in values}
    first = next(iter(held.values()))
    joined = replace(
        first,
        dataset="+".join(parts),
        protocol="+".join(m.protocol for m in held.values()),
        count=sum(m.count for m in held.values()),
        total=sum(m.total for m in held.values()),
        value=None,
        low=None,
        high=None,
        actor_low=None,
        actor_high=None,
        detections=None,
        clip_values={},
        clip_actors={},
    )
    lacking = [
        f"{dataset}: {held[dataset].reason or 'no value' if dataset in held else 'not measured'}"
        for dataset in parts
        if dataset not in held or held[dataset].value is None
    ]
    if lacking:
        return replace(joined, reason="; ".join(lacking))
    values, actors = _weighted(place, held, everyone)
    low, high = _interval(held)
    reasons = [f"{dataset}: {m.reason}" for dataset, m in held.items() if m.reason]
    return replace(
        joined,
        value=math.fsum(m.value for m in held.values() if m.value is not None) / len(held),
        low=low,
        high=high,
        reason="; ".join(reasons) or None,
        clips=len(values),
        actors=len(set(actors.values())) if actors else None,
        clip_values=values,
        clip_actors=actors,
    )


def _weighted(
    place: Place, held: Mapping[str, Measurement], everyone: Mapping[str, Everyone]
) -> tuple[dict[str, float], dict[str, str]]:
    clips = {
        dataset: {
            clip
            for (_, *where), m in everyone[dataset].items()
            if tuple(where) == place
            for clip in m.clip_values
        }
        for dataset in held
    }
    total = sum(map(len, clips.values()))
    values: dict[str, float] = {}
    actors: dict[str, str] = {}
    for dataset, m in held.items():
        for clip, value in m.clip_values.items():
            values[f"{dataset}/{clip}"] = value * total / (len(held) * len(clips[dataset]))
            if clip in m.clip_actors:
                actors[f"{dataset}/{clip}"] = f"{dataset}/{m.clip_actors[clip]}"
    return values, actors if len(actors) == len(values) else {}


def _interval(held: Mapping[str, Measurement]) -> tuple[float | None, float | None]:
    """95 % interval of the average: actors with all their clips are drawn within each dataset by itself.

    None where a dataset has a single actor, no clips, or a rule of batches, whose value is not made of clips.
    """
    means = []
    generator = np.random.default_rng(SEED)
    for m in held.values():
        groups: dict[str, list[float]] = {}
        for clip, value in sorted(m.clip_values.items()):
            groups.setdefault(m.clip_actors.get(clip, clip), []).append(value)
        if len(groups) < 2 or m.average != "frames":
            return None, None
        sums = np.array([math.fsum(values) for values in groups.values()])
        counts = np.array([len(values) for values in groups.values()])
        drawn = generator.integers(0, len(groups), (DRAWS, len(groups)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.mean(means, axis=0), [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)
