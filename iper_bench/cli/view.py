"""``iper-bench view``: a person from where no camera stood."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.options import not_nan
from iper_bench.cli.task_options import (
    finish,
    job_of,
    job_options,
    keep_options,
    numbers,
    person_of,
    setting_of,
    source_options,
    stops,
)
from iper_bench.errors import UserError


@click.command()
@source_options
@click.option(
    "--views",
    type=click.IntRange(min=1, max=100_000),
    default=60,
    show_default=True,
    metavar="N",
    help="frames of one full turn; 1 = the front alone (the released viewer draws 180)",
)
@click.option(
    "--rotate",
    default="0,0,0",
    callback=numbers(3, "three angles in degrees, as in 20,0,0"),
    metavar="X,Y,Z",
    help="degrees about the axes to the right, down and away, in every view",
)
@click.option(
    "--translate",
    default="0,0",
    callback=numbers(2, "metres to the right and down, as in 0.2,-0.1"),
    metavar="X,Y",
    help="metres to the right and down; for depth, which this camera does not show, see --zoom",
)
@click.option(
    "--zoom",
    type=click.FloatRange(min=0, min_open=True, max=100),
    default=1.0,
    show_default=True,
    callback=not_nan,
    metavar="F",
    help="factor of the scale about the middle of the picture",
)
@click.option(
    "--pose",
    type=click.Choice(["source", "t"]),
    default="source",
    show_default=True,
    help="the pose of the first source, or the T-pose",
)
@click.option(
    "--bullet-time",
    "stops",
    multiple=True,
    callback=stops,
    metavar="FRAME:LENGTH",
    help="his own video in place of a still person, with a turn of LENGTH views at a frame; repeatable",
)
@job_options
@keep_options
def view(**options: Any) -> None:
    """Draw a person from all around (novel view synthesis).

    \b
      iper-bench view --source synthetic:actor003/outfit1 --out turn.mp4
      iper-bench view --source synthetic:actor003/outfit1 --views 1 --rotate 0,90,0 --out side.png
    """
    if options["stops"]:
        _refuse_view_of_a_video()
    from iper_bench.tasks.motion import ViewOptions
    from iper_bench.tasks.view import ViewRequest
    from iper_bench.tasks.view import view as draw

    around = ViewOptions(
        options["views"],
        options["rotate"],
        options["translate"],
        options["zoom"],
        t_pose=options["pose"] == "t",
    )
    request = ViewRequest(person_of(options), job_of(options), around, options["stops"], setting_of(options))
    finish(lambda: draw(request))


def _refuse_view_of_a_video() -> None:
    """Raise UserError for an option that a video with stops would ignore."""
    context = click.get_current_context()
    for name in ("views", "rotate", "translate", "zoom", "pose"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise UserError(
                f"--{name} together with --bullet-time",
                where="view",
                expected="one of them: a still person is seen from anywhere, a video under its own camera",
            )
