"""``iper-bench merge``: the shards of a run put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.measures import HOW_IT_IS_MEASURED
from iper_bench.cli.options import PATH, add_options


@click.command()
@click.argument("shards", type=PATH, nargs=-1, required=True, metavar="SHARD...")
@click.option(
    "--out", type=PATH, required=True, metavar="RUN", help="run folder; an unfinished one is resumed"
)
@click.option(
    "--person-detector", metavar="NAME", help="the one that the shards were measured with, if it was typed"
)
@lambda command: add_options(command, *HOW_IT_IS_MEASURED)
def merge(shards: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Put the folders of all shards of a run together.

    Needs the weights of the metrics, neither the dataset nor the methods. Exit status 3: some units failed.

    \b
      iper-bench run --method attlwb --dataset synthetic --shard 1/2 --out part1
      iper-bench run --method attlwb --dataset synthetic --shard 2/2 --out part2
      iper-bench merge part1 part2 --out runs/whole
    """
    from iper_bench.run.merge import merge as merge_shards

    report = merge_shards(shards, out, **options)
    click.echo(report.summary)
    click.get_current_context().exit(report.exit_status)
