"""``iper-bench train``: train a method on a mix of datasets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import DATA_ROOT, PATH, SEED, SIZE, add_options, not_nan

_EVERY = click.IntRange(min=0)
_COUNT = click.IntRange(min=1)
_STEPS = click.IntRange(min=1, max=10**9)
_MANY = click.IntRange(min=1, max=1024)  # a slip of the keyboard is refused before it fills the memory

WHAT = (
    click.option(
        "--method",
        required=True,
        metavar="NAME[loss=SET]",
        help="method to train, for example attlwb, lwb, 'attlwb[loss=lp]'; a baseline, for example pg2; or "
        "hmr, a body estimator",
    ),
    click.option("--out", type=PATH, required=True, metavar="FOLDER", help="training folder"),
    click.option(
        "--dataset",
        required=True,
        metavar="NAME[@ROOT],...",
        help="datasets whose clips are mixed, for example synthetic",
    ),
    DATA_ROOT,
    SIZE,
    click.option(
        "--backgrounds",
        type=PATH,
        metavar="FOLDER",
        help="images for the background stream  [default: procedural rooms]",
    ),
    click.option("--preset", default="tiny", show_default=True, metavar="NAME", help="network and schedule"),
    click.option("--seed", type=SEED, default=0, show_default=True, help="seed of weights and samples"),
    click.option("--init", type=PATH, metavar="FILE", help="weights to start from instead of random ones"),
    click.option(
        "--perceptual-weights", type=PATH, metavar="FILE", help="VGG19 weights, where a preset needs them"
    ),
    click.option("--face-weights", type=PATH, metavar="FILE", help="SphereFace weights, for the face term"),
)
HOW_LONG = (
    click.option("--steps", type=_STEPS, metavar="N", help="stop after N steps  [default: the preset's]"),
    click.option(
        "--epochs",
        type=click.FloatRange(min=0, min_open=True),
        metavar="E",
        callback=not_nan,
        help="stop after E passes over the training frames (paper: 2), instead of --steps",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        callback=not_nan,
        help="stop after S seconds of training",
    ),
    click.option(
        "--schedule",
        metavar="paper|constant",
        help="rate: a quarter of the steps, then down to a tenth (paper); or constant (released)  "
        "[default: the preset's]",
    ),
)
HOW = (
    click.option("--batch", type=_MANY, metavar="N", help="people per batch  [default: the preset's]"),
    click.option(
        "--accumulate", type=_MANY, default=1, show_default=True, metavar="N", help="batches per step"
    ),
    click.option(
        "--ema",
        type=click.FloatRange(min=0, max=1, max_open=True),
        metavar="D",
        callback=not_nan,
        help="decay of the averaged weights, 0 = the last weights  [default: the preset's]",
    ),
    click.option(
        "--precision",
        default="no",
        show_default=True,
        metavar="no|bf16|fp16",
        help="of the networks' forward passes",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=0, max=64),
        default=0,
        show_default=True,
        metavar="N",
        help="threads that make batches ahead",
    ),
)
RECORDS = (
    click.option(
        "--validate-every",
        type=_EVERY,
        default=0,
        show_default=True,
        metavar="N",
        help="steps between PSNR and LPIPS of held-out clips, 0 = never",
    ),
    click.option(
        "--validate-profile",
        default="offline",
        show_default=True,
        metavar="NAME",
        help="metric profile that defines PSNR and LPIPS",
    ),
    click.option("--weights-dir", type=PATH, metavar="FOLDER", help="metric weights that pip does not bring"),
    click.option(
        "--log-images-every",
        "pictures_every",
        type=_EVERY,
        default=0,
        show_default=True,
        metavar="N",
        help="steps between pictures of the training batch, 0 = never",
    ),
    click.option(
        "--log-every", type=_COUNT, default=25, show_default=True, metavar="N", help="steps per log line"
    ),
    click.option(
        "--save-every",
        type=_COUNT,
        default=250,
        show_default=True,
        metavar="N",
        help="steps between saved states",
    ),
    click.option(
        "--keep-every",
        type=_EVERY,
        default=0,
        show_default=True,
        metavar="N",
        help="steps between weights that are kept, 0 = none",
    ),
    click.option(
        "--keep-newest",
        type=_EVERY,
        default=0,
        show_default=True,
        metavar="M",
        help="how many of those stay, 0 = all",
    ),
    click.option("--keep-best", is_flag=True, help="keep the weights with the best validation PSNR too"),
    click.option(
        "--resume/--fresh", default=True, show_default=True, help="go on from the last state in --out"
    ),
)


def _train(
    validate_profile: str,
    weights_dir: Path | None,
    keep_every: int,
    keep_newest: int,
    keep_best: bool,
    **options: Any,
) -> None:
    """Train a method on datasets; the same command resumes.

    Several GPUs: accelerate launch -m iper_bench.cli.entry train ...; --batch is then that of each GPU.
    --method hmr trains a small body estimator on datasets with known bodies (docs/body_recovery.md).
    Curves: log.jsonl and validation.jsonl in the training folder, or tensorboard --logdir FOLDER.
    """
    if options["method"].partition("[")[0] == "hmr":
        from iper_bench.cli.train_body import train_body

        click.echo(train_body(click.get_current_context()))
        return
    from iper_bench.cli.train_baseline import names_baseline, train_baseline_command

    if names_baseline(options["method"]):
        path = train_baseline_command(click.get_current_context())
        if os.environ.get("RANK", "0") == "0":
            click.echo(path)
        return
    from iper_bench.training.keep import KeepPolicy
    from iper_bench.training.train import TrainRequest
    from iper_bench.training.train import train as train_method

    request = TrainRequest(keep=KeepPolicy(keep_every, keep_newest, keep_best), **options)
    scores = None
    if request.validate_every > 0:
        from iper_bench.run.pair_scores import PairScores

        scores = PairScores(validate_profile, weights_dir=weights_dir)
    path = train_method(request, scores=scores)
    if os.environ.get("RANK", "0") == "0":
        click.echo(path)


train = click.command("train")(add_options(_train, *WHAT, *HOW_LONG, *HOW, *RECORDS))
