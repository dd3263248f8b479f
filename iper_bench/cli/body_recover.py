"""``iper-bench body recover``: the body track of a video or a folder of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from iper_bench.cli.listing import print_columns
from iper_bench.cli.options import DATA_ROOT, PATH


@click.command("recover")
@click.argument("text", metavar="INPUT")
@click.option(
    "--out", type=PATH, required=True, metavar="TRACK.npz", help="the track: shape, poses and cameras"
)
@click.option("--body-weights", type=PATH, metavar="FILE", help="weights of the body estimator")
@click.option(
    "--track",
    type=PATH,
    metavar="FILE",
    help="a first estimate in the place of --body-weights (.npz or .npy)",
)
@click.option(
    "--keypoints",
    type=PATH,
    metavar="FILE",
    help="2-D points: .npz, a folder of OpenPose JSON, iPER's kps.pkl or a COCO .json; they refine the track",
)
@click.option(
    "--boxes",
    type=PATH,
    metavar="FILE",
    help="person boxes, x0 y0 x1 y1 a frame (.npz, .npy)  [default: from the points, else the masks, "
    "else the whole frame]",
)
@click.option("--masks", type=PATH, metavar="FOLDER", help="mattes, 255 = person")
@click.option(
    "--refine/--no-refine",
    default=None,
    help="draw the bodies to the keypoints  [default: where there are keypoints]",
)
@click.option(
    "--temporal/--no-temporal",
    default=False,
    show_default=True,
    help="refine so that neighbouring frames resemble each other, as driving videos are",
)
@click.option("--refine-camera", is_flag=True, help="refine the cameras too")
@click.option(
    "--optimiser", type=click.Choice(("lbfgs", "adam")), default="lbfgs", show_default=True, help="of it"
)
@click.option(
    "--smooth/--no-smooth", default=None, help="low-pass the motion  [default: with more than 10 frames]"
)
@click.option(
    "--body",
    metavar="NAME",
    help="body model, or an SMPL file  [default: the track's, else IPER_BENCH_BODY, else open-coarse]",
)
@click.option("--overlay", type=PATH, metavar="VIDEO.mp4", help="draw the body over the frames, for a look")
@DATA_ROOT
def recover(out: Path, overlay: Path | None, **options: Any) -> None:
    """Find the body in every frame of a video, a folder of images or DATASET:CLIP.

    \b
      iper-bench body recover dance.mp4 --body-weights spin.pth --out dance.npz --overlay look.mp4
      iper-bench body recover frames/ --body-weights spin.pth --keypoints openpose/ --out track.npz
    """
    from iper_bench.tasks.recover_file import recover_file
    from iper_bench.tasks.recover_track import Improvement, RecoverRequest
    from iper_bench.tasks.reel import ReelSpec

    request = RecoverRequest(
        ReelSpec(options["text"], options["track"], options["masks"]),
        weights=options["body_weights"],
        keypoints=options["keypoints"],
        boxes=options["boxes"],
        improvement=Improvement(
            options["refine"],
            options["smooth"],
            temporal=options["temporal"],
            camera=options["refine_camera"],
            optimiser=options["optimiser"],
        ),
        body=options["body"],
        data_root=options["data_root"],
    )
    print_columns(recover_file(request, out, overlay))
