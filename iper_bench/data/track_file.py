"""Body tracks at rest: one file per video, read strictly.

Two forms are read:

* ``.npz`` with ``betas`` (10,), ``poses`` (T, 72) and ``cams`` (T, 3); optional ``body`` (name of the body
  model) and ``frame`` (height, width), see :class:`TrackFile`;
* an array of 85 columns per frame as the iPER data and iPERCore hold them, camera 3, pose 72, shape 10: a
  ``.npy``, or a ``.npz`` with the key ``smpls``. The shape is the mean over the frames, as of every published
  track.

No pickle is read. Values must be finite and camera scales above 0; a message names file, field and frame.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.array_file import ALONE, read_arrays
from iper_bench.atomic import write_bytes
from iper_bench.data.clip import BodyTrack, Floats
from iper_bench.errors import UserError

SMPL_COLUMNS = 85  # camera 3, pose 72, shape 10
_FIELDS = {"betas": (10,), "poses": (72,), "cams": (3,)}
_FORMS = ".npz with betas (10,), poses (T, 72), cams (T, 3), or an array smpls (T, 85)"
_NAMES = ("smpls", *_FIELDS, "body", "frame")


@dataclass(frozen=True)
class TrackFile:
    """A body track with what it refers to.

    Attributes
    ----------
    track: cameras with the square frame as [-1, 1].
    body: name of the body model, ``None`` where the file does not say.
    frame: (height, width) of frames that were padded to a square, evenly on both sides, before the bodies
        were found; ``None``: the frames are square themselves.
    """

    track: BodyTrack
    body: str | None = None
    frame: tuple[int, int] | None = None


def read_track(path: Path) -> TrackFile:
    """Read a body track.

    Raises
    ------
    UserError, one line with file, field and frame, for a missing or damaged file, a missing field, another
    shape, values that are not finite, a camera scale of 0 or below.
    """
    arrays = _arrays(path)
    if "smpls" in arrays:
        smpls = _numbers(path, "smpls", arrays["smpls"], (SMPL_COLUMNS,), per_frame=True)
        shape = smpls[:, 75:].mean(0, dtype=np.float64).astype(np.float32)
        found = {"cams": smpls[:, :3], "poses": smpls[:, 3:75], "betas": shape}
    else:
        missing = [field for field in _FIELDS if field not in arrays]
        if missing:
            raise UserError(f"no field '{missing[0]}'", where=str(path), expected=_FORMS)
        found = {
            field: _numbers(path, field, arrays[field], shape, per_frame=field != "betas")
            for field, shape in _FIELDS.items()
        }
    poses, cams = found["poses"], found["cams"]
    if len(poses) != len(cams):
        raise UserError(
            f"{len(poses)} poses but {len(cams)} cams", where=str(path), expected="one of each per frame"
        )
    _check_scales(path, cams)
    track = BodyTrack(*(np.ascontiguousarray(found[field]) for field in ("betas", "poses", "cams")))
    return TrackFile(track, _text(path, arrays.get("body")), _frame(path, arrays.get("frame")))


def write_track(path: Path, content: TrackFile) -> None:
    """Write the first of the two forms, atomically. Raises UserError when the folder cannot be written."""
    track = content.track
    fields: dict[str, Any] = {"betas": track.betas, "poses": track.poses, "cams": track.cams}
    if content.body is not None:
        fields["body"] = np.array(content.body)
    if content.frame is not None:
        fields["frame"] = np.array(content.frame, dtype=np.int64)
    stream = io.BytesIO()
    np.savez(stream, **fields)
    write_bytes(path, stream.getvalue())


def require_frames(path: Path, track: BodyTrack, frames: int) -> None:
    """Raise UserError unless the track of ``path`` has one body per frame."""
    if len(track) != frames:
        raise UserError(
            f"holds {len(track)} bodies for {frames} frames", where=str(path), expected="one body per frame"
        )


def _arrays(path: Path) -> dict[str, Any]:
    arrays = read_arrays(path, _NAMES, what="not a body track", expected=_FORMS)
    return {"smpls": arrays[ALONE]} if ALONE in arrays else arrays


def _numbers(path: Path, field: str, array: Any, shape: tuple[int, ...], *, per_frame: bool) -> Floats:
    expected = ("T", *shape) if per_frame else shape
    words = f"{field} of shape ({', '.join(map(str, expected))}{',' if len(expected) == 1 else ''})"
    if array.dtype.kind not in "fiu":
        raise UserError(f"field '{field}' holds {array.dtype}", where=str(path), expected=f"{words}, numbers")
    if not per_frame and array.shape == (1, *shape):
        array = array[0]
    if array.shape[per_frame:] != shape or array.ndim != len(expected) or (per_frame and not len(array)):
        raise UserError(f"field '{field}' is {array.shape}", where=str(path), expected=words)
    with np.errstate(over="ignore"):
        numbers: Floats = np.asarray(array, dtype=np.float32)
    bad = ~np.isfinite(numbers)
    if bad.any():
        place = np.argwhere(bad)[0]
        frame = f", frame {place[0]}" if per_frame else ""
        raise UserError(
            f"field '{field}'{frame}: value {array[tuple(place)]}", where=str(path), expected="finite numbers"
        )
    return numbers


def _check_scales(path: Path, cams: Floats) -> None:
    bad = np.flatnonzero(cams[:, 0] <= 0)
    if len(bad):
        raise UserError(
            f"field 'cams', frame {bad[0]}: scale {cams[bad[0], 0]:g}",
            where=str(path),
            expected="a scale above 0",
        )


def _text(path: Path, value: Any) -> str | None:
    if value is None:
        return None
    if value.dtype.kind != "U" or value.size != 1:
        raise UserError("field 'body' is no name", where=str(path), expected="one text, for example smpl")
    return str(value.reshape(-1)[0])


def _frame(path: Path, value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    if value.dtype.kind not in "iu" or value.shape != (2,) or (value < 1).any():
        raise UserError("field 'frame' is no size", where=str(path), expected="height and width in pixels")
    return int(value[0]), int(value[1])
