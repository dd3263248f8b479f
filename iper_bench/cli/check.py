"""``iper-bench check``: look over predictions before they are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.options import DATA_ROOT, PATH, SIZE, split_names
from iper_bench.run.request import SETTINGS


@click.command()
@click.argument("predictions", type=PATH)
@click.option(
    "--references",
    type=PATH,
    metavar="PATH",
    help="what they are compared with: frames, a video, or one folder or video per clip",
)
@click.option("--dataset", metavar="NAME", help="or a dataset, under a protocol")
@DATA_ROOT
@SIZE
@click.option("--protocol", metavar="NAME|YAML", help="protocol  [default: <dataset>-imitation]")
@click.option(
    "--setting",
    type=click.Choice(SETTINGS),
    default=SETTINGS[0],
    show_default=True,
    help="with --dataset: which of the protocol's trials the predictions are of",
)
@click.option(
    "--clip", "clips", callback=split_names, metavar="NAME,...", help="only these clips  [default: all]"
)
@click.option(
    "--numbering",
    type=click.Choice(["frames", "positions"]),
    help="what the numbers of predictions are  [default: found out where only one fits]",
)
@click.option("--method-name", "name", metavar="NAME", help="name in the report  [default: the folder's]")
@click.option("--json", "file", type=PATH, metavar="FILE", help="write the report as JSON as well")
def check(file: Path | None, **options: Any) -> None:
    """Look over PREDICTIONS (frames, a video, or one folder or video per clip) before they are measured.

    Exit status 1: errors were found. What is looked for and how to lay out files: docs/check.md.

    \b
      iper-bench check mine/ --dataset synthetic --setting self
      iper-bench check mine.mp4 --references truth/ --json check.json
    """
    from rich.console import Console

    from iper_bench.atomic import write_json
    from iper_bench.run.preflight import CheckRequest, check_predictions
    from iper_bench.run.preflight_page import print_report

    report = check_predictions(CheckRequest(**options))
    if file is not None:
        write_json(file, report.content())
    print_report(report, Console())
    click.get_current_context().exit(report.exit_status)
