"""Quality over personalization steps T, one line per number of sources sn: the layout of the paper's
Figure 14.

Left our run with its 95 % intervals over clips; right the labels of the published figure. The cells of
that figure had to be put together from its loose labels, so each point says how sure its place is
(``results/paper/README.md``). The two panels
never share an axis: other data, other backbones.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from iper_bench.errors import UserError
from iper_bench.report import paper
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "fig14"
METRIC = "PSNR"  # what Figure 14 shows
# Okabe and Ito's palette: told apart by colour-blind readers and in grey print together with the markers
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 160
#: certainty in the CSV -> (filled marker, words in the legend)
CERTAINTY = {
    paper.CERTAIN: (True, "certain"),
    "row_certain": (True, "filled: line certain, T not"),
    "row_likely": (False, "line likely, T not certain"),
    "likely": (False, "place likely"),
    "likely_pair": (False, "two labels could be exchanged"),
}
_SETTINGS = {
    "svg.hashsalt": "iper-bench",  # equal input gives equal ids, hence equal bytes
    "svg.fonttype": "path",  # the picture does not depend on the reader's fonts
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Point:
    """Mean at one T with its interval, if there is one."""

    steps: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """One number of sources: its points in rising T."""

    sn: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Picture:
    """The same drawing as PNG and as SVG."""

    png: bytes
    svg: bytes


def sweep_lines(
    evidence: Evidence, bench: Bench, method: str, *, setting: str = "self", metric: str = METRIC
) -> list[Line]:
    """Lines of one method, by rising sn; missing values are left out."""
    chosen = evidence.select(bench, method=method, setting=setting, metric=metric)
    lines = []
    for sn in sorted({m.sn for m in chosen}):
        points = [
            Point(m.steps, m.value, m.low, m.high)
            for m in sorted(chosen, key=lambda m: m.steps)
            if m.sn == sn and m.value is not None
        ]
        if points:
            lines.append(Line(sn, tuple(points)))
    return lines


def is_sweep(lines: Sequence[Line]) -> bool:
    """Whether there is more than one T or more than one sn to plot."""
    return len(lines) > 1 or any(len(line.points) > 1 for line in lines)


def draw_sweep(
    lines: Sequence[Line], *, title: str, metric: str = METRIC, unit: str = "dB", note: str = ""
) -> Picture:
    """Draw the two panels. Equal input gives equal bytes on one installation. Raises UserError when there
    is no point.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not any(line.points for line in lines):
        raise UserError(
            f"no value of {metric} to plot", expected="a run over sn or T", hint="iper-bench sweep --help"
        )
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(9.2, 4.3), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.0))
        _ours(left, lines, metric, unit)
        left.set_title(title, loc="left", fontsize=9.5)
        _quoted(right)
        if note:
            figure.supxlabel(note, fontsize=7.5, x=0.01, ha="left", color="#555555")
        return Picture(_save(figure, "png"), _save(figure, "svg"))


def draw_run(evidence: Evidence, bench: Bench, method: str) -> Picture:
    """The plot of one method of a body of evidence, with its conditions in the title."""
    lines = sweep_lines(evidence, bench, method)
    comparable = evidence.why_not(bench.profile) is None
    warning = "" if comparable else f"; {NOT_THE_PAPERS}"
    return draw_sweep(
        lines,
        title=f"this run: {method} on {bench.dataset}" + ("" if comparable else f"\n{NOT_THE_PAPERS}"),
        note=f"Bars: 95 % bootstrap interval of the mean over clips. Profile {bench.profile}{warning}.",
    )


