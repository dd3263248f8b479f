"""``Metric``: what a number is called, which way is better, and what it needs.

Tables, plots, the gate and the documentation read these attributes and never test a name. The mathematics of
each metric is a pure function in the file named ``module``; how a profile feeds it stands in ``profiles/``.
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
_UNIT = (-1.0, 1.0)
_SHARE = (0.0, 1.0)
_DISTANCE = (0.0, None)
_ANY = (None, None)

_PIXELS = (
    _metric("PSNR", "higher", _ANY, _INF, ("pairs",), _SELF, "psnr",
            "peak signal-to-noise ratio, mean of frames", "dB"),
    _metric("PSNR/pooled", "higher", _ANY, _INF, ("pairs",), _SELF, "psnr",
            "PSNR of the mean squared error of all frames together", "dB"),
    _metric("SSIM", "higher", _UNIT, 1.0, ("pairs",), _SELF, "ssim", "structural similarity"),
    _metric("LPIPS", "lower", _DISTANCE, 0.0, ("pairs",), _SELF, "lpips",
            "distance of unit-normalised deep features"),
    _metric("LPIPS/vgg", "lower", _DISTANCE, 0.0, ("pairs",), _SELF, "lpips", "LPIPS with VGG-16"),
    _metric("LPIPS/squeeze", "lower", _DISTANCE, 0.0, ("pairs",), _SELF, "lpips",
            "LPIPS with SqueezeNet 1.1"),
)  # fmt: skip
_VIDEO = (
    _metric("tLPIPS", "neither", _DISTANCE, None, (), _BOTH, "flicker",
            "LPIPS of each predicted frame to the one before it; motion and flicker together"),
    _metric("tLPIPS/truth", "neither", _DISTANCE, None, ("pairs",), _SELF, "flicker",
            "the same of the true frames: the motion itself"),
    _metric("tLPIPS/excess", "neither", _ANY, 0.0, ("pairs",), _SELF, "flicker",
            "tLPIPS minus that of the truth: above 0 flickers, below 0 moves too little"),
    _metric("tLPIPS/ratio", "neither", _DISTANCE, 1.0, ("pairs",), _SELF, "flicker",
            "tLPIPS over that of the truth: above 1 flickers, below 1 moves too little"),
)  # fmt: skip


def _part(part: str, need: Need, thing: str) -> tuple[Metric, ...]:
    """The metrics of a detected part."""
    same = "cosine_similarity"
    return (
        _metric(f"{part}-CS", "higher", _UNIT, 1.0, ("pairs", need), _BOTH, same,
                f"cosine of {thing} features; a {need} the prediction lacks counts 0 (not in paper)"),
        _metric(f"{part}-CS/detected", "higher", _UNIT, 1.0, ("pairs", need), _BOTH, same,
                f"the same over frames where both sides have a {need}"),
        _metric(f"{part}-CS/truth-box", "higher", _UNIT, 1.0, ("pairs", need), _SELF, same,
                f"the same with the prediction cropped where the truth has its {need}"),
        _metric(f"{part}-CS/centroid", "higher", _UNIT, None, (need,), _CROSS, same,
                f"cosine of each detected predicted {need} to the mean {need} of the real frames"),
        _metric(f"{part}-rate/prediction", "higher", _SHARE, None, (need,), _BOTH, "detection_rate",
                f"share of predicted frames with a {need}"),
        _metric(f"{part}-rate/reference", "neither", _SHARE, None, (need,), _BOTH, "detection_rate",
                f"share of truth or real frames with a {need}"),
        _metric(f"{part}-FD", "lower", _DISTANCE, 0.0, ("set", need), _CROSS, "frechet",
                f"Frechet distance of {thing} features"),
    )  # fmt: skip


_PARTS = (
    *_part("Body", "body", "body crop"),
    *_part("Face", "face", "face crop"),
    *(one for one in _part("PCB", "body", "PCB part") if not one.name.endswith(("truth-box", "centroid"))
      and "rate" not in one.name),
)  # fmt: skip
_SETS = (
    _metric("FID", "lower", _DISTANCE, 0.0, ("set",), _CROSS, "frechet",
            "Frechet distance of whole-frame features"),
    _metric("FID/clip", "lower", _DISTANCE, 0.0, ("set",), _BOTH, "frechet",
            "FID of the frames of each clip, mean of clips; few frames: biased upwards"),
    _metric("FID/tf1", "lower", _DISTANCE, 0.0, ("set",), _CROSS, "frechet",
            "FID with the resizing of TensorFlow 1 (the legacy FID)"),
    _metric("FID/infinity", "lower", _ANY, None, ("set",), _CROSS, "frechet_curve",
            "FID extrapolated to infinitely many frames"),
    _metric("KID", "lower", _ANY, None, ("set",), _CROSS, "kernel_distance",
            "unbiased kernel distance of whole-frame features"),
    _metric("IS", "higher", (1.0, None), None, ("set",), _CROSS, "inception_score",
            "inception score of the predictions (not recommended)"),
)  # fmt: skip
_BODY_STATES = (
    _metric("SSPE", "lower", _DISTANCE, 0.0, ("pairs",), _BOTH, "body_state_error",
            "difference of the bodies that HMR reads from both sides, as the evaluator sums it"),
    _metric("SSPE/scale", "lower", _DISTANCE, 0.0, ("pairs",), _BOTH, "body_state_error",
            "difference of the camera scale that HMR reads"),
    _metric("SSPE/translation", "lower", _DISTANCE, 0.0, ("pairs",), _BOTH, "body_state_error",
            "difference of the camera translation that HMR reads"),
    _metric("SSPE/pose", "lower", _DISTANCE, 0.0, ("pairs",), _BOTH, "body_state_error",
            "angle between the joints that HMR reads", "rad"),
    _metric("SSPE/shape", "lower", _DISTANCE, 0.0, ("pairs",), _BOTH, "body_state_error",
            "difference of the body shape that HMR reads"),
)  # fmt: skip
_LEGACY = (
    _metric("psnr/uint8-wrap", "higher", _ANY, _INF, ("pairs",), _SELF, "psnr",
            "PSNR with differences that wrap around at 0: a known error", "dB"),
    _metric("psnr/grey", "higher", _ANY, _INF, ("pairs",), _SELF, "psnr", "PSNR of 8-bit grey frames", "dB"),
    _metric("ssim/white-pad-40", "higher", _UNIT, 1.0, ("pairs",), _SELF, "ssim",
            "SSIM of frames padded by 40 white columns on each side: a known error"),
    _metric("ssim/grey", "higher", _UNIT, 1.0, ("pairs",), _SELF, "ssim",
            "SSIM of 8-bit grey frames, uniform window"),
    _metric("lpips/unit-range", "lower", _DISTANCE, 0.0, ("pairs",), _SELF, "lpips",
            "LPIPS (VGG-16) fed with [0, 1] instead of [-1, 1]: a known error"),
    _metric("face-cs/batch16-zero", "higher", _UNIT, 1.0, ("pairs", "face"), _SELF, "cosine_similarity",
            "Face-CS as means of batches of 16, 0 for a batch without a face: a known error"),
    _metric("body-cs/box416", "higher", _UNIT, 1.0, ("pairs", "body"), _BOTH, "cosine_similarity",
            "Body-CS with person boxes multiplied by side / 416: a known error"),
)  # fmt: skip

_ALL = (*_PIXELS, *_VIDEO, *_PARTS, *_SETS, *_BODY_STATES, *_LEGACY)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metric(name: str) -> Metric:
    """The metric of that name. Raises UserError with the nearest names."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]
