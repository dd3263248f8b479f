"""``read_processed``: a video as iPERCore's preprocessing left it, ``primitives/<video>/processed/``.

From: iPERCore's ``vid_info.pkl`` with the folders ``images/`` and ``parse/`` beside it, written by its
preprocessing or, for MotionSynthetic, by its preparation script (no ``_mask.png``, candidates are the eight
views). Differs from the released reader:

- the folder may be moved: the absolute paths in the pickle are not looked at;
- the body of frame i is row ``pose3d_ids[parse_ids[i]]`` of the SMPL arrays. The released code takes row
  ``parse_ids[i]``, which counts in a list from which frames may have been dropped while the arrays were not
  shortened; both agree when nothing was dropped;
- a missing matte is an error instead of a shorter list.

The pickle is read by the restricted unpickler: nothing in it is executed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack, Floats
from iper_bench.data.frame_name import printable
from iper_bench.data.safe_path import inside
from iper_bench.errors import UserError
from iper_bench.plain_pickle import read_plain_pickle

INFO = "vid_info.pkl"
IMAGES, PARSE = "images", "parse"
ALPHA_SUFFIX = "_alpha.png"
STAGES = (  # in the order in which they run
    "has_run_detector",
    "has_run_cropper",
    "has_run_3dpose",
    "has_find_front",
    "has_run_parser",
    "has_run_inpaintor",
    "has_run_deform",
)
FINISHED, PARSED = "has_finished", "has_run_parser"
_COLUMNS = {"cams": 3, "pose": 72, "shape": 10}


@dataclass(frozen=True, eq=False)
class ProcessedVideo:
    """A preprocessed video. n frames in order; opening it decodes none.

    Attributes
    ----------
    folder: the folder that was read.
    names: (n) file names of the frames, as in the original listing.
    images: (n) paths of the cropped, square frames.
    alphas: (n) paths of 8-bit mattes, 255 = person; ``None`` for a driving video, which is not segmented.
    track: bodies; cameras refer to the square frames. The shape is the mean over the frames, as of
        every published track (``pose_shape.py`` says why).
    shapes: (n, 10) float32 shape of every frame.
    ids: (n) place of every frame in the sorted original listing; empty where the file does not say.
    front, back: frames that show the front and the back, best first; empty for a driving video.
    offsets: (V, 3) float32 vertex offsets of the T-pose, metres, or ``None``.
    links: (m, 2) int64 pairs of vertices that hang together (skirts and dresses), or ``None``.
    frame_size: (height, width) of the original frames, ``None`` where the file does not say.
    """

    folder: Path
    names: tuple[str, ...]
    images: tuple[Path, ...]
    alphas: tuple[Path, ...] | None
    track: BodyTrack
    shapes: Floats
    ids: tuple[int, ...]
    front: tuple[int, ...]
    back: tuple[int, ...]
    offsets: Floats | None
    links: NDArray[np.int64] | None
    frame_size: tuple[int, int] | None

    def __len__(self) -> int:
        return len(self.names)


def read_processed(folder: Path) -> ProcessedVideo:
    """Read ``vid_info.pkl`` of a ``processed`` folder and look for its files.

    Raises
    ------
    UserError, one line with file, field and frame, for: no or a damaged ``vid_info.pkl``, a pickle that holds
    more than plain data, stages that have not run, a field that is missing or of another form, frame names
    that repeat or leave the folder, indices out of range, numbers that are not finite, a camera scale of 0
    or below, a frame or matte that is not there.
    """
    path = folder / INFO
    info = _Table(path, read_plain_pickle(path))
    _require_finished(info)
    valid = info.table("valid_img_info")
    names = _names(valid)
    parsed = info.flag(PARSED)
    track, shapes = _bodies(info.table("processed_pose3d"), _rows(valid, len(names), parsed=parsed))
    front, back = (_candidates(info, side, len(names)) if parsed else () for side in ("ft", "bk"))
    deform = info.table("processed_deform", {})
    stems = [f"{name.partition('.')[0]}{ALPHA_SUFFIX}" for name in names]
    return ProcessedVideo(
        folder=folder,
        names=names,
        images=_files(folder / IMAGES, names),
        alphas=_files(folder / PARSE, stems) if parsed else None,
        track=track,
        shapes=shapes,
        ids=_ids(valid, len(names)),
        front=front,
        back=back,
        offsets=_offsets(deform),
        links=_links(deform),
        frame_size=_frame_size(info),
    )


class _Table:
    """A dictionary of the file, with the way to it for messages."""

    def __init__(self, path: Path, content: Any, field: str = "") -> None:
        self.path, self.field = path, field
        if not isinstance(content, dict):
            raise self.error(f"holds {type(content).__name__}", "a dictionary")
        self._content = content

    def error(self, what: str, expected: str, key: str = "") -> UserError:
        """The error for a key of this table."""
        name = ".".join(part for part in (self.field, key) if part)
        return UserError(
            f"field '{name}' {what}" if name else what, where=printable(str(self.path)), expected=expected
        )

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or ``default``."""
        return self._content.get(key, default)

    def table(self, key: str, default: Any = None) -> _Table:
        """A dictionary in the dictionary."""
        value = self._content.get(key, default)
        if not isinstance(value, dict):
            raise self.error("is missing" if value is None else "is no dictionary", "a dictionary", key)
        return _Table(self.path, value, f"{self.field}.{key}" if self.field else key)

    def flag(self, key: str) -> bool:
        """A stage flag; a missing one counts as not run."""
        return bool(self._content.get(key) is True or self._content.get(key) == 1)

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers, or an array of them with one axis."""
        value = self._content.get(key)
        if isinstance(value, np.ndarray) and value.ndim == 1 and (value.dtype.kind in "iu" or not len(value)):
            return [int(number) for number in value]
        if not isinstance(value, list | tuple):
            raise self.error("is missing" if value is None else "is no list", "a list of frame numbers", key)
        if not all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in value):
            raise self.error("holds something else than whole numbers", "a list of frame numbers", key)
        return [int(item) for item in value]


def _require_finished(info: _Table) -> None:
    if info.flag(FINISHED):
        return
    missing = [stage for stage in STAGES if not info.flag(stage)]
    stage = missing[0] if missing else FINISHED
    raise UserError(
        f"the preprocessing has not finished: '{stage}' is not set",
        where=printable(str(info.path)),
        expected=f"'{FINISHED}' true",
        hint="run the preprocessing again, or iper-bench data prepare",
    )


def _names(valid: _Table) -> tuple[str, ...]:
    value = valid.get("names")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise valid.error("is missing or no list of texts", "file names of the frames", "names")
    if not value:
        raise valid.error("is empty", "one frame or more", "names")
    seen: set[str] = set()
    for place, name in enumerate(value):
        if name in seen:
            raise valid.error(f"frame {place} repeats '{printable(name)}'", "every name once", "names")
        seen.add(name)
    return tuple(value)


def _rows(valid: _Table, frames: int, *, parsed: bool) -> list[int]:
    """The row of the SMPL arrays of every frame; see the module. A driving video is not parsed."""
    posed = valid.integers("pose3d_ids")
    if not parsed:
        _require_length(valid, "pose3d_ids", posed, frames)
        return posed
    places = valid.integers("parse_ids")
    _require_length(valid, "parse_ids", places, frames)
    _require_range(valid, "parse_ids", places, len(posed))
    return [posed[place] for place in places]


def _ids(valid: _Table, frames: int) -> tuple[int, ...]:
    if valid.get("ids") is None:
        return ()
    ids = valid.integers("ids")
    _require_length(valid, "ids", ids, frames)
    return tuple(ids)


def _require_length(table: _Table, key: str, values: Sequence[int], frames: int) -> None:
    if len(values) != frames:
        raise table.error(f"has {len(values)} entries for {frames} names", "one per frame", key)


def _require_range(table: _Table, key: str, values: Sequence[int], count: int) -> None:
    for place, value in enumerate(values):
        if not 0 <= value < count:
            raise table.error(f"entry {place} is {value}", f"0 to {count - 1}", key)


def _bodies(pose3d: _Table, rows: Sequence[int]) -> tuple[BodyTrack, Floats]:
    """Track and shapes (n, 10) of the frames."""
    arrays = {key: _numbers(pose3d, key, columns) for key, columns in _COLUMNS.items()}
    count = len(arrays["cams"])
    for key, array in arrays.items():
        if len(array) != count:
            raise pose3d.error(f"has {len(array)} rows but cams has {count}", "one per frame", key)
    for frame, row in enumerate(rows):
        if not 0 <= row < count:
            raise pose3d.error(f"has {count} rows but frame {frame} wants row {row}", "a body for it", "cams")
    chosen = {key: np.ascontiguousarray(array[list(rows)]) for key, array in arrays.items()}
    for key, array in chosen.items():
        bad = ~np.isfinite(array)
        if bad.any():
            frame = int(np.argwhere(bad)[0, 0])
            raise pose3d.error(f"frame {frame} is not finite", "finite numbers", key)
    low = np.flatnonzero(chosen["cams"][:, 0] <= 0)
    if len(low):
        scale = chosen["cams"][low[0], 0]
        raise pose3d.error(f"frame {low[0]} has the scale {scale:g}", "a scale above 0", "cams")
    mean = chosen["shape"].mean(0, dtype=np.float64)
    return BodyTrack(mean.astype(np.float32), chosen["pose"], chosen["cams"]), chosen["shape"]


def _numbers(table: _Table, key: str, columns: int) -> Floats:
    """A (rows, columns) array as float32."""
    value = table.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise table.error("is missing or no array of numbers", f"an array (T, {columns})", key)
    if value.ndim != 2 or value.shape[1] != columns:
        raise table.error(f"is {value.shape}", f"an array (T, {columns})", key)
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite, and refused as that
        return np.asarray(value, dtype=np.float32)


def _candidates(info: _Table, side: str, frames: int) -> tuple[int, ...]:
    table = info.table("processed_front_info").table(side)
    ids = table.integers("ids")
    _require_range(table, "ids", ids, frames)
    return tuple(ids)


def _offsets(deform: _Table) -> Floats | None:
    if deform.get("offsets") is None:
        return None
    offsets = _numbers(deform, "offsets", 3)
    if not np.isfinite(offsets).all():
        raise deform.error("is not finite", "finite numbers", "offsets")
    return offsets


def _links(deform: _Table) -> NDArray[np.int64] | None:
    links = deform.get("links")
    if links is None:
        return None
    if not isinstance(links, np.ndarray) or links.dtype.kind not in "iu" or links.ndim != 2:
        raise deform.error("is no array of whole numbers", "pairs of vertices (n, 2)", "links")
    if links.shape[1] != 2 or (links < 0).any():
        raise deform.error(f"is {links.shape} or holds negative numbers", "pairs of vertices (n, 2)", "links")
    return np.asarray(links, dtype=np.int64)


def _frame_size(info: _Table) -> tuple[int, int] | None:
    if info.get("orig_shape") in (None, (), []):
        return None
    size = info.integers("orig_shape")
    if len(size) not in (2, 3) or min(size) < 1:
        raise info.error(f"is {tuple(size)}", "height and width in pixels", "orig_shape")
    return size[0], size[1]


def _files(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Paths of the files ``names`` of ``folder``, all of which are there."""
    where = printable(str(folder))
    try:
        present = set(os.listdir(folder))
    except OSError as error:
        raise UserError(
            f"cannot read: {error.strerror}", where=where, expected=f"a folder with {len(names)} files"
        ) from error
    paths = []
    for frame, name in enumerate(names):
        inside(folder, name, where=f"{where}, frame {frame}")
        if name not in present:
            raise UserError(
                f"frame {frame}: no file '{printable(name)}'",
                where=where,
                expected=f"a file for each of the {len(names)} frames of {INFO}",
                hint="run the preprocessing of this video again",
            )
        paths.append(folder / name)
    return tuple(paths)
