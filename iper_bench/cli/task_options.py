"""Options of ``imitate``, ``swap`` and ``view``, and what becomes of them. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from iper_bench.cli.options import MOST_DIGITS, PATH, SEED, add_options, not_nan
from iper_bench.errors import UserError

if TYPE_CHECKING:
    from iper_bench.tasks.delivery import Destination
    from iper_bench.tasks.engine import Job
    from iper_bench.tasks.imitate import TargetSpec
    from iper_bench.tasks.motion import MotionOptions
    from iper_bench.tasks.person import PersonSpec, Setting

Command = TypeVar("Command", bound=Callable[..., Any])

CAMERAS = ("smooth", "source", "copy", "ref-txty")  # of iper_bench.body.camera, '-' for '_'
INTERRUPTED = 130  # as in iper_bench.cli.failures
_MOST_FRAMES = 1_000_000  # in a typed range: 11 hours at 25 fps, and no list that fills the memory


def frame_numbers(
    context: click.Context | None, parameter: click.Parameter | None, value: str | None
) -> tuple[int, ...] | None:
    """``"0,8"`` -> ``(0, 8)``, ``"16-18"`` -> ``(16, 17, 18)``, also mixed; nothing typed -> ``None``."""
    if value is None:
        return None
    found: list[int] = []
    for part in value.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        numbers = [first, last] if dash else [first]
        if not all(word.isdecimal() and len(word) <= MOST_DIGITS for word in numbers):
            raise click.BadParameter(f"'{part[:40]}' in '{value[:80]}'; expected frames such as 0,8 or 16-47")
        low, high = int(first), int(numbers[-1])
        if high < low or high - low >= _MOST_FRAMES:
            raise click.BadParameter(f"'{part[:40]}'; expected the smaller frame first, as in 16-47")
        found.extend(range(low, high + 1))
    return tuple(found)


def stops(
    context: click.Context | None, parameter: click.Parameter | None, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """``("20:60",)`` -> ``((20, 60),)``."""
    found = []
    for value in values:
        frame, _, length = value.partition(":")
        if not all(word.isdecimal() and len(word) <= MOST_DIGITS for word in (frame, length)):
            raise click.BadParameter(f"'{value[:40]}'; expected FRAME:LENGTH, for example 20:60")
        found.append((int(frame), int(length)))
    return tuple(found)


def numbers(count: int, form: str) -> Callable[[Any, Any, str], tuple[float, ...]]:
    """``"20,0,0"`` -> ``(20.0, 0.0, 0.0)``: a callback for exactly ``count`` finite numbers."""

    def read(
        context: click.Context | None, parameter: click.Parameter | None, value: str
    ) -> tuple[float, ...]:
        try:
            found = tuple(float(part) for part in value.split(","))
        except ValueError:
            found = ()
        if len(found) != count or not all(abs(number) < float("inf") for number in found):
            raise click.BadParameter(f"'{value[:40]}'; expected {form}")
        return found

    return read


_SOURCE = (
    click.option(
        "--source",
        required=True,
        metavar="WHAT",
        help="the person: an image, a folder of images, a video, DATASET:CLIP such as "
        "synthetic:actor003/outfit1, or a kept person (.subject)",
    ),
    click.option(
        "--source-frames",
        callback=frame_numbers,
        metavar="N,...",
        help="these frames of it; the first gives camera and background  [default: chosen, see --sn]",
    ),
    click.option(
        "--sn",
        type=click.IntRange(min=1),
        metavar="N",
        help="number of sources, chosen from all sides of the person, 1 to 8  [default: 2, front and back]",
    ),
    click.option("--source-track", type=PATH, metavar="FILE", help="his body in every frame (.npz or .npy)"),
    click.option(
        "--source-masks",
        type=PATH,
        metavar="FOLDER",
        help="mattes, 255 = person  [default: the body's silhouette]",
    ),
)
_TARGET = (
    click.option("--target", metavar="WHAT", help="the motion: a video, images or DATASET:CLIP"),
    click.option("--target-track", type=PATH, metavar="FILE", help="its bodies; enough without --target"),
    click.option(
        "--target-frames",
        callback=frame_numbers,
        metavar="N-M,...",
        help="these frames of it  [default: all]",
    ),
    click.option(
        "--camera",
        type=click.Choice(CAMERAS),
        default=CAMERAS[0],
        show_default=True,
        help="smooth: the source's camera and the driver's steps; source: stands still; copy: the driver's; "
        "ref-txty: the source's scale, the driver's place",
    ),
    click.option(
        "--stabilise/--no-stabilise",
        default=None,
        help="put the driver on the ground at constant scale, without sideways steps  [default: with camera "
        "smooth]",
    ),
    click.option(
        "--smooth/--no-smooth",
        default=None,
        help="low-pass the motion  [default: with more than 10 frames]",
    ),
    click.option(
        "--view",
        type=float,
        default=0.0,
        callback=not_nan,
        metavar="DEG",
        help="see the motion from another side",
    ),
    click.option(
        "--bullet-time",
        "stops",
        multiple=True,
        callback=stops,
        metavar="FRAME:LENGTH",
        help="stop at a frame of the motion and go once around the person in LENGTH views; repeatable",
    ),
)
_JOB = (
    click.option(
        "--method", default="attlwb", show_default=True, metavar="NAME[@WEIGHTS]", help="what draws"
    ),
    click.option(
        "--steps",
        type=click.IntRange(min=0),
        metavar="T",
        help="personalisation steps on the sources: closer to them, slower  [default: 20 for a method that "
        "trains]",
    ),
    click.option("--seed", type=SEED, default=0, show_default=True, help="seed of personalisation"),
    click.option(
        "--size",
        type=click.IntRange(min=16),
        metavar="PX",
        help="side of the square that is computed  [default: the dataset's, else 256]",
    ),
    click.option(
        "--body", metavar="NAME", help="body model, or an SMPL file  [default: the track's, else open-coarse]"
    ),
    click.option(
        "--body-weights",
        type=PATH,
        metavar="FILE",
        help="SPIN's weights, to find bodies where no track is given",
    ),
    click.option("--data-root", metavar="FOLDER", help="where datasets lie, as in iper-bench run"),
    click.option(
        "--out",
        type=PATH,
        required=True,
        metavar="FILE|FOLDER",
        help="a video (.mp4, .webm for browsers, .mkv or .avi without loss), one picture (.png), or a folder",
    ),
    click.option("--frames/--no-frames", default=None, help="numbered PNGs too  [default: in a folder only]"),
    click.option("--overwrite", is_flag=True, help="replace numbered PNGs that lie there"),
    click.option(
        "--side-by-side",
        is_flag=True,
        help="sources and driver beside the result; not in numbered PNGs",
    ),
    click.option(
        "--keep-square", is_flag=True, help="do not cut the result back to the shape of the source's frames"
    ),
    click.option(
        "--fps",
        type=click.FloatRange(min=0, min_open=True, max=1000),
        callback=not_nan,
        metavar="F",
        help="of the video  [default: the driver's, else 25]",
    ),
)


_KEEP = (
    click.option(
        "--save-subject",
        type=PATH,
        metavar="FILE.subject",
        help="keep the personalized person: sources and changed weights, to be named in --source",
    ),
)


def keep_options(command: Command) -> Command:
    """Options about keeping the person."""
    return add_options(command, *_KEEP)


def source_options(command: Command) -> Command:
    """Options about the person."""
    return add_options(command, *_SOURCE)


def target_options(command: Command) -> Command:
    """Options about the motion and its camera."""
    return add_options(command, *_TARGET)


def job_options(command: Command) -> Command:
    """Options about method and output."""
    return add_options(command, *_JOB)


_OF_A_MOTION = {
    "target_frames": "--target-frames",
    "camera": "--camera",
    "stabilise": "--stabilise",
    "smooth": "--smooth",
    "view": "--view",
    "stops": "--bullet-time",
}


def person_of(options: dict[str, Any]) -> PersonSpec:
    """The person of the options."""
    from iper_bench.tasks.person import PersonSpec
    from iper_bench.tasks.reel import ReelSpec

    reel = ReelSpec(options["source"], options["source_track"], options["source_masks"])
    return PersonSpec(reel, options["source_frames"], options["sn"])


def target_of(options: dict[str, Any]) -> TargetSpec | None:
    """The motion of the options; ``None`` when there is none."""
    from iper_bench.tasks.imitate import TargetSpec
    from iper_bench.tasks.reel import ReelSpec

    if options["target"] is None and options["target_track"] is None:
        typed, given = click.get_current_context(), click.core.ParameterSource.COMMANDLINE
        idle = [option for name, option in _OF_A_MOTION.items() if typed.get_parameter_source(name) == given]
        if idle:
            raise UserError(
                f"{idle[0]} without a motion", where="--target", expected="--target or --target-track"
            )
        return None
    return TargetSpec(ReelSpec(options["target"], options["target_track"]), options["target_frames"])


def motion_of(options: dict[str, Any]) -> MotionOptions:
    """How the motion is carried over."""
    from iper_bench.tasks.motion import MotionOptions

    return MotionOptions(
        camera=options["camera"].replace("-", "_"),
        stabilise=options["stabilise"],
        smooth=options["smooth"],
        view=options["view"],
        stops=options["stops"],
    )


def job_of(options: dict[str, Any]) -> Job:
    """Method and output of the options."""
    from iper_bench.tasks.engine import Job

    return Job(
        destination_of(options["out"], options["frames"], overwrite=options["overwrite"]),
        method=options["method"],
        steps=options["steps"],
        seed=options["seed"],
        fps=options["fps"],
        side_by_side=options["side_by_side"],
        crop=not options["keep_square"],
        save_subject=options.get("save_subject"),
    )


def destination_of(out: Path, frames: bool | None, *, overwrite: bool) -> Destination:
    """Where the result goes."""
    from iper_bench.tasks.delivery import Destination

    return Destination(out, frames, overwrite)


def setting_of(options: dict[str, Any]) -> Setting:
    """Size, body and data of the options."""
    from iper_bench.tasks.person import Setting

    return Setting(options["size"], options["data_root"], options["body"], options["body_weights"])


def finish(task: Callable[[], Path]) -> None:
    """Do the task and print the path of its result; Ctrl-C ends in a line that says what is kept."""
    from iper_bench.tasks.delivery import Interrupted

    try:
        click.echo(task())
    except Interrupted as error:
        click.echo(f"iper-bench: {error.line}", err=True)
        click.get_current_context().exit(INTERRUPTED)
