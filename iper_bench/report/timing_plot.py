"""The layout of the paper's Figure 16: seconds by resolution and phase, ours beside the quoted ones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from iper_bench.report import paper
from iper_bench.report.figure_file import figure_bytes
from iper_bench.report.timing_table import TITLES, TimingRow

# colour-blind safe (Okabe and Ito), and told apart in print by their brightness
COLOURS = {"preprocess": "#56B4E9", "personalise": "#E69F00", "inference": "#0072B2"}
HATCHES = {"preprocess": "", "personalise": "//", "inference": ""}
SHORTEST = 1e-3  # seconds; what a method does not do at all takes less and has no bar


def draw(rows: Sequence[TimingRow], kind: str) -> bytes:
    """The figure as ``"svg"`` or ``"png"``: one panel per method, the quoted one last, bars of all phases per
    resolution on a logarithmic axis, frames per second above.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    methods = list(dict.fromkeys((row.method, row.machine, row.quoted) for row in rows))
    with matplotlib.rc_context({"svg.hashsalt": "iper-bench", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = pyplot.subplots(
            1, len(methods), figsize=(max(3.4 * len(methods), 4.5), 3.9), squeeze=False, sharey=True
        )
        for place, (method, machine, quoted) in zip(axes[0], methods, strict=True):
            mine = [row for row in rows if (row.method, row.machine, row.quoted) == (method, machine, quoted)]
            _panel(place, mine)
            words = f"quoted: {paper.SOURCE}, Figure 16" if quoted else method
            place.set_title(f"{words}\n{_folded(machine)}", loc="left", fontsize=8)
        axes[0][0].set_ylabel("seconds (logarithmic)")
        handles, labels = axes[0][-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8, frameon=False)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        content = figure_bytes(figure, kind)
        pyplot.close(figure)
    return content


def _panel(axes: Any, rows: Sequence[TimingRow]) -> None:
    axes.set_yscale("log")
    sizes = sorted({row.size for row in rows})
    width = 0.27
    for number, phase in enumerate(TITLES):
        found = [row for row in rows if phase in row.phases and row.phases[phase].median >= SHORTEST]
        places = [sizes.index(row.size) + (number - 1) * width for row in found]
        spreads = [row.phases[phase] for row in found]
        heights = [one.median for one in spreads]
        errors = [[one.median - one.low for one in spreads], [one.high - one.median for one in spreads]]
        axes.bar(
            places,
            heights,
            width * 0.92,
            label=TITLES[phase],
            color=COLOURS[phase],
            hatch=HATCHES[phase],
            edgecolor="white",
            yerr=None if all(row.quoted for row in found) else errors,
            ecolor="#333333",
            capsize=2,
        )
        for row, place, spread in zip(found, places, spreads, strict=True):
            mark = "~" if phase in row.uncertain else ""
            axes.annotate(
                f"{_short(spread.median)}{mark}",
                (place, spread.median if row.quoted else spread.high),  # above the bar of the spread
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=6.2,
                rotation=90,
            )
    labels = []
    for size in sizes:
        fps = next((f"{one.fps:.3g} fps" for one in rows if one.size == size and one.fps), "–")
        labels.append(f"{size}\n{fps}")
    axes.set_xticks(range(len(sizes)), labels, fontsize=7.5)
    axes.margins(y=0.25)
    frames = sorted({row.frames for row in rows if row.frames})
    steps = sorted({row.steps for row in rows if row.phases and not row.quoted})
    words = f"{'/'.join(map(str, frames))} frames"
    axes.set_xlabel(
        f"side in pixels; {words}" + (f", T = {'/'.join(map(str, steps))}" if steps else ""), fontsize=8
    )
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _folded(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 48))
