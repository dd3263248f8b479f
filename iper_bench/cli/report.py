"""``iper-bench report``: tables, plots, pictures and pages of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("runs", nargs=-1, type=PATH, metavar="[RUN...]")
@click.option(
    "--out", type=PATH, metavar="FOLDER", help="folder of the report  [default: <first RUN>-report]"
)
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Write Markdown and HTML of the run folders RUN: table, sweep plot, pictures; print the table.

    Without RUN, the newest run below runs/.
    """
    from iper_bench.report.page import write_report
    from iper_bench.store.newest import newest_run

    chosen = runs or (newest_run(),)
    # resolved: '.' and '..' have no name of their own to put '-report' behind
    first = chosen[0] if chosen[0].name not in ("", "..") else chosen[0].resolve()
    if out is None and not first.name:
        raise click.UsageError(f"{first} has no folder beside it for the report; name one with --out")
    write_report(chosen, out or first.with_name(f"{first.name}-report")).print()
