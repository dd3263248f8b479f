"""``Source``: one kind of feature (whole frame, body, face) of one definition, from frames to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.cropping import Box, Frame
from iper_bench.metrics.crops import BOXES, CROPS
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.detectors import Floats, Spot, detector
from iper_bench.metrics.networks import feature_network
from iper_bench.metrics.part_features import flat_parts
from iper_bench.metrics.reading import Reading

Features = npt.NDArray[np.float32]

WHOLE_FRAME = "whole frame"
PARTS = 6  # of PCB's features, the fastest axis of its flat output


def _unit_parts(output: Features) -> Features:
    return flat_parts(output.reshape(1, -1, PARTS))[0]


#: from a network's output to the feature, where the definition asks for more than the output
_FINISHES: Mapping[str, Callable[[Features], Features]] = {"pcb_market1501": _unit_parts}


@dataclass(frozen=True)
class FeatureRule:
    """The choices of a definition that decide about its features (``kinds.FEATURES``)."""

    frame: str
    detector: str
    box: str
    missing: str
    crop: str
    network: str

    @staticmethod
    def of(definition: Definition) -> FeatureRule:
        """The rule of a definition of features. Raises KeyError for a kind without features."""
        return FeatureRule(
            *(definition[name] for name in ("frame", "detector", "box", "missing", "crop", "network"))
        )


@dataclass(frozen=True)
class Observation:
    """What one frame gave.

    Attributes
    ----------
    feature: float32 (d,), or ``None``.
    detected: whether the detector found something. The paper's evaluator embeds the whole frame when nothing
        is found: then there is a feature without a detection.
    spot: where it was found.
    """

    feature: Features | None
    detected: bool
    spot: Spot | None = None


class Source:
    """A detector, a crop and a network under one rule. Raises MissingWeightsError without their weights."""

    def __init__(self, rule: FeatureRule, bench: Bench) -> None:
        self.rule = rule
        self._network = feature_network(rule.network, bench)
        self._detector = detector(rule.detector, bench)
        self.label = self._network.label
        self.project = self._network.project
        found = None if self._detector is None else self._detector.label
        self.weights = {"network": self.label, **({} if found is None else {"detector": found})}
        self.key = "|".join((*astuple(rule), *self.weights.values()))

    def observe(self, reading: Reading) -> list[Observation]:
        """One observation per frame."""
        return reading.once(("observe", self.rule), lambda: self._observe(reading))

    def _observe(self, reading: Reading) -> list[Observation]:
        if self._detector is None:
            return [Observation(feature, True) for feature in self._embed(reading, [None] * len(reading))]
        spots = reading.spots(self.rule.detector, self._detector, self.rule.frame)
        features = self._embed(reading, spots, whole=self.rule.missing == WHOLE_FRAME)
        return [
            Observation(feature, spot is not None and (feature is not None), spot)
            for feature, spot in zip(features, spots, strict=True)
        ]

    def observe_at(self, reading: Reading, references: Sequence[Observation]) -> list[Observation]:
        """Each frame cropped where ``references`` were found, whatever it shows there."""
        spots = [one.spot for one in references]
        features = self._embed(reading, spots)
        return [Observation(feature, feature is not None) for feature in features]

    def _embed(
        self, reading: Reading, spots: Sequence[Spot | None], *, whole: bool = False
    ) -> list[Features | None]:
        """Features at the spots; ``whole`` embeds the whole frame where there is none."""
        whole = whole or self._detector is None
        rule = reading.rule(self.rule.frame)
        frames = reading.frames(rule)
        height, width = frames[0].shape[:2] if frames else (0, 0)
        regions: list[Floats | None] = []
        for spot in spots:
            parts = [] if spot is None else [spot.box, *([] if spot.given is None else [spot.given])]
            regions.append(np.concatenate(parts).astype(np.float64) if parts else None)

        def work(positions: list[int]) -> list[tuple[Features, ...]]:
            inputs = [self._input(frames[p], spots[p], (height, width), whole=whole) for p in positions]
            present = [self._network.normalise(one) for one in inputs if one is not None]
            outputs = iter(self._network.features_of_inputs(present))
            return [() if one is None else (self._finished(next(outputs)[0]),) for one in inputs]

        source = f"embed|{rule}|{self.rule.detector}|{self.rule.box}|{whole}|{self.rule.crop}|{self.label}"
        entries = reading.cached(source, regions, work)
        return [entry[0] if entry else None for entry in entries]

    def _input(
        self, frame: Frame, spot: Spot | None, size: tuple[int, int], *, whole: bool
    ) -> torch.Tensor | None:
        if spot is None:
            return CROPS[self.rule.crop](frame, None) if whole else None
        # only a detector makes a spot
        picture = frame if self._detector is None else self._detector.picture(frame, spot.given)
        box: Box = BOXES[self.rule.box](spot.box, *picture.shape[:2])
        return CROPS[self.rule.crop](picture, box)

    def _finished(self, output: Features) -> Features:
        finish = _FINISHES.get(self.rule.network)
        flat = output.ravel()
        return flat if finish is None else finish(flat)
