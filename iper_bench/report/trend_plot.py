"""The trend plot: one small panel per metric and setting, one line per method, steps marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iper_bench.errors import UserError
from iper_bench.report.figure_file import figure_bytes, plot_style
from iper_bench.report.sweep_plot import Picture
from iper_bench.report.trend import Trend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers, and in grey print together with the markers
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
COLUMNS = 3
PANEL = (3.6, 2.3)  # inches
LEGEND = 0.4  # inches below the panels
MOST_TICKS = 8
_LETTERS = 8.0  # points


def draw_trends(trends: Sequence[Trend], labels: Sequence[str]) -> Picture:
    """Draw all trends. Equal input gives equal bytes on one installation.

    Points with intervals, thin lines between them, thick lines at the levels; a triangle stands where a level
    changed, a dotted line where the definition did. ``labels``: what stands under each place of the history.
    Raises UserError when there is nothing to draw.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not trends:
        raise UserError("no value in this history", expected="at least one number with a value")
    panels = sorted({trend.panel for trend in trends})
    methods = sorted({trend.method for trend in trends})
    rows = math.ceil(len(panels) / COLUMNS)
    with mpl.rc_context(plot_style(_LETTERS)):
        figure = Figure(figsize=(PANEL[0] * COLUMNS, PANEL[1] * rows + LEGEND))
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        _arrange(figure)
        places = [axes for row in grid for axes in row]
        titles = short_titles(panels)
        for axes, panel in zip(places, panels, strict=False):
            for trend in (one for one in trends if one.panel == panel):
                _draw(axes, trend, methods.index(trend.method))
            _label(axes, titles[panel], labels)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        _legend(figure, methods)
        return Picture(figure_bytes(figure, "png"), figure_bytes(figure, "svg"))


def short_titles(panels: Sequence[str]) -> dict[str, str]:
    """Each panel's name without the words that all of them share; the name itself when it is alone."""
    words = {panel: panel.split() for panel in panels}
    shared = set.intersection(*(set(held) for held in words.values())) if len(panels) > 1 else set()
    return {panel: " ".join(word for word in held if word not in shared) for panel, held in words.items()}


def _arrange(figure: Figure) -> None:
    """Fixed margins: laying 40 panels out by what their labels need takes ten seconds."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=0.62 / width,
        right=1.0 - 0.1 / width,
        bottom=(LEGEND + 0.6) / height,
        top=1.0 - 0.25 / height,
        wspace=0.28,
        hspace=0.6,
    )


def _draw(axes: Axes, trend: Trend, index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    for number, stretch in enumerate(trend.stretches):
        x = [point.place for point in stretch.points]
        y = [point.value for point in stretch.points]
        below = [max(0.0, p.value - (p.value if p.low is None else p.low)) for p in stretch.points]
        above = [max(0.0, (p.value if p.high is None else p.high) - p.value) for p in stretch.points]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 0.8}
        axes.errorbar(x, y, yerr=[below, above], elinewidth=0.6, capsize=1.5, alpha=0.75, **look)
        for level in stretch.levels:
            ends = x[level.start] - 0.3, x[level.stop - 1] + 0.3
            axes.plot(ends, [level.value] * 2, color=colour, linewidth=2.2, alpha=0.45, solid_capstyle="butt")
        for step in stretch.steps:
            turned = "^" if step.now > step.before else "v"
            axes.plot(
                step.place, step.now, marker=turned, markersize=9, color="none", markeredgecolor="#000000"
            )
        if number:
            axes.axvline(x[0] - 0.5, color="#555555", linewidth=0.9, linestyle=":")


def _label(axes: Axes, title: str, labels: Sequence[str]) -> None:
    axes.set_title(title, loc="left", fontsize=8)
    every = max(1, math.ceil(len(labels) / MOST_TICKS))
    ticks = list(range(0, len(labels), every))
    axes.set_xticks(ticks, [labels[tick] for tick in ticks], fontsize=6.5, rotation=30, ha="right")
    axes.set_xlim(-0.7, max(1, len(labels)) - 0.3)
    axes.ticklabel_format(axis="y", useOffset=False)


def _legend(figure: Figure, methods: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], label=method)
        for i, method in enumerate(methods)
    ]
    step = Line2D([], [], color="none", marker="^", markeredgecolor="#000000", label="step of the level")
    cut = Line2D([], [], color="#555555", linestyle=":", label="another definition from here")
    figure.legend(handles=[*marks, step, cut], loc="lower center", ncols=min(6, len(marks) + 2), fontsize=8)
