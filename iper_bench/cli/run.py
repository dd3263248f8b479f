"""``iper-bench run``: evaluate methods on a dataset under a protocol."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.plan import carry_out, finish, plan_options
from iper_bench.run.request import DEFAULT_SN, DEFAULT_STEPS


@click.command()
@plan_options(sn=DEFAULT_SN, steps=DEFAULT_STEPS)
def run(**options: Any) -> None:
    """Evaluate methods on a dataset under a protocol.

    Every unit (method, trial, sn, T, seed) is stored as soon as it is finished; the same command resumes.
    Exit status 3: some units failed.
    """
    finish(carry_out(options))
