"""``iper-bench train --method pg2``: train a baseline."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.typed_options import refuse_others
from iper_bench.errors import UserError, unknown_name

#: options of ``train`` that mean something to a baseline
OPTIONS = (
    "method", "dataset", "out", "data_root", "size", "preset", "seed", "init", "perceptual_weights", "steps",
    "epochs", "seconds", "batch", "workers", "log_every", "save_every", "pictures_every", "validate_every",
    "resume",
)  # fmt: skip
OTHERS = ("validate_profile", "weights_dir", "keep_every", "keep_newest", "keep_best")


def names_baseline(method: str) -> bool:
    """Whether ``--method`` names a baseline. Raises UserError for one with options in brackets, and with the
    nearest names for what nothing here trains.
    """
    from iper_bench.lwg.strategy import GENERATOR_OF
    from iper_bench.methods.baseline_folders import baseline_folders

    name, bracket, _ = method.partition("[")
    baselines = baseline_folders()
    if name in baselines and bracket:
        raise UserError(
            f"'{method}' has options in brackets",
            where="--method",
            expected=f"{name} alone: its settings are those of a preset",
            hint=f"--method {name} --preset tiny",
        )
    if name not in baselines and name not in GENERATOR_OF:
        raise unknown_name("trainable method", name, (*GENERATOR_OF, *baselines, "hmr"), where="--method")
    return name in baselines


def train_baseline_command(context: click.Context) -> Path:
    """Train with the options of ``context``, that of ``train``; the path of the weights. Raises UserError for
    an option that was typed and means nothing here.
    """
    given = context.params
    refuse_others(context, (*OPTIONS, *OTHERS), f"--method {given['method']}")
    from iper_bench.baseline_kit.training import BaselineRequest, train_baseline
    from iper_bench.training.keep import KeepPolicy

    keep = KeepPolicy(given["keep_every"], given["keep_newest"], given["keep_best"])
    request = BaselineRequest(**{name: given[name] for name in OPTIONS}, keep=keep)
    scores = None
    if request.validate_every > 0:
        from iper_bench.run.pair_scores import PairScores

        scores = PairScores(given["validate_profile"], weights_dir=given["weights_dir"])
    return train_baseline(request, scores)
