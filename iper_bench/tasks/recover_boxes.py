"""``person_boxes``: where ``iper-bench body recover`` looks for the person in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iper_bench.body.recovery.patch import LONGEST_RESIZED, PERSON_SIDE
from iper_bench.body.recovery.person_box import boxes_from_keypoints, boxes_from_mattes, filled_boxes
from iper_bench.data.box_file import read_boxes
from iper_bench.data.clip import Floats
from iper_bench.data.keypoint_file import Keypoints
from iper_bench.errors import UserError
from iper_bench.flow.foreground import INSIDE
from iper_bench.tasks.notes import Notes
from iper_bench.tasks.reel import Reel
from iper_bench.tasks.square import Square

SMALLEST = PERSON_SIDE / LONGEST_RESIZED  # of the square's side: what the estimators can enlarge
LARGEST = 10.0  # of the square's side: a person who reaches farther beyond it is another unit
_SHOWN = 5  # frame numbers in a line


def person_boxes(
    reel: Reel,
    square: Square,
    notes: Notes,
    *,
    boxes: Path | None,
    keypoints: Keypoints | None,
    keypoints_file: Path | None,
) -> Floats | None:
    """One box per frame, from the file ``boxes``, else the points, else the mattes of the reel.

    Parameters
    ----------
    boxes: see :func:`iper_bench.data.box_file.read_boxes`.
    keypoints: in pixels of the padded square; ``keypoints_file`` is where they come from.

    Returns
    -------
    (T, 4) ``x0, x1, y0, y1`` in pixels of the padded square; ``None`` = look at the whole.

    Raises
    ------
    UserError, one line with file and frame, for a box that lies outside of the frame or is too small or
    too large for a person, and when nobody is found in any frame.
    """
    shift = np.repeat(padding(square), 2)
    if boxes is not None:
        where, found = str(boxes), read_boxes(boxes, count=len(reel)) + shift
    elif keypoints is not None:
        where, found = str(keypoints_file), boxes_from_keypoints(keypoints.points)
    else:
        seen = _matte_boxes(reel)
        if seen is None:
            return None
        where, found = f"mattes of {reel.name}", seen + shift
    _require_usable(found, shift, square, where)
    absent = np.flatnonzero(np.isnan(found).any(1)).tolist()
    if absent and len(absent) < len(found):
        frames = listed(absent, len(reel))
        notes.say(f"{where}: nobody in {frames}; looked for in the box of the nearest frame that has one")
    return filled_boxes(found, where)


def padding(square: Square) -> Floats:
    """x, y of the frame's corner in the padded square, pixels of the frame."""
    return np.array([(square.side - square.width) // 2, (square.side - square.height) // 2], np.float32)


def listed(frames: Sequence[int], total: int) -> str:
    """``"frames 3, 4 (2 of 48)"``, the first few."""
    shown = ", ".join(str(frame) for frame in frames[:_SHOWN]) + (", ..." if len(frames) > _SHOWN else "")
    return f"frame{'s' if len(frames) > 1 else ''} {shown} ({len(frames)} of {total})"


def _require_usable(boxes: Floats, shift: Floats, square: Square, where: str) -> None:
    """Rows of NaN pass. The message speaks of the frame as its file has it and in the order of box files."""
    there = np.isfinite(boxes).all(1)
    x0, x1, y0, y1 = boxes.astype(np.float64).T
    centre = np.stack([x0 + x1, y0 + y1]) / 2.0
    inside = ((centre >= 0) & (centre <= square.side)).all(0)
    longer = np.maximum(x1 - x0, y1 - y0) / square.side
    bad = np.flatnonzero(there & ~(inside & (longer >= SMALLEST) & (longer <= LARGEST)))
    if len(bad):
        row = (boxes[bad[0]] - shift)[[0, 2, 1, 3]]
        raise UserError(
            f"frame {bad[0]}: no usable person box ({', '.join(f'{value:g}' for value in row)})",
            where=where,
            expected=f"x0, y0, x1, y1 centred inside {square.width}x{square.height} pixels, longer side "
            f"{SMALLEST * square.side:g} to {LARGEST * square.side:g}",
            hint="pixels of the frames as they are given",
        )


def _matte_boxes(reel: Reel) -> Floats | None:
    """(T, 4) in pixels of the frames, ``None`` without mattes."""
    found = []
    # a matte is compared with its frame, and the frames of a video should be decoded in one go
    for index, _ in enumerate(reel.frames(range(len(reel)))):
        masks = reel.masks([index])
        if masks is None:
            return None
        found.append(boxes_from_mattes(masks[0][None], INSIDE))
    return np.concatenate(found)
