"""``ProfileScorer``: collects what one profile needs from one unit and turns it into values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from iper_bench.hashing import content_hash
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.metric import Setting, UndefinedError
from iper_bench.metrics.perceptual import Perceptual
from iper_bench.metrics.profiles.detection_rules import stack
from iper_bench.metrics.profiles.profile import DEFINITION_VERSION, FrameValues, Profile
from iper_bench.metrics.psnr import PEAK, psnr_of_error
from iper_bench.metrics.scores import MetricValue, SetFeatures
from iper_bench.metrics.source import Observation, Source
from iper_bench.metrics.weights import MissingWeightsError

Side = Literal["prediction", "reference"]
POOLED = "PSNR/pooled"


class ProfileScorer:
    """One profile over one unit. Feed with :meth:`add_pairs` and :meth:`add`, then read :meth:`values`."""

    def __init__(self, profile: Profile, bench: Bench, setting: Setting) -> None:
        self._profile = profile
        self._bench = bench
        self._setting: Setting = setting
        self._metrics = profile.metrics[setting]
        self._pixel: dict[str, list[float]] = {name: [] for name in profile.pixel if name in self._metrics}
        self._undefined: dict[str, str] = {}
        self._perceptual, perceptual_reason = _perceptual(profile, bench, self._metrics)
        self._distances: list[float] = []
        self._sources, self._reasons = _sources(profile, bench, self._metrics)
        if perceptual_reason is not None:
            self._reasons["LPIPS"] = perceptual_reason
        self._seen: dict[tuple[str, Side], list[Observation]] = {
            (name, side): [] for name in self._sources for side in ("prediction", "reference")
        }
        self._counts: dict[Side, int] = {"prediction": 0, "reference": 0}
        self._boxes_given = True
        self.definitions: dict[str, dict[str, object]] = {}

    def add_pairs(self, predictions: npt.NDArray[np.uint8], truths: npt.NDArray[np.uint8]) -> None:
        """Pixel metrics and LPIPS of uint8 (B, H, W, 3) frames and their truths."""
        ours = [self._profile.frame(frame) for frame in predictions]
        theirs = [self._profile.frame(frame) for frame in truths]
        for name, values in self._pixel.items():
            function = self._profile.pixel[name][0]
            try:
                values.extend(function(p, t) for p, t in zip(ours, theirs, strict=True))
            except UndefinedError as error:
                self._undefined[name] = str(error)
        if self._perceptual is not None:
            try:
                self._distances.extend(self._perceptual.distances(ours, theirs, self._bench.cache))
            except UndefinedError as error:
                self._undefined["LPIPS"] = str(error)

    def add(self, side: Side, frames: npt.NDArray[np.uint8], boxes: npt.NDArray[np.floating] | None) -> None:
        """Observe uint8 (B, H, W, 3) frames of one side with their body boxes."""
        self._counts[side] += len(frames)
        self._boxes_given = self._boxes_given and boxes is not None
        rows = [None] * len(frames) if boxes is None else list(boxes)
        prepared = [self._profile.frame(frame) for frame in frames]
        for name, source in self._sources.items():
            self._seen[(name, side)].extend(source.observe(prepared, rows, self._bench.cache))

    def values(self) -> list[MetricValue]:
        """One value per metric of the setting that is defined per unit, in the profile's order."""
        similarities: dict[str, dict[str, FrameValues]] = {
            name: self._profile.similarities(
                name, self._setting, self._seen[(name, "prediction")], self._seen[(name, "reference")]
            )
            for name in self._sources
            if name != "whole"
        }
        return [self._value(name, similarities) for name in self._metrics if name not in self._profile.sets]

    def features(self) -> dict[str, SetFeatures]:
        """Raw features for the pooled metrics of the setting, by ``"<profile>/<source>"``."""
        needed = {self._profile.sets[name][0] for name in self._metrics if name in self._profile.sets}
        found = {}
        for name in sorted(needed & self._sources.keys()):
            ours, theirs = self._profile.selection(
                name, self._seen[(name, "prediction")], self._seen[(name, "reference")]
            )
            found[f"{self._profile.name}/{name}"] = SetFeatures(
                stack(ours), stack(theirs), self._counts["prediction"], self._counts["reference"]
            )
        return found

    def _value(self, name: str, similarities: Mapping[str, Mapping[str, FrameValues]]) -> MetricValue:
        if name in self._pixel or name == POOLED:
            return self._pixel_value(name)
        if name == "LPIPS":
            if self._perceptual is None:
                return self._missing(name, self._reasons["LPIPS"])
            if "LPIPS" in self._undefined:
                return self._missing(name, self._undefined["LPIPS"], self._perceptual)
            distances: list[float | None] = list(self._distances)
            return self._present(
                name, FrameValues(distances, self._profile.average(distances)), self._perceptual
            )
        part, _, rule = name.partition("-")
        source = part.lower()
        if source in self._reasons:
            return self._missing(name, self._reasons[source])
        return self._present(name, similarities[source][rule], self._sources[source])

    def _pixel_value(self, name: str) -> MetricValue:
        base = "PSNR" if name == POOLED else name
        if base in self._undefined:
            return self._missing(name, self._undefined[base])
        raw = self._pixel[base]
        infinite = sum(math.isinf(value) for value in raw)
        if name == POOLED:
            errors = [PEAK**2 / 10 ** (value / 10) for value in raw]
            value = psnr_of_error(math.fsum(errors) / len(errors)) if errors else None
            if value is not None and math.isinf(value):
                return self._missing(name, "every prediction is identical to its truth: infinite")
            total = len(raw)
            return self._finished(
                name, value, None if raw else "no frames", len(raw), total, None, None, None
            )
        per_frame: list[float | None] = [None if math.isinf(value) else value for value in raw]
        note = None
        if infinite and self._profile.name == "paper":
            return self._missing(
                name, f"the evaluator's value is +inf: {infinite} predictions equal their truth"
            )
        if infinite == len(raw) > 0:
            return self._missing(name, "every prediction is identical to its truth: infinite")
        if infinite:
            note = f"{infinite} predictions identical to their truth are left out"
        return self._present(name, FrameValues(per_frame, self._profile.average(per_frame)), None, note)

    def _present(
        self, name: str, values: FrameValues, network: Source | Perceptual | None, note: str | None = None
    ) -> MetricValue:
        count = sum(value is not None for value in values.per_frame)
        reason = None
        if values.value is None:
            reason = self._nothing_counted(name, network)
        return self._finished(
            name, values.value, reason, count, len(values.per_frame), values.per_frame, network, note
        )

    def _nothing_counted(self, name: str, network: Source | Perceptual | None) -> str:
        if not self._counts["prediction"]:
            return "no frames"
        if isinstance(network, Source) and network.name == "body" and not self._boxes_given:
            return "no body found: no body boxes were given"
        sides = "truth" if self._setting == "self" else "real set"
        kind = network.name if isinstance(network, Source) else "value"
        needs_both = name.endswith(("detected", "centroid"))
        return f"no {kind} found in the {sides}{' and the predictions together' if needs_both else ''}"

    def _missing(self, name: str, reason: str, network: Source | Perceptual | None = None) -> MetricValue:
        return self._finished(name, None, reason, 0, self._counts["prediction"], None, network, None)

    def _finished(
        self,
        name: str,
        value: float | None,
        reason: str | None,
        count: int,
        total: int,
        per_frame: list[float | None] | None,
        network: Source | Perceptual | None,
        note: str | None,
    ) -> MetricValue:
        definition = definition_of(self._profile, name, self._setting, network)
        identity = content_hash(definition)
        self.definitions[identity] = definition
        label = network.label if network is not None else None
        return MetricValue(
            self._profile.name, name, value, reason, count, total, per_frame, label, identity, note
        )


