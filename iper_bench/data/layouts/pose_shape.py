"""``read_pose_shape``: the bodies of a video from ``pose_shape.pkl``, as the published datasets hold them.

From: svip-lab/impersonator and iPERCore, which pickle a dictionary of ``cams`` (T, 3), ``pose`` (T, 72) and
``shape`` (T, 10) or (1, 10). The older iPERCore also wrote ``pose`` (T, 96): 24 quaternions (x, y, z, w).
Differs: a :class:`BodyTrack` has one shape. Where the file has one per frame it is their mean; the released
code draws every frame with its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_plain_pickle

Doubles = NDArray[np.float64]

QUATERNION_COLUMNS = 96  # 24 joints of x, y, z, w
_FORM = "a dictionary of the arrays cams (T, 3), pose (T, 72) and shape (T, 10) or (1, 10)"


def read_pose_shape(path: Path) -> BodyTrack:
    """Read ``pose_shape.pkl``; other entries (``offsets``, ``ft_ids``, ``views``) are left alone.

    Raises
    ------
    UserError, one line with file, field and frame: no file, a pickle that holds more than plain data, a field
    that is missing or of another shape, lengths that differ, numbers that are not finite, a camera scale of 0
    or below, a quaternion of length 0.
    """
    content = read_plain_pickle(path)
    if not isinstance(content, dict):
        raise UserError(f"holds a {type(content).__name__}", where=_where(path), expected=_FORM)
    cams = _rows(path, content, "cams", (3,))
    pose = _rows(path, content, "pose", (72, QUATERNION_COLUMNS))
    shape = _rows(path, content, "shape", (10,))
    frames = len(cams)
    if len(pose) != frames or len(shape) not in (1, frames) or not frames:
        raise UserError(
            f"{frames} cams, {len(pose)} pose and {len(shape)} shape rows", where=_where(path), expected=_FORM
        )
    low = np.flatnonzero(cams[:, 0] <= 0)
    if len(low):
        raise UserError(
            f"field 'cams', frame {low[0]}: scale {cams[low[0], 0]:g}",
            where=_where(path),
            expected="a scale above 0",
        )
    if pose.shape[1] == QUATERNION_COLUMNS:
        pose = _from_quaternions(path, pose)
    return BodyTrack(
        betas=shape.mean(0).astype(np.float32), poses=pose.astype(np.float32), cams=cams.astype(np.float32)
    )


def axis_angles(quaternions: Doubles) -> Doubles:
    """Axis times angle (..., 3), angle 0 to pi, of quaternions (..., 4) ``[x, y, z, w]`` of any length above
    0.
    """
    upper = np.where(quaternions[..., 3:] < 0, -quaternions, quaternions)  # q and -q turn alike
    axis, w = upper[..., :3], upper[..., 3:]
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(length, w)
    # sin(a / 2) = length near 0: the quotient tends to 2 / w
    safe = np.where(length > 0, length, 1.0)
    return np.asarray(axis * np.where(length > 0, angle / safe, 0.0))


def _rows(path: Path, content: Mapping[Any, Any], field: str, columns: tuple[int, ...]) -> Doubles:
    """A finite (rows, columns) array; one row of shape may stand without the second axis."""
    value = content.get(field)
    words = f"{field} (T, {' or '.join(map(str, columns))}) of numbers"
    if value is None:
        raise UserError(f"no field '{field}'", where=_where(path), expected=_FORM)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        held = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise UserError(f"field '{field}' holds {held}", where=_where(path), expected=words)
    rows = value[None] if field == "shape" and value.ndim == 1 else value
    if rows.ndim != 2 or rows.shape[1] not in columns:
        raise UserError(f"field '{field}' is {value.shape}", where=_where(path), expected=words)
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(rows.astype(np.float32))  # as the track will hold it
    if bad.any():
        frame, column = np.argwhere(bad)[0]
        raise UserError(
            f"field '{field}', frame {frame}: value {rows[frame, column]}",
            where=_where(path),
            expected="finite numbers",
        )
    return rows.astype(np.float64)


def _from_quaternions(path: Path, pose: Doubles) -> Doubles:
    quaternions = pose.reshape(len(pose), -1, 4)
    bad = np.argwhere(np.linalg.norm(quaternions, axis=-1) < 1e-6)
    if len(bad):
        raise UserError(
            f"field 'pose', frame {bad[0, 0]}, joint {bad[0, 1]}: a quaternion of length 0",
            where=_where(path),
            expected="quaternions x, y, z, w",
        )
    return axis_angles(quaternions).reshape(len(pose), 72)


def _where(path: Path) -> str:
    return printable(str(path))
