"""One of the paper's tables as tidy CSV: one line per number, with everything that is known about it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from iper_bench.report.paper import CERTAIN, SOURCE, Quote
from iper_bench.report.paper_layout import paper_name
from iper_bench.report.paper_layout_fill import PaperTable
from iper_bench.report.table_parts import Cell, Column, TableRow

#: ``origin`` is ``run``, ``reference`` or ``quoted``; ``p`` is Holm's over the table; empty where unknown
FIELDS = (
    *("table", "origin", "source", "dataset", "protocol", "profile", "task", "group", "row", "method"),
    *("paper_method", "sn", "T", "seeds", "metric", "direction", "value", "low", "high", "actor_low"),
    *("actor_high", "clips", "actors", "frames", "coverage", "best", "second", "told_from_best", "p"),
    *("average", "backbone", "passport", "comparable", "reason", "certainty", "alternatives"),
)
DIRECTIONS = {True: "higher", False: "lower", None: ""}


def to_csv(table: PaperTable) -> str:
    """The lines of a table, ours first. Numbers in full precision, quoted ones as printed."""
    return csv_text(FIELDS, (line for line in _lines(table)))


def csv_text(fields: Sequence[str], lines: Iterable[dict[str, object]]) -> str:
    """CSV with a head, lines ended by a line feed, empty for ``None``. Raises ValueError for a field that is
    not among ``fields``.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _plain(value) for name, value in line.items()})
    return stream.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else value


def _lines(table: PaperTable) -> Iterator[dict[str, object]]:
    titles = [title for title, width in table.groups for _ in range(width)]
    for origin, rows in (("run", table.rows), ("reference", table.references), ("quoted", table.quoted)):
        for row in rows:
            for column, title, cell in zip(table.columns, titles, row.cells, strict=True):
                if cell.text:
                    common = {
                        "table": table.number,
                        "origin": origin,
                        "group": title,
                        "row": _spaced(row.name),
                    }
                    common |= {"metric": column.metric, "direction": DIRECTIONS[column.higher_is_better]}
                    known = _quoted(cell.quote) if cell.quote else _ours(table, row, column, cell)
                    yield common | known


def _ours(table: PaperTable, row: TableRow, column: Column, cell: Cell) -> dict[str, object]:
    known: dict[str, object] = {
        "source": "measured",
        "dataset": table.dataset,
        "protocol": table.protocol,
        "profile": table.profile,
        "method": row.title or row.name,
        "paper_method": paper_name(row.title or row.name),
        "comparable": column.comparable,
        "reason": cell.reason,
    }
    m = cell.found
    if m is None:
        return known
    known |= {
        name: getattr(m, name) for name in ("dataset", "protocol", "task", "sn", "value", "low", "high")
    }
    known |= {name: getattr(m, name) for name in ("actor_low", "actor_high", "actors", "average", "backbone")}
    known |= {"T": m.steps, "seeds": " ".join(map(str, m.seeds)), "clips": m.clips, "frames": m.count}
    known |= {"coverage": m.coverage, "passport": m.definition}
    if cell.p is not None or cell.best:
        known |= {"best": cell.best, "second": cell.second, "p": cell.p}
        known["told_from_best"] = None if cell.p is None else not cell.unclear
    return known


def _quoted(quote: Quote) -> dict[str, object]:
    return {
        "source": SOURCE,
        "dataset": quote.dataset,
        "protocol": quote.setting,
        "paper_method": quote.method,
        "value": quote.printed,
        "certainty": quote.certainty or CERTAIN,
        "alternatives": quote.extra.get("alternatives", ""),
        "comparable": False,
    }


def _spaced(text: str) -> str:
    return text.replace("\u00a0", " ")
