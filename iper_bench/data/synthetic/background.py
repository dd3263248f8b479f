"""Procedural rooms: a wall with a regular pattern, a floor, pictures and furniture at the sides.

What stands behind the person is regular on purpose (courses of bricks, stripes, planks): a network that has
to fill the hole can continue it. Single things of high contrast keep to the sides. The room is drawn from
continuous coordinates, so that all image sizes show the same room.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.synthetic.blending import Floats, smoothstep
from iper_bench.data.synthetic.waves import Waves

SUPERSAMPLING = 2  # samples per pixel and axis
WALLS = ("plain", "stripes", "bricks", "panels", "tiles")
FLOORS = ("plain", "planks", "checker")
CENTRE_FREE = 0.17  # half width, share of the image, that things at the sides keep free around the middle


def draw_room(random: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A room (S, S, 3) uint8 RGB. Reads the same numbers from ``random`` at every size."""
    side = size * SUPERSAMPLING
    grid = (np.arange(side) + 0.5) / side
    x, y = (plane.astype(np.float32) for plane in np.meshgrid(grid, grid))
    horizon = float(random.uniform(0.72, 0.84))
    image = _wall(random, x, y, horizon)
    for place in ("left", "right"):
        image = _things(random, image, x, y, horizon, place)
    image = np.where((y > horizon)[..., None], _floor(random, x, y, horizon), image)
    skirting = (y > horizon - 0.018) & (y < horizon)
    image = np.where(skirting[..., None], _tone(random, 0.25, 0.9, 0.2), image)
    stain = Waves(random, 2.2, count=6, dimensions=2)
    light = 1.0 + 0.035 * stain(np.stack([x.ravel(), y.ravel()], 1)).reshape(side, side)
    light = light * (1.04 - 0.16 * np.square(x - 0.5) - 0.10 * np.square(y - 0.4))
    image = np.clip(image * light[..., None], 0.0, 255.0)
    pixels = image.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3).mean((1, 3))
    return np.floor(pixels + 0.5).astype(np.uint8)


def _tone(random: np.random.Generator, dark: float, light: float, saturation: float) -> Floats:
    rgb = colorsys.hsv_to_rgb(random.random(), random.uniform(0.0, saturation), random.uniform(dark, light))
    return np.array(rgb, np.float32) * 255.0


def _inside(value: Floats, low: float, high: float, soft: float = 0.0015) -> Floats:
    return smoothstep(value, low - soft, low + soft) * smoothstep(value, high + soft, high - soft)


