"""Quality over personalization steps T, one line per number of sources sn: the layout of the paper's
Figure 14.

Left our run with its 95 % intervals; right the labels of the published figure. The cells of that figure had
to be put together from its loose labels, so each point says how sure its place is
(``results/paper/README.md``). The two panels never share an axis: other data, other backbones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from iper_bench.errors import UserError
from iper_bench.report import paper
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence, Measurement
from iper_bench.report.figure_file import figure_bytes, plot_style
from iper_bench.report.numerals import digits_for, number
from iper_bench.report.statistics import nested_bootstrap, paired_by_actor
from iper_bench.report.sweep_labels import Box, Segment, place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE = "fig14"
METRIC = "PSNR"  # what Figure 14 shows
# Okabe and Ito's palette: told apart by colour-blind readers and in grey print together with the markers
COLOURS = ("#0072B2", "#D55E00", "#00805F", "#A34D83", "#1F78B4", "#9A6700")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), "-", (0, (4, 3)))
LABEL_SIZE = 7.0
CLOSE = (
    0.06  # ticks nearer than this share of the axis would run into each other: then T is not drawn to scale
)
#: certainty in the CSV -> (filled marker, mark behind the number, words in the legend)
CERTAINTY: Mapping[str, tuple[bool, str, str]] = {
    paper.CERTAIN: (True, "", "certain"),
    "row_certain": (True, "", "filled: the line is certain, T is not"),
    "row_likely": (False, "*", "line likely, T not certain"),
    "likely": (False, "°", "place likely"),
    "likely_pair": (False, "?", "two labels that could be exchanged"),
}
_LETTERS = 9.0  # points


@dataclass(frozen=True)
class Point:
    """Mean at one T with its interval, if there is one; ``found``: the measurement behind it."""

    steps: int
    value: float
    low: float | None
    high: float | None
    found: Measurement | None = None


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


@dataclass(frozen=True)
class _Label:
    x: float
    y: float
    text: str
    colour: str


def sweep_lines(
    evidence: Evidence, bench: Bench, method: str, *, setting: str = "self", metric: str = METRIC
) -> list[Line]:
    """Lines of one method, by rising sn; missing values are left out.

    The interval draws actors, then clips within each (``statistics.nested_bootstrap``); a value by a rule of
    batches, which is no mean of clips, keeps the interval of the run.
    """
    chosen = evidence.select(bench, method=method, setting=setting, metric=metric)
    lines = []
    for sn in sorted({m.sn for m in chosen}):
        mine = sorted((m for m in chosen if m.sn == sn), key=lambda m: m.steps)
        points = tuple(point_of(m, m.value) for m in mine if m.value is not None)
        if points:
            lines.append(Line(sn, points))
    return lines


def point_of(m: Measurement, value: float) -> Point:
    """The point of a measurement with that value."""
    if m.average != "frames" or len(m.clip_values) < 2:
        return Point(m.steps, value, m.low, m.high, m)
    zero = dict.fromkeys(m.clip_values, 0.0)
    interval = nested_bootstrap(paired_by_actor(m.clip_values, zero, m.clip_actors))
    return Point(m.steps, value, interval.low, interval.high, m)


def is_sweep(lines: Sequence[Line]) -> bool:
    """Whether there is more than one T or more than one sn to plot."""
    return len(lines) > 1 or any(len(line.points) > 1 for line in lines)


def draw_sweep(
    lines: Sequence[Line],
    *,
    title: str,
    metric: str = METRIC,
    unit: str = "dB",
    higher_is_better: bool | None = True,
    note: str = "",
    quoted: bool = True,
) -> Picture:
    """Draw our panel, and beside it the paper's where ``quoted``. Equal input gives equal bytes on one
    installation. Raises UserError when there is no point.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not any(line.points for line in lines):
        raise UserError(
            f"no value of {metric} to plot", expected="a run over sn or T", hint="iper-bench sweep --help"
        )
    with mpl.rc_context(plot_style(_LETTERS)):
        figure = Figure(figsize=(11.4, 4.9) if quoted else (5.8, 3.8), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, 2 if quoted else 1, squeeze=False)[0]
        drawn = [(panels[0], *_ours(panels[0], lines, _axis(metric, unit, higher_is_better)))]
        panels[0].set_title(title, loc="left", fontsize=9.5)
        if quoted:
            drawn.append((panels[1], *_quoted(panels[1])))
        if note:
            figure.supxlabel(note, fontsize=7.5, x=0.01, ha="left", color="#555555")
        figure.draw_without_rendering()  # the layout is known only now
        figure.set_layout_engine("none")
        for axes, labels, chains in drawn:
            _write_labels(axes, labels, chains)
        return Picture(figure_bytes(figure, "png"), figure_bytes(figure, "svg"))


