"""``iper-bench score``: measure predictions that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from iper_bench.cli.listing import print_columns
from iper_bench.cli.measures import HOW_IT_IS_MEASURED, WHAT_IS_MEASURED
from iper_bench.cli.options import DATA_ROOT, PATH, SIZE, add_options, split_names
from iper_bench.run.request import DEFAULT_SN, SETTINGS

if TYPE_CHECKING:
    from iper_bench.run.clip_scores import ClipScores

LARGEST_SIDE = 8192  # pixels
_SIZE = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")


def _resize(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise click.BadParameter(f"'{value[:40]}'; expected HEIGHTxWIDTH in pixels, for example 256x256")
    return sides


_AGAINST = (
    click.option(
        "--references",
        type=PATH,
        metavar="PATH",
        help="what they are compared with: frames, a video, or one folder or video per clip",
    ),
    click.option("--dataset", metavar="NAME", help="or a dataset, under a protocol"),
    DATA_ROOT,
    SIZE,
    click.option("--protocol", metavar="NAME|YAML", help="protocol  [default: <dataset>-imitation]"),
    click.option(
        "--setting",
        type=click.Choice(SETTINGS),
        help="self: references are the truth; cross: real frames of the same person  "
        f"[default: {SETTINGS[0]}]",
    ),
    click.option(
        "--sn",
        type=click.IntRange(min=1),
        metavar="N",
        help="with --dataset: number of sources that the predictions were made from  "
        f"[default: {DEFAULT_SN[0]}]",
    ),
)
_METRICS = (
    *WHAT_IS_MEASURED,
    click.option(
        "--boxes",
        type=PATH,
        metavar="FILE",
        help="body boxes, CSV or JSON: clip, frame, x0, y0, x1, y1  "
        "[default: with --dataset from its body tracks, else none]",
    ),
    click.option(
        "--reference-boxes",
        type=PATH,
        metavar="FILE",
        help="those of the references  [default: in self with --references those of --boxes]",
    ),
    *HOW_IT_IS_MEASURED,
)
_READING = (
    click.option(
        "--clip", "clips", callback=split_names, metavar="NAME,...", help="only these clips  [default: all]"
    ),
    click.option(
        "--numbering",
        type=click.Choice(["frames", "positions"]),
        help="what the numbers of predictions are  [default: found out where only one fits]",
    ),
    click.option("--partial", is_flag=True, help="measure what is there; coverage shows what is missing"),
    click.option(
        "--resize",
        callback=_resize,
        metavar="HxW",
        help="bring all frames to one size first (PIL bicubic); values then carry other passports",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 4096),
        default=16,
        show_default=True,
        help="frames measured at once; changes no value",
    ),
    click.option(
        "--num-workers",
        type=click.IntRange(0, 64),
        default=1,
        show_default=True,
        metavar="N",
        help="threads that decode each side ahead; changes no value",
    ),
)
_RESULT = (
    click.option("--method-name", "name", metavar="NAME", help="name in rows  [default: the folder's]"),
    click.option("--out", type=PATH, metavar="FOLDER", help="write rows.json and aggregates.json there"),
    click.option(
        "--fd-curve",
        "curve",
        type=PATH,
        metavar="FILE",
        help="write Frechet distances by number of frames as JSON (setting cross)",
    ),
)


@click.command()
@click.argument("predictions", type=PATH)
@lambda command: add_options(command, *_AGAINST, *_METRICS, *_READING, *_RESULT)
def score(**options: Any) -> None:
    """Measure PREDICTIONS (frames, a video, or one folder or video per clip) that are there.

    Frames are paired by their numbers. A frame that cannot be read is left out and named; a missing or
    surplus one is an error unless --partial is given. Where PREDICTIONS is a run folder, no method is run and
    what --profile has not measured yet is measured; a frame that was changed since is not noticed (delete
    the file of its unit). How to lay out files: docs/check.md, docs/score.md.

    \b
      iper-bench score mine/ --references truth/ --profile offline,legacy
      iper-bench score mine/ --dataset synthetic --setting cross --out results/mine
      iper-bench score runs/first --profile offline,standard
    """
    from iper_bench.run.clip_scores import Measures
    from iper_bench.run.folder_score import ScoreRequest, score_folder, score_run

    profiles = options.pop("profiles")
    if click.get_current_context().get_parameter_source("profiles") is ParameterSource.DEFAULT:
        profiles = ()  # of a run its own
    measures = Measures(
        profiles=profiles,
        metrics=options.pop("metrics") or None,
        person_detector=options.pop("person_detector"),
        weights_dir=options.pop("weights_dir"),
        device=options.pop("device"),
        batch_size=options.pop("batch_size"),
        resize=options.pop("resize"),
        workers=options.pop("num_workers"),
    )
    request = ScoreRequest(measures=measures, **options)
    if request.of_run:
        report = score_run(request)
        click.echo(report.summary)
        click.get_current_context().exit(report.exit_status)
    print_scores(score_folder(request), request.out)


def print_scores(scores: ClipScores, out: Path | None) -> None:
    """The means, each with its interval, its coverage, and what is to be known beside it."""
    heading = ("profile", "metric", "value", "95 %", "frames", "clips", "")
    print_columns([heading, *(_line(entry) for entry in scores.entries)])
    if out is not None:
        click.echo(f"rows and definitions: {out / 'rows.json'}")


def _line(entry: dict[str, Any]) -> tuple[str, ...]:
    mean, low, high = entry["mean"], entry["low"], entry["high"]
    return (
        *(entry["profile"], entry["metric"], "-" if mean is None else f"{mean:.6g}"),
        "" if low is None or high is None else f"{low:.4g} to {high:.4g}",
        f"{entry['frames']} of {entry['frames_total']}",
        f"{entry['clips']} of {entry['clips_total']}",
        entry["reason"] or "",
    )
