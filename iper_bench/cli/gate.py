"""``iper-bench gate``: compare a run with a committed baseline."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("run", type=PATH)
@click.option("--baseline", type=PATH, required=True, metavar="FILE", help="the committed numbers, JSON")
@click.option("--all", "everything", is_flag=True, help="print unchanged numbers as well")
@click.option("--update", is_flag=True, help="write the baseline from the run instead of comparing")
@click.option("--reason", default="", metavar="TEXT", help="with --update: why the numbers changed")
def gate(run: Path, baseline: Path, everything: bool, update: bool, reason: str) -> None:
    """Compare the run folder RUN with a baseline.

    Exit status 1: a number got worse. How that is told from noise: docs/gate.md.
    """
    from iper_bench.report import gate as gates

    if update:
        count = gates.update(run, baseline, reason=reason)
        click.echo(f"{baseline} guards {count} numbers of {run}")
        return
    from rich.console import Console

    result = gates.check(run, baseline)
    gates.print_result(result, Console(), everything=everything)
    click.get_current_context().exit(result.exit_status)
