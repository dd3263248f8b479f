"""Soft shapes in float32: everything painted has edges that survive downscaling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

EDGE = 4.0  # slope of soft waves: the ramp takes a twelfth of a period


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, smooth between; ``low`` > ``high`` turns it round."""
    share = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def bell(*scaled: Floats) -> Floats:
    """exp(-sum of squares) of coordinates given in units of their width."""
    total = np.square(scaled[0])
    for one in scaled[1:]:
        total = total + np.square(one)
    return np.exp(-total)


def mix(colours: Floats, other: Floats, amount: Floats) -> Floats:
    """Blend (n, 3) ``colours`` towards ``other`` (3,) or (n, 3) by ``amount`` (n,) in [0, 1]."""
    return colours + (other - colours) * amount[:, None]


def soft_wave(phase: Floats) -> Floats:
    """Square wave with soft edges: 0 to 1, period 1 in ``phase``."""
    return np.clip(0.5 + EDGE * np.sin(np.float32(2.0 * np.pi) * phase), 0.0, 1.0)


def either(first: Floats, second: Floats) -> Floats:
    """Exclusive or of soft values in [0, 1]."""
    return first + second - 2.0 * first * second
