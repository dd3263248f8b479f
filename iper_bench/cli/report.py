"""``iper-bench report``: tables, plots, pictures and pages of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="folder of the report")
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Write Markdown and HTML of the run folders RUN: table, sweep plot, pictures; print the table."""
    from iper_bench.report.page import write_report

    write_report(runs, out).print()