def _ours(axes: Axes, lines: Sequence[Line], metric: str, unit: str) -> None:
    ticks = sorted({point.steps for line in lines for point in line.points})
    gaps = [b - a for a, b in pairwise(ticks)]
    shift = 0.04 * (
        min(gaps) if gaps else 1.0
    )  # lines stand a little apart so that their bars do not cover each other
    for index, line in enumerate(lines):
        offset = (index - (len(lines) - 1) / 2) * shift
        x = [point.steps + offset for point in line.points]
        y = [point.value for point in line.points]
        below = [point.value - (point.value if point.low is None else point.low) for point in line.points]
        above = [(point.value if point.high is None else point.high) - point.value for point in line.points]
        axes.errorbar(
            x,
            y,
            yerr=[[max(0.0, v) for v in below], [max(0.0, v) for v in above]],
            **_look(index),
            label=f"sn = {line.sn}",
            capsize=2.5,
            elinewidth=0.9,
        )
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("personalization steps T")
    axes.set_ylabel(f"{metric} ({unit}), higher is better" if unit else metric)
    axes.legend(fontsize=8, loc="best")


def _quoted(axes: Axes) -> None:
    quotes = paper.quotes(FIGURE)
    ticks = sorted({int(q.extra["T"]) for q in quotes})
    for index, sn in enumerate(sorted({int(q.extra["sn"]) for q in quotes})):
        row = sorted((q for q in quotes if int(q.extra["sn"]) == sn), key=lambda q: int(q.extra["T"]))
        look = _look(index)
        axes.plot(
            [int(q.extra["T"]) for q in row],
            [q.value for q in row],
            color=look["color"],
            linewidth=1.0,
            linestyle=(0, (4, 2)),
        )
        for quote in row:
            filled = CERTAINTY.get(quote.certainty, (False, ""))[0]
            axes.plot(
                int(quote.extra["T"]),
                quote.value,
                marker=look["marker"],
                markersize=5,
                color=look["color"],
                markerfacecolor=look["color"] if filled else "white",
                linestyle="none",
            )
            axes.annotate(
                _label(quote),
                (int(quote.extra["T"]), quote.value),
                xytext=_beside(quote, quotes),
                textcoords="offset points",
                ha="right" if int(quote.extra["T"]) == ticks[0] else "center",
                fontsize=6.5,
                color=look["color"],
            )
        axes.annotate(
            f"sn = {sn}",
            (int(row[-1].extra["T"]), row[-1].value),
            xytext=(9, -3),
            textcoords="offset points",
            fontsize=7.5,
            color=look["color"],
        )
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlim(ticks[0] - 32, ticks[-1] + 34)
    axes.margins(y=0.1)
    axes.set_xlabel("personalization steps T\n" + _legend(quotes), fontsize=8)
    axes.set_title(
        f"quoted: {paper.SOURCE}, Figure 14 ({quotes[0].dataset})\n{paper.NOT_COMPARABLE}",
        loc="left",
        fontsize=8.5,
    )


_MARK = {"row_certain": "", paper.CERTAIN: "", "row_likely": "*", "likely": "°", "likely_pair": "?"}


def _label(quote: paper.Quote) -> str:
    return quote.printed + _MARK.get(quote.certainty, "?")


def _beside(quote: paper.Quote, quotes: Sequence[paper.Quote]) -> tuple[int, int]:
    """Where a label stands, in points from its marker: left of the first tick, where the lines rise
    steeply, else above.
    """
    first = min(int(q.extra["T"]) for q in quotes)
    if int(quote.extra["T"]) != first:
        return 0, 5
    close = [q for q in quotes if int(q.extra["T"]) == first and 0 < abs(q.value - quote.value) < 0.05]
    return (-6, -2) if not close else (-6, 1) if quote.value > close[0].value else (-6, -7)


def _legend(quotes: Sequence[paper.Quote]) -> str:
    listed = [name for name in CERTAINTY if name in {q.certainty for q in quotes}]
    words = [f"{_MARK[name]} {CERTAINTY[name][1]}" for name in listed]
    return ",  ".join(words[:2]).strip() + "\n" + ",  ".join(words[2:]).strip()


def _look(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
        "linewidth": 1.4,
    }


def _save(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    # dates and versions are left out: they would change the bytes without changing the picture
    metadata: dict[str, Any] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
