"""The runs' own tables: per bench the table of every sn and T, as the runs have them.

Of a sweep the largest T of every sn is shown, the others are folded away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from iper_bench.report import render
from iper_bench.report.evidence import NOT_THE_PAPERS, Bench, Evidence
from iper_bench.report.panel import Panel, ReportContext
from iper_bench.report.table import Table, build_table, further_table, settings_of
from iper_bench.report.templating import tables_html

ANCHOR = "tables"
TITLE = "The runs' own tables"


@dataclass(frozen=True)
class BenchTables:
    """Tables of one bench.

    Attributes
    ----------
    main: those of the largest T, one per sn. folded: those of smaller T. further: metrics that the paper's
        table does not have, of the same conditions as ``main``; ``folded_further`` of ``folded``.
    """

    bench: Bench
    main: tuple[Table, ...]
    folded: tuple[Table, ...]
    further: tuple[Table, ...]
    folded_further: tuple[Table, ...]


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when nothing was measured."""
    groups = own_tables(context.evidence)
    if not groups:
        return None
    html = "\n".join(_html(context.evidence, group, number) for number, group in enumerate(groups, start=1))
    markdown = "\n".join(_markdown(context.evidence, group) for group in groups)
    return Panel(ANCHOR, TITLE, html, markdown)


def own_tables(evidence: Evidence) -> list[BenchTables]:
    """The tables of every bench, sorted by it."""
    return [_of_bench(evidence, bench) for bench in evidence.benches()]


def _of_bench(evidence: Evidence, bench: Bench) -> BenchTables:
    places = [(sn, steps) for found, sn, steps in settings_of(evidence) if found == bench]
    last = sorted(dict(sorted(places)).items())  # the largest T of every sn wins
    rest = [place for place in places if place not in last]

    def main(chosen: Sequence[tuple[int, int]]) -> tuple[Table, ...]:
        found = (build_table(evidence, bench, sn=sn, steps=steps) for sn, steps in chosen)
        # a table of one method alone, as sweeps give, stands behind those that compare some
        return tuple(sorted(found, key=lambda table: len(table.rows) + len(table.references) < 2))

    def further(chosen: Sequence[tuple[int, int]]) -> tuple[Table, ...]:
        found = [further_table(evidence, bench, sn=sn, steps=steps) for sn, steps in chosen]
        return tuple(table for table in found if table is not None)

    return BenchTables(bench, main(last), main(rest), further(last), further(rest))


def _heading(evidence: Evidence, bench: Bench) -> str:
    return str(bench) + ("" if evidence.why_not(bench.profile) is None else f" ({NOT_THE_PAPERS})")


def _html(evidence: Evidence, group: BenchTables, number: int) -> str:
    parts = [
        f'<section id="bench-{number}">',
        f'<h3 class="bench-title">{escape(_heading(evidence, group.bench))}</h3>',
        tables_html(group.main),
        _folded("Further numbers", group.further),
        _folded("Fewer personalization steps", (*group.folded, *group.folded_further)),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _folded(title: str, tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    return f"<details><summary>{title} ({len(tables)})</summary>\n{tables_html(tables)}\n</details>"


def _markdown(evidence: Evidence, group: BenchTables) -> str:
    tables = (*group.main, *group.further, *group.folded, *group.folded_further)
    parts = [f"### {_heading(evidence, group.bench)}", ""]
    return "\n".join([*parts, *(render.to_markdown(table, level=4) for table in tables)])
