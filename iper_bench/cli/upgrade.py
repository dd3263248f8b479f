"""``iper-bench upgrade``: run folders of earlier versions brought to today's format."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--dry-run", is_flag=True, help="say what would be done and write nothing")
def upgrade(runs: tuple[Path, ...], dry_run: bool) -> None:
    """Bring the run folders RUN to today's format. A folder of run folders stands for all of them.

    No method runs and no value, picture or unit changes; only the hash of the plan does. A command that was
    stopped can be typed again. There is no way back: copy what an older iper-bench is to read.
    """
    from iper_bench.store.run_list import run_list
    from iper_bench.store.upgrade import upgrade_run

    for run in run_list(runs):
        click.echo(upgrade_run(run, dry_run=dry_run).summary)
