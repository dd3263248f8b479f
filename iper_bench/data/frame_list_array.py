"""Frames that are handed in as a numpy array or torch tensor: checked whole before anything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.frame_list import FrameList
from iper_bench.data.frame_name import Id
from iper_bench.data.picture_file import Picture
from iper_bench.errors import UserError

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
_LEVELS = 255.0


class ArrayFrames(FrameList):
    """See :func:`frames_of_array`."""

    def __init__(
        self, array: NDArray[Any], value_range: tuple[float, float] | None, ids: Sequence[int], field: str
    ) -> None:
        self.source = field
        self._array = array
        self._range = value_range
        self._ids = tuple(ids)
        self.numbered_by_place = self._ids == tuple(range(len(array)))

    @property
    def ids(self) -> Sequence[Id]:
        """Places in the array, unless ids were given."""
        return self._ids

    def inspect(self, index: int) -> Picture:
        """See :class:`FrameList`; floats are rounded to the nearest level."""
        self._require(index)
        frame = self._array[index]
        if self._range is None:
            return Picture(np.array(frame, dtype=np.uint8))
        low, high = self._range
        levels = (frame.astype(np.float64) - low) * (_LEVELS / (high - low))
        return Picture(np.rint(levels).astype(np.uint8))


def frames_of_array(
    frames: Any,
    *,
    value_range: tuple[float, float] | None = None,
    ids: Sequence[int] | None = None,
    field: str = "frames",
) -> ArrayFrames:
    """Frames of an array or tensor (N, H, W, 3) RGB, uint8 or floating.

    Parameters
    ----------
    frames: numpy array or torch tensor; not copied, so it must not be changed afterwards.
    value_range: what black and white are in a floating array: (0, 1), (-1, 1) or (0, 255). It is never
        guessed: a dark picture in [0, 255] would pass for one in [0, 1]. ``None`` for uint8.
    ids: what each frame is paired by, for example the frame indices of a trial; ``None`` means 0 to N - 1.
    field: what a message calls the array.

    Raises
    ------
    UserError naming field and frame: another shape, another dtype, floats without a range, uint8 with one,
    values that are not finite or out of the range, ids of another number.
    """
    array = _as_numpy(frames, field)
    if array.ndim != 4 or array.shape[3] != 3:
        first = array.ndim == 4 and array.shape[1] == 3
        raise UserError(
            f"shape {tuple(array.shape)}",
            where=field,
            expected="(N, H, W, 3)",
            hint="move the channels to the end: transpose(0, 2, 3, 1)" if first else None,
        )
    if min(array.shape) < 1:
        raise UserError(
            f"shape {tuple(array.shape)}", where=field, expected="at least one frame of one pixel"
        )
    found = _checked_range(array.dtype, value_range, field)
    if found is not None:
        _check_values(array, found, field)
    places = range(len(array)) if ids is None else [int(number) for number in ids]
    if len(places) != len(array):
        raise UserError(
            f"{len(places)} ids for {len(array)} frames", where=field, expected="one id per frame"
        )
    return ArrayFrames(array, found, places, field)


def _as_numpy(frames: Any, field: str) -> NDArray[Any]:
    if hasattr(frames, "detach"):  # a torch tensor; torch itself need not be imported
        frames = frames.detach().cpu()
        if str(frames.dtype) == "torch.bfloat16":  # numpy has no such type; float32 holds it exactly
            frames = frames.float()
        frames = frames.numpy()
    if not isinstance(frames, np.ndarray):
        raise UserError(
            f"found {type(frames).__name__}",
            where=field,
            expected="a numpy array or torch tensor (N, H, W, 3)",
        )
    return frames


def _checked_range(
    dtype: np.dtype[Any], value_range: tuple[float, float] | None, field: str
) -> tuple[float, float] | None:
    known = ", ".join(f"({low:g}, {high:g})" for low, high in RANGES)
    if dtype == np.uint8:
        if value_range is not None and tuple(value_range) != (0, 255):
            raise UserError(
                f"dtype uint8 with value_range {tuple(value_range)}",
                where=field,
                expected="no value_range: levels are 0 to 255",
            )
        return None
    if dtype.kind != "f":
        raise UserError(f"dtype {dtype}", where=field, expected="uint8 or a floating dtype with value_range")
    if value_range is None:
        raise UserError(
            f"dtype {dtype} without value_range", where=field, expected=f"value_range={known} to be stated"
        )
    stated = tuple(float(end) for end in value_range)
    for low, high in RANGES:
        if stated == (low, high):
            return low, high
    raise UserError(f"value_range {value_range}", where=field, expected=f"one of {known}")


def _check_values(array: NDArray[Any], value_range: tuple[float, float], field: str) -> None:
    """Frame by frame, so that no copy of the array is made. Raises UserError for the first bad frame."""
    low, high = value_range
    for index, frame in enumerate(array):
        bad = ~np.isfinite(frame)
        if bad.any():
            row, column, channel = (int(place) for place in np.argwhere(bad)[0])
            raise UserError(
                f"frame {index} holds {frame[row, column, channel]} at row {row}, column {column}",
                where=field,
                expected="finite values",
            )
        least, most = float(frame.min()), float(frame.max())
        if least < low or most > high:
            raise UserError(
                f"frame {index} holds values from {least:g} to {most:g}",
                where=field,
                expected=f"values from {low:g} to {high:g}",
            )
