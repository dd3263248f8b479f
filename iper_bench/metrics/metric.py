"""``Metric``: what a number is called, which way is better, and what it needs.

Tables, plots, the gate and the documentation read these attributes and never test a name. The mathematics of
each metric is a pure function in the file named ``module``; how a profile feeds it stands in ``profiles.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from iper_bench.errors import unknown_name

Direction = Literal["higher", "lower", "neither"]
Setting = Literal["self", "cross"]
Need = Literal["pairs", "face", "body", "set"]

SETTINGS: tuple[Setting, ...] = ("self", "cross")


class UndefinedError(ValueError):
    """A value that does not exist for this input (empty set, one sample); the text is the reason of the
    missing row.
    """


@dataclass(frozen=True)
class Metric:
    """One named number.

    Attributes
    ----------
    name: as it stands in rows and tables.
    direction: which way is better; ``"neither"`` for counts such as detection rates of the truth.
    unit: ``"dB"`` or ``""``.
    low, high: range of possible values, ``None`` = unbounded.
    identical: value when prediction and truth are the same images (``None`` = depends on the images).
    needs: ``pairs`` (a truth per frame), ``face``/``body`` (a detection), ``set`` (defined over many frames
    only).
    settings: the settings in which it is measured.
    module: file below ``iper_bench/metrics`` with its mathematics.
    summary: one line.
    """

    name: str
    direction: Direction
    unit: str
    low: float | None
    high: float | None
    identical: float | None
    needs: frozenset[Need]
    settings: tuple[Setting, ...]
    module: str
    summary: str


def _metric(
    name: str,
    direction: Direction,
    bounds: tuple[float | None, float | None],
    identical: float | None,
    needs: tuple[Need, ...],
    settings: tuple[Setting, ...],
    module: str,
    summary: str,
    unit: str = "",
) -> Metric:
    low, high = bounds
    return Metric(name, direction, unit, low, high, identical, frozenset(needs), settings, module, summary)


_INF = float("inf")
_SELF: tuple[Setting, ...] = ("self",)
_CROSS: tuple[Setting, ...] = ("cross",)
_BOTH: tuple[Setting, ...] = SETTINGS

_ALL = (
    _metric("PSNR", "higher", (None, None), _INF, ("pairs",), _SELF, "psnr",
            "peak signal-to-noise ratio, mean of frames", "dB"),
    _metric("PSNR/pooled", "higher", (None, None), _INF, ("pairs",), _SELF, "psnr",
            "PSNR of the mean squared error of all frames together", "dB"),
    _metric("SSIM", "higher", (-1.0, 1.0), 1.0, ("pairs",), _SELF, "ssim", "structural similarity"),
    _metric("LPIPS", "lower", (0.0, None), 0.0, ("pairs",), _SELF, "lpips",
            "distance of unit-normalised deep features"),
    _metric("Body-CS", "higher", (-1.0, 1.0), 1.0, ("pairs", "body"), _BOTH, "cosine_similarity",
            "cosine of body crop features; a body the prediction lacks counts 0 (not in paper)"),
    _metric("Body-CS/detected", "higher", (-1.0, 1.0), 1.0, ("pairs", "body"), _BOTH, "cosine_similarity",
            "the same over frames where both sides have a body"),
    _metric("Face-CS", "higher", (-1.0, 1.0), 1.0, ("pairs", "face"), _BOTH, "cosine_similarity",
            "cosine of face crop features; a face the prediction lacks counts 0 (not in paper)"),
    _metric("Face-CS/detected", "higher", (-1.0, 1.0), 1.0, ("pairs", "face"), _BOTH, "cosine_similarity",
            "the same over frames where both sides have a face"),
    _metric("Body-CS/centroid", "higher", (-1.0, 1.0), None, ("body",), _CROSS, "cosine_similarity",
            "cosine of each detected predicted body to the mean body of the real frames"),
    _metric("Face-CS/centroid", "higher", (-1.0, 1.0), None, ("face",), _CROSS, "cosine_similarity",
            "cosine of each detected predicted face to the mean face of the real frames"),
    _metric("Body-rate/prediction", "higher", (0.0, 1.0), None, ("body",), _BOTH, "detection_rate",
            "share of predicted frames with a body"),
    _metric("Body-rate/reference", "neither", (0.0, 1.0), None, ("body",), _BOTH, "detection_rate",
            "share of truth or real frames with a body"),
    _metric("Face-rate/prediction", "higher", (0.0, 1.0), None, ("face",), _BOTH, "detection_rate",
            "share of predicted frames with a face"),
    _metric("Face-rate/reference", "neither", (0.0, 1.0), None, ("face",), _BOTH, "detection_rate",
            "share of truth or real frames with a face"),
    _metric("FID", "lower", (0.0, None), 0.0, ("set",), _CROSS, "frechet",
            "Frechet distance of whole-frame features"),
    _metric("KID", "lower", (None, None), None, ("set",), _CROSS, "kernel_distance",
            "unbiased kernel distance of whole-frame features"),
    _metric("Body-FD", "lower", (0.0, None), 0.0, ("set", "body"), _CROSS, "frechet",
            "Frechet distance of body crop features"),
    _metric("Face-FD", "lower", (0.0, None), 0.0, ("set", "face"), _CROSS, "frechet",
            "Frechet distance of face crop features"),
    _metric("IS", "higher", (1.0, None), None, ("set",), _CROSS, "inception_score",
            "inception score of the predictions (not recommended)"),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metric(name: str) -> Metric:
    """The metric of that name. Raises UserError with the nearest names."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]
