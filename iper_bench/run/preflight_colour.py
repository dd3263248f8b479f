"""Whether predictions have the colours of what they are compared with: channels, levels, range, gamma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Chosen, not measured; false alarms are counted in tests/run/test_preflight_colour.py.
OPPOSED = -0.5  # cosine between red minus blue of both sides at which red and blue are taken for swapped
COLOURED = 4.0  # levels, root mean square of red minus blue: less says nothing about channels
NOTICED = 3.0  # levels, root mean square difference of small pictures below which colours are fine
LEFT = 0.25  # of the squared difference may be left by an explanation that is reported
_GAMMAS = np.geomspace(0.3, 3.3, 121)  # steps of 2 %
_GAMMA_BETTER = 0.8  # of what a straight line leaves

# Luma of video stands in 16 to 235 (ITU-R BT.601): black is 16, white 235.
_VIDEO_BLACK, _VIDEO_SPAN, _SPAN = 16.0, 219.0, 255.0
_CLIPPED = 2.0  # levels from either end, where a curve of levels is cut off
_NEAR_GAIN, _NEAR_LEVEL = 0.05, 7.0  # blur lowers the gain of a fit by a few hundredths


@dataclass(frozen=True)
class ColourFault:
    """``kind`` is ``"swapped_channels"``, ``"video_range"``, ``"gamma"`` or ``"levels"``; ``text`` says it in
    words, ``advice`` what to do.
    """

    kind: str
    text: str
    advice: str


def find_swap(predictions: NDArray[np.uint8], references: NDArray[np.uint8]) -> ColourFault | None:
    """Whether red and blue stand in each other's place.

    ``predictions``, ``references``: small pictures (N, S, S, 3) of the same frames, or (1, S, S, 3) mean
    pictures where frames do not correspond.
    """
    ours, theirs = (side[..., 0].astype(float) - side[..., 2] for side in (predictions, references))
    energies = [float(np.sqrt((side**2).mean())) for side in (ours, theirs)]
    if min(energies) < COLOURED:
        return None
    cosine = float((ours * theirs).mean() / (energies[0] * energies[1]))
    if cosine > OPPOSED:
        return None
    return ColourFault(
        "swapped_channels",
        f"red and blue seem to be swapped (cosine of red minus blue {cosine:.2f})",
        "write RGB: OpenCV reads and writes BGR",
    )


def find_shift(predictions: NDArray[np.uint8], references: NDArray[np.uint8]) -> ColourFault | None:
    """Whether one curve of levels explains most of the difference of paired small pictures (N, S, S, 3)."""
    ours, theirs = predictions.astype(float).reshape(-1, 3), references.astype(float).reshape(-1, 3)
    before = float(((ours - theirs) ** 2).mean())
    if np.sqrt(before) < NOTICED:
        return None
    gain, level, line = _line(ours, theirs)
    gamma, curve = _gamma(ours, theirs)
    if min(line, curve) > LEFT * before:
        return None
    if curve < _GAMMA_BETTER * line:
        return ColourFault(
            "gamma",
            f"levels follow a power of {gamma:.2f} of the expected ones",
            "write sRGB levels as they are read, without a gamma of your own",
        )
    return _named(gain, level, ours.mean(axis=0) - theirs.mean(axis=0))


def _line(ours: Floats, theirs: Floats) -> tuple[Floats, Floats, float]:
    """Gain and level of each channel by least squares over what is not clipped, and the mean squared
    difference that is left.
    """
    free = ((ours > _CLIPPED) & (ours < _SPAN - _CLIPPED)).astype(float)
    weight = np.maximum(free.sum(axis=0), 1.0)
    centre, mean = (theirs * free).sum(axis=0) / weight, (ours * free).sum(axis=0) / weight
    spread = (free * (theirs - centre) ** 2).sum(axis=0)
    joint = (free * (theirs - centre) * (ours - mean)).sum(axis=0)
    gain = np.divide(joint, spread, out=np.ones(3), where=spread > 0)
    level = mean - gain * centre
    drawn = np.clip(gain * theirs + level, 0, _SPAN)
    return gain, level, float(((ours - drawn) ** 2).mean())


def _gamma(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """The power that fits best, and the mean squared difference that it leaves. Any curve's is a sum over the
    256 levels.
    """
    places = theirs.astype(np.int64).ravel()
    count, first, second = (
        np.bincount(places, weights=weights, minlength=256)
        for weights in (np.ones(ours.size), ours.ravel(), ours.ravel() ** 2)
    )
    curves = _SPAN * (np.arange(256) / _SPAN) ** _GAMMAS[:, None]
    left = (second - 2 * curves * first + curves**2 * count).sum(axis=1) / ours.size
    best = int(np.argmin(left))
    return float(_GAMMAS[best]), float(left[best])


def _named(gain: Floats, level: Floats, apart: Floats) -> ColourFault:
    narrow, wide = _VIDEO_SPAN / _SPAN, _SPAN / _VIDEO_SPAN
    if _near(gain, narrow) and _close(level, _VIDEO_BLACK):
        return ColourFault(
            "video_range",
            "levels seem to be squeezed into the video range 16 to 235",
            "convert to the full range 0 to 255",
        )
    if _near(gain, wide) and _close(level, -_VIDEO_BLACK * wide):
        return ColourFault(
            "video_range",
            "levels seem to be stretched as if they had been in the video range 16 to 235",
            "tell the decoder that the frames have the full range 0 to 255",
        )
    if _near(gain, 1.0):
        amounts = _amounts(apart)
        return ColourFault("levels", f"levels are off by {amounts}", "look for a mean that was added twice")
    gains = ", ".join(f"{name} {value:.2f}" for name, value in zip("RGB", gain, strict=True))
    return ColourFault(
        "levels",
        f"levels are scaled by {gains} and off by {_amounts(level)}",
        "look at the range of the values before they were written",
    )


def _amounts(levels: Floats) -> str:
    return ", ".join(f"{name} {value:+.0f}" for name, value in zip("RGB", levels, strict=True))


def _near(gain: Floats, value: float) -> bool:
    return bool((np.abs(gain - value) <= _NEAR_GAIN).all())


def _close(level: Floats, value: float) -> bool:
    return bool((np.abs(level - value) <= _NEAR_LEVEL).all())
