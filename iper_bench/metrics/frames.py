"""Frames as they enter the suite: streams of uint8 batches, checked and regrouped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iper_bench.errors import UserError

Frames = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.floating]


@dataclass(frozen=True)
class FrameSet:
    """One unit's evaluation input, streamed.

    Attributes
    ----------
    predictions: uint8 (B, H, W, 3) RGB batches of any size; read once.
    truths: the paired true frames in the same order and number (setting self), else ``None``.
    reals: the real set (setting cross), else ``None``.
    prediction_boxes, truth_boxes, real_boxes: float (N, 4) x0, y0, x1, y1 in pixels, the projected body
        enlarged by 1.05, one row per frame in order, or ``None``; a row of NaN means no body.
    """

    predictions: Iterable[Frames]
    truths: Iterable[Frames] | None = None
    reals: Iterable[Frames] | None = None
    prediction_boxes: Boxes | None = None
    truth_boxes: Boxes | None = None
    real_boxes: Boxes | None = None


def regroup(stream: Iterable[Frames], size: int, *, side: str) -> Iterator[Frames]:
    """Batches of exactly ``size`` frames (the last may be smaller).

    Raises UserError for anything but uint8 (B, H, W, 3).
    """
    waiting: list[Frames] = []
    shape: tuple[int, ...] | None = None
    for batch in stream:
        _check(batch, shape, side)
        shape = batch.shape[1:]
        for frame in batch:
            waiting.append(frame)
            if len(waiting) == size:
                yield np.stack(waiting)
                waiting.clear()
    if waiting:
        yield np.stack(waiting)


def boxes_of(boxes: Boxes | None, start: int, count: int, *, side: str) -> Boxes | None:
    """Rows ``start`` to ``start + count`` of the boxes.

    Raises UserError when there are fewer rows than frames.
    """
    if boxes is None:
        return None
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) < start + count:
        raise UserError(
            f"boxes of shape {boxes.shape}",
            where=f"{side} boxes",
            expected=f"at least {start + count} rows of 4",
        )
    return boxes[start : start + count]


def _check(batch: Frames, shape: tuple[int, ...] | None, side: str) -> None:
    good = (
        isinstance(batch, np.ndarray) and batch.dtype == np.uint8 and batch.ndim == 4 and batch.shape[3] == 3
    )
    if not good or 0 in batch.shape[1:3]:
        found = f"{batch.dtype} {batch.shape}" if isinstance(batch, np.ndarray) else type(batch).__name__
        raise UserError(f"frames are {found}", where=f"{side} frames", expected="uint8 (B, H, W, 3) RGB")
    if shape is not None and batch.shape[1:] != shape:
        raise UserError(
            f"frame size changes from {shape[:2]} to {batch.shape[1:3]}",
            where=f"{side} frames",
            expected="one size",
        )
