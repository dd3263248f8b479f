"""Bodies of frames whose track nobody has: found by the body estimator, in batches, on the padded squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.clip import BodyTrack, Images
from iper_bench.data.track_file import TrackFile
from iper_bench.device import compute_device
from iper_bench.errors import UserError
from iper_bench.flow.foreground import INSIDE
from iper_bench.progress import track as progress
from iper_bench.tasks.checks import require_person
from iper_bench.tasks.reel import Reel
from iper_bench.tasks.square import Square

LARGEST_SIDE = 512  # pixels: the estimator looks at 224, so more detail is thrown away anyway
_BATCH = 16  # frames estimated together


@dataclass(frozen=True)
class Recovered:
    """Bodies that were found.

    Attributes
    ----------
    track: of ``frames``, in their order. shape: (height, width) of the first one.
    """

    track: BodyTrack
    frames: tuple[int, ...]
    shape: tuple[int, int]

    def whole(self, count: int, body: str) -> TrackFile | None:
        """To be kept as a file, where all ``count`` frames of the reel were looked at in order."""
        if self.frames != tuple(range(count)):
            return None
        return TrackFile(self.track, body, self.shape if self.shape[0] != self.shape[1] else None)


def recover(reel: Reel, indices: Sequence[int], weights: Path | None, track_option: str) -> Recovered:
    """The bodies of the frames ``indices`` of ``reel``, cameras with the padded square as [-1, 1].

    Where the reel has mattes, the person's box is taken from them, else he should fill the frame. The shape
    is the mean over the frames.

    Raises
    ------
    UserError, one line that says what to give, when there are no ``weights`` or no pictures.
    """
    if weights is None:
        raise UserError(
            "nothing says where the body is",
            where=reel.name,
            expected=f"{track_option} FILE with a body per frame, or --body-weights FILE to find them",
            hint="--body-weights spin.pth (or another estimator, see docs/body_recovery.md), or a clip such "
            "as synthetic:actor003/outfit1",
        )
    from iper_bench.body.recovery.estimate import RecoveredBodies, estimate_bodies, joined_bodies
    from iper_bench.body.recovery.weights import load_estimator

    network = load_estimator(weights).to(compute_device())
    parts: list[RecoveredBodies] = []
    shape: tuple[int, int] | None = None
    total = -(-len(indices) // _BATCH)
    for batch in progress(_batches(reel, indices), f"finding bodies in {reel.name}", total=total):
        shape = shape or batch.shape
        parts.append(estimate_bodies(network, batch.frames, batch.boxes))
    if shape is None:
        raise UserError("no frame to find a body in", where=reel.name)
    return Recovered(BodyTrack(*joined_bodies(parts)), tuple(indices), shape)


@dataclass(frozen=True)
class _Batch:
    """Squares (B, S, S, 3), boxes (B, 4) ``x0, x1, y0, y1`` of the person where mattes say it, and the
    (height, width) of the first frame.
    """

    frames: Images
    boxes: NDArray[np.float32] | None
    shape: tuple[int, int]


def _batches(reel: Reel, indices: Sequence[int]) -> Iterator[_Batch]:
    side = 0
    stream = iter(reel.frames(indices))  # one for all batches: a video opened anew is decoded from its start
    for start in range(0, len(indices), _BATCH):
        rows = indices[start : start + _BATCH]
        frames = list(islice(stream, len(rows)))
        squares = [Square.around(frame) for frame in frames]
        side = side or min(squares[0].side, LARGEST_SIDE)  # images may differ in size; a batch may not
        masks = reel.masks(rows)
        boxes = None
        if masks is not None:
            pairs = zip(masks, squares, rows, strict=True)
            boxes = np.stack(
                [_box(square.bring_mask(mask, side), reel.label(row)) for mask, square, row in pairs]
            )
        brought = np.stack([square.bring(frame, side) for frame, square in zip(frames, squares, strict=True)])
        yield _Batch(brought, boxes, (squares[0].height, squares[0].width))


def _box(mask: Images, label: str) -> NDArray[np.float32]:
    require_person(mask[None], lambda _: label)
    rows, columns = np.nonzero((mask >= INSIDE).any(1))[0], np.nonzero((mask >= INSIDE).any(0))[0]
    return np.array([columns[0], columns[-1] + 1, rows[0], rows[-1] + 1], np.float32)
