"""Where the numbers beside the points of a plot stand, so that none covers another.

Plain geometry in pixels, y upwards; ``sweep_plot.py`` draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: distances from a point that are tried, in heights of a label, the nearest first
RINGS = (1.15, 1.6, 2.2, 3.0, 4.0, 5.5, 7.5)
ANGLES = tuple(math.radians(degrees) for degrees in (90, 270, 45, 135, 315, 225, 0, 180, 67, 113, 247, 293))
_LABEL, _MARKER, _OUTSIDE, _LINE = 1000.0, 30.0, 500.0, 3.0  # what covering each costs


@dataclass(frozen=True)
class Box:
    """A rectangle by its centre and size."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """The area shared with ``other``, 0 when they only touch."""
        across = (self.width + other.width) / 2 - abs(self.x - other.x)
        along = (self.height + other.height) / 2 - abs(self.y - other.y)
        return max(0.0, across) * max(0.0, along)

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies within."""
        return abs(x - self.x) < self.width / 2 and abs(y - self.y) < self.height / 2

    def outside(self, bounds: Box) -> bool:
        """Whether any of it lies outside ``bounds``."""
        return (
            abs(self.x - bounds.x) + self.width / 2 > bounds.width / 2
            or abs(self.y - bounds.y) + self.height / 2 > bounds.height / 2
        )


Segment = tuple[tuple[float, float], tuple[float, float]]


def place_labels(
    labels: Sequence[Box], markers: Sequence[Box], lines: Sequence[Segment], bounds: Box
) -> list[Box]:
    """The boxes moved to where they are read best, in the order given.

    Parameters
    ----------
    labels: centred on the point that they belong to. markers: what should not be covered. lines: what is
        better not covered. bounds: the axes.

    Returns
    -------
    Boxes of the same sizes. Each label takes the nearest place that covers no other label and no marker;
    where there is no such place within the rings, the one that covers least. Equal input gives equal places.
    """
    order = sorted(range(len(labels)), key=lambda i: (-labels[i].y, labels[i].x, i))
    points = [point for line in lines for point in _along(line)]
    placed: dict[int, Box] = {}
    for index in order:
        near = [marker for marker in markers if _within_reach(labels[index], marker)]
        placed[index] = _best_place(labels[index], list(placed.values()), near, points, bounds)
    return [placed[index] for index in range(len(labels))]


def _best_place(
    own: Box,
    placed: Sequence[Box],
    markers: Sequence[Box],
    points: Sequence[tuple[float, float]],
    bounds: Box,
) -> Box:
    """The cheapest of the candidates, of equal ones the nearest."""
    best, least = own, math.inf
    for place, (ring, angle) in enumerate((ring, angle) for ring in RINGS for angle in ANGLES):
        cost = place / len(ANGLES)
        if cost >= least:  # those that follow stand farther away and cost more
            break
        across = own.width * 0.55 + ring * own.height * 0.45
        box = Box(
            own.x + across * math.cos(angle),
            own.y + ring * own.height * math.sin(angle),
            own.width,
            own.height,
        )
        area = box.width * box.height
        covered = sum(box.overlap(other) for other in placed)
        hidden = sum(box.overlap(other) for other in markers)
        cost += _LABEL * ((covered > 0) + covered / area) + _MARKER * ((hidden > 0) + hidden / area)
        cost += _OUTSIDE * box.outside(bounds)
        if cost < least and any(box.holds(*point) for point in points):
            cost += _LINE
        if cost < least:
            best, least = box, cost
    return best


def _within_reach(own: Box, other: Box) -> bool:
    reach = RINGS[-1] * own.height + own.width + own.height
    return abs(own.x - other.x) < reach + other.width / 2 and abs(own.y - other.y) < reach + other.height / 2


def _along(line: Segment, steps: int = 24) -> list[tuple[float, float]]:
    (x0, y0), (x1, y1) = line
    return [(x0 + (x1 - x0) * t / steps, y0 + (y1 - y0) * t / steps) for t in range(steps + 1)]
