"""Trends: the series of every guarded number through a history, cut into levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from iper_bench.report.trend_steps import Level, find_levels

#: of a number's tolerance: the least noise that is believed. With about five deviations for a step at the end
#: of ten points (``trend_steps.price``) the smallest step that is seen is about the tolerance itself.
NOISE_SHARE = 0.25


@dataclass(frozen=True)
class Point:
    """One value at a place in the history (0 is the oldest line) with its interval, if there is one."""

    place: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Step:
    """The level of a number changed between two lines of the history; ``place`` is that of the later one."""

    place: int
    before: float
    now: float


@dataclass(frozen=True)
class Stretch:
    """Points of one definition; values by another definition are other numbers and no step away."""

    definition: str
    points: tuple[Point, ...]
    levels: tuple[Level, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Where the level changed."""
        return tuple(
            Step(self.points[later.start].place, earlier.value, later.value)
            for earlier, later in pairwise(self.levels)
        )


@dataclass(frozen=True)
class Trend:
    """One number through the history. ``panel``: the conditions and the metric; numbers of one panel differ
    in the method alone.
    """

    panel: str
    method: str
    stretches: tuple[Stretch, ...]

    @property
    def name(self) -> str:
        """As it stands in the history."""
        return f"{self.panel} {self.method}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """Steps of all stretches, oldest first."""
        return tuple(step for stretch in self.stretches for step in stretch.steps)


def trends_of(lines: Sequence[Mapping[str, Any]]) -> tuple[Trend, ...]:
    """Trends of every number with a value in any line, sorted by name. Lines: ``history.read_history``."""
    names = sorted({name for line in lines for name in line["values"]})
    return tuple(trend for name in names if (trend := _trend(name, lines)).stretches)


def _trend(name: str, lines: Sequence[Mapping[str, Any]]) -> Trend:
    held = [
        (place, line["values"][name])
        for place, line in enumerate(lines)
        if line["values"].get(name, {}).get("value") is not None
    ]
    stretches = tuple(
        _stretch(definition, list(group))
        for definition, group in groupby(held, key=lambda one: str(one[1].get("definition", "")))
    )
    panel, _, method = name.rpartition(" ")
    return Trend(panel, method, stretches)


def _stretch(definition: str, held: Sequence[tuple[int, Mapping[str, Any]]]) -> Stretch:
    points = tuple(Point(place, one["value"], one.get("low"), one.get("high")) for place, one in held)
    floor = NOISE_SHARE * max(float(one.get("tolerance") or 0.0) for _, one in held)
    return Stretch(definition, points, find_levels([point.value for point in points], floor=floor))
