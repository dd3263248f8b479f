"""From what was typed about a person to the sources that a method takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.body import load_body
from iper_bench.body.heading import heading_and_tilt, usable
from iper_bench.body.model import BodyModel
from iper_bench.body.silhouette import silhouettes
from iper_bench.data.clip import BodyTrack, Floats, Images
from iper_bench.data.track_file import TrackFile
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources
from iper_bench.tasks.checks import check_sources, require_person
from iper_bench.tasks.kept import SUFFIX, KeptReel
from iper_bench.tasks.memory import sparing
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.recovery import Recovered, recover
from iper_bench.tasks.reel import Reel, ReelSpec, open_reel, selected
from iper_bench.tasks.square import Square

DEFAULT_BODY = "open-coarse"  # the body that the packaged weights were trained on
DEFAULT_SIZE = 256  # pixels, for pictures that are no dataset's
DEFAULT_SN = 2  # front and back: the fewest that show a whole person, and they blend least
MOST_SOURCES = 8  # the largest number in the paper (Figure 14); time and memory grow with each
CANDIDATES = 25  # frames of a long video in which bodies are looked for (iPERCore's front and back lists)


@dataclass(frozen=True)
class PersonSpec:
    """What was typed about a person.

    Attributes
    ----------
    reel: his pictures.
    frames: picked frames, the first one gives background and camera; ``None`` = chosen by heading.
    sn: how many are chosen; ``None`` = :data:`DEFAULT_SN`, or the one there is.
    """

    reel: ReelSpec
    frames: tuple[int, ...] | None = None
    sn: int | None = None


@dataclass(frozen=True)
class Setting:
    """What holds for the whole task.

    Attributes
    ----------
    size: side of the frames; ``None`` = the dataset's, else :data:`DEFAULT_SIZE`.
    data_root: where datasets lie. body: name or SMPL file; ``None`` = the track's, else :data:`DEFAULT_BODY`.
    body_weights: of the body estimator, for pictures without a track.
    """

    size: int | None = None
    data_root: str | None = None
    body: str | None = None
    body_weights: Path | None = None


@dataclass(frozen=True)
class Person:
    """A person ready for a method.

    Attributes
    ----------
    sources: square frames, mattes and bodies.
    reel: where they come from. frames: which ones.
    square: how the first source was padded.
    estimated: whether the bodies had to be found. found: those of the whole reel, where all were.
    mask_origin: where the mattes come from.
    """

    sources: Sources
    reel: Reel
    frames: tuple[int, ...]
    square: Square
    estimated: bool
    found: TrackFile | None
    mask_origin: str

    @property
    def size(self) -> int:
        """Side of the frames."""
        return int(self.sources.frames.shape[1])

    def to_json(self) -> dict[str, Any]:
        """For the record beside the output."""
        return {
            "source": self.reel.name,
            "frames": list(self.frames),
            "masks": self.mask_origin,
            "track": "estimated" if self.estimated else "given",
            "size_at_rest": [self.square.height, self.square.width],
        }


def load_person(spec: PersonSpec, setting: Setting, notes: Notes) -> Person:
    """Open, choose, square and check the sources of a person.

    Raises
    ------
    UserError, one line, for whatever of it is missing or cannot be used; see the tests for the list.
    """
    count = _asked(spec)
    reel = _open(spec, setting)
    size = setting.size or reel.side or DEFAULT_SIZE
    if reel.warning is not None:
        notes.say(reel.warning)
    body_name, body = _body(setting, reel, notes)
    frames, track, recovered = _sources_of(reel, spec, count, setting)
    with sparing(size, len(frames)):
        images, squares = _bring(reel, frames, size, notes)
        check_sources(body, track, lambda row: reel.label(frames[row]), notes)
        masks, origin = _masks(reel, frames, squares, body, track, size, notes)
    require_person(masks, lambda row: reel.label(frames[row]))
    sources = Sources(images, masks, track, body_name)
    found = None if recovered is None else recovered.whole(len(reel), body_name)
    return Person(sources, reel, frames, squares[0], recovered is not None, found, origin)


def _open(spec: PersonSpec, setting: Setting) -> Reel:
    text = spec.reel.text
    if text is None or not text.endswith(SUFFIX):
        return open_reel(spec.reel, size=setting.size, data_root=setting.data_root)
    given = {
        "--source-frames": spec.frames,
        "--sn": spec.sn,
        "--source-track": spec.reel.track,
        "--source-masks": spec.reel.masks,
        "--body": setting.body,
    }
    reel = KeptReel(Path(text))
    idle = [option for option, value in given.items() if value is not None]
    if setting.size not in (None, reel.side):
        idle.append("--size")
    if idle:
        raise UserError(
            f"{idle[0]} with a kept person, whose sources are in the file",
            where=text,
            expected=f"no {idle[0]}, or his pictures as --source",
        )
    return reel


def _asked(spec: PersonSpec) -> int | None:
    """How many sources were asked for; ``None`` when that follows from the pictures."""
    count = len(spec.frames) if spec.frames is not None else spec.sn
    option = "--source-frames" if spec.frames is not None else "--sn"
    if count is not None and count > MOST_SOURCES:
        raise UserError(
            f"{count} sources",
            where=option,
            expected=f"at most {MOST_SOURCES}, the most that the paper takes; memory grows with each",
            hint=f"--sn {MOST_SOURCES}",
        )
    if spec.frames is not None and spec.sn is not None and spec.sn != len(spec.frames):
        raise UserError(f"{len(spec.frames)} frames picked, but --sn {spec.sn}", expected="one of the two")
    return count


def _body(setting: Setting, reel: Reel, notes: Notes) -> tuple[str, BodyModel]:
    if setting.body is not None and reel.body is not None and setting.body != reel.body:
        notes.say(f"the track of {reel.name} is of the body '{reel.body}'; drawn with '{setting.body}'")
    if setting.body is None and reel.body is None:
        notes.say(f"body '{DEFAULT_BODY}', since neither --body nor the track names one")
    name = setting.body or reel.body or DEFAULT_BODY
    body = load_body(name)
    if body.face_uv is None:
        raise UserError(
            "has no texture layout, which the flows need",
            where=f"body '{name}'",
            expected=f"a body with one, such as '{DEFAULT_BODY}'",
        )
    return name, body


def _sources_of(
    reel: Reel, spec: PersonSpec, count: int | None, setting: Setting
) -> tuple[tuple[int, ...], BodyTrack, Recovered | None]:
    """Frames, their bodies, and all bodies that had to be found."""
    total = len(reel)
    if isinstance(reel, KeptReel) and reel.track is not None:
        return tuple(range(total)), reel.track, None
    if count is None:
        count = min(total, DEFAULT_SN)
    if count > total:
        raise UserError(f"{count} sources of {total} frames", where=reel.name, expected=f"--sn {total}")
    picked = selected(spec.frames, reel, "--source-frames") if spec.frames is not None else None
    if reel.track is not None:
        frames = picked or spread(reel.track.poses, range(total), count)
        return frames, reel.track.take(frames), None
    looked = picked or tuple(_evenly(total, max(count, CANDIDATES)))
    recovered = recover(reel, looked, setting.body_weights, "--source-track")
    frames = picked or spread(recovered.track.poses, looked, count)
    return frames, recovered.track.take([looked.index(frame) for frame in frames]), recovered


def _evenly(total: int, most: int) -> list[int]:
    return sorted({round(float(place)) for place in np.linspace(0, total - 1, min(total, most))})


def spread(poses: Floats, frames: Sequence[int], count: int) -> tuple[int, ...]:
    """``count`` of ``frames`` whose bodies ``poses`` (N, 72) are seen from sides spread around the person.

    The first is the one that faces the camera best, then those nearest to every 360 / count degrees; bodies
    that lie or bend strongly are taken last. Ties go to the earlier frame.
    """
    headings, tilt = heading_and_tilt(poses[:, :3])
    lying = ~usable(tilt)
    chosen: list[int] = []
    for k in range(count):
        distance = np.abs((headings - 360.0 * k / count + 180.0) % 360.0 - 180.0) + 360.0 * lying
        distance[chosen] = np.inf
        chosen.append(int(np.argmin(np.round(distance, 6))))
    return tuple(int(frames[row]) for row in chosen)


def _bring(reel: Reel, frames: Sequence[int], size: int, notes: Notes) -> tuple[Images, list[Square]]:
    images, squares = [], []
    for frame in reel.frames(frames):
        square = Square.around(frame)
        if square.padded:
            notes.say(
                f"{reel.name}: frames of {square.width}x{square.height} pixels are padded by their border "
                f"to a square and resized to {size} px; the result is cropped back"
            )
        images.append(square.bring(frame, size))
        squares.append(square)
    return np.stack(images), squares


def _masks(
    reel: Reel,
    frames: Sequence[int],
    squares: Sequence[Square],
    body: BodyModel,
    track: BodyTrack,
    size: int,
    notes: Notes,
) -> tuple[Images, str]:
    given = reel.masks(frames)
    if given is not None:
        pairs = zip(given, squares, strict=True)
        return np.stack([square.bring_mask(mask, size) for mask, square in pairs]), "given"
    notes.say(
        f"{reel.name}: no masks, so the body's silhouette stands for the person; hair and loose clothes are "
        "cut, --source-masks FOLDER keeps them"
    )
    return silhouettes(body, track.betas, track.poses, track.cams, size), "silhouette"
