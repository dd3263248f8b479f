"""Novel views and view effects on SMPL tracks: turntable, yaw, bullet time.

From: iPERCore's ``create_T_pose_novel_view_smpl``, ``add_view_effect`` and ``add_bullet_time_effect``. Must
agree with the ``smoothing_and_views`` oracle to 1e-6. The paper writes a novel view as M R + t on the posed
mesh; a turned root rotation is that, about the root joint, and the camera holds t.

Root rotations turn the y-up body into the camera frame with y DOWN; a yaw is a rotation about the vertical
axis of that frame: +45 degrees turns a person who faces the camera towards the left edge of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from iper_bench.errors import UserError

Float = TypeVar("Float", np.float32, np.float64)

POSE_SIZE = 72  # 24 joints, axis-angle
ROOT = slice(0, 3)
FACING = 180.0  # degrees about x: an upright body that faces the camera
FULL_TURN = 360.0  # degrees


def turn_roots(frames: int) -> NDArray[np.float64]:
    """Root rotations (frames, 3) of a full turn that begins and ends facing the camera, axis-angle, radians.

    The yaw goes from 0 to 360 degrees inclusive in equal steps; a single frame has yaw 0.
    """
    yaws = np.linspace(0.0, FULL_TURN, frames)
    euler = np.stack([np.full(frames, FACING), yaws, np.zeros(frames)], axis=1)
    # lower case: the half turn about x comes first, then the yaw about the fixed vertical axis
    return np.asarray(Rotation.from_euler("xyz", euler, degrees=True).as_rotvec())


def turntable(pose: NDArray[np.floating] | None, frames: int) -> NDArray[np.float32]:
    """Poses of a body that turns once about the vertical axis before an upright camera.

    Parameters
    ----------
    pose: (72,) axis-angle whose body joints are kept, or ``None`` for the T-pose. Its root is replaced.
    frames: how many; the official runner takes 180. The first and the last are the same view.

    Returns
    -------
    (frames, 72) float32 axis-angle, radians.

    Raises
    ------
    UserError when ``frames`` is less than 1. ValueError when the pose has another shape.
    """
    if frames < 1:
        raise UserError(
            f"a turntable of {frames} frames", where="turntable", expected="1 or more", hint="frames=180"
        )
    held = np.zeros(POSE_SIZE) if pose is None else np.asarray(pose)
    if held.shape != (POSE_SIZE,):
        raise ValueError(f"pose {held.shape}; expected ({POSE_SIZE},)")
    poses = np.tile(held.astype(np.float32), (frames, 1))
    poses[:, ROOT] = turn_roots(frames)
    return poses


def rotate_view(poses: NDArray[Float], degrees: float) -> NDArray[Float]:
    """See every body from another side: a yaw multiplied from the left to the root rotation.

    Parameters
    ----------
    poses: (T, 72) axis-angle, radians; at least the root (T, 3).
    degrees: yaw about the camera's vertical axis; raises the heading by as much.

    Returns
    -------
    A new array like ``poses``; the body joints are unchanged.

    Raises
    ------
    UserError when ``degrees`` is not finite.
    """
    if not np.isfinite(degrees):
        raise UserError(f"a view of {degrees} degrees", where="rotate_view", expected="a finite angle")
    yaw = Rotation.from_euler("y", degrees, degrees=True)
    turned = poses.copy()
    turned[:, ROOT] = (yaw * Rotation.from_rotvec(poses[:, ROOT])).as_rotvec()
    return turned


def bullet_time(
    poses: NDArray[Float], cams: NDArray[Float], stops: Sequence[tuple[int, int]]
) -> tuple[NDArray[Float], NDArray[Float], NDArray[np.int64]]:
    """Stop the motion at some frames and turn once around the person there.

    Parameters
    ----------
    poses: (T, 72) axis-angle, radians.
    cams: (T, 3) ``[s, tx, ty]``.
    stops: (frame, length) in any order: ``length`` views of a full turn are inserted before ``frame``, with
        its body pose and its camera.

    Returns
    -------
    poses (N, 72), cams (N, 3) and frame_ids (N,) int64, the frame each row was made from; N = T + sum of the
    lengths.

    Raises
    ------
    UserError for a frame outside of the track or named twice, and for a length below 1.
    """
    lengths: dict[int, int] = {}
    for frame, length in stops:
        if not 0 <= frame < len(poses):
            raise UserError(
                f"no frame {frame}", where="bullet_time", expected=f"a frame from 0 to {len(poses) - 1}"
            )
        if length < 1 or frame in lengths:
            what = f"length {length}" if length < 1 else "a second stop"
            raise UserError(
                f"{what} at frame {frame}", where="bullet_time", expected="one stop of 1 or more views"
            )
        lengths[frame] = length
    ids = np.array([t for t in range(len(poses)) for _ in range(lengths.get(t, 0) + 1)], dtype=np.int64)
    longer = poses[ids]
    for frame, length in lengths.items():
        first = int(np.searchsorted(ids, frame))
        longer[first : first + length, ROOT] = turn_roots(length)
    return longer, cams[ids], ids
