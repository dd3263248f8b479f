"""Sortable tables of a panel, with the same in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from iper_bench.report.numerals import number

Cell = tuple[str, float | None]  # what is shown, and by what it is sorted; ``None``: by what is shown


@dataclass(frozen=True)
class Part:
    """A piece of a panel, for the page and for ``report.md``."""

    html: str
    markdown: str = ""


def cell(value: float, digits: int) -> Cell:
    """A number to so many decimals, sorted by its full value."""
    return number(value, digits), value


def table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    texts: Sequence[int],
    wrapped: Sequence[int] = (),
    passports: Sequence[str] = (),
    style: str = "slices",
) -> Part:
    """A table that the page can sort.

    Parameters
    ----------
    title: stands above it. heads: names of the columns. rows: their cells, not yet escaped. texts: columns
        that hold words and may break into lines. wrapped: those that may as well, but are sorted by number.
        passports: of the metric of every row, where a row has one. style: CSS class.
    """
    head = "".join(
        f'<th scope="col" data-sort="{"text" if place in texts else "number"}">{escape(name)}</th>'
        for place, name in enumerate(heads)
    )
    words = {*texts, *wrapped}
    marks = [passport_mark(one) for one in passports] or [""] * len(rows)
    body = "".join(
        f"<tr{mark}>{''.join(_html(one, place in words) for place, one in enumerate(row))}</tr>"
        for mark, row in zip(marks, rows, strict=True)
    )
    html = (
        f'<h4>{escape(title)}</h4><div class="scroll"><table data-sortable class="{style}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    plain = [[text.replace("|", "\\|") for text, _ in row] for row in rows]
    markdown = [f"**{title}**", "", _line(heads), _line(["---"] * len(heads)), *map(_line, plain)]
    return Part(html, "\n".join(markdown))


def passport_mark(passport: str) -> str:
    """The attribute by which the page shows a passport; empty for none."""
    return f' data-passport="{escape(passport)}"' if passport else ""


def _html(one: Cell, words: bool) -> str:
    text, value = one
    sorted_by = "" if value is None else f' data-value="{value:.6g}"'
    style = ' class="words"' if words else ""
    return f"<td{sorted_by}{style}>{escape(text)}</td>"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
