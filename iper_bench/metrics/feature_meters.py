"""Meters of what is found in frames: similarities, rates, body states, and the features of set metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.body_state_error import components_per_frame, sspe_per_frame
from iper_bench.metrics.cosine_similarity import cosines, cosines_paper, cosines_to_centroid
from iper_bench.metrics.definition import AVERAGE, Definition
from iper_bench.metrics.detectors import detector
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.outcome import Outcome, missing, of_frames
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.set_values import set_value
from iper_bench.metrics.source import FeatureRule, Observation, Source

Side = Literal["prediction", "reference"]
REFERENCE_BOX = "reference box"
DATASET_SCOPE = "dataset"
_THINGS = {"mtcnn-20": "face", "mtcnn-30-head": "face", "none": "frame"}


class ObservedMeter:
    """Observations of both sides by one source; subclasses turn them into a number."""

    def __init__(self, definition: Definition, bench: Bench) -> None:
        self.definition = definition
        rule = FeatureRule.of(definition)
        self.source = bench.once(f"source/{rule}", lambda: Source(rule, bench))
        self.weights = dict(self.source.weights)
        self.label: str | None = self.source.label
        self.ours: list[Observation] = []
        self.theirs: list[Observation] = []
        self.at_reference: list[Observation] | None = None
        self._boxes_given = True

    def pairs(self, ours: Reading, theirs: Reading) -> None:
        """Where the definition asks for it, look at predictions where the truth has its box."""
        if self.definition.get("policy", "") == REFERENCE_BOX:
            found = self.at_reference or []
            self.at_reference = [*found, *self.source.observe_at(ours, self.source.observe(theirs))]

    def side(self, side: Side, reading: Reading) -> None:
        """Observe a batch of one side."""
        self._boxes_given = self._boxes_given and reading.boxes_given
        (self.ours if side == "prediction" else self.theirs).extend(self.source.observe(reading))

    @property
    def detections(self) -> dict[str, int] | None:
        """Frames with a detection in the reference, the prediction and both; ``None`` without a detector."""
        if self.source.rule.detector == "none":
            return None
        return detections_of([o.detected for o in self.ours], [o.detected for o in self.theirs])

    def nothing(self, both: bool) -> str:
        """Why no frame counted."""
        if not self.ours:
            return "no frames"
        thing = _THINGS.get(self.source.rule.detector, "body")
        if self.source.rule.detector == "given" and not self._boxes_given:
            return "no body found: no body boxes were given"
        return f"no {thing} found in the reference{' and the predictions together' if both else ''}"

    def outcome(self) -> Outcome:
        """The number."""
        raise NotImplementedError


class SimilarityMeter(ObservedMeter):
    """Body-CS, Face-CS and their variants."""

    def outcome(self) -> Outcome:
        """The average of the cosines of frame k of both sides, by the definition's policy."""
        policy = self.definition["policy"]
        if policy == REFERENCE_BOX and self.at_reference is None:
            return missing("the frames have no truth whose boxes could be used", len(self.ours))
        ours = self.at_reference if policy == REFERENCE_BOX and self.at_reference is not None else self.ours
        return of_frames(
            cosine_values(self.definition, ours, self.theirs),
            self.definition[AVERAGE],
            self.nothing(policy == "detected"),
            detections=self.detections,
            frames=min(len(self.ours), len(self.theirs)),
        )


class CentroidMeter(ObservedMeter):
    """Similarity to the mean of the real frames, independent of the pairing of poses."""

    def outcome(self) -> Outcome:
        """The average of the cosines of detected predictions to the centroid."""
        per_frame: list[float | None] = [None] * len(self.ours)
        theirs = [o.feature for o in self.theirs if o.detected and o.feature is not None]
        mine = [o.feature for o in self.ours if o.detected and o.feature is not None]
        if mine and theirs:
            found = iter(cosines_to_centroid(np.stack(mine), np.stack(theirs)))
            per_frame = [
                float(next(found)) if o.detected and o.feature is not None else None for o in self.ours
            ]
        return of_frames(per_frame, self.definition[AVERAGE], self.nothing(True), detections=self.detections)


class BodyStateMeter(ObservedMeter):
    """SSPE and its components."""

    def outcome(self) -> Outcome:
        """The average of the differences of frame k of both sides."""
        count = min(len(self.ours), len(self.theirs))
        if not count:
            return missing("no frames", len(self.ours))
        ours = np.stack([o.feature for o in self.ours[:count] if o.feature is not None])
        theirs = np.stack([o.feature for o in self.theirs[:count] if o.feature is not None])
        statistic = self.definition["statistic"]
        if statistic == "evaluator":
            found = sspe_per_frame(ours, theirs)
        else:
            found = components_per_frame(ours, theirs)[statistic]
        values: list[float | None] = [float(value) for value in found]
        values += [None] * (len(self.ours) - count)
        return of_frames(values, self.definition[AVERAGE], "no frames", frames=count)


