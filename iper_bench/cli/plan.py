"""The options of ``run`` and ``sweep``, which ask for the same thing on different grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from iper_bench.cli.measures import HOW_IT_IS_MEASURED, WHAT_IS_MEASURED
from iper_bench.cli.options import (
    DATA_ROOT,
    DATASET,
    PATH,
    SEED,
    SIZE,
    add_options,
    split_names,
    split_numbers,
    typed,
)
from iper_bench.errors import unknown_name
from iper_bench.methods.reference_names import DEFAULT_REFERENCES, REFERENCE_NAMES
from iper_bench.run.request import SETTINGS, RunReport, RunRequest

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
    click.option("--seed", type=SEED, default=0, show_default=True, help="seed of personalisation"),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="only the protocol's first N source clips"
    ),
    click.option(
        "--keep-predictions/--drop-predictions",
        default=True,
        show_default=True,
        help="keep the predicted frames; without them nothing can be scored again",
    ),
    click.option("--retry-failed", is_flag=True, help="compute again what is on record as failed"),
    click.option("--dry-run", is_flag=True, help="print the plan, compute and write nothing"),
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


def request_of(options: dict[str, Any]) -> RunRequest:
    """The options as a request."""
    metrics = options["metrics"] or None  # nothing typed: the defaults of the profiles
    return RunRequest(**{**options, "methods": list(options["methods"]), "metrics": metrics})


def finish(report: RunReport, *, dry_run: bool) -> None:
    """Print what was done and end with the report's exit status."""
    if dry_run:
        click.echo(report.description)
    click.echo(report.summary)
    click.get_current_context().exit(report.exit_status)
