"""Patterns of a top: how much of the second colour every point of the cloth has.

Cloth coordinates follow the garment: around the trunk or the sleeve, and along it, so that stripes meet at
    the seams as sewn ones
do. Periods are 5 cm and more: about four pixels at 128 px, where they survive as pattern and not as noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from iper_bench.data.synthetic.anatomy import Anatomy, SurfacePoints
from iper_bench.data.synthetic.blending import Flags, Floats, either, smoothstep, soft_wave
from iper_bench.data.synthetic.outfit import Outfit
from iper_bench.data.synthetic.waves import Waves

CELL_EDGE = 0.06  # soft border of dots and glyph cells, share of a cell
CHEST_CELL = 0.034  # metres: side of one of the 5 x 5 cells of a chest figure


@dataclass(frozen=True)
class Cloth:
    """Points of a top: T-pose points, ``sleeve`` (n,) on an arm, ``turn`` (n,) around in turns, ``along``
    (n,) metres.
    """

    points: SurfacePoints
    sleeve: Flags
    turn: Floats
    along: Floats


def lay_cloth(points: SurfacePoints, sleeve: Flags, anatomy: Anatomy) -> Cloth:
    """Cloth coordinates of points of a top."""
    about_trunk = np.arctan2(points.x, points.z - anatomy.chest[2] - 0.05)
    about_arm = np.arctan2(points.z - anatomy.elbow[2], points.y - anatomy.elbow[1])
    turn = np.where(sleeve, about_arm, about_trunk).astype(np.float32) / np.float32(2.0 * np.pi)
    along = np.where(sleeve, anatomy.shoulder[1] - (points.side - anatomy.shoulder[0]), points.y).astype(
        np.float32
    )
    return Cloth(points, sleeve, turn, along)


def _plain(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    return np.zeros(len(cloth.points), np.float32)


def _hstripe(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    return soft_wave(cloth.along / np.float32(outfit.period))


def _vstripe(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    around = np.where(cloth.sleeve, np.float32(max(3, outfit.stripes // 3)), np.float32(outfit.stripes))
    return soft_wave(cloth.turn * around + np.float32(0.25))


def _check(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    return either(_hstripe(cloth, outfit, anatomy), _vstripe(cloth, outfit, anatomy))


def _plaid(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    return 0.5 * (_hstripe(cloth, outfit, anatomy) + _vstripe(cloth, outfit, anatomy))


def _dots(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    around = np.where(cloth.sleeve, np.float32(max(3, outfit.stripes // 3)), np.float32(outfit.stripes))
    row = cloth.along / np.float32(outfit.period)
    column = cloth.turn * around + 0.5 * (np.floor(row) % 2)
    distance = np.hypot(row % 1.0 - 0.5, column % 1.0 - 0.5)
    return smoothstep(distance, 0.30 + CELL_EDGE, 0.30 - CELL_EDGE)


def _print(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    blots = Waves(outfit.random("print"), 0.75 / outfit.period, count=6)
    return smoothstep(blots(cloth.points.place), 0.02, 0.18)


def _colour_block(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    level = np.float32(anatomy.chest[1] - 0.12 + 1.2 * outfit.period)
    return smoothstep(np.where(cloth.sleeve, anatomy.shoulder[1], cloth.along) - level, -0.003, 0.003)


def _raglan(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    slope = cloth.points.side - 0.62 * (anatomy.shoulder[1] + 0.05 - cloth.points.y)
    return smoothstep(slope, 0.096, 0.102)


def _chest(cloth: Cloth, anatomy: Anatomy) -> tuple[Floats, Floats, Floats]:
    """Coordinates of a chest figure in [-1, 1] and whether the point looks forward."""
    half = np.float32(2.5 * CHEST_CELL)
    front = smoothstep(cloth.points.z, anatomy.chest[2] + 0.055, anatomy.chest[2] + 0.065) * ~cloth.sleeve
    return cloth.points.x / half, (cloth.points.y - (anatomy.chest[1] - 0.045)) / half, front


def _logo(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    x, y, front = _chest(cloth, anatomy)
    if outfit.logo == 0:
        radius = np.hypot(x, y)
        figure = smoothstep(radius, 0.98, 0.92) * smoothstep(radius, 0.50, 0.56)
    elif outfit.logo == 1:
        radius = np.abs(x) + np.abs(y)
        figure = smoothstep(radius, 1.08, 1.0) * smoothstep(radius, 0.36, 0.44)
    elif outfit.logo == 2:
        figure = soft_wave(y * np.float32(1.25) + 0.25) * smoothstep(
            np.maximum(np.abs(x), np.abs(y)), 1.0, 0.95
        )
    else:
        figure = smoothstep(
            np.abs(y - np.float32(0.75) * np.abs(x) + np.float32(0.2)) - np.float32(0.24), 0.04, -0.04
        ) * smoothstep(np.abs(x), 1.0, 0.95)
    return figure * front


def _glyph(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    x, y, front = _chest(cloth, anatomy)
    column, row = 2.5 * (x + 1.0), 2.5 * (1.0 - y)
    inside = (column >= 0) & (column < 5) & (row >= 0) & (row < 5)
    cell = outfit.glyph[np.clip(row, 0, 4).astype(np.int64), np.clip(column, 0, 4).astype(np.int64)]
    return cell * inside * front


_PAINTERS: dict[str, Callable[[Cloth, Outfit, Anatomy], Floats]] = {
    "plain": _plain,
    "hstripe": _hstripe,
    "vstripe": _vstripe,
    "check": _check,
    "plaid": _plaid,
    "dots": _dots,
    "print": _print,
    "colour_block": _colour_block,
    "logo": _logo,
    "glyph": _glyph,
    "raglan": _raglan,
}


def second_colour(cloth: Cloth, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """Share (n,) in [0, 1] of the outfit's second colour at every point of the top."""
    return _PAINTERS[outfit.pattern](cloth, outfit, anatomy)
