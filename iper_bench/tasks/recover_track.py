"""``recover_track``: the body track of a video or a folder of frames, for ``iper-bench body recover``.

Person boxes, the estimator's bodies, refinement by 2-D points, temporal smoothing: the stages of iPERCore's
preprocessing that lead to its ``pose3d``, in its order (``body/recovery`` says what differs). Frames stream;
memory does not grow with their size or number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from iper_bench.body.loading import default_body, load_body
from iper_bench.body.model import BodyModel
from iper_bench.body.open_body import open_body_names
from iper_bench.body.recovery.estimate import BodyEstimator, RecoveredBodies, estimate_bodies, joined_bodies
from iper_bench.body.recovery.hmr_iccv import HmrIccv
from iper_bench.body.recovery.refine import TEMPORAL, RefineOptions, refine_track, reprojection
from iper_bench.body.recovery.small import SmallHmr
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.body.smoothing import SHORTEST, smooth_track
from iper_bench.data.clip import BodyTrack, Floats, Images
from iper_bench.data.keypoint_file import Keypoints, missing_number, read_keypoints
from iper_bench.data.track_file import TrackFile
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.progress import track as progress
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.recover_boxes import listed, padding, person_boxes
from iper_bench.tasks.reel import Reel, ReelSpec, open_reel
from iper_bench.tasks.square import Square

LARGEST_SIDE = 512  # pixels: the estimator looks at 224, so more detail is thrown away anyway
ODD = 4.0  # times the mean distance from the points at which a frame is named
_BATCH = 16  # frames in memory


@dataclass(frozen=True)
class Improvement:
    """What is done to the estimator's bodies.

    Attributes
    ----------
    refine: ``None`` = where there are keypoints. smooth: ``None`` = with more than 10 frames.
    temporal: refine with the temporal term, as the released code does driving videos.
    camera: refine the cameras too, which it does not.
    optimiser: ``lbfgs`` or ``adam``, see :class:`iper_bench.body.recovery.refine.RefineOptions`.
    """

    refine: bool | None = None
    smooth: bool | None = None
    temporal: bool = False
    camera: bool = False
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"


@dataclass(frozen=True)
class RecoverRequest:
    """What is known of the person.

    Attributes
    ----------
    reel: video, folder of frames or ``DATASET:CLIP``, with mattes if there are any; ``reel.track`` is a first
        estimate that takes the place of the estimator.
    weights: of the body estimator.
    keypoints: file or folder, see :func:`iper_bench.data.keypoint_file.read_keypoints`.
    boxes: file of person boxes, see :func:`iper_bench.data.box_file.read_boxes`; ``None`` = from the points,
        else from the mattes, else the whole frame.
    body: name or SMPL file; ``None`` = the track's, else what IPER_BENCH_BODY says, else ``open-coarse``.
    data_root: where datasets lie.
    """

    reel: ReelSpec
    weights: Path | None = None
    keypoints: Path | None = None
    boxes: Path | None = None
    improvement: Improvement = Improvement()
    body: str | None = None
    data_root: str | None = None


class Distances(NamedTuple):
    """Mean distance of the projected body from the keypoints, weighted by confidence, in pixels of the
    frames: of the first estimate, after refinement and after smoothing (``None`` = not done).
    """

    first: float
    refined: float | None
    smoothed: float | None


class ImprovedTrack(NamedTuple):
    """``bodies`` at the end; ``distances``, ``None`` without keypoints that count; ``smoothed``: whether the
    low-pass was applied.
    """

    bodies: RecoveredBodies
    distances: Distances | None
    smoothed: bool


@dataclass(frozen=True)
class RecoveredTrack:
    """A track that was found.

    Attributes
    ----------
    file: ready to be written; cameras with the padded square as [-1, 1].
    reel: the frames. body: what the track was refined and is drawn with.
    keypoints: in pixels of the padded square, ``None`` = none were given.
    distances, smoothed: see :class:`ImprovedTrack`.
    """

    file: TrackFile
    reel: Reel = field(repr=False)
    body: BodyModel = field(repr=False)
    keypoints: Keypoints | None = field(repr=False)
    distances: Distances | None
    smoothed: bool


def recover_track(request: RecoverRequest, notes: Notes) -> RecoveredTrack:
    """Find the body in every frame.

    ``notes`` gets one line for everything that is odd about the input.

    Raises
    ------
    UserError, one line, for an input that cannot be read or does not fit: pictures, weights, keypoints,
    boxes, a first estimate; and when there is neither an estimator nor a first estimate.
    """
    reel = open_reel(request.reel, size=None, data_root=request.data_root)
    _require_sense(request, reel)
    if reel.warning is not None:
        notes.say(reel.warning)
    name = _body_name(request, reel)
    body = load_body(name)
    square = Square.around(next(iter(reel.frames([0]))))
    keypoints = None
    if request.keypoints is not None:
        found = read_keypoints(request.keypoints, frame=(square.height, square.width), count=len(reel))
        points = found.points.copy()
        points[..., :2] += padding(square) * (points[..., 2:] > 0)
        keypoints = Keypoints(points, found.layout)
        missing = missing_number(request.keypoints)
        if missing is not None:
            notes.say(f"{request.keypoints}: no file for frame {missing}; the files are taken in order")
        if found.empty_frames():
            frames = listed(found.empty_frames(), len(reel))
            notes.say(f"{request.keypoints}: no point in {frames}; the first estimate stays there")
    bodies = _first_estimate(request, reel, body, square, keypoints, notes)
    better = improve_track(body, bodies, keypoints, square.side, request.improvement, notes)
    track = BodyTrack(better.bodies.betas, better.bodies.poses, better.bodies.cams)
    file = TrackFile(track, name, (square.height, square.width) if square.padded else None)
    return RecoveredTrack(file, reel, body, keypoints, better.distances, better.smoothed)


def improve_track(
    body: BodyModel,
    bodies: RecoveredBodies,
    keypoints: Keypoints | None,
    side: int,
    improvement: Improvement,
    notes: Notes,
) -> ImprovedTrack:
    """Refine bodies by ``keypoints`` and smooth them, in this order.

    Parameters
    ----------
    bodies: one per frame, cameras with the square frame as [-1, 1].
    keypoints: as many, in pixels of the square frame of side ``side``.

    Raises
    ------
    UserError naming the frame in which a camera has no scale above 0: there is no body then.
    """
    _require_cameras(bodies)
    count = len(bodies.poses)
    first = refined = None
    if keypoints is not None:
        first = reprojection(body, bodies, keypoints.points, keypoints.layout, side=side).mean
        if improvement.refine is not False and np.isfinite(first):
            bodies, refined = _refined(body, bodies, keypoints, side, improvement, notes)
    smoothed = improvement.smooth is not False and count > SHORTEST
    if improvement.smooth and not smoothed:
        notes.say(f"not smoothed: {count} frames; more than {SHORTEST} are needed")
    if smoothed:
        poses, cams = smooth_track(bodies.poses, bodies.cams)
        bodies = RecoveredBodies(bodies.betas, poses, cams)
        _require_cameras(bodies)
    if keypoints is None or first is None or not np.isfinite(first):
        return ImprovedTrack(bodies, None, smoothed)
    last = reprojection(body, bodies, keypoints.points, keypoints.layout, side=side)
    _say_far(last.per_frame, last.mean, notes)
    return ImprovedTrack(bodies, Distances(first, refined, last.mean if smoothed else None), smoothed)


def _refined(
    body: BodyModel,
    bodies: RecoveredBodies,
    keypoints: Keypoints,
    side: int,
    improvement: Improvement,
    notes: Notes,
) -> tuple[RecoveredBodies, float]:
    options = RefineOptions(
        improvement.optimiser,
        temporal_weight=TEMPORAL if improvement.temporal else 0.0,
        camera=improvement.camera,
    )
    found, report = refine_track(body, bodies, keypoints.points, keypoints.layout, side=side, options=options)
    if report.kept:
        frames = listed(report.kept, len(bodies.poses))
        notes.say(f"refinement found nothing better in {frames}; the first estimate stays")
    return found, report.after.mean


def _require_sense(request: RecoverRequest, reel: Reel) -> None:
    if not reel.pictures:
        raise ValueError(f"{reel.name} has no frames")
    if request.improvement.refine and request.keypoints is None:
        raise UserError("nothing to refine by", where="--refine", expected="--keypoints FILE")
    improvement = request.improvement
    if request.keypoints is None or improvement.refine is False:
        idle = {
            "--temporal": improvement.temporal,
            "--refine-camera": improvement.camera,
            "--optimiser": improvement.optimiser != Improvement.optimiser,
        }
        for option in (name for name, typed in idle.items() if typed):
            raise UserError(
                "says how to refine, and nothing is refined",
                where=option,
                expected="--keypoints FILE without --no-refine",
            )
    if request.weights is not None and request.reel.track is not None:
        raise UserError(
            "two first estimates",
            where=str(request.reel.track),
            expected="--body-weights or --track, not both",
        )
    if request.weights is None and request.boxes is not None:
        raise UserError(
            "boxes without an estimator that looks at them",
            where=str(request.boxes),
            expected="--body-weights FILE",
        )


def _body_name(request: RecoverRequest, reel: Reel) -> str:
    tracked = reel.body if request.weights is None else None
    return request.body or tracked or default_body()


def _first_estimate(
    request: RecoverRequest,
    reel: Reel,
    body: BodyModel,
    square: Square,
    keypoints: Keypoints | None,
    notes: Notes,
) -> RecoveredBodies:
    if request.weights is not None:
        network = load_estimator(request.weights)
        _say_foreign(request.weights, network, body, notes)
        return _find(reel, network, _boxes(request, reel, network, square, keypoints, notes), square)
    if reel.track is not None:
        return RecoveredBodies(reel.track.betas, reel.track.poses, reel.track.cams)
    raise UserError(
        "nothing says where the body is",
        where=reel.name,
        expected="--body-weights FILE to find it, or --track FILE with a first estimate",
    )


def _say_foreign(weights: Path, network: BodyEstimator, body: BodyModel, notes: Notes) -> None:
    """Say it where the estimator speaks of another kind of body. The open bodies share their parameters."""
    is_open = body.name in open_body_names()
    if not isinstance(network, SmallHmr):
        if is_open:
            notes.say(
                f"{weights} gives shapes of the SMPL body, which the body '{body.name}' wears as its own; "
                "--body FILE takes an SMPL file"
            )
    elif network.body is not None and (network.body in open_body_names()) != is_open:
        notes.say(
            f"{weights} was trained for the body '{network.body}'; its shapes and poses mean something else "
            f"to the body '{body.name}'"
        )


def _boxes(
    request: RecoverRequest,
    reel: Reel,
    network: BodyEstimator,
    square: Square,
    keypoints: Keypoints | None,
    notes: Notes,
) -> Floats | None:
    """As :func:`person_boxes`; ``None`` for a network that looks at the whole frame in any case."""
    if isinstance(network, HmrIccv):
        if request.boxes is not None:
            notes.say(
                f"{request.boxes} is not used: {request.weights} is HMR, which looks at the whole frame"
            )
        return None
    return person_boxes(
        reel, square, notes, boxes=request.boxes, keypoints=keypoints, keypoints_file=request.keypoints
    )


def _find(reel: Reel, network: BodyEstimator, boxes: Floats | None, square: Square) -> RecoveredBodies:
    """What the estimator says of every frame; the shape is the mean. ``boxes`` as of :func:`person_boxes`."""
    network = network.to(compute_device())
    side = min(square.side, LARGEST_SIDE)
    parts: list[RecoveredBodies] = []
    total = -(-len(reel) // _BATCH)
    for rows, frames in progress(_batches(reel), f"finding bodies in {reel.name}", total=total):
        for row, frame in zip(rows, frames, strict=True):
            if boxes is not None and Square.around(frame) != square:
                raise UserError(
                    f"{frame.shape[1]}x{frame.shape[0]} pixels",
                    where=reel.label(row),
                    expected=f"{square.width}x{square.height}, like the first frame: boxes refer to its size",
                )
        images = np.stack([Square.around(frame).bring(frame, side) for frame in frames])
        part = None if boxes is None else boxes[rows] * (side / square.side)
        try:
            parts.append(estimate_bodies(network, images, part))
        except UserError as error:
            raise _relabelled(error, reel, rows) from error
    return joined_bodies(parts)


def _relabelled(error: UserError, reel: Reel, rows: Sequence[int]) -> UserError:
    """The estimator counts the frames of its batch; the message names the frame of the reel."""
    place = re.fullmatch(r"frame (\d+)", error.where or "")
    if place is None:
        return error
    return UserError(
        error.what, where=reel.label(rows[int(place[1])]), expected=error.expected, hint=error.hint
    )


def _batches(reel: Reel) -> Iterator[tuple[list[int], list[Images]]]:
    """Numbers and frames, all of one stream: a video that is opened anew is decoded from its start."""
    stream = iter(reel.frames(range(len(reel))))
    for start in range(0, len(reel), _BATCH):
        frames = list(islice(stream, _BATCH))
        yield list(range(start, start + len(frames))), frames


def _require_cameras(bodies: RecoveredBodies) -> None:
    bad = np.flatnonzero(~(bodies.cams[:, 0] > 0))
    if len(bad):
        raise UserError(
            f"a camera of scale {bodies.cams[bad[0], 0]:g}, so no body",
            where=f"frame {bad[0]}",
            expected="a person in every frame and weights of a trained estimator",
            hint="--boxes, --keypoints or --masks to say where he is",
        )


def _say_far(per_frame: Floats, mean: float, notes: Notes) -> None:
    if not np.isfinite(per_frame).any():
        return
    worst = int(np.nanargmax(per_frame))
    if per_frame[worst] > ODD * mean:
        notes.say(
            f"frame {worst}: the body lies {per_frame[worst]:.1f} pixels from its keypoints, "
            f"{per_frame[worst] / mean:.1f} times the mean"
        )
