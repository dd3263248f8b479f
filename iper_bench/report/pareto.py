"""Which methods nothing beats in both quality and cost, and a picture of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.report.figure_file import figure_bytes

FONT = 7.5  # points, of the names
LETTER, LINE = 0.62 * FONT, 1.3 * FONT  # width of a letter, generous; height of a line
FAR = 1e6  # points, beyond every picture
DOT, GAP = 3.5, 7.0  # half a marker; from its middle to the name
FRONT, BEHIND, REFERENCE = "#0072B2", "#9a9a9a", "#CC79A7"  # Okabe and Ito; grey for what is dominated

Box = tuple[float, float, float, float]  # left, right, bottom, top, in points


@dataclass(frozen=True)
class Place:
    """One method: ``cost`` (lower is better) and ``quality``; ``reference``: it calibrates and does not
    compete.
    """

    name: str
    cost: float
    quality: float
    reference: bool = False


def front(places: Sequence[Place], *, higher_is_better: bool) -> list[Place]:
    """The places that no other one beats: none is at least as good in both and better in one. Rising cost.

    References do not compete. Their order changes nothing.
    """
    sign = 1.0 if higher_is_better else -1.0
    running = [place for place in places if not place.reference]
    found = [
        place
        for place in running
        if not any(
            other.cost <= place.cost
            and sign * other.quality >= sign * place.quality
            and (other.cost, other.quality) != (place.cost, place.quality)
            for other in running
        )
    ]
    return sorted(found, key=lambda place: (place.cost, place.name))


def draw(places: Sequence[Place], metric: str, *, higher_is_better: bool, kind: str) -> bytes:
    """Quality over seconds per frame as ``"svg"`` or ``"png"``; the front is a line, what is dominated is
    grey.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    best = {place.name for place in front(places, higher_is_better=higher_is_better)}
    with matplotlib.rc_context({"svg.hashsalt": "iper-bench", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = pyplot.subplots(figsize=(6.4, 4.2))
        axes.set_xscale("log")
        line = front(places, higher_is_better=higher_is_better)
        axes.step(
            [place.cost for place in line],
            [place.quality for place in line],
            where="post",
            color=FRONT,
            linewidth=1.2,
            zorder=1,
        )
        for place in places:
            colour = REFERENCE if place.reference else FRONT if place.name in best else BEHIND
            marker = "^" if place.reference else "o" if place.name in best else "s"
            axes.plot(place.cost, place.quality, marker=marker, color=colour, markersize=6, linestyle="none")
        axes.set_xlabel("seconds per frame (logarithmic; lower is better)")
        axes.set_ylabel(f"{metric}, {'higher' if higher_is_better else 'lower'} is better")
        axes.margins(x=0.22, y=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        _write_names(axes, places, line, 72.0 / figure.dpi)
        content = figure_bytes(figure, kind)
        pyplot.close(figure)
    return content


def _write_names(axes: Any, places: Sequence[Place], line: Sequence[Place], points: float) -> None:
    """Write the names beside their markers. ``points``: typographic points per pixel of the figure."""

    def where(found: Sequence[Place]) -> list[list[float]]:
        pairs = [(place.cost, place.quality) for place in found]
        return [[float(x) * points, float(y) * points] for x, y in axes.transData.transform(pairs)]

    inside = axes.get_window_extent()
    left, right = float(inside.x0) * points, float(axes.figure.bbox.x1) * points
    steps: list[Box] = [(-FAR, left, -FAR, FAR), (right, FAR, -FAR, FAR)]  # no name leaves the picture
    if line:
        corners = where(line)
        for (x, y), (next_x, next_y) in itertools.pairwise(corners):
            steps += [(x, next_x, y - 1, y + 1), (next_x - 1, next_x + 1, min(y, next_y), max(y, next_y))]
    labels = label_places([place.name for place in places], where(places), steps)
    leader = {"arrowstyle": "-", "linewidth": 0.5, "color": "#888888", "shrinkA": 0, "shrinkB": 3}
    for place, label in zip(places, labels, strict=True):
        axes.annotate(
            place.name,
            (place.cost, place.quality),
            xytext=(label.across, label.up),
            textcoords="offset points",
            ha="left" if label.across > 0 else "right",
            va="center",
            fontsize=FONT,
            color="#333333",
            arrowprops=leader if label.up else None,
        )


@dataclass(frozen=True)
class Label:
    """Where a name stands: points to the right of its marker (below 0: it ends there, on the left) and up."""

    across: float
    up: float

    def box(self, at: Sequence[float], name: str) -> Box:
        """What the name covers, its marker being ``at`` (x, y)."""
        width, start = LETTER * len(name), at[0] + self.across
        left = start if self.across > 0 else start - width
        return left, left + width, at[1] + self.up - LINE / 2, at[1] + self.up + LINE / 2


def label_places(
    names: Sequence[str], at: Sequence[Sequence[float]], blocked: Sequence[Box] = ()
) -> list[Label]:
    """For every name, its marker being at (x, y) points, the nearest place that covers no marker, no other
    name and nothing ``blocked``: right or left of the marker, then line by line above and below.
    """
    taken = [*blocked, *((x - DOT, x + DOT, y - DOT, y + DOT) for x, y in at)]
    found: dict[int, Label] = {}
    for number in sorted(range(len(names)), key=lambda one: (at[one][1], at[one][0], names[one])):
        candidates = _candidates(len(taken))
        found[number] = next(
            (one for one in candidates if not _covers(one.box(at[number], names[number]), taken)),
            Label(GAP, 0.0),
        )
        taken.append(found[number].box(at[number], names[number]))
    return [found[number] for number in range(len(names))]


def _candidates(lines: int) -> Iterator[Label]:
    yield from (Label(GAP, 0.0), Label(-GAP, 0.0))
    for line in range(1, lines + 1):
        for up in (LINE * line, -LINE * line):
            yield from (Label(GAP, up), Label(-GAP, up))


def _covers(box: Box, others: Sequence[Box]) -> bool:
    left, right, bottom, top = box
    return any(left < o[1] and o[0] < right and bottom < o[3] and o[2] < top for o in others)
