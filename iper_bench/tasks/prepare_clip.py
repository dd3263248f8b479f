"""``prepare_clip``: one clip into the prepared folder: square frames, mattes, bodies, boxes.

From: paper, section 4 (arXiv 2011.09055): crop by the box of the person, rescale with the ratio kept, pad to
a square; iPERCore's preprocessing for the arithmetic (``iper_bench.data.crop``). Differs: the union of boxes
does not overwrite the box of frame 0; frames are written as PNG, not compressed again; frames of another size
than the first are refused, not resized; a track that is there is kept and its cameras follow the crop, where
the released code estimates anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iper_bench.atomic import FULL
from iper_bench.data.box_file import read_boxes, write_boxes
from iper_bench.data.clip import BodyTrack, Floats
from iper_bench.data.crop import WHOLE_FRAME, Box, Crop, active_box, crop_frame, crop_matte, union_box
from iper_bench.data.crop_camera import crop_camera
from iper_bench.data.frame_name import printable
from iper_bench.data.matte_file import read_matte
from iper_bench.data.prepared_folder import (
    BOXES,
    IMAGES,
    KEYPOINTS,
    MASKS,
    TRACK,
    ClipRecord,
    ClipWriter,
)
from iper_bench.data.track_file import TrackFile, write_track
from iper_bench.data.video_io import image_files
from iper_bench.errors import UserError
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.prepare_frames import RawClip, RawFrames, take_rows

if TYPE_CHECKING:
    from iper_bench.data.keypoint_file import Keypoints

# What needs torch is imported where it is used: a worker that only crops is ready in half a second.

_SHOWN = 5  # frame numbers in a line


@dataclass(frozen=True)
class ClipOptions:
    """How every clip is prepared.

    Attributes
    ----------
    size: side of the square frames. factor: of the crop, see :func:`iper_bench.data.crop.active_box`.
    body: name of the body model of the tracks, for the record. model: what it is loaded by.
    fps: see :class:`RawFrames`.
    weights: of a body estimator, for clips without a track; ``None`` leaves them without one. estimator: what
        identifies them, for the record.
    smooth: low-pass recovered tracks of more than 10 frames.
    threads: of the decoder.
    """

    size: int
    factor: float
    body: str
    model: str
    fps: float | None = None
    weights: Path | None = None
    smooth: bool = True
    threads: int = 0
    estimator: str | None = None


@dataclass(frozen=True)
class ClipOutcome:
    """What became of a clip; picklable.

    Attributes
    ----------
    frames: that were written. seconds: that it took.
    tracked: whether it has a track now.
    notes: what is odd about it, a line each.
    error: why it could not be prepared, in a line; ``None`` = it was.
    ends: whether nothing else can be prepared either: the disk is full.
    """

    name: str
    frames: int = 0
    seconds: float = 0.0
    tracked: bool = False
    notes: tuple[str, ...] = ()
    error: str | None = None
    ends: bool = False


class StoppedError(Exception):
    """The program is being interrupted."""


@dataclass
class _Person:
    """Where the person is in the original frames: ``boxes`` (T, 4) ``x0, x1, y0, y1``, NaN = nobody, and
    ``points`` if there are any.
    """

    boxes: Floats
    points: Keypoints | None
    notes: list[str] = field(default_factory=list)


def prepare_clip(
    clip: RawClip, folder: Path, options: ClipOptions, stopped: Callable[[], bool] = lambda: False
) -> ClipOutcome:
    """Prepare one clip; an error becomes part of the outcome, so that it does not end the others.

    Parameters
    ----------
    folder: of the clip in the prepared folder.
    stopped: asked after every frame; when it says yes, StoppedError is raised and the clip stays unfinished.
    """
    begun = time.monotonic()
    try:
        frames, tracked, notes = _prepare(clip, folder, options, stopped)
    except UserError as error:
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in FULL
        return ClipOutcome(clip.name, error=f"clip {printable(clip.name)}: {error}", ends=full)
    return ClipOutcome(clip.name, frames, time.monotonic() - begun, tracked, tuple(notes))


def _prepare(
    clip: RawClip, folder: Path, options: ClipOptions, stopped: Callable[[], bool]
) -> tuple[int, bool, list[str]]:
    frames = RawFrames(clip, options.fps, threads=options.threads)
    if clip.track is not None:
        _require_track(clip, frames, clip.track)
    person = _find_person(clip, frames, options.factor)
    box = _crop_box(person, frames, options.factor)
    writer = ClipWriter(folder)
    crop = _write_pictures(writer, clip, frames, box, options.size, stopped)
    write_boxes(folder / BOXES, take_rows(crop.box(person.boxes), frames.rows).astype(np.float32))
    writer.add(BOXES)
    if person.points is not None:
        _write_points(writer, person.points, crop, frames)
    tracked = _write_track(writer, clip, frames, crop, options)
    record = ClipRecord(
        frames=len(frames.rows),
        fps=frames.fps,
        source=printable(clip.place or str(clip.source)),
        frame_size=frames.size,
        crop_box=box,
        scale=float(crop.scale),
        start=(float(crop.start[0]), float(crop.start[1])),
        inputs=clip.inputs,
        estimator=options.estimator if clip.track is None else None,
    )
    writer.finish(record)
    return len(frames.rows), tracked, [*frames.notes, *person.notes]


def _require_track(clip: RawClip, frames: RawFrames, file: TrackFile) -> None:
    """Raise UserError unless the track of the clip speaks of these frames."""
    where = f"track of {printable(clip.name)}"
    if len(file.track) != len(clip):
        raise UserError(
            f"holds {len(file.track)} bodies for {len(clip)} frames", where=where, expected="one per frame"
        )
    height, width = frames.size
    made_height, made_width = file.frame or (1, 1)
    # the same shape to within a pixel of rounding
    if abs(height * made_width - width * made_height) > max(made_height, made_width):
        made = "square frames" if file.frame is None else f"frames of {made_width}x{made_height}"
        raise UserError(
            f"was made for {made}, the frames are {width}x{height}",
            where=where,
            expected="frames of one shape",
        )


def _find_person(clip: RawClip, frames: RawFrames, factor: float) -> _Person:
    """Boxes from the file of boxes, else the mattes, else the points, else the whole frame."""
    height, width = frames.size
    points, notes = _points(clip, frames, factor)
    if clip.boxes is not None:
        boxes = read_boxes(clip.boxes, count=len(clip))
    elif clip.mattes is not None:
        from iper_bench.body.recovery.person_box import boxes_from_mattes

        _require_mattes(clip, clip.mattes)
        boxes = np.concatenate([boxes_from_mattes(_matte(path, frames.size)[None]) for path in clip.mattes])
    elif points is not None:
        from iper_bench.body.recovery.person_box import boxes_from_keypoints

        boxes = boxes_from_keypoints(points.points)
    else:
        boxes = np.tile(np.array([0, width, 0, height], np.float32), (len(clip), 1))
    person = _Person(boxes, points, notes)
    absent = np.flatnonzero(np.isnan(boxes).any(1))
    if len(absent):
        shown = ", ".join(str(row) for row in absent[:_SHOWN]) + (", ..." if len(absent) > _SHOWN else "")
        person.notes.append(
            f"clip {printable(clip.name)}: nobody found in {len(absent)} of {len(clip)} frames ({shown})"
        )
    return person


def _points(clip: RawClip, frames: RawFrames, factor: float) -> tuple[Keypoints | None, list[str]]:
    """The 2-D points of the clip, and what to say of them.

    Nobody says what the ``kps.pkl`` of MotionSynthetic hold. Points that merely lay there, and decide on
    nothing because the whole frame is taken, are left out with a note when they cannot be read.
    """
    if clip.keypoints is None:
        return None, []
    from iper_bench.data.keypoint_file import read_keypoints

    try:
        return read_keypoints(clip.keypoints, frame=frames.size, count=len(clip)), []
    except UserError as error:
        if clip.points_given or factor != WHOLE_FRAME:
            raise
        return None, [f"clip {printable(clip.name)}: its points are left out: {error}"]


def _crop_box(person: _Person, frames: RawFrames, factor: float) -> Box:
    """The part of the frames that the crops show. Raises UserError when it depends on a person whom nobody
    found.
    """
    there = person.boxes[np.isfinite(person.boxes).all(1)]
    if factor == WHOLE_FRAME:
        return active_box(np.zeros(4), frames.size, factor)
    if not len(there):
        raise UserError(
            "nobody is found in any frame",
            expected="a person in one frame at least",
            hint="--factor 0 to take the whole frame",
        )
    return active_box(union_box(there), frames.size, factor)


def _require_mattes(clip: RawClip, mattes: tuple[Path, ...]) -> None:
    if len(mattes) != len(clip):
        raise UserError(
            f"{len(mattes)} mattes for {len(clip)} frames",
            where=printable(clip.name),
            expected="one per frame",
        )


def _matte(path: Path, size: tuple[int, int]) -> np.ndarray:
    matte = read_matte(path)
    if matte.shape != size:
        raise UserError(
            f"a matte of {matte.shape[1]}x{matte.shape[0]} pixels",
            where=printable(str(path)),
            expected=f"{size[1]}x{size[0]}, like the frames",
        )
    return matte


def _write_pictures(
    writer: ClipWriter,
    clip: RawClip,
    frames: RawFrames,
    box: Box,
    size: int,
    stopped: Callable[[], bool],
) -> Crop:
    """Frames and mattes; returns the crop of the last frame, whose numbers are those of all."""
    crop: Crop | None = None
    for place, frame in enumerate(frames.stream()):
        crop = crop_frame(frame, box, size)
        writer.write_frame(frames.stems[place], crop.image)
        if clip.mattes is not None:
            _require_mattes(clip, clip.mattes)
            matte = _matte(clip.mattes[frames.rows[place]], frames.size)
            writer.write_matte(frames.stems[place], crop_matte(matte, box, size))
        if stopped():
            raise StoppedError
    if crop is None:
        raise UserError("holds no frame", where=printable(str(clip.source)), expected="frames or a video")
    return crop


def _write_points(writer: ClipWriter, points: Keypoints, crop: Crop, frames: RawFrames) -> None:
    from iper_bench.data.keypoint_file import Keypoints, write_keypoints

    moved = take_rows(points.points, frames.rows)
    found = moved[..., 2:] > 0
    moved[..., :2] = np.where(found, crop.points(moved[..., :2]), 0.0)
    write_keypoints(writer.folder / KEYPOINTS, Keypoints(moved, points.layout))
    writer.add(KEYPOINTS)


def _write_track(
    writer: ClipWriter, clip: RawClip, frames: RawFrames, crop: Crop, options: ClipOptions
) -> bool:
    """Whether there is a track now."""
    path = writer.folder / TRACK
    if clip.track is not None:
        track = clip.track.track.take(frames.rows)
        side = len(crop.image)
        cams = crop_camera(track.cams, frame=frames.size, scale=crop.scale, start=crop.start, side=side)
        write_track(path, TrackFile(BodyTrack(track.betas, track.poses, cams), options.body))
    elif options.weights is not None:
        _recover(writer.folder, options, frames.stems)
    else:
        return False
    writer.add(TRACK)
    return True


def _recover(folder: Path, options: ClipOptions, stems: Sequence[str]) -> None:
    """Find the bodies on the frames that were written, as the released order of the stages is."""
    from iper_bench.tasks.recover_track import Improvement, RecoverRequest, recover_track
    from iper_bench.tasks.reel import ReelSpec

    points, masks = folder / KEYPOINTS, folder / MASKS
    if [path.stem for path in image_files(folder / IMAGES)] != list(stems):
        raise UserError(
            "names of frames that can be sorted in two ways",
            where=printable(str(folder / IMAGES)),
            expected="numbers of one width",
        )
    request = RecoverRequest(
        ReelSpec(str(folder / IMAGES), masks=masks if masks.is_dir() and any(masks.iterdir()) else None),
        weights=options.weights,
        keypoints=points if points.is_file() else None,
        boxes=folder / BOXES,
        improvement=Improvement(smooth=None if options.smooth else False),
        body=options.model,
    )
    found = recover_track(request, Notes())
    write_track(folder / TRACK, replace(found.file, body=options.body))
