"""``iper-bench selftest``: whether this machine measures as the one on which the metrics were checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import PATH, split_names

if TYPE_CHECKING:
    from iper_bench.run.selftest import Check


@click.command()
@click.option(
    "--profile",
    "profiles",
    callback=split_names,
    metavar="NAME,...",
    help="only the metrics of these profiles  [default: all]",
)
@click.option(
    "--device", default="cpu", show_default=True, metavar="NAME", help="torch device of the metrics"
)
@click.option(
    "--all", "seeded", is_flag=True, help="also networks whose weights pip does not bring; takes a minute"
)
@click.option("--json", "file", type=PATH, metavar="FILE", help="write the report as JSON as well")
def selftest(profiles: tuple[str, ...], device: str, seeded: bool, file: Path | None) -> None:
    """Measure eight stored pairs of pictures here and compare every metric with its stored value.

    Exit status 1: a value is out of tolerance. With --all the networks of 'standard', 'paper' and 'legacy'
    run with weights drawn from a rule: those numbers mean nothing, but they are the same wherever network,
    crop and arithmetic are. What the tolerances allow and why: docs/metrics.md.

    \b
      iper-bench selftest
      iper-bench selftest --profile offline --device cuda
      iper-bench selftest --all --json selftest.json
    """
    from iper_bench.atomic import write_json
    from iper_bench.run.selftest import selftest as run_selftest

    report = run_selftest(profiles, device=device, seeded=seeded)
    if file is not None:
        write_json(file, report.content())
    heading = ("profile", "setting", "metric", "weights", "stored", "measured", "deviation", "allowed", "")
    print_columns([heading, *(_row(one) for one in report.checks)])
    click.echo(report.summary)
    click.echo(report.machine)
    click.get_current_context().exit(report.exit_status)


def _row(check: Check) -> tuple[str, ...]:
    stored = check.stored
    numbers = ("-", "-") if check.measured is None else (f"{check.measured:.8g}", f"{check.deviation:.2g}")
    said = "ok" if check.passed else f"FAILED{'' if check.reason is None else f': {check.reason}'}"
    return (
        *(stored.profile, stored.setting, stored.metric, stored.weights, f"{stored.value:.8g}"),
        *(*numbers, f"{check.allowed:.2g}", said),
    )
