"""``iper-bench imitate``: a person in somebody else's motion."""

from __future__ import annotations

from typing import Any

import click

from iper_bench.cli.task_options import (
    finish,
    job_of,
    job_options,
    keep_options,
    motion_of,
    person_of,
    setting_of,
    source_options,
    target_of,
    target_options,
)
from iper_bench.errors import UserError


@click.command()
@source_options
@target_options
@job_options
@keep_options
def imitate(**options: Any) -> None:
    """Draw a person in the motion of another one's video (motion imitation).

    \b
      iper-bench imitate --source synthetic:actor003/outfit1 --target synthetic:actor001/outfit0 --out a.mp4
      iper-bench imitate --source me/ --target dance.mp4 --body-weights spin.pth --steps 100 --out me.mp4
    """
    from iper_bench.tasks.imitate import ImitateRequest
    from iper_bench.tasks.imitate import imitate as draw

    target = target_of(options)
    if target is None:
        raise UserError(
            "no motion", where="--target", expected="a video, images, DATASET:CLIP, or --target-track FILE"
        )
    request = ImitateRequest(
        person_of(options), target, job_of(options), motion_of(options), setting_of(options)
    )
    finish(lambda: draw(request))
