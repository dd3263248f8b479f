"""``MetricSuite``: one pass over the frames of a unit for all metrics of all chosen profiles.

Frames are read once, in batches; a frame is detected and embedded once per feature definition, and features
of frames that were seen before (the truths of another method, repeated predictions) come from a cache by
content. Memory grows with the features that set metrics keep, not with frames. Values do not depend on the
batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.frames import Frames, FrameSet, boxes_of, regroup
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.scorer import ProfileScorer, Side, pooled_values
from iper_bench.metrics.scores import MetricValue, SetFeatures, UnitScores

__all__ = ["FrameSet", "MetricSuite", "MetricValue", "SetFeatures", "UnitScores"]

BATCH_SIZE = 16


class MetricSuite:
    """Metrics of one or more profiles.

    Parameters
    ----------
    profiles: names among ``offline``, ``standard``, ``paper``.
    weights_dir: folder of weights that pip does not bring; default IPER_BENCH_WEIGHTS or the cache folder.
    device: torch device of the networks.
    batch_size: frames read at a time; changes memory, never values.

    Raises UserError for an unknown or repeated profile or a folder that is not there. Networks load on first
    use.
    """

    def __init__(
        self,
        profiles: Sequence[str],
        *,
        weights_dir: Path | None = None,
        device: str = "cpu",
        batch_size: int = BATCH_SIZE,
    ) -> None:
        if not profiles or len(set(profiles)) != len(profiles):
            raise UserError(
                f"profiles are {', '.join(profiles) or 'none'}",
                expected=f"different names of {', '.join(PROFILES)}",
            )
        if batch_size < 1:
            raise UserError(f"batch size {batch_size}", expected="1 or more")
        self._profiles = [PROFILES.get(name) for name in profiles]
        self._bench = Bench(weights_dir=weights_dir, device=device)
        self._batch_size = batch_size
        self._definitions: dict[str, dict[str, object]] = {}

    def measure(self, frames: FrameSet, setting: Setting) -> UnitScores:
        """All values of one unit.

        Self compares each prediction with its truth; cross compares the predictions with the real set, paired
        by index where a metric needs pairs. Raises UserError when a stream is missing, not uint8 (B, H, W,
        3), or when predictions and truths differ in number or size. A value that cannot be computed is
        missing with a reason.
        """
        reference, boxes, side = _reference(frames, setting)
        scorers = [ProfileScorer(profile, self._bench, setting) for profile in self._profiles]
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
            self._definitions.update(scorer.definitions)
        return UnitScores(values, features)

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
            found, definitions = pooled_values(profile, self._bench, units, setting)
            values.extend(found)
            self._definitions.update(definitions)
        return values

    def definitions(self) -> dict[str, dict[str, object]]:
        """Complete definitions by their hash, of everything measured so far."""
        return dict(sorted(self._definitions.items()))

    def _read_pairs(
        self, frames: FrameSet, reference: Iterable[Frames], scorers: list[ProfileScorer]
    ) -> None:
        predictions = regroup(frames.predictions, self._batch_size, side="prediction")
        truths = regroup(reference, self._batch_size, side="truth")
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
            for scorer in scorers:
                scorer.add_pairs(ours, theirs)
                scorer.add("prediction", ours, our_boxes)
                scorer.add("reference", theirs, their_boxes)
            start += len(ours)

    def _read_side(
        self,
        stream: Iterable[Frames],
        boxes: np.ndarray | None,
        scorers: list[ProfileScorer],
        side: str,
    ) -> None:
        start = 0
        for batch in regroup(stream, self._batch_size, side=side):
            target: Side = "prediction" if side == "prediction" else "reference"
            for scorer in scorers:
                scorer.add(target, batch, boxes_of(boxes, start, len(batch), side=side))
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
