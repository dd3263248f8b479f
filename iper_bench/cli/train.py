"""``iper-bench train``: train a method on a dataset."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.options import DATA_ROOT, DATASET, PATH, SEED, SIZE, not_nan


@click.command()
@click.option("--method", required=True, metavar="NAME", help="method to train, for example attlwb")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="training folder")
@DATASET
@DATA_ROOT
@SIZE
@click.option("--preset", default="tiny", show_default=True, metavar="NAME", help="network and schedule")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="stop after N steps")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    callback=not_nan,
    help="stop after S seconds of training",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="seed of weights and samples")
@click.option("--init", type=PATH, metavar="FILE", help="weights to start from instead of random ones")
@click.option(
    "--perceptual-weights", type=PATH, metavar="FILE", help="VGG19 weights, where a preset needs them"
)
@click.option("--resume/--fresh", default=True, show_default=True, help="go on from the last state in --out")
def train(**options: Any) -> None:
    """Train a method on a dataset; the same command resumes."""
    from iper_bench.training.train import TrainRequest
    from iper_bench.training.train import train as train_method

    click.echo(train_method(TrainRequest(**options)))
