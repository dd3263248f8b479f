"""Which frames of a clip show one pose from different sides: the training pairs of view synthesis.

A clip may hold a turn before the camera and motion after it; only the turn shows views of one pose. The turn
is found by the pose, so nothing has to be known about the clip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from iper_bench.conditions.view_codes import FULL_TURN, headings
from iper_bench.data.clip import BodyTrack

ALIKE = 2.5  # degrees; who stands still while he turns sways by about 1.5 (embedded dataset)
OTHER_SIDE = 15.0  # degrees by which the headings of two views differ at least
_JOINTS = slice(3, 72)  # all but the root, which holds the view


def pose_distances(track: BodyTrack) -> NDArray[np.float64]:
    """(n, n) mean angle, in degrees, by which the 23 joints differ between two frames; whatever the root."""
    count = len(track)
    vectors = track.poses[:, _JOINTS].astype(np.float64).reshape(-1, 3)
    turns = Rotation.from_rotvec(vectors).as_matrix().reshape(count, -1, 9)
    traces = np.einsum("ajk,bjk->abj", turns, turns)
    return np.asarray(np.degrees(np.arccos(np.clip((traces - 1.0) / 2.0, -1.0, 1.0))).mean(-1))


def views_of_one_pose(
    track: BodyTrack, count: int, rng: np.random.Generator, *, alike: float = ALIKE
) -> tuple[int, list[int]]:
    """A target and ``count`` frames that show nearly the same pose from another side, drawn at random.

    A frame is a view of the target when the joints differ by ``alike`` at most and the heading by 15 degrees
    at least: in slow motion neighbouring frames have one pose too, but tell nothing about other sides. Every
    frame with ``count`` views may be the target, every view of it a source. Where there is no such target,
    the frame with the closest ``count`` others, whatever their sides, is it.

    Parameters
    ----------
    track: of the frames to choose from. count: of sources. alike: mean angle of the joints, degrees.

    Returns
    -------
    target: row of the track. sources: ``count`` other rows in random order.

    Raises
    ------
    ValueError when the track has not ``count`` + 1 frames.
    """
    if not 1 <= count < len(track):
        raise ValueError(f"{count} sources and a target of {len(track)} frames")
    apart = pose_distances(track)
    views = (apart <= alike) & (_sides_apart(headings(track)) >= OTHER_SIDE)
    good = np.flatnonzero(views.sum(1) >= count)
    if len(good):
        target = int(rng.choice(good))
        pool = np.flatnonzero(views[target])
    else:
        np.fill_diagonal(apart, np.inf)
        reach = np.partition(apart, count - 1, axis=1)[:, count - 1]  # distance of the count-th nearest
        target = int(reach.argmin())
        pool = np.argsort(apart[target], kind="stable")[:count]
    return target, [int(row) for row in rng.permutation(pool)[:count]]


def _sides_apart(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) angles between headings (n,), 0 to 180 degrees."""
    turn = np.abs(degrees[:, None] - degrees[None])
    return np.asarray(np.minimum(turn, FULL_TURN - turn))
