"""From frames to rows: what the runner asks of the metrics, and how a value becomes a row.

``Scorer`` is the shape of ``iper_bench.metrics.suite.MetricSuite``; tests put a small one in its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.metric import METRICS, SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.scores import MetricValue, SetFeatures, UnitScores
from iper_bench.protocol.trial import Trial
from iper_bench.run.material import Material
from iper_bench.run.unit import Unit
from iper_bench.store.plan_file import definition_hashes
from iper_bench.store.planned import PlannedUnit
from iper_bench.store.row import Row
from iper_bench.store.rows import WHOLE_SET


class Scorer(Protocol):
    """What measures frames."""

    def definitions(self) -> Mapping[str, Any]:
        """profile -> plain description of all its metrics; equal content means equal numbers."""

    def measure(self, frames: FrameSet, setting: str) -> UnitScores:
        """All values of one unit."""

    def pool(self, features: Sequence[Mapping[str, SetFeatures]], setting: str) -> list[MetricValue]:
        """Set metrics over the features of several units."""


class SuiteScorer:
    """The package's own metrics.

    Parameters
    ----------
    profiles: names. weights_dir: folder of weights that pip does not bring. device: torch device of the
        networks. metrics: names, or ``None`` for the profiles' defaults. person_detector: in place of the
        profiles' own.

    Raises UserError for an unknown or repeated profile, an unknown metric or detector, a missing folder, an
    unknown or absent device.
    """

    def __init__(
        self,
        profiles: Sequence[str],
        *,
        weights_dir: Path | None,
        device: str,
        metrics: Sequence[str] | None = None,
        person_detector: str | None = None,
    ) -> None:
        from iper_bench.metrics.disk_cache import open_cache
        from iper_bench.metrics.feature_cache import FeatureCache
        from iper_bench.metrics.suite import MetricSuite

        self._profiles = sorted(profiles)
        self._suite = MetricSuite(
            self._profiles,
            metrics=metrics,
            person_detector=person_detector,
            weights_dir=weights_dir,
            device=known_device(device),
            cache=FeatureCache(disk=open_cache()),
        )
        self._plan: dict[str, Any] = {}

    def definitions(self) -> Mapping[str, Any]:
        """profile -> whether it is comparable with the paper, its metrics (direction, unit, needs) and their
        complete definitions by passport.

        Definitions name the networks by the hash of their weights, so the networks are loaded here: nothing
        is measured, by running the suite over no frames.
        """
        if not self._plan:
            found: dict[str, dict[str, set[str]]] = {profile: {} for profile in self._profiles}
            for setting in SETTINGS:
                nothing = FrameSet(iter(()), truths=iter(()), reals=iter(()))
                values = self._suite.measure(nothing, setting).values + self._suite.pool([], setting)
                for value in values:
                    found[value.profile].setdefault(value.metric, set()).add(value.definition)
            texts = self._suite.definitions()
            self._plan = {name: _described(name, found[name], texts) for name in self._profiles}
        return self._plan

    def measure(self, frames: FrameSet, setting: str) -> UnitScores:
        """All values of one unit."""
        return self._suite.measure(frames, cast(Setting, setting))

    def pool(self, features: Sequence[Mapping[str, SetFeatures]], setting: str) -> list[MetricValue]:
        """Set metrics over the features of several units."""
        return self._suite.pool(features, cast(Setting, setting))


def same_metrics(
    plan: Mapping[str, Any], weights_dir: Path | None, device: str, person_detector: str | None
) -> SuiteScorer | None:
    """The metrics of a plan, opened here; ``None`` when they are not the same to the last weight.

    What was typed is not in the plan, and names do not say the defaults: of several profiles each has its
    own, and a metric that is named is measured in more settings than by default (FID/clip).
    """
    wanted = definition_hashes(plan["profiles"])
    named = sorted({name for profile in plan["profiles"].values() for name in profile["metrics"]})
    for metrics in (None, named, ["all"]):
        scorer = SuiteScorer(
            sorted(wanted),
            weights_dir=weights_dir,
            device=device,
            metrics=metrics,
            person_detector=person_detector,
        )
        if definition_hashes(scorer.definitions()) == wanted:
            return scorer
    return None


def _described(profile: str, metrics: Mapping[str, set[str]], texts: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: METRICS[name] for name in sorted(metrics)}
    return {
        "comparable": PROFILES.get(profile).comparable,
        "why_not": PROFILES.get(profile).why_not,
        "metrics": {
            name: {
                "direction": fact.direction,
                "unit": fact.unit,
                "settings": list(fact.settings),
                "needs": sorted(fact.needs),
                "summary": fact.summary,
                "definitions": sorted(metrics[name]),
            }
            for name, fact in facts.items()
        },
        "definitions": {key: texts[key] for hashes in metrics.values() for key in hashes},
    }


def known_device(name: str) -> str:
    """The name of a torch device that is here. Raises UserError for another."""
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = next(iter(str(error).splitlines()), "unknown")
        raise UserError(
            f"no device '{name}' here: {first}"[:160], where="--device", hint="--device cpu"
        ) from error
    return name


def measure(scorer: Scorer, material: Material, predictions: Iterable[Images]) -> UnitScores:
    """Measure the predictions of one unit, a stream of (B, H, W, 3) uint8 batches."""
    frames = FrameSet(
        predictions=predictions,
        truths=material.truths(),
        reals=material.reals(),
        prediction_boxes=material.prediction_boxes,
        truth_boxes=material.truth_boxes,
        real_boxes=material.real_boxes,
    )
    return scorer.measure(frames, material.trial.setting)


def trial_places(trials: Sequence[Trial]) -> dict[str, int]:
    """Trial name -> its position among the trials of its setting, in the order of the protocol."""
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    for trial in trials:
        places[trial.name] = counts.get(trial.setting, 0)
        counts[trial.setting] = places[trial.name] + 1
    return places


def rows_of_unit(
    unit: Unit,
    dataset: str,
    values: Iterable[MetricValue],
    provenance: Mapping[str, str],
    *,
    actor: str = "",
    place: int = 0,
) -> list[Row]:
    """One row per value, in the order of the suite.

    ``actor``: who is seen in the source clip. ``place``: of the trial, see :func:`trial_places`.
    """
    facts = {
        "unit": unit.id,
        "method": unit.method,
        "dataset": dataset,
        "protocol": unit.trial.protocol,
        "task": unit.trial.task,
        "setting": unit.trial.setting,
        "trial": unit.trial.name,
        "clip": unit.trial.source_clip,
        "sn": unit.sn,
        "steps": unit.steps,
        "seed": unit.seed,
    }
    rows = [_row(facts, value, {**provenance, "method": unit.identity}) for value in values]
    return [replace(row, actor=actor, place=place) for row in rows]


def rows_of_group(
    group: Sequence[Unit], dataset: str, values: Iterable[MetricValue], provenance: Mapping[str, str]
) -> list[Row]:
    """One row per pooled value; its unit is the content hash of the units that were pooled."""
    first, trial = group[0], group[0].trial
    named = {"protocol": trial.protocol, "task": trial.task, "setting": trial.setting}
    facts = {**_pooled(group, dataset), **named}
    return [_row(facts, value, {**provenance, "method": first.identity}) for value in values]


def rows_of_planned(
    group: Sequence[PlannedUnit], dataset: str, values: Iterable[MetricValue], provenance: Mapping[str, str]
) -> list[Row]:
    """The same of units as a plan alone tells them. ``provenance``: with the identity of the ``method``."""
    first = group[0]
    named = {"protocol": first.protocol, "task": first.task, "setting": first.setting}
    facts = {**_pooled(group, dataset), **named}
    return [_row(facts, value, provenance) for value in values]


def _pooled(group: Sequence[Unit] | Sequence[PlannedUnit], dataset: str) -> dict[str, Any]:
    first = group[0]
    return {
        "unit": content_hash(sorted(unit.id for unit in group)),
        "method": first.method,
        "dataset": dataset,
        "trial": WHOLE_SET,
        "clip": WHOLE_SET,
        "sn": first.sn,
        "steps": first.steps,
        "seed": first.seed,
    }


def _row(facts: Mapping[str, Any], value: MetricValue, provenance: Mapping[str, str]) -> Row:
    number, reason = _finite(value)
    per_frame, detections = value.per_frame, value.detections
    return Row(
        **facts,
        profile=value.profile,
        metric=value.metric,
        value=number,
        reason=reason,
        count=value.count,
        total=value.total,
        per_frame=None if per_frame is None else [_or_none(item) for item in per_frame],
        backbone=value.backbone,
        definition=value.definition,
        provenance=dict(provenance),
        average=value.average,
        pairs=value.pairs,
        detections=None if detections is None else {name: detections[name] for name in sorted(detections)},
    )


def _finite(value: MetricValue) -> tuple[float | None, str | None]:
    """The value and, for the row's ``reason``, why there is none, or the caution that comes with it."""
    if value.value is None:
        return None, value.reason or "no reason was given"
    if not math.isfinite(value.value):
        return None, f"not a finite number ({value.value})"
    return float(value.value), value.note


def _or_none(item: float | None) -> float | None:
    return None if item is None or not math.isfinite(item) else float(item)
