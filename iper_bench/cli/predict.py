"""``iper-bench predict``: the frames of a run without their measurement."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.plan import carry_out, finish, plan_options
from iper_bench.run.request import DEFAULT_SN, DEFAULT_STEPS, NOT_KEPT


@click.command()
@plan_options(sn=DEFAULT_SN, steps=DEFAULT_STEPS)
def predict(**options: Any) -> None:
    """Make the frames of a run and measure nothing.

    iper-bench score RUN, or the same command with run in place of predict, measures them; neither runs a
    method again.
    """
    if options["predictions"] == NOT_KEPT:
        raise click.BadParameter("'none' keeps nothing to be measured", param_hint="--predictions")
    finish(carry_out(options, measure=False))
