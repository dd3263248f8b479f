"""``iper-bench train --method pg2``: train a baseline."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.typed_options import refuse_others

#: options of ``train`` that mean something to a baseline
OPTIONS = (
    "method", "dataset", "out", "data_root", "size", "preset", "seed", "init", "perceptual_weights", "steps",
    "epochs", "seconds", "batch", "workers", "log_every", "save_every", "pictures_every", "validate_every",
    "resume",
)  # fmt: skip
OTHERS = ("validate_profile", "weights_dir", "keep_every", "keep_newest", "keep_best")


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
