"""``iper-bench time``: how long a method takes."""

from __future__ import annotations

from pathlib import Path

import click

from iper_bench.cli.options import PATH, split_names, split_numbers


@click.command(name="time")
@click.option(
    "--method",
    "methods",
    callback=split_names,
    required=True,
    metavar="[LABEL=]NAME[@WEIGHTS],...",
    help="methods (iper-bench method list)",
)
@click.option(
    "--sizes",
    callback=split_numbers(16),
    default="256,512",
    show_default=True,
    metavar="PX,...",
    help="sides of the frames; the paper's are 256,512,1024,1920",
)
@click.option("--sn", type=click.IntRange(1, 16), default=2, show_default=True, help="number of sources")
@click.option(
    "--steps", type=click.IntRange(min=0), default=10, show_default=True, help="personalisation steps T"
)
@click.option("--frames", type=click.IntRange(min=1), default=8, show_default=True, help="frames to draw")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, help="measured rounds")
@click.option("--warmup", type=click.IntRange(min=0), default=1, show_default=True, help="rounds before them")
@click.option(
    "--budget",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="SECONDS",
    help="leave out what would take longer; it is named",
)
@click.option(
    "--body-weights",
    type=PATH,
    metavar="FILE",
    help="find the bodies with this estimator, as the paper does  [default: bodies are given]",
)
@click.option("--fresh", is_flag=True, help="measure again what is there")
@click.option(
    "--out",
    type=PATH,
    default=Path("runs/time"),
    show_default=True,
    metavar="FOLDER",
    help="where the result goes; what is there is not measured again",
)
def time_(
    methods: tuple[str, ...],
    sizes: tuple[int, ...],
    sn: int,
    steps: int,
    frames: int,
    repeats: int,
    warmup: int,
    budget: float | None,
    body_weights: Path | None,
    fresh: bool,
    out: Path,
) -> None:
    """Measure preprocessing, personalisation and inference, from files to a video, by resolution.

    Writes timing.json and, in the layout of the paper's Figure 16 with its values beside ours, figure16.svg,
    .png, .csv and .md. What is in each phase: docs/timing.md.
    """
    from iper_bench.report.timing_files import write_timing
    from iper_bench.run.environment import environment
    from iper_bench.tasks.timing import TimingRequest, time_methods

    request = TimingRequest(
        *(methods, out, sizes, sn, steps, frames, repeats, warmup, budget, body_weights), fresh=fresh
    )
    machine = environment("cpu", ())
    report = time_methods(
        request, {key: machine[key] for key in machine if key not in ("git", "seeds", "device")}
    )
    click.echo(report.summary)
    for line in write_timing(out):
        click.echo(line)
