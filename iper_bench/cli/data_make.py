"""``iper-bench data make-synthetic``: render the embedded dataset into a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from iper_bench.cli.options import PATH, add_options, split_names
from iper_bench.data.synthetic.config import SyntheticConfig

Command = TypeVar("Command", bound=Callable[..., Any])

#: help of every parameter of the embedded dataset; names, defaults and checks are the configuration's own
SYNTHETIC_HELP = {
    "size": "side of the frames in pixels",
    "train_actors": "actors to train on",
    "test_actors": "held-out actors",
    "outfits": "outfits of every actor, one clip each",
    "outfit_actors": "training actors that also appear in held-out outfits",
    "unseen_outfits": "held-out outfits of each of them",
    "turn_frames": "frames of the turn that opens a clip",
    "action_frames": "frames of random action that follow",
    "action_clips": "further clips per actor with random action only",
    "seed": "seed of everything",
    "body": "body model",
}


def _synthetic_options(command: Command) -> Command:
    options = []
    for field in fields(SyntheticConfig):
        metavar = "NAME" if isinstance(field.default, str) else "N"
        options.append(
            click.option(
                f"--{field.name.replace('_', '-')}",
                default=field.default,
                show_default=True,
                metavar=metavar,
                help=SYNTHETIC_HELP[field.name],
            )
        )
    return add_options(command, *options)


@click.command("make-synthetic")
@click.option(
    "--out",
    type=PATH,
    metavar="FOLDER",
    help="where to render to  [default: IPER_BENCH_DATA, else the cache folder]",
)
@click.option(
    "--split",
    "splits",
    callback=split_names,
    metavar="NAME,...",
    help="these splits only; other clips are rendered when they are first read  [default: all]",
)
@click.option(
    "--layout",
    default="own",
    show_default=True,
    metavar="NAME",
    help="own, or motionsynthetic: the folders of that dataset with the truth beside them",
)
@_synthetic_options
def make(out: Path | None, splits: tuple[str, ...], layout: str, **settings: Any) -> None:
    """Render the embedded dataset; what is there already is kept."""
    from iper_bench.data.synthetic.make import make_synthetic

    click.echo(make_synthetic(out, SyntheticConfig(**settings), splits=splits, layout=layout))
