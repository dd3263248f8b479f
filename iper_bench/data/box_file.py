"""Person boxes at rest: a ``.npz`` with ``boxes`` (T, 4), or that array as ``.npy``.

Files hold ``x0, y0, x1, y1`` in pixels of the frames; in memory boxes are ``x0, x1, y0, y1``, the order of
``iper_bench.data.crop`` and of the body estimators. A row of NaN says that the frame shows nobody.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from iper_bench.array_file import read_arrays
from iper_bench.atomic import write_bytes
from iper_bench.data.clip import Floats
from iper_bench.data.frame_name import printable
from iper_bench.errors import UserError

_FORM = "boxes (T, 4) of x0, y0, x1, y1 in pixels, in a .npz, or that array as .npy"
_SWAP = [0, 2, 1, 3]  # from one order to the other, both ways


def read_boxes(path: Path, *, count: int | None = None) -> Floats:
    """Read the box of every frame.

    Parameters
    ----------
    count: number of frames that there must be; ``None`` = any.

    Returns
    -------
    (T, 4) float32 ``x0, x1, y0, y1``; rows of NaN where the file says that nobody is there.

    Raises
    ------
    UserError, one line with file, field and frame, for a missing or damaged file, another shape or number of
    frames, a box that is empty or half NaN.
    """
    where = printable(str(path))
    arrays = read_arrays(path, ("boxes",), what="no file of boxes", expected=_FORM)
    if not arrays:
        raise UserError("no field 'boxes'", where=where, expected=_FORM)
    boxes = next(iter(arrays.values()))
    if boxes.dtype.kind not in "fiu" or boxes.shape[1:] != (4,):
        raise UserError(f"field 'boxes' is {boxes.dtype} {boxes.shape}", where=where, expected=_FORM)
    if count is not None and len(boxes) != count:
        raise UserError(
            f"boxes of {len(boxes)} frames for {count} frames", where=where, expected="one a frame"
        )
    with np.errstate(over="ignore"):
        swapped = boxes[:, _SWAP].astype(np.float32)
    absent = np.isnan(swapped).all(1)
    good = np.isfinite(swapped).all(1) & (swapped[:, 1] > swapped[:, 0]) & (swapped[:, 3] > swapped[:, 2])
    bad = np.flatnonzero(~(good | absent))
    if len(bad):
        row = ", ".join(f"{value:g}" for value in boxes[bad[0]])
        raise UserError(
            f"field 'boxes', frame {bad[0]}: ({row})",
            where=where,
            expected="x0 < x1 and y0 < y1, or four NaN where nobody is there",
        )
    return swapped


def write_boxes(path: Path, boxes: Floats) -> None:
    """Write ``boxes`` (T, 4) ``x0, x1, y0, y1``, atomically. Raises UserError when that is not possible."""
    stream = io.BytesIO()
    np.savez(stream, boxes=boxes[:, _SWAP].astype(np.float32))
    write_bytes(path, stream.getvalue())