def draw_run(evidence: Evidence, bench: Bench, method: str, metric: str = METRIC) -> Picture:
    """The plot of one method of a body of evidence, with its conditions in the title; only PSNR has the
    paper's panel beside it.
    """
    lines = sweep_lines(evidence, bench, method, metric=metric)
    comparable = evidence.why_not(bench.profile) is None
    own = metric == METRIC
    said = f"{method} on {bench.dataset}" + ("" if comparable else f"\n{NOT_THE_PAPERS}")
    return draw_sweep(
        lines,
        title=f"this run: {said}" if own else said,
        metric=metric,
        unit=unit_of(evidence, bench, metric),
        higher_is_better=evidence.higher_is_better.get(metric),
        note=f"{bars_note(lines)}; profile {bench.profile}." if own else "",
        quoted=own,
    )


def unit_of(evidence: Evidence, bench: Bench, metric: str) -> str:
    """The unit that the plans state, ``dB`` for PSNR without one."""
    stated = [facts.metrics.get((bench.profile, metric), {}).get("unit") for facts in evidence.runs]
    return next((str(unit) for unit in stated if unit), "dB" if metric == METRIC else "")


def behind(lines: Sequence[Line]) -> str:
    """How many actors, clips and seeds stand behind the points, in words."""
    found = [point.found for line in lines for point in line.points if point.found is not None]
    clips = max((len(m.clip_values) for m in found), default=0)
    actors = max((len(set(m.clip_actors.values())) for m in found), default=0)
    seeds = max((m.seeds for m in found), key=len, default=())
    words = f"{clips} {'clip' if clips == 1 else 'clips'}"
    if actors:
        words = f"{actors} {'actor' if actors == 1 else 'actors'} with {words}"
    return words + (f", of means over seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else "")


def bars_note(lines: Sequence[Line]) -> str:
    """What the bars are, or that there are none."""
    if any(point.low is not None for line in lines for point in line.points):
        return f"Bars: 95 % interval over {behind(lines)}, actors drawn first, then clips of each"
    return f"No interval: {behind(lines)}"


def _axis(metric: str, unit: str, higher_is_better: bool | None) -> str:
    better = {True: ", higher is better", False: ", lower is better", None: ""}[higher_is_better]
    return (f"{metric} ({unit})" if unit else metric) + better


Chain = list[tuple[float, float]]


def _ours(axes: Axes, lines: Sequence[Line], axis: str) -> tuple[list[_Label], list[Chain]]:
    ticks = sorted({point.steps for line in lines for point in line.points})
    places, gap, to_scale = _places(ticks)
    digits = digits_for([abs(point.value) for line in lines for point in line.points])
    labels: list[_Label] = []
    chains: list[Chain] = []
    # lines stand a little apart so that their bars do not cover each other
    apart = min(0.07 * gap, 0.015 * (places[ticks[-1]] - places[ticks[0]])) if len(ticks) > 1 else 0.07
    for index, line in enumerate(lines):
        offset = (index - (len(lines) - 1) / 2) * apart
        x = [places[point.steps] + offset for point in line.points]
        y = [point.value for point in line.points]
        below = [point.value - (point.value if point.low is None else point.low) for point in line.points]
        above = [(point.value if point.high is None else point.high) - point.value for point in line.points]
        look = _look(index)
        _, caps, bars = axes.errorbar(
            x,
            y,
            yerr=[[max(0.0, v) for v in below], [max(0.0, v) for v in above]],
            **look,
            label=f"sn = {line.sn}",
            capsize=2.5,
            elinewidth=0.8,
        )
        for part in (*caps, *bars):
            part.set_alpha(0.55)
        chains.append(list(zip(x, y, strict=True)))
        labels += [_Label(a, b, number(b, digits), look["color"]) for a, b in chains[-1]]
        chains += [
            [(a, b - low), (a, b + high)] for (a, b), low, high in zip(chains[-1], below, above, strict=True)
        ]
    axes.set_xticks([places[tick] for tick in ticks], [str(tick) for tick in ticks])
    axes.set_xlabel("personalization steps T" + ("" if to_scale else " (not to scale)"))
    axes.set_ylabel(axis)
    _leave_room(axes)
    return labels, chains


def _leave_room(axes: Axes) -> None:
    """Margins for the labels, and above everything a strip for the legend."""
    axes.margins(x=0.09, y=0.1)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))
    axes.legend(fontsize=8, loc="upper left", ncols=6, columnspacing=1.2, handlelength=2.2, borderaxespad=0.2)


