"""``Profile``: everything that turns frames into numbers under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iper_bench.metrics.bench import Bench
from iper_bench.metrics.metric import Setting
from iper_bench.metrics.perceptual import Perceptual
from iper_bench.metrics.source import Observation, Source

Frame = npt.NDArray[np.uint8]
PairFunction = Callable[[Frame, Frame], float]
Definition = Mapping[str, object]
DEFINITION_VERSION = 1  # raised when a definition changes its numbers without changing its text


@dataclass(frozen=True)
class FrameValues:
    """A metric before averaging: one entry per predicted frame, ``None`` = left out; and its average."""

    per_frame: list[float | None]
    value: float | None


# rules over the observations of a unit: source, (setting,) predictions, references
SimilarityRule = Callable[[str, Setting, list[Observation], list[Observation]], dict[str, FrameValues]]
SelectionRule = Callable[
    [str, list[Observation], list[Observation]], tuple[list[Observation], list[Observation]]
]
SetFunction = Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32]], float]


@dataclass(frozen=True)
class Profile:
    """One set of exact definitions.

    Attributes
    ----------
    name, summary: for rows and documentation.
    comparable: whether its columns may stand beside the paper's.
    frame: from the frame at rest to the frame all metrics of the profile see.
    frame_text: the same in words.
    pixel: pair functions by metric name with their definitions.
    perceptual: builds the LPIPS distance.
    perceptual_text, source_texts: definitions of LPIPS and of the sources, for documentation without weights.
    sources: builders of ``whole``, ``body``, ``face``.
    similarities: rule of the Body-* and Face-* similarities, by metric name without ``Body-`` or ``Face-``.
    similarity_text: the rule in words.
    selection: which observations enter a set metric.
    sets: set metric name to source, function and definition.
    average: per-frame values of pixel metrics to one number.
    metrics: names per setting, in the order of columns.
    """

    name: str
    summary: str
    comparable: bool
    frame: Callable[[Frame], Frame]
    frame_text: str
    pixel: Mapping[str, tuple[PairFunction, Definition]]
    perceptual: Callable[[Bench], Perceptual]
    perceptual_text: Definition
    sources: Mapping[str, Callable[[Bench], Source]]
    source_texts: Mapping[str, Definition]
    similarities: SimilarityRule
    similarity_text: Definition
    selection: SelectionRule
    sets: Mapping[str, tuple[str, SetFunction, Definition]]
    average: Callable[[list[float | None]], float | None]
    metrics: Mapping[Setting, tuple[str, ...]]

    def text(self, metric: str) -> Definition:
        """The definition of a metric in this profile, without weights."""
        part, _, _ = metric.partition("-")
        if metric in self.pixel:
            return {"frame": self.frame_text, **self.pixel[metric][1]}
        if metric == "PSNR/pooled":
            return {
                "frame": self.frame_text,
                "value": "PSNR of the mean over frames of the mean squared error",
            }
        if metric == "LPIPS":
            return {"frame": self.frame_text, **self.perceptual_text}
        if metric in self.sets:
            source, _, definition = self.sets[metric]
            return {"frame": self.frame_text, "source": self.source_texts[source], **definition}
        return {
            "frame": self.frame_text,
            "source": self.source_texts[part.lower()],
            "rule": self.similarity_text.get(metric.partition("-")[2], ""),
        }
