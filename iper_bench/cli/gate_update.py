"""``iper-bench gate update``: write a baseline from a run, and the reason into its history."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH

SHOWN = 10  # changed numbers that are printed; the history holds all


@click.command()
@click.argument("run", type=PATH)
@click.option("--baseline", type=PATH, required=True, metavar="FILE", help="the JSON file to write")
@click.option("--reason", required=True, metavar="TEXT", help="why the numbers change; kept in the history")
@click.option(
    "--date", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="kept in the history if given"
)
def update(run: Path, baseline: Path, reason: str, date: object) -> None:
    """Write the baseline FILE from the run folder RUN and add a line to history/<name>.jsonl beside it.

    The line holds the reason, the version and commit of the run, every value, and what changed. Commit both
    files with the change that moves the numbers.
    """
    from iper_bench.report.gate import update as update_baseline
    from iper_bench.report.history_text import change_lines

    day = None if date is None else f"{date:%Y-%m-%d}"
    updated = update_baseline(run, baseline, reason=reason, date=day)
    for line in change_lines(updated.changes, most=SHOWN):
        click.echo(line)
    click.echo(f"{baseline} guards {updated.guarded} numbers of {run}; the reason is in {updated.history}")
