"""``iper-bench sweep``: the evaluation over numbers of sources and steps T (paper, Figure 14)."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.plan import carry_out, finish, plan_options

#: a grid that shows both effects at small cost
SWEEP_SN = (1, 2)
SWEEP_STEPS = (0, 10, 50)


@click.command()
@plan_options(sn=SWEEP_SN, steps=SWEEP_STEPS)
def sweep(**options: Any) -> None:
    """Evaluate over numbers of sources and personalisation steps.

    One personalisation per subject serves all T: the values of --steps are points along it. When a run has
    ended, its plot in the layout of the paper's Figure 14 lies in figures/ of its folder.
    """
    reports = carry_out(options)
    for report in reports:
        if report.aggregates is not None:
            from iper_bench.report.sweep_panel import write_figure14

            for path in write_figure14(report.out):
                click.echo(str(path))
    finish(reports)
