"""The panel of standings: per bench and metric the order of the methods with tie groups, what is told apart,
and how small a difference the protocol could have shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from iper_bench.report.evidence import Bench, Evidence, Measurement
from iper_bench.report.numerals import MISSING, digits_for, number, span
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.paper_layout import CROSS, PAIRED
from iper_bench.report.ranking import (
    Standing,
    differences,
    pairs,
    standings_of_table,
    too_few,
    without_actors,
)
from iper_bench.report.statistics import actors_to_detect, smallest_detectable

ANCHOR = "ranking"
TITLE = "Order of the methods, and what is told apart"
INTRODUCTION = (
    "Each method at its largest T. Methods between two signs > are one group: none of them is told apart "
    "from the group's first, which does not say that they are equal. Told apart: at least 6 actors, the "
    "95 % interval of the mean difference over clips (actors drawn, then their clips) without 0, and p "
    "below 0.05 from flipping the signs of whole actors, after Holm over all pairs of methods in all "
    "metrics of the block. 'Seen from': the smallest true difference to the best that this protocol with "
    "these actors finds with 80 % chance at that correction. 'Actors to see it': how many it would take "
    "to find the difference that was measured, with the same spread. Rules: docs/statistics.md."
)
COLUMNS = (
    "place",
    "method",
    "group",
    "value",
    "to the best",
    "95 % interval",
    "p (Holm)",
    "seen from",
    "actors to see it",
    "actors",
    "clips",
)
_METHOD = 1  # the column of text

Column = tuple[str, str]  # (setting, metric)


@dataclass(frozen=True)
class Line:
    """A method in a column: its measurement and standing, the smallest difference to the best that would be
    seen, and how many actors the one that was seen takes; ``None`` for the best and where nothing can be
    said.
    """

    measurement: Measurement
    standing: Standing
    detectable: float | None
    needed: int | None


@dataclass(frozen=True)
class Block:
    """All columns of one bench and number of sources. ``comparisons``: pairs that Holm corrects for."""

    bench: Bench
    sn: int
    comparisons: int
    columns: Mapping[Column, tuple[Line, ...]]

    @property
    def title(self) -> str:
        """Its heading."""
        return f"{self.bench}, sn = {self.sn}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why nothing here can be told apart, and that actors are not known, where it is so."""
        lines = [line for column in self.columns.values() for line in column]
        few = too_few(max((line.standing.actors for line in lines), default=0), self.comparisons)
        unknown = without_actors(line.measurement for line in lines)
        return tuple(said for said in (few, unknown) if said is not None)


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` where no metric was measured of two methods."""
    blocks = blocks_of(context.evidence)
    if not blocks:
        return None
    html = [f"<p>{escape(INTRODUCTION)}</p>", *(_block_html(block) for block in blocks)]
    text = [INTRODUCTION, *(line for block in blocks for line in _block_markdown(block))]
    return Panel(ANCHOR, TITLE, "\n".join(html), "\n".join(text) + "\n")


def blocks_of(evidence: Evidence) -> list[Block]:
    """Every bench and sn with a metric of two methods or more; references do not take part."""
    found = []
    for bench in evidence.benches():
        methods = [m for m in evidence.select(bench) if m.method not in evidence.references]
        for sn in sorted({m.sn for m in methods}):
            columns = _columns(evidence, [m for m in methods if m.sn == sn])
            if columns:
                found.append(_block(evidence, bench, sn, columns))
    return found


def _columns(evidence: Evidence, measured: Sequence[Measurement]) -> dict[Column, list[Measurement]]:
    last: dict[str, int] = {}
    for m in measured:
        last[m.method] = max(last.get(m.method, 0), m.steps)
    columns: dict[Column, list[Measurement]] = {}
    for m in measured:
        known = m.metric in evidence.higher_is_better and m.value is not None
        if m.steps == last[m.method] and known:
            columns.setdefault((m.setting, m.metric), []).append(m)
    several = {key: ones for key, ones in columns.items() if len(ones) > 1}
    return dict(sorted(several.items(), key=lambda item: _papers_order(item[0])))


def _papers_order(column: Column) -> tuple[bool, str, int, str]:
    """Self-imitation first, and the metrics as the paper's tables have them."""
    setting, metric = column
    order = PAIRED if setting == "self" else CROSS
    return setting != "self", setting, order.index(metric) if metric in order else len(order), metric


def _block(evidence: Evidence, bench: Bench, sn: int, columns: Mapping[Column, list[Measurement]]) -> Block:
    comparisons = pairs(columns.values())
    standings = standings_of_table(columns, {key: evidence.higher_is_better[key[1]] for key in columns})
    made = {}
    for key, ones in columns.items():
        by_method = {m.method: m for m in ones}
        ordered = list(standings[key].values())
        best = by_method[ordered[0].method]
        made[key] = tuple(_line(by_method[one.method], best, one, comparisons) for one in ordered)
    return Block(bench, sn, comparisons, made)


def _line(one: Measurement, best: Measurement, standing: Standing, comparisons: int) -> Line:
    if standing.difference is None:
        return Line(one, standing, None, None)
    paired = differences(one, best)
    return Line(
        one,
        standing,
        smallest_detectable(paired, comparisons=comparisons),
        actors_to_detect(paired, standing.difference.mean, comparisons=comparisons),
    )


def order(lines: Sequence[Line]) -> str:
    """``"a > b, c > d"``: groups from best to worst."""
    groups: dict[int, list[str]] = {}
    for line in lines:
        groups.setdefault(line.standing.tie_group, []).append(line.measurement.method)
    return " > ".join(", ".join(names) for names in groups.values())


def seen_from(lines: Sequence[Line], digits: int) -> str:
    """The differences to the best that would be seen: the least and the largest of the methods."""
    found = sorted(
        {number(line.detectable, digits) for line in lines if line.detectable is not None}, key=float
    )
    return "–".join(dict.fromkeys((found[0], found[-1]))) if found else MISSING


def _digits(lines: Sequence[Line]) -> int:
    return digits_for([abs(line.measurement.value) for line in lines if line.measurement.value is not None])


def _cells(line: Line, digits: int) -> list[tuple[str, float | None]]:
    """Text and sorting value of :data:`COLUMNS`."""
    m, one = line.measurement, line.standing
    difference = one.difference
    mean = None if difference is None else difference.mean
    low, high = (None, None) if difference is None else (difference.low, difference.high)
    p = MISSING if one.p is None else "<0.001" if one.p < 0.001 else f"{one.p:.3f}"
    return [
        (str(one.place), one.place),
        (m.method + (f" (T\u00a0=\u00a0{m.steps})" if m.steps else ""), None),
        (str(one.tie_group), one.tie_group),
        (MISSING if m.value is None else number(m.value, digits), m.value),
        (MISSING if mean is None else number(mean, digits), mean),
        (span(low, high, digits) or MISSING, low),
        (p, one.p),
        (MISSING if line.detectable is None else number(line.detectable, digits), line.detectable),
        (MISSING if line.needed is None else str(line.needed), line.needed),
        (str(one.actors) if one.actors else MISSING, one.actors or None),
        (str(one.clips) if one.clips else MISSING, one.clips or None),
    ]


def _block_html(block: Block) -> str:
    parts = [f"<h3>{escape(block.title)}</h3>"]
    parts += [f'<p class="remark">{escape(said)}.</p>' for said in block.warnings]
    parts += [_column_html(key, lines) for key, lines in block.columns.items()]
    return "\n".join(parts)


def _column_html(key: Column, lines: Sequence[Line]) -> str:
    setting, metric = key
    digits = _digits(lines)
    heads = "".join(
        f'<th scope="col" data-sort="{"text" if place == _METHOD else "number"}">{escape(head)}</th>'
        for place, head in enumerate(COLUMNS)
    )
    rows = "\n".join(_row_html(line, digits) for line in lines)
    return (
        f"<details><summary>{escape(metric)}, {escape(setting)}: {escape(order(lines))}</summary>"
        '<div class="scroll" tabindex="0"><table class="facts" data-sortable>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div></details>"
    )


def _row_html(line: Line, digits: int) -> str:
    cells = []
    for place, (text, value) in enumerate(_cells(line, digits)):
        if place == _METHOD:
            cells.append(f'<th scope="row">{escape(text)}</th>')
            continue
        held = "" if value is None else repr(float(value))
        passport = (
            f' data-passport="{escape(line.measurement.definition)}"' if COLUMNS[place] == "value" else ""
        )
        cells.append(f'<td data-value="{held}"{passport}>{escape(text)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _block_markdown(block: Block) -> Iterator[str]:
    yield from ("", f"### {block.title}", "")
    for said in block.warnings:
        yield from (f"{said}.", "")
    yield "| metric | order | seen from | actors to see it |"
    yield "| --- | --- | ---: | ---: |"
    for (setting, metric), lines in block.columns.items():
        needed = [MISSING if line.needed is None else str(line.needed) for line in lines[1:]]
        names = order(lines).replace("|", "\\|")
        yield f"| {metric}, {setting} | {names} | {seen_from(lines, _digits(lines))} | {', '.join(needed)} |"
