"""The options that say what is measured and where: the same for every verb that measures."""

from __future__ import annotations

import click

from iper_bench.cli.options import PATH, split_names, typed
from iper_bench.run.request import DEFAULT_PROFILES

WHAT_IS_MEASURED = (
    click.option(
        "--profile",
        "profiles",
        callback=split_names,
        default=typed(DEFAULT_PROFILES),
        show_default=True,
        metavar="NAME,...",
        help="metric definitions (iper-bench metric profiles)",
    ),
    click.option(
        "--metrics",
        callback=split_names,
        metavar="NAME,...",
        help="what of the profiles is measured, or all (iper-bench metric list)  [default: the profile's]",
    ),
    click.option(
        "--person-detector",
        metavar="NAME",
        help="given, fasterrcnn, yolov3-spp or ultralytics  [default: the profile's]",
    ),
)
HOW_IT_IS_MEASURED = (
    click.option("--weights-dir", type=PATH, metavar="FOLDER", help="metric weights that pip does not bring"),
    click.option(
        "--device", default="cpu", show_default=True, metavar="NAME", help="torch device of the metrics"
    ),
)
