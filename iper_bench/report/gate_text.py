"""The gate's result on the terminal, in Markdown for a pull request, and as an HTML page, with pictures
linked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from iper_bench.report.finding import ClipDrop, Finding, basis_text, drop_text, gain_text
from iper_bench.report.gate import GateResult
from iper_bench.report.gate_pictures import report_page
from iper_bench.report.verdict import CANNOT_TELL, IMPROVED, REGRESSED, Verdict, count_verdicts

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {REGRESSED: "bold red", IMPROVED: "green", CANNOT_TELL: "yellow"}
HEADINGS = ("number", "baseline", "now", "gain [95 %]", "clips", "verdict")
#: shows a path as a link, given the words for it
Link = Callable[[Path, str], str]


def print_result(result: GateResult, console: Console, *, everything: bool = False) -> None:
    """Print what is not unchanged (or ``everything``) as a table, worst first, and the summary."""
    from rich import box
    from rich.markup import escape as plain
    from rich.table import Table

    order = list(count_verdicts(()))
    shown = [f for f in result.findings if everything or f.verdict.verdict in order[:3]]
    if shown:
        block = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in HEADINGS:
            # a name cut short is another name
            block.add_column(
                heading, justify="left" if heading in ("number", "verdict") else "right", overflow="fold"
            )
        for v in (f.verdict for f in by_verdict(shown)):
            style = _STYLES.get(v.verdict, "dim")
            number, *cells = cells_of(v)
            # rich takes square brackets for markup
            texts = [plain(cell.replace(" [", "\n[")) for cell in cells]
            block.add_row(plain(number), *texts, f"[{style}]{v.verdict}[/{style}]\n{plain(v.reason)}")
        console.print(block)
    for line in worst_lines(result.findings, lambda path, words: str(path)):
        console.print(plain(line), highlight=False, soft_wrap=True)
    page = report_page(result.run)
    if page is not None and result.exit_status:
        console.print(plain(f"the run's report: {page}"), highlight=False, soft_wrap=True)
    for name in result.new[:5]:
        console.print(f"not in the baseline: {plain(name)}", highlight=False, style="dim")
    if len(result.new) > 5:
        console.print(f"not in the baseline: {len(result.new) - 5} more", highlight=False, style="dim")
    for note in result.notes:
        console.print(plain(note), highlight=False, style="dim", soft_wrap=True)
    console.print(plain(result.summary), highlight=False, style="bold", soft_wrap=True)


def by_verdict(findings: Sequence[Finding]) -> list[Finding]:
    """The worst verdicts first; order is kept within one."""
    order = list(count_verdicts(()))
    return sorted(findings, key=lambda finding: order.index(finding.verdict.verdict))


def cells_of(v: Verdict) -> tuple[str, str, str, str, str]:
    """Name, both values, gain, and what it stands on."""
    values = ["–" if value is None else f"{value:.4f}" for value in (v.sample.before, v.sample.now)]
    return v.sample.name, values[0], values[1], gain_text(v), basis_text(v)


def worst_lines(findings: Sequence[Finding], link: Link) -> list[str]:
    """One line per number that got worse and has clips: the worst of them, with their drops and pictures."""
    return [
        f"{finding.verdict.sample.name}: {'; '.join(_drop(drop, link) for drop in finding.drops)}"
        for finding in findings
        if finding.drops
    ]


def _drop(drop: ClipDrop, link: Link) -> str:
    links = [link(path, "predictions") for path in drop.pictures]
    return f"{drop_text(drop)} ({', '.join(links) or 'predictions not kept'})"


def relative_link(path: Path, beside: Path) -> str:
    """``path`` as a link of a file in the folder ``beside``, with the characters of URLs escaped."""
    return quote(Path(os.path.relpath(path.resolve(), beside.resolve())).as_posix())


def to_markdown(result: GateResult, *, beside: Path | None = None) -> str:
    """All verdicts as Markdown, for a pull request's summary.

    ``beside``: the folder in which the text will lie, for relative links to pictures; without it paths stand
    as text.
    """

    def link(path: Path, words: str) -> str:
        return f"`{path}`" if beside is None else f"[{words}]({relative_link(path, beside)})"

    lines = [f"**{markdown_text(result.summary)}**", "", f"{result.run} against {result.baseline}", ""]
    lines += [f"> {markdown_text(note)}\n" for note in result.notes]
    lines.append(markdown_table(result.findings, HEADINGS))
    worst = worst_lines(result.findings, link)
    if worst:
        lines += ["", "Worst clips:", "", *(f"* {markdown_text(line)}" for line in worst)]
    page = report_page(result.run)
    if page is not None:
        lines += ["", f"The run's report: {link(page, page.parent.name)}"]
    if result.new:
        lines += ["", "Not in the baseline:", "", *(f"* {markdown_text(name)}" for name in result.new)]
    return "\n".join(lines) + "\n"


def markdown_table(
    findings: Sequence[Finding], headings: Sequence[str], words: dict[str, str] | None = None
) -> str:
    """One line per finding; ``words`` renames the verdicts."""
    lines = [f"| {' | '.join(headings)} |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for finding in findings:
        v = finding.verdict
        said = f"{(words or {}).get(v.verdict, v.verdict)}: {v.reason}"
        lines.append(f"| {' | '.join(markdown_text(cell) for cell in (*cells_of(v), said))} |")
    return "\n".join(lines)


def markdown_text(text: str) -> str:
    """``text`` on one line, without breaking a table or opening a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .25rem .6rem; text-align: left; border-bottom: 1px solid #8884; }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
tr.regressed td:last-child {{ color: #c0392b; font-weight: 600; }}
</style></head><body>
<h1>{title}</h1>
<p>{sides}</p>
{body}
</body></html>
"""


def to_html(result: GateResult, *, beside: Path) -> str:
    """The same as a page that needs no other file; pictures are linked relative to the folder ``beside``."""

    def link(path: Path, words: str) -> str:
        return f'<a href="{escape(relative_link(path, beside))}">{escape(words)}</a>'

    body = [f"<p>{escape(note)}</p>" for note in result.notes]
    drops = [finding for finding in result.findings if finding.drops]
    if drops:
        body += ["<h2>Worst clips</h2>", "<ul>"]
        for finding in drops:
            items = "; ".join(_html_drop(drop, link) for drop in finding.drops)
            body.append(f"<li>{escape(finding.verdict.sample.name)}: {items}</li>")
        body.append("</ul>")
    page = report_page(result.run)
    if page is not None:
        body.append(f"<p>The run's report: {link(page, page.parent.name)}</p>")
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in HEADINGS)
    rows = "\n".join(_html_row(finding.verdict) for finding in by_verdict(result.findings))
    body.append(
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'
    )
    sides = escape(f"{result.run} against {result.baseline}")
    return _PAGE.format(title=escape(result.summary), sides=sides, body="\n".join(body))


def _html_drop(drop: ClipDrop, link: Link) -> str:
    links = ", ".join(link(path, "predictions") for path in drop.pictures)
    return f"{escape(drop_text(drop))} ({links or 'predictions not kept'})"


def _html_row(v: Verdict) -> str:
    number, *cells = cells_of(v)
    numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells)
    css = "regressed" if v.verdict == REGRESSED else ""
    said = escape(f"{v.verdict}: {v.reason}")
    return f'<tr class="{css}"><td>{escape(number)}</td>{numbers}<td>{said}</td></tr>'
