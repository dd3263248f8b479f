"""One of the paper's tables as LaTeX with ``booktabs``, to be put into an article with ``\\input``.

Needs the package ``booktabs`` alone and a LaTeX that reads UTF-8 (all since 2018). The best value is
``\\textbf``, the second best ``\\underline``, a dagger says 'not told from the best', quoted rows are italic.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from iper_bench.report.numerals import MISSING
from iper_bench.report.paper_layout_fill import PaperTable
from iper_bench.report.table_parts import DAGGER, NOT_COMPARABLE_MARK, Cell, Column, TableRow

NARROW = 6  # columns of numbers that fit one column of a page
#: sign -> what LaTeX reads; everything else of ASCII stands for itself
SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # behind a line break a bracket would be its option
    "]": "{]}",
    "*": "{*}",  # and a star as well
    "\u00a0": "~",
    "−": "$-$",
    MISSING: "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    DAGGER: r"$^\dagger$",
    NOT_COMPARABLE_MARK: r"$^\ddagger$",
    "¶": r"\P{}",
    "σ": r"$\sigma$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "°": r"$^\circ$",
    "…": r"\dots{}",
}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def escape(text: str) -> str:
    """``text`` as LaTeX shows it, on one line. ``\\textquotedbl`` of a straight quote becomes two primes,
    which every encoding of fonts has.
    """
    shown = "".join(SIGNS.get(sign, sign) for sign in _UNPRINTABLE.sub(" ", text))
    return shown.replace(r"\textquotedbl{}", "''")


def to_latex(table: PaperTable) -> str:
    """The table as a float of its own with caption, label and notes."""
    kind = "table" if len(table.columns) <= NARROW else "table*"
    width = len(table.columns) + 1
    lines = [
        r"% \usepackage{booktabs}",
        rf"\begin{{{kind}}}[t]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(table.title)}.}}",
        rf"\label{{tab:{_label(table.name)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        *_heads(table),
        r"\midrule",
        *(line for row in table.rows for line in _row(row)),
    ]
    if table.references:
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{references}} \\"]
        lines += [line for row in table.references for line in _row(row)]
    if table.quoted:
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\textit{{quoted$^\mathrm{{q}}$}}}} \\"]
        lines += [_quoted(row) for row in table.quoted]
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip\raggedright\tiny"]
    if table.quoted:
        lines.append(rf"$^\mathrm{{q}}$ {escape(table.quoted_title)}.\par")
    lines += [rf"{escape(note)}\par" for note in (*table.notes, *table.lacking)]
    return "\n".join([*lines, rf"\end{{{kind}}}"]) + "\n"


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9:.-]+", "-", name)


def _heads(table: PaperTable) -> list[str]:
    cells, rules, start = [""], [], 2
    for title, width in table.groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(title)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    names = ["method", *map(_head, table.columns)]
    return [" & ".join(cells) + r" \\", " ".join(rules), " & ".join(names) + r" \\"]


def _head(column: Column) -> str:
    mark = "" if column.comparable else escape(NOT_COMPARABLE_MARK)
    note = f"$^{{({column.note})}}$" if column.note else ""
    return f"{escape(column.metric)} {escape(column.arrow)}".rstrip() + mark + note


def _row(row: TableRow) -> list[str]:
    """The numbers, and in small letters below them intervals and coverage, where there are any."""
    lines = [" & ".join([escape(row.name), *map(_number, row.cells)]) + r" \\"]
    below = [" ".join(filter(None, (cell.interval, cell.coverage))) for cell in row.cells]
    if any(below):
        small = [rf"{{\tiny {escape(text)}}}" if text else "" for text in below]
        lines.append(" & ".join(["", *small]) + r" \\")
    return lines


def _number(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.best:
        text = rf"\textbf{{{text}}}"
    elif cell.second:
        text = rf"\underline{{{text}}}"
    return text + escape(cell.shown.removeprefix(cell.text))


def _quoted(row: TableRow) -> str:
    def italic(text: str) -> str:
        return rf"\textit{{{escape(text)}}}" if text else ""

    cells: Sequence[str] = [row.name, *(cell.shown for cell in row.cells)]
    return " & ".join(map(italic, cells)) + r" \\"
