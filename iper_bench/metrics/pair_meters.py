"""Meters of frame pairs: PSNR, SSIM, LPIPS, and flicker, which needs the frame before as well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.colour import grey
from iper_bench.metrics.definition import AVERAGE, Definition
from iper_bench.metrics.flicker import flicker_excess, flicker_ratio
from iper_bench.metrics.lpips import Maps
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.outcome import Outcome, missing, of_frames
from iper_bench.metrics.perceptual import MapRule, Perceptual
from iper_bench.metrics.psnr import PEAK, psnr_by, psnr_of_error
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.ssim import ssim_by

Side = Literal["prediction", "reference"]
PairFunction = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], float]

POOLED = "pooled"
ALL_IDENTICAL = "every prediction is identical to its truth: infinite"


def pixel_function(definition: Definition) -> PairFunction:
    """The pure function of two frames behind a definition of PSNR or SSIM."""
    if definition.kind.name == "psnr":

        def function(ours: npt.NDArray[np.uint8], theirs: npt.NDArray[np.uint8]) -> float:
            return psnr_by(ours, theirs, arithmetic=definition["arithmetic"], data_range=definition["range"])

    else:

        def function(ours: npt.NDArray[np.uint8], theirs: npt.NDArray[np.uint8]) -> float:
            return ssim_by(
                ours,
                theirs,
                values=definition["values"],
                window=definition["window"],
                covariance=definition["covariance"],
            )

    if definition["colour"] == "grey":
        return lambda ours, theirs: function(grey(ours), grey(theirs))
    return function


class PairMeter:
    """One number per pair of frames."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.weights: dict[str, str] = {}
        self.label: str | None = None
        self._values: list[float] = []
        self._undefined: str | None = None
        self._frames = 0

    def pairs(self, ours: Reading, theirs: Reading) -> None:
        """Measure a batch of predictions and their truths."""
        self._frames += len(ours)
        try:
            self._values.extend(self._measure(ours, theirs))
        except UndefinedError as error:
            self._undefined = str(error)

    def side(self, side: Side, reading: Reading) -> None:
        """Nothing: a pair is needed."""

    def _measure(self, ours: Reading, theirs: Reading) -> list[float]:
        raise NotImplementedError

    def outcome(self) -> Outcome:
        """The average over the pairs."""
        if self._undefined is not None:
            return missing(self._undefined, self._frames)
        return of_frames(list(self._values), self.definition[AVERAGE], "no frames")


class PixelMeter(PairMeter):
    """PSNR and SSIM."""

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._function = pixel_function(definition)

    def _measure(self, ours: Reading, theirs: Reading) -> list[float]:
        rule = self.definition["frame"]
        key = ("pixel", self.definition.kind.name, *self.definition.choices.items())
        return ours.once(
            key,
            lambda: [
                self._function(p, t) for p, t in zip(ours.frames(rule), theirs.frames(rule), strict=True)
            ],
        )

    def outcome(self) -> Outcome:
        """The average; infinite values by the definition's rule for identical frames."""
        if self._undefined is not None or self.definition.kind.name != "psnr":
            return super().outcome()
        total = len(self._values)
        infinite = sum(math.isinf(value) for value in self._values)
        if self.definition[AVERAGE] == POOLED:
            return self._pooled()
        if infinite and self.definition["identical"] == "infinite":
            words = f"the value is +inf: {infinite} of {total} predictions equal their truth"
            return missing(words, total)
        if infinite == total > 0:
            return missing(ALL_IDENTICAL, total)
        note = f"{infinite} predictions identical to their truth are left out" if infinite else None
        finite = [None if math.isinf(value) else value for value in self._values]
        return of_frames(finite, self.definition[AVERAGE], "no frames", note=note)

    def _pooled(self) -> Outcome:
        total = len(self._values)
        if not total:
            return missing("no frames", 0)
        errors = [PEAK**2 / 10 ** (value / 10) for value in self._values]
        value = psnr_of_error(math.fsum(errors) / total)
        return (
            missing(ALL_IDENTICAL, total) if math.isinf(value) else Outcome(value, None, None, total, total)
        )


class MapMeter(PairMeter):
    """LPIPS."""

    def __init__(self, definition: Definition, bench: Bench) -> None:
        super().__init__(definition)
        self._perceptual = _perceptual(definition, bench)
        self.weights, self.label = self._perceptual.weights, self._perceptual.label

    def _measure(self, ours: Reading, theirs: Reading) -> list[float]:
        return ours.once(
            ("lpips", self._perceptual.rule),
            lambda: [
                self._perceptual.distance(p, t)
                for p, t in zip(self._perceptual.maps(ours), self._perceptual.maps(theirs), strict=True)
            ],
        )


class FlickerMeter:
    """Distances of consecutive frames of either side."""

    def __init__(self, definition: Definition, bench: Bench) -> None:
        self.definition = definition
        self._perceptual = _perceptual(definition, bench)
        self.weights = self._perceptual.weights
        self.label: str | None = self._perceptual.label
        self._last: dict[Side, Maps] = {}
        self._distances: dict[Side, list[float]] = {"prediction": [], "reference": []}
        self._frames: dict[Side, int] = {"prediction": 0, "reference": 0}
        self._paired = False
        self._undefined: str | None = None

    def pairs(self, ours: Reading, theirs: Reading) -> None:
        """Remember that the reference is the truth of each frame, not another set."""
        self._paired = True

    def side(self, side: Side, reading: Reading) -> None:
        """Measure a batch of one side against the frame before each."""
        self._frames[side] += len(reading)
        wanted = {"prediction": ("prediction",), "truth": ("reference",)}
        if side not in wanted.get(self.definition["statistic"], ("prediction", "reference")):
            return
        try:
            for maps in self._perceptual.maps(reading):
                if side in self._last:
                    self._distances[side].append(self._perceptual.distance(maps, self._last[side]))
                self._last[side] = maps
        except UndefinedError as error:
            self._undefined = str(error)

    def outcome(self) -> Outcome:
        """See ``flicker.py``; the first frame has no value."""
        total = self._frames["prediction"]
        statistic = self.definition["statistic"]
        if self._undefined is not None:
            return missing(self._undefined, total)
        if not total:
            return missing("no frames", 0)
        if statistic != "prediction" and not self._paired:
            return missing("the frames have no truth", total)
        ours, theirs = self._distances["prediction"], self._distances["reference"]
        try:
            if statistic == "ratio":
                value = flicker_ratio(np.asarray(ours), np.asarray(theirs))
                return Outcome(value, None, None, len(ours), total)
            if statistic == "excess":
                flicker_excess(np.asarray(ours), np.asarray(theirs))  # raises where it does not exist
        except UndefinedError as error:
            return missing(str(error), total)
        chosen = {"prediction": ours, "truth": theirs}.get(
            statistic, [p - t for p, t in zip(ours, theirs, strict=False)]
        )
        return of_frames([None, *chosen], self.definition[AVERAGE], "one frame has none before it")


def _perceptual(definition: Definition, bench: Bench) -> Perceptual:
    rule = MapRule.of(definition)
    return bench.once(f"maps/{rule}", lambda: Perceptual(rule, bench))
