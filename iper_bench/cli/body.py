"""``iper-bench body``: body files, bodies found in pictures, and how far off those are."""

from __future__ import annotations

import click

from iper_bench.cli.lazy import LazyGroup

VERBS = {
    "convert": ("iper_bench.cli.body_convert:convert", "an SMPL .pkl as an .npz of plain arrays"),
    "recover": ("iper_bench.cli.body_recover:recover", "the body track of a video or folder of frames"),
    "error": ("iper_bench.cli.body_error:error", "MPJPE, PA-MPJPE and reprojection of a body estimator"),
}


@click.group(cls=LazyGroup, verbs=VERBS)
def body() -> None:
    """Convert body files, find bodies in pictures, measure how far off they are."""