def _places(ticks: Sequence[int]) -> tuple[dict[int, float], float, bool]:
    """T -> place on the axis, the smallest gap, and whether T is drawn to scale: where some lie too close,
    they stand one after the other.
    """
    gaps = [b - a for a, b in pairwise(ticks)]
    if gaps and min(gaps) < CLOSE * (ticks[-1] - ticks[0]):
        return {tick: float(place) for place, tick in enumerate(ticks)}, 1.0, False
    return {tick: float(tick) for tick in ticks}, float(min(gaps, default=1)), True


def _quoted(axes: Axes) -> tuple[list[_Label], list[Chain]]:
    quotes = paper.quotes(FIGURE)
    ticks = sorted({int(q.extra["T"]) for q in quotes})
    labels: list[_Label] = []
    chains: list[Chain] = []
    for index, sn in enumerate(sorted({int(q.extra["sn"]) for q in quotes})):
        row = sorted((q for q in quotes if int(q.extra["sn"]) == sn), key=lambda q: int(q.extra["T"]))
        look = _look(index)
        chains.append([(float(q.extra["T"]), q.value) for q in row])
        axes.plot(
            *zip(*chains[-1], strict=True),
            color=look["color"],
            linewidth=1.0,
            linestyle=look["linestyle"],
            alpha=0.6,
        )
        for quote in row:
            filled, mark, _ = CERTAINTY.get(quote.certainty, (False, "?", ""))
            x, y = float(quote.extra["T"]), quote.value
            axes.plot(
                x,
                y,
                **{**look, "linestyle": "none", "markerfacecolor": look["color"] if filled else "white"},
                label=f"sn = {sn}" if quote is row[-1] else None,
            )
            labels.append(_Label(x, y, quote.printed + mark, look["color"]))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylabel(f"{METRIC} (dB), as printed")
    _leave_room(axes)
    axes.set_xlabel("personalization steps T\n" + _legend(quotes), fontsize=8)
    axes.set_title(
        f"quoted: {paper.SOURCE}, Figure 14 ({quotes[0].dataset})\n{paper.NOT_COMPARABLE}",
        loc="left",
        fontsize=9.5,
    )
    return labels, chains


def _legend(quotes: Sequence[paper.Quote]) -> str:
    listed = [name for name in CERTAINTY if name in {q.certainty for q in quotes}]
    words = [f"{CERTAINTY[name][1]} {CERTAINTY[name][2]}".strip() for name in listed]
    return ";  ".join(words[:2]) + "\n" + ";  ".join(words[2:])


def _look(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[index % len(DASHES)],
        "markersize": 4.5,
        "linewidth": 1.3,
    }


def _write_labels(axes: Axes, labels: Sequence[_Label], chains: Sequence[Chain]) -> None:
    """Write every label where it covers no other, with a thin line to its point where it stands away from
    it.
    """
    from matplotlib.patheffects import withStroke

    pixel = axes.figure.dpi / 72
    width, height = LABEL_SIZE * 0.62 * pixel, LABEL_SIZE * 1.2 * pixel  # of a digit, and of a line of text
    where = [axes.transData.transform((label.x, label.y)) for label in labels]
    boxes = [
        Box(float(x), float(y), width * (len(label.text) + 0.4), height)
        for (x, y), label in zip(where, labels, strict=True)
    ]
    markers = [Box(float(x), float(y), 5.5 * pixel, 5.5 * pixel) for x, y in where]
    lines: list[Segment] = []
    for chain in chains:
        ends = [axes.transData.transform(point) for point in chain]
        lines += [((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))) for a, b in pairwise(ends)]
    frame = axes.bbox
    legend = axes.get_legend()
    if legend is not None:
        box = legend.get_window_extent()
        markers.append(
            Box(float(box.x0 + box.x1) / 2, float(box.y0 + box.y1) / 2, float(box.width), float(box.height))
        )
    bounds = Box((frame.x0 + frame.x1) / 2, (frame.y0 + frame.y1) / 2, frame.width, frame.height)
    placed = place_labels(boxes, markers, lines, bounds)
    for label, start, end in zip(labels, boxes, placed, strict=True):
        away = max(abs(end.x - start.x) - end.width / 2, abs(end.y - start.y) - end.height / 2)
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=((end.x - start.x) / pixel, (end.y - start.y) / pixel),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=LABEL_SIZE,
            color=label.colour,
            path_effects=[withStroke(linewidth=2, foreground="white")],
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "linewidth": 0.5,
                "shrinkA": 0,
                "shrinkB": 2,
            }
            if away > 1.2 * end.height
            else None,
        )
