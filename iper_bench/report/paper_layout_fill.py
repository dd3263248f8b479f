"""``PaperTable``: one of the paper's tables with our numbers, their marks, and the printed numbers below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from iper_bench.averages import OVER_ALL_TRIALS
from iper_bench.report import paper
from iper_bench.report.evidence import NOT_THE_PAPERS, Evidence, Measurement
from iper_bench.report.numerals import FULL, MISSING, digits_for, span
from iper_bench.report.paper_layout import Block, Layout, Place, quoted_place
from iper_bench.report.paper_layout_rows import Entry, Filling
from iper_bench.report.table import REFERENCES_NOTE, definition_note, seeds_words
from iper_bench.report.table_parts import (
    NOT_COMPARABLE_MARK,
    NOT_FOR_THIS,
    Cell,
    Column,
    Marks,
    TableRow,
    cell_of,
    marks,
    marks_note,
    quoted_cell,
    rank_of,
)

UNSURE_NOTE = "?: the number is printed, its place in the paper is not certain; other candidates are named."


@dataclass(frozen=True)
class PaperTable:
    """A filled layout, plain values.

    Attributes
    ----------
    name: stem of its files. number: of the paper's table. title, caption: what it is, with its conditions.
    dataset, protocol, profile, sn, steps: as :class:`Filling`.
    groups: headings over the columns with how many columns each spans. columns: in the paper's order.
    rows: methods. references: what calibrates them. quoted: the printed rows.
    quoted_title: where those come from. notes: below the table. lacking: missing and partial numbers, with
    reasons.
    """

    name: str
    number: str
    title: str
    caption: str
    dataset: str
    protocol: str
    profile: str
    sn: int
    steps: int
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    references: tuple[TableRow, ...]
    quoted: tuple[TableRow, ...]
    quoted_title: str
    notes: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def starts(self) -> frozenset[int]:
        """The columns that begin a group."""
        places, start = [], 0
        for _, width in self.groups:
            places.append(start)
            start += width
        return frozenset(places)


def fill(evidence: Evidence, filling: Filling) -> PaperTable:
    """The table of a filling. Columns that nothing was measured for stay, with dashes that say why."""
    kinds, why_not = evidence.references, evidence.why_not(filling.profile)
    numbered: dict[str, int] = {}
    columns = [
        _column(evidence, filling, block, metric, numbered)
        for block in filling.blocks
        for metric in block.metrics
    ]
    places = [place for block in filling.blocks for place in block.places]
    earned = _standings(filling, places, columns, kinds)
    rows: list[TableRow] = []
    references: list[TableRow] = []
    for entry in sorted(filling.entries, key=lambda one: rank_of(kinds.get(one.method))):
        cells = []
        for place, column in zip(places, columns, strict=True):
            found = entry.values.get(place)
            if found is None:
                cells.append(NOT_FOR_THIS if entry.method in kinds else _missing(filling, entry, column))
            else:
                standing = earned.of((place, entry.family), entry.key)
                cells.append(_compact(cell_of(found, column.digits, standing), column.digits))
        title = "" if entry.method == entry.name else entry.method
        (references if entry.method in kinds else rows).append(TableRow(entry.name, tuple(cells), title))
    quoted, quoted_title = _quoted(filling, places)
    shown = [m for entry in filling.entries for m in entry.values.values()]
    return PaperTable(
        filling.name,
        filling.layout.number,
        _title(filling, shown, why_not),
        filling.layout.caption,
        *(filling.dataset, filling.protocol, filling.profile, filling.sn, filling.steps),
        tuple((block.title, len(block.metrics)) for block in filling.blocks),
        tuple(columns),
        tuple(rows),
        tuple(references),
        quoted,
        quoted_title,
        _notes(filling, numbered, shown, earned.cautions, bool(references), why_not, quoted),
        tuple(_lacking([*rows, *references], columns, filling.blocks)),
    )


def _column(
    evidence: Evidence, filling: Filling, block: Block, metric: str, numbered: dict[str, int]
) -> Column:
    values = [e.values[block.key, metric] for e in filling.entries if (block.key, metric) in e.values]
    why_not = evidence.why_not(filling.profile)
    note, definition = 0, ""
    if values:
        example = next((m for m in values if m.backbone), values[0])
        text = definition_note(filling.profile, example, why_not)
        note, definition = numbered.setdefault(text, len(numbered) + 1), example.definition
    printed = next(q.higher_is_better for q in filling.layout.quotes if q.metric == metric)
    return Column(
        setting=block.key,
        metric=metric,
        higher_is_better=evidence.higher_is_better.get(metric) if values else printed,
        digits=digits_for([abs(m.value) for m in values if m.value is not None]),
        note=note,
        comparable=why_not is None or not values,
        definition=definition,
    )


def _standings(
    filling: Filling, places: Sequence[Place], columns: Sequence[Column], kinds: Mapping[str, str]
) -> Marks[tuple[Place, str]]:
    """Standings by place and family of rows, with Holm's correction over the whole table."""
    families = sorted({entry.family for entry in filling.entries})
    measured: dict[tuple[Place, str], list[Measurement]] = {}
    directions: dict[tuple[Place, str], bool | None] = {}
    for place, column in zip(places, columns, strict=True):
        for family in families:
            measured[place, family] = [
                renamed(entry.values[place], entry.key)
                for entry in filling.entries
                if entry.family == family and place in entry.values
            ]
            directions[place, family] = column.higher_is_better
    return marks(measured, directions, kinds)