def _wall(random: np.random.Generator, x: Floats, y: Floats, horizon: float) -> Floats:
    above, below = _tone(random, 0.5, 0.95, 0.4), _tone(random, 0.45, 0.9, 0.4)
    image = above + (0.6 * (below - above)) * (y / horizon)[..., None]
    kind = WALLS[random.integers(len(WALLS))]
    strength = float(random.uniform(0.10, 0.22))
    count, rows, shift = int(random.integers(8, 17)), int(random.integers(9, 15)), float(random.random())
    if kind == "stripes":
        mark = np.clip(0.5 + 5.0 * np.sin(2.0 * np.pi * (count * x + shift)), 0.0, 1.0)
    elif kind in ("bricks", "tiles"):
        course = y / horizon * rows
        offset = 0.5 * (np.floor(course) % 2) if kind == "bricks" else 0.0
        columns = rows * (0.5 if kind == "bricks" else 1.0)
        across = (x * columns + shift + offset) % 1.0
        joint = 0.055
        mark = np.maximum(
            smoothstep(np.abs(course % 1.0 - 0.5), 0.5 - joint, 0.5 - 0.5 * joint),
            smoothstep(
                np.abs(across - 0.5), 0.5 - joint * columns / rows, 0.5 - 0.5 * joint * columns / rows
            ),
        )
    elif kind == "panels":
        rail = float(random.uniform(0.55, 0.68)) * horizon
        panel = np.abs((x * (count // 2) + shift) % 1.0 - 0.5)
        frame = _inside(panel, 0.36, 0.40, 0.008) * (y > rail + 0.03) * (y < horizon - 0.04)
        mark = np.maximum(frame, 0.9 * _inside(y, rail - 0.008, rail + 0.008))
        image = image * (1.0 - 0.14 * (y > rail))[..., None]
    else:
        mark = np.zeros_like(x)
    return image * (1.0 - strength * mark)[..., None]


def _floor(random: np.random.Generator, x: Floats, y: Floats, horizon: float) -> Floats:
    base = _tone(random, 0.3, 0.75, 0.45)
    depth = np.clip(y - horizon, 0.0, None)
    image = base * (0.80 + 0.45 * depth / (1.0 - horizon))[..., None]
    kind = FLOORS[random.integers(len(FLOORS))]
    far = float(random.uniform(0.22, 0.35))  # of the vanishing point over the horizon
    across = (x - 0.5) / (depth + far)
    away = 1.0 / (depth + far)
    if kind == "planks":
        board = across * 3.5
        tone = 0.06 * np.sin(12.9898 * np.floor(board) + 4.1)
        joint = smoothstep(np.abs(board % 1.0 - 0.5), 0.46, 0.485)
        image = image * (1.0 + tone - 0.22 * joint)[..., None]
    elif kind == "checker":
        sign = np.sin(np.pi * across * 3.0) * np.sin(np.pi * away * 2.2)
        image = image * (1.0 - 0.15 * np.clip(0.5 + 8.0 * sign, 0.0, 1.0))[..., None]
    return image


def _things(
    random: np.random.Generator, image: Floats, x: Floats, y: Floats, horizon: float, place: str
) -> Floats:
    """Draw a picture and a piece of furniture on one side of the room, or leave them out."""
    for draw, chance in ((_picture, 0.65), (_cabinet, 0.5)):
        # Drawn in any case: the next thing must not depend on this one's presence.
        present, shift, extent = (
            random.random() < chance,
            random.uniform(0.02, 0.10),
            random.uniform(0.14, 0.24),
        )
        inner = 0.5 - CENTRE_FREE - shift
        span = (inner - extent, inner) if place == "left" else (1.0 - inner, 1.0 - inner + extent)
        drawn = draw(random, image, x, y, horizon, span)
        image = drawn if present else image
    return image


_Drawer = Callable[[np.random.Generator, Floats, Floats, Floats, float, tuple[float, float]], Floats]


def _picture(
    random: np.random.Generator,
    image: Floats,
    x: Floats,
    y: Floats,
    horizon: float,
    span: tuple[float, float],
) -> Floats:
    top, tall = float(random.uniform(0.06, 0.24)), float(random.uniform(0.14, 0.26))
    frame, sky, ground = (
        _tone(random, 0.15, 0.9, 0.5),
        _tone(random, 0.5, 1.0, 0.6),
        _tone(random, 0.2, 0.7, 0.6),
    )
    border = 0.016
    outer = _inside(x, *span) * _inside(y, top, top + tall)
    inner = _inside(x, span[0] + border, span[1] - border) * _inside(y, top + border, top + tall - border)
    hill = top + tall * (0.55 + 0.12 * np.sin((x - span[0]) * random.uniform(18.0, 40.0)))
    scene = sky + (ground - sky) * smoothstep(y - hill, -0.004, 0.004)[..., None]
    image = image + (frame - image) * outer[..., None]
    return image + (scene - image) * inner[..., None]


def _cabinet(
    random: np.random.Generator,
    image: Floats,
    x: Floats,
    y: Floats,
    horizon: float,
    span: tuple[float, float],
) -> Floats:
    tall, doors = float(random.uniform(0.16, 0.32)), int(random.integers(1, 4))
    body = _tone(random, 0.25, 0.85, 0.5)
    top = horizon - tall
    outer = _inside(x, *span) * _inside(y, top, 1.0)
    share = (x - span[0]) / (span[1] - span[0])
    gap = smoothstep(np.abs((share * doors) % 1.0 - 0.5), 0.455, 0.48)
    board = _inside(y, top, top + 0.014)
    tone = body * (1.0 - 0.35 * gap * (1.0 - board) + 0.22 * board)[..., None]
    return image + (np.minimum(tone, 255.0) - image) * outer[..., None]