def definition_of(
    profile: Profile, name: str, setting: Setting, network: Source | Perceptual | None
) -> dict[str, object]:
    """The complete definition of one metric: what its hash is taken from."""
    return {
        "profile": profile.name,
        "metric": name,
        "setting": setting,
        "version": DEFINITION_VERSION,
        "text": dict(profile.text(name)),
        "network": None if network is None else dict(network.definition),
    }


def pooled_values(
    profile: Profile, bench: Bench, units: Sequence[Mapping[str, SetFeatures]], setting: Setting
) -> tuple[list[MetricValue], dict[str, dict[str, object]]]:
    """Set metrics of one profile over all units, and their definitions by hash."""
    names = [name for name in profile.metrics[setting] if name in profile.sets]
    sources, reasons = _sources(profile, bench, names)
    values = []
    definitions: dict[str, dict[str, object]] = {}
    for name in names:
        source = profile.sets[name][0]
        definition = definition_of(profile, name, setting, sources.get(source))
        identity = content_hash(definition)
        definitions[identity] = definition
        label = sources[source].label if source in sources else None
        parts = [unit[f"{profile.name}/{source}"] for unit in units if f"{profile.name}/{source}" in unit]
        value, reason, note = None, reasons.get(source), None
        if reason is None:
            value, reason, note = _pooled(profile, name, parts)
        count = sum(len(part.prediction) for part in parts)
        total = sum(part.prediction_total for part in parts)
        values.append(
            MetricValue(profile.name, name, value, reason, count, total, None, label, identity, note)
        )
    return values, definitions


def _pooled(
    profile: Profile, name: str, parts: list[SetFeatures]
) -> tuple[float | None, str | None, str | None]:
    ours = [part.prediction for part in parts if len(part.prediction)]
    theirs = [part.reference for part in parts if len(part.reference)]
    if not ours or not theirs:
        kind = profile.sets[name][0]
        empty = "predictions" if not ours else "real set"
        return None, f"no {kind} features in the {empty}", None
    predictions, references = np.concatenate(ours), np.concatenate(theirs)
    try:
        value = profile.sets[name][1](predictions, references)
    except UndefinedError as error:
        return None, str(error), None
    counts = (
        f"{len(predictions)} predictions, {len(references)} real frames, {predictions.shape[1]} dimensions"
    )
    if min(len(predictions), len(references)) <= predictions.shape[1] and name != "KID":
        counts += "; fewer samples than dimensions: biased upwards, compare at equal counts only"
    return value, None, counts


def _perceptual(
    profile: Profile, bench: Bench, metrics: Sequence[str]
) -> tuple[Perceptual | None, str | None]:
    if "LPIPS" not in metrics:
        return None, None
    try:
        return bench.once(f"{profile.name}/LPIPS", lambda: profile.perceptual(bench)), None
    except MissingWeightsError as error:
        return None, str(error)


def _sources(
    profile: Profile, bench: Bench, metrics: Sequence[str]
) -> tuple[dict[str, Source], dict[str, str]]:
    """The sources that ``metrics`` need, and the reasons of those that cannot be built."""
    needed = {profile.sets[name][0] for name in metrics if name in profile.sets}
    needed |= {
        part.lower()
        for part, dash, _ in (name.partition("-") for name in metrics)
        if dash and part.lower() in profile.sources
    }
    found: dict[str, Source] = {}
    reasons: dict[str, str] = {}
    for name in sorted(needed):
        try:
            found[name] = _built(profile, bench, name)
        except MissingWeightsError as error:
            reasons[name] = str(error)
    return found, reasons


def _built(profile: Profile, bench: Bench, name: str) -> Source:
    return bench.once(f"{profile.name}/{name}", lambda: profile.sources[name](bench))
