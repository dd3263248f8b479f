"""The motion to draw: smoothed, seen from elsewhere, put on the ground, under the camera of the person.

From: iPERCore's order at inference: low-pass filter, view effect or bullet time, ``stabilize``, ``cam_swap``
per frame; shape of the person, pose of the driver. Its parts must agree with the ``smoothing_and_views`` and
``cameras`` oracles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from iper_bench.body.camera import STRATEGIES, swap_camera
from iper_bench.body.camera_track import stabilise
from iper_bench.body.model import BodyModel
from iper_bench.body.smoothing import CAM_CUTOFF, POSE_CUTOFF, SHORTEST, smooth_track
from iper_bench.body.views import bullet_time, rotate_view, turntable
from iper_bench.data.clip import BodyTrack, Floats
from iper_bench.errors import UserError, unknown_name

SMOOTH = STRATEGIES[0]
_BATCH = 64  # bodies posed at once


@dataclass(frozen=True)
class MotionOptions:
    """How a driver's track becomes the drawn one.

    Attributes
    ----------
    camera: one of :data:`iper_bench.body.camera.STRATEGIES`.
    stabilise: put the driver on the ground at constant scale first; ``None`` = with camera ``smooth`` only,
        as released.
    smooth: low-pass the motion; ``None`` = when it has more than ten frames, as released.
    pose_fc, cam_fc: cut-offs of the filter, see :func:`iper_bench.body.smoothing.smooth_track`.
    view: yaw in degrees from which the motion is seen.
    stops: bullet time, (frame, number of views) each.
    """

    camera: str = SMOOTH
    stabilise: bool | None = None
    smooth: bool | None = None
    pose_fc: float = POSE_CUTOFF
    cam_fc: float = CAM_CUTOFF
    view: float = 0.0
    stops: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.camera not in STRATEGIES:
            raise unknown_name("camera", self.camera, STRATEGIES, where="--camera")
        if self.stabilise and self.camera != SMOOTH:
            raise UserError(
                f"stabilised motion with camera '{self.camera}'",
                where="--stabilise",
                expected=f"camera '{SMOOTH}', whose scale and steps are relative to the first frame",
                hint=f"--camera {SMOOTH}, or --no-stabilise",
            )

    @property
    def stabilised(self) -> bool:
        """Whether the driver is put on the ground."""
        return self.camera == SMOOTH if self.stabilise is None else self.stabilise

    def smoothed(self, frames: int) -> bool:
        """Whether a motion of so many frames is filtered."""
        return frames > SHORTEST if self.smooth is None else self.smooth

    def to_json(self, frames: int) -> dict[str, Any]:
        """For the record: what was done to a motion of ``frames``."""
        smooth = {"pose_fc": self.pose_fc, "cam_fc": self.cam_fc} if self.smoothed(frames) else None
        return {
            "camera": self.camera,
            "stabilise": self.stabilised,
            "smooth": smooth,
            "view": self.view,
            "bullet_time": [list(stop) for stop in self.stops],
        }


@dataclass(frozen=True)
class Motion:
    """What is drawn.

    Attributes
    ----------
    track: the person's body in every frame, under the cameras of the picture.
    frames: for each the frame of the driver it was made from.
    """

    track: BodyTrack
    frames: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.frames)


def drive(
    body: BodyModel,
    person: BodyTrack,
    driver: BodyTrack,
    options: MotionOptions,
    frames: Sequence[int] | None = None,
) -> Motion:
    """The driver's motion on the person.

    Parameters
    ----------
    person: bodies of his sources; shape and camera of the first one count.
    driver: the track to follow, with his own shape, from which his foot is measured.
    frames: numbers of the driver's frames; ``None`` = 0, 1, 2 ...

    Raises
    ------
    UserError for a bullet time outside of the track.
    """
    poses, cams = driver.poses, driver.cams
    if options.smoothed(len(driver)):
        poses, cams = smooth_track(poses, cams, options.pose_fc, options.cam_fc)
    ids: NDArray[np.int64] = np.arange(len(driver))
    if options.stops:
        poses, cams, ids = bullet_time(poses, cams, options.stops)
    if options.view:
        poses = rotate_view(poses, options.view)
    if options.stabilised:
        cams = stabilise(cams, feet(body, driver.betas, poses))
    own = torch.from_numpy(person.cams[:1])
    swapped = swap_camera(options.camera, own, torch.from_numpy(cams), torch.from_numpy(cams[:1])).numpy()
    numbers = range(len(driver)) if frames is None else frames
    drawn = BodyTrack(person.betas, poses, np.ascontiguousarray(swapped, dtype=np.float32))
    return Motion(drawn, tuple(int(numbers[place]) for place in ids))


def feet(body: BodyModel, betas: Floats, poses: Floats) -> Floats:
    """Largest y (down, metres) over the vertices of every posed body: (T,) float32."""
    found = [
        body.pose(torch.from_numpy(betas), torch.from_numpy(poses[start : start + _BATCH]))
        .vertices[..., 1]
        .amax(1)
        .numpy()
        for start in range(0, len(poses), _BATCH)
    ]
    return np.concatenate(found).astype(np.float32)


@dataclass(frozen=True)
class ViewOptions:
    """A still person seen from all around, or from one side.

    Attributes
    ----------
    views: frames of one full turn.
    rotate: degrees about the camera's axes after the turn, x (right) first, then y (down), then z (away).
    translate: metres right and down. zoom: factor of the scale, about the middle of the picture.
    t_pose: whether the body stands in the T-pose instead of the pose of the first source.
    """

    views: int
    rotate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    translate: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    t_pose: bool = False


def look_around(body: BodyModel, person: BodyTrack, options: ViewOptions) -> Motion:
    """A turn of the first source's body on its ground, moved rigidly.

    The camera is that of the first source up to ground contact, as in the released viewer (cameras of zero,
    stabilised, strategy ``smooth``).
    """
    poses = turntable(None if options.t_pose else person.poses[0], options.views)
    tilt = Rotation.from_euler("xyz", options.rotate, degrees=True)
    poses[:, :3] = (tilt * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    still = np.tile(np.array([[1.0, 0.0, 0.0]], np.float32), (len(poses), 1))
    motion = drive(body, person, BodyTrack(person.betas, poses, still), MotionOptions(smooth=False))
    cams = motion.track.cams * np.array([options.zoom, 1.0, 1.0], np.float32)
    cams[:, 1:] += np.array(options.translate, np.float32)
    return Motion(BodyTrack(person.betas, motion.track.poses, cams), motion.frames)
