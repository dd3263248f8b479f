"""``iper-bench data``: make the embedded dataset, look into any dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, PATH, SIZE, add_options, split_names
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


@click.group()
def data() -> None:
    """Make the embedded dataset, look into any dataset."""


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


@data.command("make-synthetic")
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
@_synthetic_options
def make(out: Path | None, splits: tuple[str, ...], **settings: Any) -> None:
    """Render the embedded dataset; what is there already is kept."""
    from iper_bench.data.synthetic.make import make_synthetic

    click.echo(make_synthetic(out, SyntheticConfig(**settings), splits=splits))


@data.command("info")
@click.argument("name", metavar="DATASET")
@DATA_ROOT
@SIZE
def info(name: str, data_root: str | None, size: int | None) -> None:
    """Print what a dataset holds: splits, clips, size, body, fingerprint."""
    from iper_bench.data.dataset import DATASETS

    dataset = DATASETS.get(name)(root=data_root, size=size)
    print_columns(
        [
            ("dataset", dataset.name),
            ("frames", f"{dataset.image_size} x {dataset.image_size} pixels"),
            ("body", dataset.body),
            ("fingerprint", dataset.fingerprint),
            *((f"split {split}", f"{len(dataset.clip_names(split))} clips") for split in dataset.splits()),
        ]
    )
