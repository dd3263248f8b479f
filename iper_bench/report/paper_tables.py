"""Tables 1 to 6 of the paper in its layout, filled from whatever the runs hold, with the printed numbers
below.

On the page, and as LaTeX, CSV and Markdown in ``tables/``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

from iper_bench.atomic import write_text
from iper_bench.report.csv_table import to_csv
from iper_bench.report.evidence import Evidence
from iper_bench.report.latex import to_latex
from iper_bench.report.panel import Asset, Panel, ReportContext
from iper_bench.report.paper_layout_fill import PaperTable, fill
from iper_bench.report.paper_layout_rows import fillings, not_filled
from iper_bench.report.render import paper_to_markdown
from iper_bench.report.templating import environment

ANCHOR = "paper-tables"
TITLE = "The paper's tables"
FOLDER = "tables"
#: ending -> what the link says, and what makes the file
KINDS: tuple[tuple[str, str, Callable[[PaperTable], str]], ...] = (
    ("tex", "LaTeX", to_latex),
    ("csv", "CSV", to_csv),
    ("md", "Markdown", paper_to_markdown),
)
STYLE = """
.paper-table td, .paper-table thead th { min-width: 4.4rem; padding-right: 0.5rem; }
.paper-table thead tr:first-child > * { border-bottom: none; padding-bottom: 0; }
.paper-table th.group { text-align: left; color: var(--soft); }
.paper-table th:first-child { width: 9.6rem; min-width: 8rem; padding-right: 0.6rem; }
.paper-table .start { padding-left: 0.9rem; }
.paper-table .start:not(:nth-child(2)) { border-left: 1px solid var(--rule); }
.paper-table .quoted tr:first-child th { color: var(--quote); border-bottom: none; white-space: normal; }
.paper-table .sticky { position: sticky; left: 0; display: inline-block; max-width: min(60rem, 80vw); }
.paper-table th[colspan] { max-width: none; }
.dagger { color: var(--soft); font-weight: 400; }
.unfilled { overflow-wrap: anywhere; }
.unsure { color: var(--quote); text-decoration: none; }
"""


def build(context: ReportContext) -> Panel | None:
    """The panel; ``None`` when the runs hold nothing for any table of the paper."""
    tables = paper_tables(context.evidence)
    if not tables:
        return None
    lacking = not_filled(context.evidence, fillings(context.evidence))
    html = "\n".join(_html(table) for table in tables)
    markdown = "\n".join(paper_to_markdown(table) for table in tables)
    if lacking:
        items = "".join(f"<li>{escape(line)}</li>" for line in lacking)
        html += f'\n<h3>Not filled by these runs</h3>\n<ul class="unfilled">{items}</ul>'
        markdown += "\n### Not filled by these runs\n\n" + "".join(f"* {line}\n" for line in lacking)
    assets = [
        Asset(_path(table, ending), partial(_write, make, table))
        for table in tables
        for ending, _, make in KINDS
    ]
    return Panel(ANCHOR, TITLE, html, markdown, tuple(assets), style=STYLE)


def paper_tables(evidence: Evidence) -> list[PaperTable]:
    """Every table that the runs hold something for, in the order of the paper."""
    return [fill(evidence, one) for one in fillings(evidence)]


def _path(table: PaperTable, ending: str) -> str:
    return f"{FOLDER}/{table.name}.{ending}"


def _write(make: Callable[[PaperTable], str], table: PaperTable, path: Path) -> None:
    write_text(path, make(table))


def _html(table: PaperTable) -> str:
    source = "{% from 'table.html.j2' import paper with context %}{{ paper(table, links) }}"
    links = [(_path(table, ending), words) for ending, words, _ in KINDS]
    return environment(escape=True).from_string(source).render(table=table, links=links).strip()
