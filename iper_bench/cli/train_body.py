"""``iper-bench train --method hmr``: train a body estimator."""

from __future__ import annotations

import os
from pathlib import Path

import click

from iper_bench.cli.typed_options import refuse_others
from iper_bench.errors import UserError

#: options of ``train`` that mean something to a body estimator
OPTIONS = (
    "dataset", "out", "data_root", "size", "seed", "steps", "seconds", "batch", "workers", "log_every",
    "save_every", "resume",
)  # fmt: skip


def train_body(context: click.Context) -> Path:
    """Train with the options of ``context``, that of ``train``; the path of the weights. Raises UserError for
    an option that was typed and means nothing here, and for several processes, which would write one folder.
    """
    refuse_others(context, ("method", *OPTIONS), "--method hmr")
    if context.params["method"] != "hmr":
        raise UserError(
            f"'{context.params['method']}' has options in brackets", where="--method", expected="hmr alone"
        )
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            f"{os.environ['WORLD_SIZE']} processes",
            where="--method hmr",
            expected="one: a body estimator is trained by a single process",
            hint="the command without accelerate launch",
        )
    from iper_bench.training.body_regressor import BodyRegressorRequest, train_body_regressor

    return train_body_regressor(BodyRegressorRequest(**{name: context.params[name] for name in OPTIONS}))
