"""``iper-bench gate``: compare a run with a committed baseline."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("run", type=PATH, required=False)
@click.option(
    "--baseline",
    type=PATH,
    metavar="FILE",
    help="the committed numbers, JSON  [default: results/tracked/<protocol>.json of the package]",
)
@click.option("--all", "everything", is_flag=True, help="print unchanged numbers as well")
@click.option("--update", is_flag=True, help="write the baseline from the run instead of comparing")
@click.option("--reason", default="", metavar="TEXT", help="with --update: why the numbers changed")
def gate(run: Path | None, baseline: Path | None, everything: bool, update: bool, reason: str) -> None:
    """Compare the run folder RUN with a baseline; without RUN, the newest run below runs/.

    Exit status 1: a number got worse. How that is told from noise: docs/gate.md.
    """
    from iper_bench.report import gate as gates
    from iper_bench.report.tracked import tracked_baseline
    from iper_bench.store.newest import newest_run

    run = run or newest_run()
    if update:
        if baseline is None:
            raise click.UsageError("--update needs --baseline FILE, the file to write")
        count = gates.update(run, baseline, reason=reason)
        click.echo(f"{baseline} guards {count} numbers of {run}")
        return
    from rich.console import Console

    baseline = baseline or tracked_baseline(run)
    click.echo(f"{run} against {baseline}")
    result = gates.check(run, baseline)
    gates.print_result(result, Console(), everything=everything)
    click.get_current_context().exit(result.exit_status)
