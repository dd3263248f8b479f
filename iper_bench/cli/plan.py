"""The options of ``run``, ``predict`` and ``sweep``, which ask for the same thing on different grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from iper_bench.cli.executor_options import WHERE_IT_RUNS
from iper_bench.cli.measures import HOW_IT_IS_MEASURED, WHAT_IS_MEASURED
from iper_bench.cli.options import (
    DATA_ROOT,
    DATASET,
    LARGEST_SEED,
    PATH,
    SIZE,
    add_options,
    split_names,
    split_numbers,
    typed,
)
from iper_bench.errors import unknown_name
from iper_bench.methods.reference_names import DEFAULT_REFERENCES, REFERENCE_NAMES
from iper_bench.run.request import DEFAULT_SEEDS, KEPT, PNG, SETTINGS, RunReport, RunRequest

Command = TypeVar("Command", bound=Callable[..., Any])
ALL, NONE = "all", "none"


def _references(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = split_names(context, parameter, value)
    if names in ((ALL,), (NONE,)):
        return DEFAULT_REFERENCES if names == (ALL,) else ()
    for name in names:
        if name.partition("[")[0] not in REFERENCE_NAMES:
            raise unknown_name("reference", name, (*REFERENCE_NAMES, ALL, NONE), where="--references")
    return names


_WHAT = (
    click.option(
        "--method",
        "methods",
        callback=split_names,
        required=True,
        metavar="[LABEL=]NAME[@WEIGHTS],...",
        help="methods (iper-bench method list), or folder:PATH, process:SPEC, python:MODULE:NAME; WEIGHTS: a "
        "file written by iper-bench train; LABEL: the name in tables",
    ),
    click.option(
        "--references",
        callback=_references,
        default=ALL,
        show_default=True,
        metavar="all|none|NAME,...",
        help=f"what calibrates the numbers, evaluated as well: {', '.join(DEFAULT_REFERENCES)}",
    ),
    click.option(
        "--out",
        type=PATH,
        metavar="FOLDER",
        help="run folder; an unfinished one is resumed  [default: runs/<protocol>-<hash of the plan>]",
    ),
    DATASET,
    DATA_ROOT,
    SIZE,
    click.option("--protocol", metavar="NAME|YAML", help="protocol  [default: <dataset>-imitation]"),
    click.option(
        "--tasks",
        callback=split_names,
        metavar="NAME,...",
        help="imitation, transfer, view or all: the dataset's protocols of these tasks, one run folder each "
        "(below --out, if it is given)",
    ),
    click.option(
        "--as-published",
        is_flag=True,
        help="mended entries of the protocol as they were published, where their frames exist",
    ),
    click.option(
        "--settings",
        callback=split_names,
        default=typed(SETTINGS),
        show_default=True,
        metavar="NAME,...",
        help="self: targets with a paired truth; cross: cross-imitation",
    ),
)

_HOW = (
    *WHAT_IS_MEASURED,
    *HOW_IT_IS_MEASURED,
    click.option(
        "--seeds",
        "--seed",
        callback=split_numbers(0, LARGEST_SEED),
        default=typed(DEFAULT_SEEDS),
        show_default=True,
        metavar="N,...",
        help="seeds of personalisation; tables show the mean over them",
    ),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="only the protocol's first N source clips"
    ),
    click.option(
        "--only",
        callback=split_names,
        metavar="ID|TEXT,...",
        help="only units whose id begins so, or whose name holds the text; the others stay undone",
    ),
    click.option(
        "--predictions",
        type=click.Choice(KEPT),
        default=PNG,
        show_default=True,
        help="how predicted frames are kept; ffv1: one lossless video per unit; with none nothing can be "
        "scored again",
    ),
    click.option("--retry-failed", is_flag=True, help="compute again what is on record as failed"),
    click.option(
        "--trackers",
        callback=split_names,
        metavar="NAME,...",
        help="mlflow, tensorboard: log the results there as well",
    ),
    click.option(
        "--dry-run", is_flag=True, help="print the plan with an estimate, compute and write nothing"
    ),
    *WHERE_IT_RUNS,
)


def plan_options(*, sn: tuple[int, ...], steps: tuple[int, ...]) -> Callable[[Command], Command]:
    """All options of a request; ``sn`` and ``steps`` are the defaults of the grid."""
    grid = (
        click.option(
            "--sn",
            callback=split_numbers(1),
            default=typed(sn),
            show_default=True,
            metavar="N,...",
            help="numbers of source frames",
        ),
        click.option(
            "--steps",
            callback=split_numbers(0),
            default=typed(steps),
            show_default=True,
            metavar="T,...",
            help="personalisation steps",
        ),
    )
    return lambda command: add_options(command, *_WHAT, *grid, *_HOW)


def carry_out(options: dict[str, Any], *, measure: bool = True) -> list[RunReport]:
    """Do what the options ask for, print what was done, and end with the worst exit status."""
    from iper_bench.run.tasks import run_tasks

    metrics = options["metrics"] or None  # nothing typed: the defaults of the profiles
    tasks, address = options.pop("tasks"), options.pop("address")
    if address is not None:
        options["executor_options"] = (*options["executor_options"], ("address", address))
    request = RunRequest(
        **{**options, "methods": list(options["methods"]), "metrics": metrics, "measure": measure}
    )
    reports = []
    for report in run_tasks(request, tasks):
        if request.dry_run:
            click.echo(report.description)
        click.echo(report.summary)
        reports.append(report)
    return reports


def finish(reports: list[RunReport]) -> None:
    """End the command with the worst exit status of its runs."""
    click.get_current_context().exit(max(report.exit_status for report in reports))
