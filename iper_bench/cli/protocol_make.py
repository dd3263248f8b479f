"""``iper-bench protocol make``: a protocol for a folder of videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import PATH


@click.command("make")
@click.argument("source", metavar="FOLDER|DATASET")
@click.option("--out", type=PATH, required=True, metavar="FILE.yaml", help="a new file")
@click.option("--data-root", metavar="FOLDER", help="where the dataset lies, when its name is given")
@click.option("--name", metavar="NAME", help="of the protocol  [default: that of --out]")
@click.option("--split", metavar="NAME", help="[default: the only one]")
@click.option(
    "--limit-frames",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    metavar="L",
    help="test frames of a video at most, 0 = all",
)
@click.option(
    "--train-percent",
    type=click.IntRange(1, 99),
    default=85,
    show_default=True,
    metavar="P",
    help="of the usable frames of a video; sources come from them",
)
@click.option(
    "--picks",
    type=click.Choice(["yaw", "metapix"]),
    default="yaw",
    show_default=True,
    help="sources by the heading of the body, or at the places of MetaPix",
)
def make(source: str, out: Path, **options: Any) -> None:
    """Write a protocol for a folder of videos, or for a dataset, clip by clip.

    Sources come from the first part of every video, targets from the rest; the next video drives. Videos that
    are too short are named and left out.

    \b
      iper-bench protocol make my_videos/ --out mine.yaml
    """
    from iper_bench.protocol.make_file import made_file

    made = made_file(source, out=out, **options)
    for name, error in made.rejected.items():
        click.echo(f"left out: {name}: {error}", err=True)
    click.echo(f"{out}: {len(made.protocol.clips)} videos, {len(made.rejected)} left out")