class SetMeter(ObservedMeter):
    """FID, KID, Body-FD, Face-FD, IS: the features of a unit, and the number where the scope is the unit."""

    @property
    def key(self) -> str:
        """Name of the features: equal for metrics that take the same ones."""
        return f"{self.source.key}|{self.definition['selection']}"

    def selected(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Features of predictions (n, d) and references (m, d) that enter."""
        ours, theirs = selected(self.definition["selection"], self.ours, self.theirs)
        return _stacked(ours), _stacked(theirs)

    def outcome(self) -> Outcome:
        """The value over this unit alone. Only for the scope ``clip``."""
        ours, theirs = self.selected()
        return set_outcome(self.definition, self.source, ours, theirs, len(self.ours), self.detections)


class RateMeter:
    """Share of frames with a detection; needs no feature network."""

    def __init__(self, definition: Definition, bench: Bench) -> None:
        found = detector(definition["detector"], bench)
        if found is None:
            raise ValueError(f"{definition.metric}: a rate needs a detector")
        self.definition = definition
        self._detector = found
        self.label = found.label
        self.weights = {} if found.label is None else {"detector": found.label}
        self._found: dict[Side, list[bool]] = {"prediction": [], "reference": []}

    def pairs(self, ours: Reading, theirs: Reading) -> None:
        """Nothing: sides are counted apart."""

    def side(self, side: Side, reading: Reading) -> None:
        """Search a batch of one side."""
        name = self.definition["detector"]
        spots = reading.spots(name, self._detector, self.definition["frame"])
        self._found[side].extend(spot is not None for spot in spots)

    def outcome(self) -> Outcome:
        """The share of the side that the definition names."""
        found = self._found["prediction" if self.definition["side"] == "prediction" else "reference"]
        both = detections_of(self._found["prediction"], self._found["reference"])
        return of_frames(
            [float(one) for one in found], self.definition[AVERAGE], "no frames", detections=both
        )


def cosine_values(
    definition: Definition, ours: Sequence[Observation], theirs: Sequence[Observation]
) -> list[float | None]:
    """Cosine of frame k of both sides by the policy and arithmetic of a definition; ``None`` = left out."""
    values: list[float | None] = [None] * len(ours)
    for index, (mine, its) in enumerate(zip(ours, theirs, strict=False)):
        values[index] = _cosine(definition, mine, its)
    return values


def _cosine(definition: Definition, ours: Observation, theirs: Observation) -> float | None:
    policy = definition["policy"]
    if policy != "all" and not theirs.detected:
        return None
    if policy == "detected" and not ours.detected:
        return None
    if policy == "penalised" and not ours.detected:
        return 0.0
    if ours.feature is None or theirs.feature is None:
        return None  # an empty crop, which stops the official evaluator
    function = cosines if definition["arithmetic"] == "float64" else cosines_paper
    return float(function(ours.feature[None], theirs.feature[None])[0])


def selected(
    selection: str, ours: Sequence[Observation], theirs: Sequence[Observation]
) -> tuple[list[Observation], list[Observation]]:
    """Which observations enter a set metric, by the choice of that name (``kinds.SET``)."""
    if selection == "reference":
        valid = [index for index, one in enumerate(theirs[: len(ours)]) if one.detected]
        return [ours[index] for index in valid], [theirs[index] for index in valid]
    if selection == "all":
        return list(ours), list(theirs)
    return [one for one in ours if one.detected], [one for one in theirs if one.detected]


def detections_of(ours: list[bool], theirs: list[bool]) -> dict[str, int]:
    """Counts of detections in the prediction, the reference and both sides of a pair."""
    return {
        "prediction": sum(ours),
        "reference": sum(theirs),
        "both": sum(mine and its for mine, its in zip(ours, theirs, strict=False)),
        "frames": len(ours),
    }


def set_outcome(
    definition: Definition,
    source: Source,
    ours: npt.NDArray[np.float32],
    theirs: npt.NDArray[np.float32],
    total: int,
    detections: Mapping[str, int] | None,
) -> Outcome:
    """The number of two sets of features, or why there is none."""
    if not len(ours) or not len(theirs):
        thing = _THINGS.get(definition["detector"], "body")
        empty = "predictions" if not len(ours) else "references"
        return missing(f"no {thing} features in the {empty}", total, detections)
    try:
        value, note = set_value(definition["statistic"], ours, theirs, source.project)
    except UndefinedError as error:
        return missing(str(error), total, detections)
    return Outcome(value, None, None, len(ours), total, note, detections)


def _stacked(observations: Sequence[Observation]) -> npt.NDArray[np.float32]:
    features = [o.feature for o in observations if o.feature is not None]
    return np.stack(features) if features else np.zeros((0, 0), dtype=np.float32)
