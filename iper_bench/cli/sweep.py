"""``iper-bench sweep``: the evaluation over numbers of sources and steps T (paper, Figure 14)."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.plan import finish, plan_options, request_of

#: a grid that shows both effects at small cost
SWEEP_SN = (1, 2)
SWEEP_STEPS = (0, 10, 50)


@click.command()
@plan_options(sn=SWEEP_SN, steps=SWEEP_STEPS)
def sweep(**options: Any) -> None:
    """Evaluate over numbers of sources and personalisation steps.

    One personalisation per subject serves all T: the values of --steps are points along it.
    """
    from iper_bench.run.benchmark import sweep as sweep_grid

    finish(sweep_grid(request_of(options)), dry_run=options["dry_run"])
