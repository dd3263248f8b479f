"""``iper-bench data prepare``: a data set as published into frames, crops, bodies and boxes."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, PATH, not_nan, split_names

SHOWN = 20  # notes that are printed; the rest is counted


@click.command("prepare")
@click.argument("dataset", metavar="DATASET")
@DATA_ROOT
@click.option(
    "--out", type=PATH, metavar="FOLDER", help="the prepared copy  [default: 'prepared' in the data root]"
)
@click.option(
    "--size",
    type=click.IntRange(min=16, max=8192),
    default=512,
    show_default=True,
    metavar="PX",
    help="side of the square frames",
)
@click.option(
    "--factor",
    type=click.FloatRange(min=0, max=100),
    callback=not_nan,
    metavar="F",
    help="height of the crop per height of the person, 0 = whole frames  "
    "[default: 0 for iper, fashionvideo and motionsynthetic, as released; else 1.3]",
)
@click.option("--body-weights", type=PATH, metavar="FILE", help="body estimator, for clips without a track")
@click.option("--smooth/--no-smooth", default=True, show_default=True, help="low-pass recovered tracks")
@click.option(
    "--boxes",
    type=PATH,
    metavar="PATH",
    help="person boxes: a file, or a folder with CLIP.npz for every clip",
)
@click.option(
    "--keypoints",
    type=PATH,
    metavar="PATH",
    help="2-D points: a file (.npz, .json, .pkl), or a folder with one, or a folder CLIP, for every clip",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True, max=1000),
    callback=not_nan,
    metavar="N",
    help="bring videos to this rate, taking the frame nearest in time  [default: their own]",
)
@click.option("--split", metavar="NAME", help="clips of this split only")
@click.option("--clips", callback=split_names, metavar="NAME,...", help="these clips only")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="the first N of them only")
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=256),
    metavar="N",
    help="processes that share the clips  [default: one per core; 1 with --body-weights]",
)
@click.option("--unpack", is_flag=True, help="unpack the archives in the data root first")
@click.option("--overwrite", is_flag=True, help="make clips anew that had other settings or other files")
def prepare(**options: Any) -> None:
    """Decode, crop and resize the clips of a data set; move its cameras along; find missing bodies.

    What is finished is kept, so that the same command goes on where an earlier one stopped.

    \b
      iper-bench data prepare iper --data-root /data/iPER --split val
      iper-bench data prepare folder --data-root my_videos --body-weights spin.pth
    """
    from iper_bench.tasks.prepare import PrepareRequest
    from iper_bench.tasks.prepare import prepare as work

    options["weights"] = options.pop("body_weights")
    report = work(PrepareRequest(**options))
    _say("note", report.notes)
    _say("failed", report.failures)
    print_columns(report.lines())
    if report.exit_status:
        click.get_current_context().exit(report.exit_status)


def _say(kind: str, lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"iper-bench: {kind}: {line}", err=True)
    if len(lines) > SHOWN:
        click.echo(f"iper-bench: {kind}: and {len(lines) - SHOWN} more", err=True)
