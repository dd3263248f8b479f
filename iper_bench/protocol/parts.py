"""Which frames of a video count, and its parts ``train`` and ``test``.

Our own rule for data without an official protocol (protocols/README.md), in the way of MetaPix, whose eight
test videos are all cut at 85 percent of the frames with a detection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iper_bench.body.heading import heading_and_tilt, usable
from iper_bench.data.clip import Clip
from iper_bench.errors import UserError
from iper_bench.protocol.schema import TRAIN_PART, FrameRange, Span

FEWEST_TRAIN = 8  # frames of the train part: eight candidate views


def usable_frames(clip: Clip) -> NDArray[np.int64]:
    """Indices of the frames whose body stands clearly (tilt of at most 45 degrees); all where the clip has
    no track.
    """
    if not clip.has_track:
        return np.arange(len(clip))
    _, tilt = heading_and_tilt(clip.track.poses[:, :3])
    return np.flatnonzero(usable(tilt))


def removed_runs(kept: Sequence[int] | NDArray[np.int64], count: int) -> tuple[FrameRange, ...]:
    """The frames of 0 to ``count`` - 1 that are not ``kept``, as runs."""
    gone = np.setdiff1d(np.arange(count), np.asarray(kept))
    if not len(gone):
        return ()
    cuts = np.flatnonzero(np.diff(gone) > 1) + 1
    return tuple(FrameRange(int(run[0]), int(run[-1])) for run in np.split(gone, cuts))


def kept_indices(removed: Sequence[FrameRange], count: int) -> Sequence[int]:
    """The frames of 0 to ``count`` - 1 that are left, in order: place -> index."""
    if not removed:
        return range(count)
    gone = {index for run in removed for index in range(run.first, min(run.last, count - 1) + 1)}
    return [index for index in range(count) if index not in gone]


def names_digest(names: Sequence[str]) -> str:
    """SHA-256 of frame names, one per line in sorted order, UTF-8 (other bytes as they are)."""
    text = "".join(f"{name}\n" for name in sorted(names))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def part_range(frames: Span, count: int, percent: int | None, where: str) -> FrameRange:
    """A span as a range of ``count`` frames.

    Raises
    ------
    UserError for a train part of fewer than eight frames, or an empty test part.
    """
    if isinstance(frames, FrameRange):
        return frames
    if percent is None:
        raise ValueError("a part of a video without train_percent")
    cut = percent * count // 100
    if cut < FEWEST_TRAIN or cut == count:
        raise UserError(
            f"{count} usable frames give a train part of {cut} and a test part of {count - cut}",
            where=where,
            expected=f"at least {FEWEST_TRAIN} and 1",
            hint="leave the video out, or another train_percent",
        )
    return FrameRange(0, cut - 1) if frames == TRAIN_PART else FrameRange(cut, count - 1)
