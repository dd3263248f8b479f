"""``ProfileScorer``: metrics of one profile over one unit; ``pooled_values``: over the units of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import AVERAGE, Definition, Passport
from iper_bench.metrics.feature_meters import (
    DATASET_SCOPE,
    BodyStateMeter,
    CentroidMeter,
    RateMeter,
    SetMeter,
    SimilarityMeter,
    set_outcome,
)
from iper_bench.metrics.metric import Setting
from iper_bench.metrics.outcome import Outcome, missing
from iper_bench.metrics.pair_meters import FlickerMeter, MapMeter, PixelMeter, Side
from iper_bench.metrics.profiles.profile import Profile
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scores import MetricValue, SetFeatures
from iper_bench.metrics.weights import MissingWeightsError

#: measures one definition over the batches of one unit
Meter = (
    PixelMeter
    | MapMeter
    | FlickerMeter
    | RateMeter
    | SimilarityMeter
    | CentroidMeter
    | SetMeter
    | BodyStateMeter
)


def meter(definition: Definition, bench: Bench) -> Meter:
    """What measures a definition. Raises MissingWeightsError, ValueError for choices that do not go
    together.
    """
    kind = definition.kind.name
    if kind in ("psnr", "ssim"):
        return PixelMeter(definition)
    if kind == "lpips":
        return MapMeter(definition, bench)
    if kind == "flicker":
        return FlickerMeter(definition, bench)
    if kind == "rate":
        return RateMeter(definition, bench)
    if kind == "similarity":
        return SimilarityMeter(definition, bench)
    if kind == "centroid":
        return CentroidMeter(definition, bench)
    if kind == "set":
        return SetMeter(definition, bench)
    return BodyStateMeter(definition, bench)


class ProfileScorer:
    """One profile over one unit. Feed with :meth:`pairs` and :meth:`side`, then read :meth:`values`."""

    def __init__(
        self, profile: Profile, definitions: Sequence[Definition], bench: Bench, setting: Setting
    ) -> None:
        self._profile = profile
        self._definitions = definitions
        self._setting: Setting = setting
        self._meters: dict[str, Meter] = {}
        self._reasons: dict[str, str] = {}
        self._totals: dict[Side, int] = {"prediction": 0, "reference": 0}
        for definition in definitions:
            try:
                self._meters[definition.metric] = meter(definition, bench)
            except MissingWeightsError as error:
                self._reasons[definition.metric] = str(error)
        self.passports: dict[str, Passport] = {}

    def pairs(self, ours: Reading, theirs: Reading) -> None:
        """Predictions and their truths, frame by frame. The sides are to be given to :meth:`side` too."""
        for one in self._meters.values():
            one.pairs(ours, theirs)

    def side(self, side: Side, reading: Reading) -> None:
        """A batch of one side."""
        self._totals[side] += len(reading)
        for one in self._meters.values():
            one.side(side, reading)

    def values(self) -> list[MetricValue]:
        """One value per metric that is defined per unit, in the profile's order."""
        return [self._value(one) for one in self._definitions if not is_pooled(one)]

    def features(self) -> dict[str, SetFeatures]:
        """What the pooled metrics need, by :attr:`SetMeter.key`."""
        found: dict[str, SetFeatures] = {}
        for one in self._meters.values():
            if isinstance(one, SetMeter) and is_pooled(one.definition) and one.key not in found:
                ours, theirs = one.selected()
                seen = one.detections
                detected = None if seen is None else (seen["prediction"], seen["reference"], seen["both"])
                found[one.key] = SetFeatures(
                    ours, theirs, self._totals["prediction"], self._totals["reference"], detected
                )
        return found

    def _value(self, definition: Definition) -> MetricValue:
        measured = self._meters.get(definition.metric)
        if measured is None:
            outcome = missing(self._reasons[definition.metric], self._totals["prediction"])
        else:
            outcome = measured.outcome()
        passport = passport_of(self._profile, self._setting, definition, measured)
        self.passports[passport.id] = passport
        return metric_value(passport, outcome, None if measured is None else measured.label)


def passport_of(
    profile: Profile, setting: Setting, definition: Definition, measured: Meter | None
) -> Passport:
    """The passport of a definition with the weights that were found."""
    return Passport(profile.name, setting, definition, {} if measured is None else measured.weights)


def metric_value(passport: Passport, outcome: Outcome, label: str | None) -> MetricValue:
    """An outcome with its names."""
    return MetricValue(
        profile=passport.profile,
        metric=passport.definition.metric,
        value=outcome.value,
        reason=outcome.reason,
        count=outcome.count,
        total=outcome.total,
        per_frame=outcome.per_frame,
        backbone=label,
        definition=passport.id,
        note=outcome.note,
        average=passport.definition.get(AVERAGE, "frames"),
        detections=outcome.detections,
        pairs=outcome.pairs,
    )


def is_pooled(definition: Definition) -> bool:
    """Whether the metric has no value for one unit, only for all units of a method together."""
    return definition.get("scope", "") == DATASET_SCOPE


def pooled_values(
    profile: Profile,
    definitions: Sequence[Definition],
    bench: Bench,
    units: Sequence[Mapping[str, SetFeatures]],
    setting: Setting,
) -> tuple[list[MetricValue], dict[str, Passport]]:
    """Set metrics of one profile over all units, and their passports by id."""
    values = []
    passports: dict[str, Passport] = {}
    for definition in definitions:
        if not is_pooled(definition):
            continue
        measured: SetMeter | None = None
        try:
            measured = SetMeter(definition, bench)
            outcome = _pooled(measured, [unit[measured.key] for unit in units if measured.key in unit])
        except MissingWeightsError as error:
            outcome = missing(str(error), 0)
        passport = passport_of(profile, setting, definition, measured)
        passports[passport.id] = passport
        values.append(metric_value(passport, outcome, None if measured is None else measured.label))
    return values, passports


def _pooled(measured: SetMeter, parts: Sequence[SetFeatures]) -> Outcome:
    total = sum(part.prediction_total for part in parts)
    ours = [part.prediction for part in parts if len(part.prediction)]
    theirs = [part.reference for part in parts if len(part.reference)]
    nothing = np.zeros((0, 0), dtype=np.float32)
    counts = [part.detected for part in parts if part.detected is not None]
    detections = None
    if counts:
        names = ("prediction", "reference", "both")
        sums = {name: sum(count[place] for count in counts) for place, name in enumerate(names)}
        detections = {**sums, "frames": total}
    return set_outcome(
        measured.definition,
        measured.source,
        np.concatenate(ours) if ours else nothing,
        np.concatenate(theirs) if theirs else nothing,
        total,
        detections,
    )
