"""What is hard about the target frames of a trial: view, distance to the nearest source, occlusion.

Everything follows from the bodies: no picture is opened, and no method has a part in it. The body is that of
the source person in the target's poses, which is what a prediction should show. Definitions stand with
:class:`iper_bench.store.frame_facts.FrameFacts`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from iper_bench.body import load_body
from iper_bench.body.camera import project, swap_camera
from iper_bench.body.heading import heading_and_tilt, usable
from iper_bench.body.model import BodyModel
from iper_bench.body.rasteriser import rasterise
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.protocol.trial import SELF, Trial
from iper_bench.run.material import Material
from iper_bench.run.unit import trial_id
from iper_bench.store.frame_facts import FrameFacts, path_of, write_frame_facts
from iper_bench.store.run_folder import RunFolder

# Sides of the rasters, pixels; they do not follow the size of the frames, so that a trial has the same facts
# at every size. Sources are drawn finer: a face of the mesh that no pixel hits counts as unseen.
TARGET_SIDE, SOURCE_SIDE = 128, 256
_BATCH = 16  # bodies posed and drawn at once

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Seen:
    """What drawing the targets tells, per frame: ``size`` and ``hidden`` (N,), ``unseen`` (number of sn, N),
    NaN where no pixel shows the body; ``joints`` (N, 24, 3) metres, camera frame.
    """

    size: Doubles
    hidden: Doubles
    unseen: Doubles
    joints: Doubles


def record(folder: RunFolder, material: Material) -> None:
    """Write ``facts/<trial id>.json`` unless it is there: once for all methods and all numbers of sources.

    What cannot be computed, such as a clip without bodies or bodies far outside the image, gives a file that
    says why. Raises StoreError when the disk refuses.
    """
    trial = material.trial
    identity = trial_id(trial)
    if path_of(folder.path, identity).is_file():
        return
    try:
        facts = frame_facts(material)
    except (UserError, ValueError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        facts = FrameFacts(trial.name, len(trial.target_frames), said)
    write_frame_facts(folder.path, identity, facts)


def frame_facts(material: Material) -> FrameFacts:
    """Facts of the trial of ``material``, for every sn that its protocol has. Raises ValueError as
    :func:`record`.
    """
    trial = material.trial
    count = len(trial.target_frames)
    for clip in (material.target_clip, material.source_clip):
        if not clip.has_track:
            return FrameFacts(trial.name, count, f"clip '{clip.name}' has no bodies")
    body = load_body(material.dataset.body)
    used = sorted({frame for frames in trial.sources.values() for frame in frames})
    sources = material.source_clip.track.take(used)
    targets = _targets(trial, material.target_clip.track, sources, used)
    rows = {sn: [used.index(frame) for frame in frames] for sn, frames in sorted(trial.sources.items())}
    shown = _remembered(
        _key(body, sources, SOURCE_SIDE),
        lambda: [_faces_near(faces, body) for faces in _visible(body, sources, SOURCE_SIDE)],
    )
    together = [np.logical_or.reduce([shown[row] for row in rows[sn]]) for sn in rows]
    seen = _remembered(_key(body, targets, *together), lambda: _look(body, targets, together))
    view, clear = _headings(targets)
    source_view, source_clear = _headings(sources)
    turns = np.where(source_clear, _turn(view[:, None], source_view[None]), np.inf)
    source_joints = np.concatenate([posed[1] for posed in _posed(body, sources)])
    apart = pose_distances(seen.joints, view, source_joints, source_view)
    return FrameFacts(
        trial.name,
        count,
        None,
        view=_listed(np.where(clear, view, np.nan)),
        size=_listed(seen.size),
        self_occlusion=_listed(seen.hidden),
        pose_distance={sn: _listed(apart[:, rows[sn]].min(axis=1)) for sn in rows},
        view_distance={sn: _listed(np.where(clear, turns[:, rows[sn]].min(axis=1), np.nan)) for sn in rows},
        occlusion={sn: _listed(seen.unseen[number]) for number, sn in enumerate(rows)},
    )


#: what drawing the same bodies told before: a source clip is drawn alike for its self- and cross-imitation
_DRAWN: OrderedDict[bytes, Any] = OrderedDict()
_KEPT = 64  # results; the flags of a source take a few kilobytes


def _remembered(key: bytes, draw: Callable[[], Result]) -> Result:
    if key not in _DRAWN:
        _DRAWN[key] = draw()
        while len(_DRAWN) > _KEPT:
            _DRAWN.popitem(last=False)
    _DRAWN.move_to_end(key)
    found: Result = _DRAWN[key]
    return found


def _key(body: BodyModel, track: BodyTrack, *more: Flags | int) -> bytes:
    """Content of everything that a drawing depends on."""
    digest = hashlib.sha256(f"{body.sha256} {body.faces.device}".encode())
    for array in (track.betas, track.poses, track.cams, *more):
        digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(b"|")
    return digest.digest()


def pose_distances(targets: Doubles, view: Doubles, sources: Doubles, source_view: Doubles) -> Doubles:
    """Distances in pose (N, S), metres, between every target and every source.

    Parameters
    ----------
    targets, sources: joints (N, 24, 3) and (S, 24, 3) of bodies of one shape, camera frame. view,
        source_view: their headings (N,) and (S,), degrees.

    Returns
    -------
    Mean over the joints but the root of the distance after the roots were laid on each other and every body
    was turned about the camera's vertical axis until it faces the camera.
    """
    ours, theirs = _facing(targets, view), _facing(sources, source_view)
    return np.stack([np.linalg.norm(ours - one, axis=-1).mean(axis=-1) for one in theirs], axis=1)


def _facing(joints: Doubles, view: Doubles) -> Doubles:
    """Joints but the root, (N, 23, 3), relative to it, of bodies turned by minus their heading."""
    turn = Rotation.from_euler("y", -view[:, None], degrees=True).as_matrix()
    return np.einsum("nij,nkj->nki", turn, joints[:, 1:] - joints[:, :1])


def _targets(trial: Trial, driver: BodyTrack, sources: BodyTrack, used: Sequence[int]) -> BodyTrack:
    """The source person in the target's poses, under the cameras of ``methods.predicted_track``; the first
    source of the smallest sn stands for all.
    """
    track = driver.take(trial.target_frames)
    cams = track.cams
    if trial.setting != SELF:
        own = torch.from_numpy(track.cams)
        first = used.index(trial.sources[min(trial.sources)][0])
        cams = swap_camera("smooth", torch.from_numpy(sources.cams[first]), own, own[0]).numpy()
    return BodyTrack(sources.betas, track.poses, cams)


def _headings(track: BodyTrack) -> tuple[Doubles, Flags]:
    view, tilt = heading_and_tilt(track.poses[:, :3])
    return view, usable(tilt)


def _turn(ours: Doubles, theirs: Doubles) -> Doubles:
    """Smallest turn between two headings, 0 to 180 degrees."""
    return np.abs((ours - theirs + 180.0) % 360.0 - 180.0)


def _posed(body: BodyModel, track: BodyTrack) -> Iterator[tuple[Tensor, Doubles]]:
    """Projected vertices (B, V, 3) and joints (B, 24, 3) in batches."""
    for first in range(0, len(track), _BATCH):
        rows = slice(first, first + _BATCH)
        posed = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses[rows]))
        projected = project(posed.vertices, torch.from_numpy(track.cams[rows]))
        yield projected, posed.joints.cpu().numpy().astype(np.float64)


def _visible(body: BodyModel, track: BodyTrack, side: int) -> list[Flags]:
    """Of every body, the faces (F,) that some pixel of its image shows."""
    found = []
    for projected, _ in _posed(body, track):
        drawn, _ = rasterise(projected, body.faces, side)
        for fim in drawn.cpu().numpy():
            flags = np.zeros(body.face_count + 1, dtype=np.bool_)
            flags[fim.ravel()] = True  # -1, the background, is the last entry
            found.append(flags[:-1])
    return found


def _faces_near(seen: Flags, body: BodyModel) -> Flags:
    """The faces ``seen`` and those that share an edge with one: a small face may fall between the pixels, and
    a method sees the picture between them as well.
    """
    faces = body.faces.cpu().numpy()
    touched = np.zeros(body.vertex_count, dtype=np.bool_)
    touched[faces[seen].ravel()] = True
    return seen | (touched[faces].sum(axis=1) >= 2)


def _look(body: BodyModel, targets: BodyTrack, shown: Sequence[Flags]) -> _Seen:
    """Draw the targets. ``shown``: for every sn the faces that its sources show."""
    size, hidden, joints = [], [], []
    unseen: list[list[float]] = [[] for _ in shown]
    for projected, posed in _posed(body, targets):
        drawn, _ = rasterise(projected, body.faces, TARGET_SIDE)
        joints.append(posed)
        heights = projected[..., 1].clamp(-1.0, 1.0)
        size.extend(((heights.amax(1) - heights.amin(1)) / 2.0).tolist())
        facing = _facing_pixels(projected, body.faces, TARGET_SIDE).tolist()
        for fim, area in zip(drawn.cpu().numpy(), facing, strict=True):
            faces = fim[fim >= 0]
            hidden.append(max(0.0, 1.0 - faces.size / area) if area > 0 else np.nan)
            for number, flags in enumerate(shown):
                unseen[number].append(1.0 - float(flags[faces].mean()) if faces.size else np.nan)
    return _Seen(np.array(size), np.array(hidden), np.array(unseen), np.concatenate(joints))


def _facing_pixels(projected: Tensor, faces: Tensor, side: int) -> Tensor:
    """Area (N,) in pixels of the faces that look to the camera and whose middle lies in the image."""
    corner = projected[:, faces, :2].double()
    first, second = corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0]
    # y points down: a face that is counter-clockwise from outside turns the other way in the image
    area = (first[..., 1] * second[..., 0] - first[..., 0] * second[..., 1]) / 2.0
    inside = (corner.mean(dim=2).abs() <= 1.0).all(dim=-1)
    return (area.clamp_min(0.0) * inside).sum(dim=1) * (side / 2.0) ** 2


def _listed(values: Doubles) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
