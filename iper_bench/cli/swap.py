"""``iper-bench swap``: a person with the head or the clothes of others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iper_bench.cli.options import split_names
from iper_bench.cli.task_options import (
    finish,
    frame_numbers,
    job_of,
    job_options,
    motion_of,
    person_of,
    setting_of,
    source_options,
    target_of,
    target_options,
)
from iper_bench.errors import UserError

if TYPE_CHECKING:
    from iper_bench.tasks.swap import Gift

DEFAULT = "-"  # typed in place of a value for a person who needs none


@click.command()
@source_options
@click.option(
    "--take",
    "takes",
    multiple=True,
    required=True,
    metavar="PARTS=WHAT",
    help="parts of another person, for example upper,lower=synthetic:actor001/outfit0; repeatable. Parts: "
    "head, facial, upper, lower, body, all, torso, left_arm, right_arm, left_leg, right_leg, left_hand, "
    "right_hand, left_foot, right_foot",
)
@click.option(
    "--take-frames", multiple=True, metavar="N,...", help="as --source-frames, once per --take, - for none"
)
@click.option(
    "--take-track", multiple=True, metavar="FILE", help="as --source-track, once per --take, - for none"
)
@click.option(
    "--take-masks", multiple=True, metavar="FOLDER", help="as --source-masks, once per --take, - for none"
)
@click.option(
    "--selected-flows/--all-flows",
    default=False,
    show_default=True,
    help="whether the network sees of each person only the parts that he gives, or everything, as released",
)
@target_options
@job_options
def swap(**options: Any) -> None:
    """Draw a person with the head or the clothes of others (appearance transfer).

    --source is the primary: he gives shape, camera, background and every part that is not taken from somebody
    else. Without a target he keeps his own pose.

    \b
      iper-bench swap --source synthetic:actor003/outfit1 --take upper,lower=synthetic:actor001/outfit0 \\
          --out swap.png
    """
    from iper_bench.tasks.swap import SwapRequest
    from iper_bench.tasks.swap import swap as draw

    request = SwapRequest(
        person_of(options),
        _gifts(options),
        job_of(options),
        target_of(options),
        motion_of(options),
        setting_of(options),
        selected_flows=options["selected_flows"],
    )
    finish(lambda: draw(request))


def _gifts(options: dict[str, Any]) -> list[Gift]:
    from iper_bench.tasks.person import PersonSpec
    from iper_bench.tasks.reel import ReelSpec
    from iper_bench.tasks.swap import Gift

    takes = options["takes"]
    frames = [frame_numbers(None, None, text) for text in _each(options, "take_frames", len(takes))]
    tracks, masks = (
        [None if text is None else Path(text) for text in _each(options, name, len(takes))]
        for name in ("take_track", "take_masks")
    )
    gifts = []
    for take, picked, track, mask in zip(takes, frames, tracks, masks, strict=True):
        names, equals, source = take.partition("=")
        if not (names and equals and source):
            raise UserError(
                f"cannot read '{take}'",
                where="--take",
                expected="PARTS=WHAT",
                hint="--take upper,lower=synthetic:actor001/outfit0",
            )
        parts = split_names(click.get_current_context(), click.Option(["--take"]), names)
        sn = None if picked is not None else options["sn"]
        gifts.append(Gift(PersonSpec(ReelSpec(source, track, mask), picked, sn), parts))
    return gifts


def _each(options: dict[str, Any], name: str, count: int) -> list[str | None]:
    """The values of a repeated option, one per ``--take``; none typed = ``None`` for all."""
    values = options[name]
    if values and len(values) != count:
        option = f"--{name.replace('_', '-')}"
        raise UserError(
            f"given {len(values)} times for {count} of --take",
            where=option,
            expected=f"once per --take, '{DEFAULT}' where there is none",
        )
    return [None if value == DEFAULT else value for value in values] or [None] * count
