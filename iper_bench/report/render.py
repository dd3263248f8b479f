"""A table as terminal output (rich) and as Markdown; HTML comes from ``templates/table.html``.

Self- and cross-imitation are printed as two blocks of five columns, which fit 80 columns and a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iper_bench.report import detections
from iper_bench.report.evidence import NOT_THE_PAPERS
from iper_bench.report.numerals import FULL, MISSING
from iper_bench.report.paper_layout_fill import PaperTable
from iper_bench.report.table import Table
from iper_bench.report.table_parts import NOT_COMPARABLE_MARK, REFERENCES_TITLE, Cell, Column, TableRow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable


def heading(column: Column, *, quoted: bool = False) -> str:
    """``"PSNR ↑ ‡ (1)"``: metric, direction, mark of what is not comparable, footnote; a quoted column has
    the first two.
    """
    if quoted:
        return f"{column.metric} {column.arrow}".rstrip()
    words = [
        column.metric,
        column.arrow,
        "" if column.comparable else NOT_COMPARABLE_MARK,
        f"({column.note})" if column.note else "",
    ]
    return " ".join(word for word in words if word)


def comparison_note(table: Table) -> str | None:
    """The line that explains the mark, or ``None`` when no column bears it."""
    if all(column.comparable for column in table.columns):
        return None
    return f"{NOT_COMPARABLE_MARK} profile {table.bench.profile}: {NOT_THE_PAPERS} ({table.why_not})"


SideTable = tuple[str, Sequence[str], Sequence[Sequence[str]], str]


def side_tables(table: Table) -> list[SideTable]:
    """Title, heads, rows and note of what stands directly below a table: detections, scores by policy."""
    found: list[SideTable] = []
    if table.detections:
        rows = [row.cells for row in table.detections]
        found.append(
            (detections.DETECTIONS_TITLE, detections.DETECTION_HEADS, rows, detections.DETECTIONS_NOTE)
        )
    if table.policies:
        rows = [row.cells for row in table.policies]
        found.append((detections.POLICIES_TITLE, detections.POLICY_HEADS, rows, detections.POLICIES_NOTE))
    return found


def missing_values(table: Table) -> list[str]:
    """One line per value of the table that is missing or only partly there, with its reason."""
    return [
        f"{row.name}, {table.heading_of(column.setting)} {column.metric}: "
        f"{'missing' if cell.text == MISSING else 'in part'}: {cell.reason}"
        for row in (*table.rows, *table.references)
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.reason
    ]


def to_markdown(table: Table, *, level: int = 3) -> str:
    """The table as GitHub Markdown with headings of ``level``, its quoted rows below in a table of their
    own.
    """
    mark = "#" * level
    lines = [f"{mark} {table.title}", ""]
    for setting in table.settings:
        part = table.part(setting)
        lines += [f"**{table.heading_of(setting)}**", ""]
        lines += _markdown_block("method", part.columns, [*part.rows, *_in_italics(part.reference_rows)])
        quoted = part.quoted_rows
        if quoted:
            lines += [f"*{part.quoted_title}*", ""]
            lines += _markdown_block("method", part.columns, quoted, quoted=True)
    for title, heads, rows, note in side_tables(table):
        lines += [f"**{title}**", "", *_markdown_rows(heads, rows, left=3), f"{note}  ", ""]
    notes = [note for note in (comparison_note(table), table.views_note, *table.notes) if note]
    missing = [f"{MISSING} {line}" for line in missing_values(table)]
    return (
        "\n".join([*lines, *(f"{note}  " for note in notes), "", *(f"* {line}" for line in missing)]).rstrip()
        + "\n"
    )


def _in_italics(rows: Sequence[TableRow]) -> list[TableRow]:
    """References as Markdown marks them."""
    return [TableRow(f"*{row.name}* (reference)", row.cells) for row in rows]


def _markdown_block(
    corner: str, columns: Sequence[Column], rows: Sequence[TableRow], *, quoted: bool = False
) -> list[str]:
    heads = (corner, *(heading(column, quoted=quoted) for column in columns))
    return _markdown_rows(heads, [(row.name, *map(_markdown_cell, row.cells)) for row in rows], left=1)


def _markdown_rows(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """A table whose first ``left`` columns are text, the others numbers."""
    rule = " --- |" * left + " ---: |" * (len(heads) - left)
    lines = [f"| {' | '.join(map(_plain, cells))} |" for cells in (heads, *rows)]
    return [lines[0], f"|{rule}", *lines[1:], ""]


def paper_to_markdown(table: PaperTable, *, level: int = 3) -> str:
    """One of the paper's tables as GitHub Markdown: each group of columns by itself, ours above the
    quoted.
    """
    lines = [f"{'#' * level} {table.title}", ""]
    start = 0
    for title, width in table.groups:
        columns = table.columns[start : start + width]
        ours, references, quoted = (
            _narrowed(rows, start, width) for rows in (table.rows, table.references, table.quoted)
        )
        lines += [f"**{title}**", "", *_markdown_block("method", columns, [*ours, *_in_italics(references)])]
        if quoted:
            lines += [f"*{table.quoted_title}*", ""]
            lines += _markdown_block("method", columns, quoted, quoted=True)
        start += width
    lines += [*(f"{note}  " for note in table.notes), "", *(f"* {MISSING} {line}" for line in table.lacking)]
    return "\n".join(lines).rstrip() + "\n"


def _narrowed(rows: Sequence[TableRow], start: int, width: int) -> list[TableRow]:
    """The rows with some of their cells, without those that have none there."""
    found = [TableRow(row.name, row.cells[start : start + width], row.title) for row in rows]
    return [row for row in found if any(cell.text for cell in row.cells)]


def _markdown_cell(cell: Cell) -> str:
    value = f"**{cell.text}**" if cell.best else f"<u>{cell.text}</u>" if cell.second else cell.text
    value += cell.shown.removeprefix(cell.text)
    return "<br>".join(part for part in (value, cell.interval, cell.actors, cell.coverage) if part)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def print_table(table: Table, console: Console, *, quoted: bool = True, notes: bool = True) -> None:
    """Print the table, with the paper's rows and the notes unless told otherwise; missing values always."""
    from rich.markup import escape

    console.print(f"\n[bold]{escape(table.title)}[/bold]", highlight=False)
    for setting in table.settings:
        part = table.part(setting)
        console.print(
            _rich_block(table.heading_of(setting), part.columns, part.rows, references=part.reference_rows)
        )
        if quoted and part.quoted_rows:
            block = _rich_block(part.quoted_title, part.columns, part.quoted_rows, quoted=True)
            block.style = "dim"
            console.print(block)
    for title, heads, rows, words in side_tables(table):
        console.print(_rich_rows(title, heads, rows))
        if notes:
            console.print(escape(words), highlight=False, style="dim")
    for note in (comparison_note(table), *table.notes, "Coverage is 100 % where no percentage stands."):
        if note and notes:
            console.print(escape(note), highlight=False, style="dim")
    if table.views_note:
        console.print(escape(table.views_note), highlight=False)
    for line in missing_values(table):
        console.print(escape(f"{MISSING} {line}"), highlight=False)


def _rich_block(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[TableRow],
    *,
    quoted: bool = False,
    references: Sequence[TableRow] = (),
) -> RichTable:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as RichTable
    from rich.text import Text

    block = RichTable(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    block.add_column("method", no_wrap=True)
    for column in columns:
        block.add_column(escape(heading(column, quoted=quoted)), justify="right")
    for place, row in enumerate((*rows, *references)):
        if place == len(rows):
            block.add_section()
            block.add_row(Text(REFERENCES_TITLE, style="dim"))
        cells = []
        for cell in row.cells:
            text = Text(cell.text, style="bold" if cell.best else "underline" if cell.second else "")
            text.append(cell.shown.removeprefix(cell.text), style="not bold not underline")
            for part in (cell.interval, "" if cell.coverage == FULL else cell.coverage):
                if part:
                    text.append(f"\n{part}", style="dim not bold not underline")
            cells.append(text)
        block.add_row(escape(row.name), *cells, style="dim" if place >= len(rows) else "")
    return block


def _rich_rows(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> RichTable:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as RichTable

    block = RichTable(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(heads):
        block.add_column(escape(head), justify="left" if number < 3 else "right", overflow="fold")
    for row in rows:
        block.add_row(*map(escape, row))
    return block
