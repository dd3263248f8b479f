"""``MetricSuite``: one pass over the frames of a unit for all metrics of all chosen profiles.

Frames are read once, in batches; a frame is detected and embedded once per feature definition, and features
of frames that were seen before (the truths of another method, repeated predictions) come from a cache by
content. Memory grows with the features that set metrics keep, not with frames. Values do not depend on the
batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition, Passport
from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.frames import Frames, FrameSet, boxes_of, regroup
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.pair_meters import Side
from iper_bench.metrics.prefetch import prefetched
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import Profile, chosen
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scorer import ProfileScorer, pooled_values
from iper_bench.metrics.scores import MetricValue, SetFeatures, UnitScores

__all__ = ["FrameSet", "MetricSuite", "MetricValue", "SetFeatures", "UnitScores"]

BATCH_SIZE = 16


class MetricSuite:
    """Metrics of one or more profiles.

    Parameters
    ----------
    profiles: names among ``offline``, ``standard``, ``paper``, ``legacy``.
    metrics: names to measure; by default those that each profile measures by default. A metric must be in one
        of the profiles.
    person_detector: takes the place of the person detector of every profile but `paper`.
    weights_dir: folder of weights that pip does not bring; default IPER_BENCH_WEIGHTS or the cache folder.
    device: torch device of the networks.
    batch_size: frames read at a time; changes memory, never values.

    cache: of features by content; by default one in memory.

    Raises UserError for an unknown or repeated profile, an unknown metric or detector, or a folder that is
    not there. Networks load on first use.
    """

    def __init__(
        self,
        profiles: Sequence[str],
        *,
        metrics: Sequence[str] | None = None,
        person_detector: str | None = None,
        weights_dir: Path | None = None,
        device: str = "cpu",
        batch_size: int = BATCH_SIZE,
        cache: FeatureCache | None = None,
    ) -> None:
        if not profiles or len(set(profiles)) != len(profiles):
            raise UserError(
                f"profiles are {', '.join(profiles) or 'none'}",
                expected=f"different names of {', '.join(PROFILES)}",
            )
        if batch_size < 1:
            raise UserError(f"batch size {batch_size}", expected="1 or more")
        self._profiles = [PROFILES.get(name) for name in profiles]
        self._chosen = chosen(self._profiles, metrics, person_detector)
        self._bench = Bench(weights_dir=weights_dir, device=device, cache=cache)
        self._batch_size = batch_size
        self._passports: dict[str, Passport] = {}

    def measure(self, frames: FrameSet, setting: Setting) -> UnitScores:
        """All values of one unit.

        Self compares each prediction with its truth; cross compares the predictions with the real set, paired
        by index where a metric needs pairs. Raises UserError when a stream is missing, not uint8 (B, H, W,
        3), or when predictions and truths differ in number or size. A value that cannot be computed is
        missing with a reason.
        """
        reference, boxes, side = _reference(frames, setting)
        scorers = [
            ProfileScorer(profile, self._of(profile, setting), self._bench, setting)
            for profile in self._profiles
        ]
        if setting == "self":
            self._read_pairs(frames, reference, scorers)
        else:
            self._read_side(frames.predictions, frames.prediction_boxes, scorers, "prediction")
            self._read_side(reference, boxes, scorers, side)
        values: list[MetricValue] = []
        features: dict[str, SetFeatures] = {}
        for scorer in scorers:
            values.extend(scorer.values())
            features.update(scorer.features())
            self._passports.update(scorer.passports)
        return UnitScores(values, features)

    def _batches(self, stream: Iterable[Frames], side: str) -> Iterator[Frames]:
        """Batches of the suite's size; beside a GPU they are decoded while it works."""
        batches = regroup(stream, self._batch_size, side=side)
        return batches if self._bench.device.type == "cpu" else prefetched(batches)

    def _of(self, profile: Profile, setting: Setting) -> Sequence[Definition]:
        return self._chosen[profile.name][setting]

    def pool(
        self, features: Iterable[Mapping[str, SetFeatures]], setting: Setting = "cross"
    ) -> list[MetricValue]:
        """Set metrics over all units of a method: one Gaussian fit over the whole dataset.

        ``features`` in a fixed order of units (the value depends on it only by rounding). Every set metric of
        the setting has one entry; those without weights or samples are missing with a reason.
        """
        units = list(features)
        values: list[MetricValue] = []
        for profile in self._profiles:
            definitions = self._of(profile, setting)
            found, passports = pooled_values(profile, definitions, self._bench, units, setting)
            values.extend(found)
            self._passports.update(passports)
        return values

    def definitions(self) -> dict[str, dict[str, object]]:
        """Complete definitions by their passport, of everything measured so far."""
        return {name: self._passports[name].to_json() for name in sorted(self._passports)}

    def _read_pairs(
        self, frames: FrameSet, reference: Iterable[Frames], scorers: list[ProfileScorer]
    ) -> None:
        predictions = self._batches(frames.predictions, "prediction")
        truths = self._batches(reference, "truth")
        start = 0
        for ours, theirs in zip_longest(predictions, truths):
            if ours is None or theirs is None or len(ours) != len(theirs):
                counts = [start + (0 if batch is None else len(batch)) for batch in (ours, theirs)]
                raise UserError(
                    f"the streams end after {counts[0]} predictions and {counts[1]} truths",
                    where="self-imitation",
                    expected="one truth per prediction",
                )
            if ours.shape != theirs.shape:
                raise UserError(
                    f"predictions are {ours.shape[1:3]}, truths {theirs.shape[1:3]}",
                    where="self-imitation",
                    expected="one size",
                )
            our_boxes = boxes_of(frames.prediction_boxes, start, len(ours), side="prediction")
            their_boxes = boxes_of(frames.truth_boxes, start, len(ours), side="truth")
            mine = Reading(ours, our_boxes, self._bench.cache, keep=False)
            its = Reading(theirs, their_boxes, self._bench.cache, keep=True)
            for scorer in scorers:
                scorer.pairs(mine, its)
                scorer.side("prediction", mine)
                scorer.side("reference", its)
            start += len(ours)

    def _read_side(
        self,
        stream: Iterable[Frames],
        boxes: np.ndarray | None,
        scorers: list[ProfileScorer],
        side: str,
    ) -> None:
        start = 0
        for batch in self._batches(stream, side):
            target: Side = "prediction" if side == "prediction" else "reference"
            given = boxes_of(boxes, start, len(batch), side=side)
            reading = Reading(batch, given, self._bench.cache, keep=target == "reference")
            for scorer in scorers:
                scorer.side(target, reading)
            start += len(batch)


def _reference(frames: FrameSet, setting: Setting) -> tuple[Iterable[Frames], np.ndarray | None, str]:
    if setting not in SETTINGS:
        raise unknown_name("setting", setting, SETTINGS)
    stream, boxes, side = (
        (frames.truths, frames.truth_boxes, "truth")
        if setting == "self"
        else (frames.reals, frames.real_boxes, "real")
    )
    if stream is None:
        raise UserError(f"setting {setting} without {side} frames", expected=f"FrameSet({side}s=...)")
    return stream, boxes, side