def _compact(cell: Cell, digits: int) -> Cell:
    """One interval a cell, over actors where there is one, and no '100 %': the columns are many."""
    actors = (
        span(cell.found.actor_low, cell.found.actor_high, digits)
        if cell.found and cell.value is not None
        else ""
    )
    shown = "" if cell.coverage == FULL else cell.coverage
    return replace(cell, interval=actors or cell.interval, actors="", coverage=shown)


def renamed(measurement: Measurement, name: str) -> Measurement:
    """The same number under the name of its row."""
    return measurement if measurement.method == name else replace(measurement, method=name)


def _missing(filling: Filling, entry: Entry, column: Column) -> Cell:
    others = [one for one in filling.entries if (column.setting, column.metric) in one.values]
    if others:
        reason = "not measured for this method under these conditions"
    else:
        reason = f"not measured by profile {filling.profile} under these conditions"
    return Cell(MISSING, reason=reason)


def _quoted(filling: Filling, places: Sequence[Place]) -> tuple[tuple[TableRow, ...], str]:
    """Printed rows in the paper's order, and where they come from.

    A table over other datasets has the numbers of the first dataset of the paper's table below it.
    """
    layout = filling.layout
    printed: dict[str, dict[Place, paper.Quote]] = {}
    blocks = {block.key for block in filling.blocks}
    dataset = ""
    for quote in layout.quotes:
        row, (block, metric) = quoted_place(layout, quote)
        if layout.number == "4" and not blocks & set(layout.datasets):
            if quote.dataset != layout.datasets[0]:
                continue
            block, dataset = "self", f", {quote.dataset}"
        printed.setdefault(row, {})[block, metric] = quote
    rows = [
        TableRow(name, tuple(quoted_cell(values.get(place)) for place in places))
        for name, values in printed.items()
        if any(place in values for place in places)
    ]
    words = dataset or ", " + _measured_on(layout)
    title = f"quoted from {paper.SOURCE}, Table {layout.number}{words}; {paper.NOT_COMPARABLE}"
    return tuple(rows), title


def _measured_on(layout: Layout) -> str:
    found = list(dict.fromkeys(quote.dataset for quote in layout.quotes))
    return " and ".join(found)


def _title(filling: Filling, shown: Iterable[Measurement], why_not: str | None) -> str:
    own = set(filling.dataset.split("+")) <= set(filling.layout.ours)
    first = f"Table {filling.layout.number}" if own else f"Layout of Table {filling.layout.number}"
    datasets = filling.dataset.replace("+", ", ")
    if filling.layout.number == "1" and "+" in filling.dataset:
        datasets = f"average over {datasets}"
    warning = "" if why_not is None else f" ({NOT_THE_PAPERS})"
    return (
        f"{first}, {filling.layout.caption}: {datasets}, sn\u00a0=\u00a0{filling.sn}, "
        f"T\u00a0=\u00a0{filling.steps}, profile {filling.profile}{seeds_words(shown)}{warning}"
    )


def _notes(
    filling: Filling,
    numbered: Iterable[str],
    shown: Sequence[Measurement],
    cautions: Sequence[str],
    references: bool,
    why_not: str | None,
    quoted: Sequence[TableRow],
) -> tuple[str, ...]:
    rules = sorted({m.average for m in shown if m.average in OVER_ALL_TRIALS})
    own = set(filling.dataset.split("+")) <= set(filling.layout.ours)
    unsure = any(cell.note for row in quoted for cell in row.cells)
    return (
        *([] if why_not is None else [f"{NOT_COMPARABLE_MARK} {NOT_THE_PAPERS}: {why_not}."]),
        *([] if own else [f"The layout is the paper's, the data are not: {filling.dataset}."]),
        *filling.notes,
        *(f"({number}) {text}" for number, text in enumerate(numbered, start=1)),
        "[low, high]: 95 % bootstrap interval over actors with all their clips; over clips where no actor is "
        "on record or there is one only. A percentage is the share of frames that entered, 100 % where none "
        "stands.",
        *(
            f"{rule}: the paper's rule, batches over the frames of all trials laid end to end."
            for rule in rules
        ),
        marks_note(references),
        *cautions,
        *([REFERENCES_NOTE] if references else []),
        *([UNSURE_NOTE] if unsure else []),
    )


def _lacking(rows: Sequence[TableRow], columns: Sequence[Column], blocks: Sequence[Block]) -> list[str]:
    """Missing and partial numbers, one line per reason and column with the rows that it concerns."""
    titles = {block.key: block.title for block in blocks}
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            if cell.reason:
                what = "missing for" if cell.text == MISSING else "note on"
                found.setdefault((what, cell.reason, row.name), []).append(
                    f"{titles[column.setting]} {column.metric}"
                )
    merged: dict[tuple[str, str, str], list[str]] = {}
    for (what, reason, row_name), names in found.items():
        merged.setdefault((what, reason, ", ".join(names)), []).append(row_name)
    return [
        f"{names}: {what} {', '.join(rows_of)}: {reason}" for (what, reason, names), rows_of in merged.items()
    ]
