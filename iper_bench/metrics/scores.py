"""What the suite returns: values, per-frame values and the raw features of set metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class MetricValue:
    """One number of one unit (or of a whole set), or the reason why it is missing.

    Attributes
    ----------
    profile, metric: names.
    value: finite number or ``None``.
    reason: why ``value`` is missing, else ``None``.
    count: frames that entered the value.
    total: frames that could have entered it (coverage = count / total).
    per_frame: one entry per predicted frame in order, ``None`` for frames left out; ``None`` for set metrics.
    backbone: name and first hexadecimal digits of the weights' sha256, ``None`` for pixel metrics.
    definition: content hash of the complete definition; the text is in ``MetricSuite.definitions()``.
    note: a caution about a value that is there (few samples, frames left out), else ``None``.
    average: the rule of ``averages.py`` by which ``value`` follows from ``per_frame``.
    detections: frames with a face or body in ``reference``, ``prediction`` and ``both``, of ``frames``
        predictions; ``None`` for metrics without a detector.
    pairs: leading entries of ``per_frame`` that have a partner and are averaged over; ``None`` for all.
    """

    profile: str
    metric: str
    value: float | None
    reason: str | None
    count: int
    total: int
    per_frame: list[float | None] | None
    backbone: str | None
    definition: str
    note: str | None = None
    average: str = "frames"
    detections: Mapping[str, int] | None = None
    pairs: int | None = None


@dataclass(frozen=True)
class SetFeatures:
    """Raw features of one unit for a set metric, each side with the number of frames it was taken from.

    ``prediction`` (n, d) and ``reference`` (m, d) float32; totals count frames with and without a detection.
    ``detected``: frames with a detection in the prediction, in the reference, and in both sides of a pair;
    ``None`` where nothing is looked for.
    """

    prediction: npt.NDArray[np.float32]
    reference: npt.NDArray[np.float32]
    prediction_total: int
    reference_total: int
    detected: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class UnitScores:
    """All values of one unit.

    ``features`` maps the complete rule of a kind of features, with its weights, to what pooled metrics need.
    """

    values: list[MetricValue]
    features: dict[str, SetFeatures] = field(default_factory=dict)

    def feature_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The features as plain arrays for ``numpy.savez``; read back with :func:`features_of_arrays`."""
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for key, pair in sorted(self.features.items()):
            arrays[f"{key}/prediction"] = pair.prediction
            arrays[f"{key}/reference"] = pair.reference
            counts = [pair.prediction_total, pair.reference_total, *(pair.detected or ())]
            arrays[f"{key}/totals"] = np.array(counts, dtype=np.int64)
        return arrays


def features_of_arrays(arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, SetFeatures]:
    """The inverse of :meth:`UnitScores.feature_arrays`. Raises KeyError for incomplete content."""
    suffix = "/totals"
    keys = sorted(name.removesuffix(suffix) for name in arrays if name.endswith(suffix))
    return {
        key: SetFeatures(
            prediction=np.asarray(arrays[f"{key}/prediction"], dtype=np.float32),
            reference=np.asarray(arrays[f"{key}/reference"], dtype=np.float32),
            prediction_total=int(arrays[key + suffix][0]),
            reference_total=int(arrays[key + suffix][1]),
            detected=_detected(arrays[key + suffix]),
        )
        for key in keys
    }


def _detected(counts: npt.NDArray[np.generic]) -> tuple[int, int, int] | None:
    if len(counts) < 5:
        return None
    ours, theirs, both = (int(count) for count in counts[2:5])
    return ours, theirs, both
