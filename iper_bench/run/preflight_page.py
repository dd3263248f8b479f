"""A report of a pre-flight on the terminal: the summary first, then a table by clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iper_bench.data.frame_name import printable
from iper_bench.run.preflight_finding import ERROR, NOTE, WARNING, CheckReport, Finding

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {ERROR: "bold red", WARNING: "yellow", NOTE: "dim"}
_FRAMES = 60  # characters of ranges; the JSON holds all


def print_report(report: CheckReport, console: Console) -> None:
    """Print the summary, what was checked, and every finding of every clip."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(report.summary, style="bold"), soft_wrap=True)
    console.print(Text(f"{report.predictions} against {report.against}"), soft_wrap=True)
    for finding in report.findings:
        console.print(_said(finding), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("clip", "usable", "finding", "frames"):
        table.add_column(heading, justify="right" if heading == "usable" else "left")
    for clip in report.clips:
        name, usable = Text(printable(clip.name)), f"{clip.usable}/{clip.expected}"
        if not clip.findings:
            table.add_row(name, usable, Text("fine", style="green"), "")
        for place, finding in enumerate(clip.findings):
            first = place == 0
            table.add_row(name if first else "", usable if first else "", _said(finding), _frames(finding))
    console.print(table)
    for sentence in dict.fromkeys(clip.numbering for clip in report.clips if clip.numbering):
        console.print(Text(sentence, style="dim"), soft_wrap=True)


def _said(finding: Finding) -> Text:
    from rich.text import Text

    text = Text(finding.severity, style=_STYLES[finding.severity]).append(f" {finding.text}", style="default")
    return text.append(f"; {finding.advice}", style="dim") if finding.advice else text


def _frames(finding: Finding) -> str:
    where = finding.where
    return where if len(where) <= _FRAMES else f"{where[:_FRAMES]}…"
