"""``iper-bench report``: tables, plots, pictures, films and pages of finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("runs", nargs=-1, type=PATH, metavar="[RUN...]")
@click.option(
    "--out", type=PATH, metavar="FOLDER", help="folder of the report  [default: <first RUN>-report]"
)
@click.option(
    "--clips",
    type=click.IntRange(min=0, max=10_000),
    default=4,
    show_default=True,
    metavar="N",
    help="trials per setting with films and rows in grids, the first by name",
)
@click.option(
    "--worst",
    type=click.IntRange(min=0, max=1_000),
    default=6,
    show_default=True,
    metavar="N",
    help="worst frames shown per metric and method",
)
@click.option("--no-films", is_flag=True, help="still pictures only")
def report(runs: tuple[Path, ...], out: Path | None, clips: int, worst: int, no_films: bool) -> None:
    """Write the pages of the run folders RUN: tables, plots, pictures, films; print the tables.

    A folder that holds run folders stands for all of them; a folder written by iper-bench time adds its
    timings. Without RUN, the newest run below runs/.
    """
    from iper_bench.report.page import write_report
    from iper_bench.report.panel import ReportOptions
    from iper_bench.store.newest import newest_run

    chosen = runs or (newest_run(),)
    # resolved: '.' and '..' have no name of their own to put '-report' behind
    first = chosen[0] if chosen[0].name not in ("", "..") else chosen[0].resolve()
    if out is None and not first.name:
        raise click.UsageError(f"{first} has no folder beside it for the report; name one with --out")
    options = ReportOptions(clips=clips, worst=worst, films=not no_films)
    write_report(chosen, out or first.with_name(f"{first.name}-report"), options).print()
