"""Whether predictions come in the order of what they should show, told by motion alone.

Pictures are small grey ones. Over a clip the mean picture is taken away, so that neither the background nor
the colours of a method matter, and both sides are brought to the same energy. Then every prediction is
compared with the expected frame and with its neighbours, and with the expected frames backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SHIFTS = 5  # frames to either side
REVERSED = "reversed"
# A fault is reported only when it is clear. The values are chosen, not measured; false alarms on toy clips
# are counted in tests/run/test_preflight_order.py.
FEWEST = 6  # frames to compare
ENERGY = 1.0  # grey levels, root mean square: less motion than this is called static
LEFT = 0.75  # of the squared difference at shift 0 may be left at the shift that is reported,
WEAKER = 0.9  # or the correlation at shift 0 is at most this part of that one: noise weakens both alike
AGREE = 0.75  # of the frames have to prefer it
CORRELATION = 0.5  # between predictions and what they are said to show
_FINE = 16  # side of the pictures compared: noise of single pixels is averaged away
_COARSE = 8  # side of the motion pictures of two people, who do not stand at the same pixel

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Misorder:
    """A clearly better order.

    Attributes
    ----------
    shift: prediction k shows what frame k + shift should show, or ``"reversed"``.
    score: correlation in that order. before: in the order given.
    """

    shift: int | str
    score: float
    before: float

    @property
    def text(self) -> str:
        """In words, with the scores."""
        scores = f"correlation of the motion {self.score:.2f} instead of {self.before:.2f}"
        if isinstance(self.shift, str):
            return f"the frames seem to run backwards ({scores})"
        which = "later" if self.shift > 0 else "earlier"
        return f"predictions seem to show the frame {abs(self.shift)} {which} ({scores})"


def find_misorder(
    predictions: Sequence[NDArray[np.uint8] | None],
    expected: Sequence[NDArray[np.uint8] | None],
    *,
    same_person: bool,
) -> Misorder | None:
    """Look for a shift or a reversal.

    Parameters
    ----------
    predictions: small pictures (S, S, 3) uint8 by place in the expected order; ``None`` where there is none.
    expected: what they should show, of the same length.
    same_person: whether the expected frames show the predicted person (the truth); else only where something
        moves is compared, not what it looks like.

    Returns
    -------
    The order that fits clearly better than the one given; ``None`` when there is none, too few frames or too
    little motion.
    """
    ours, theirs = (_series(side, same_person) for side in (predictions, expected))
    if ours is None or theirs is None:
        return None
    count = len(predictions)
    places = np.arange(count)
    orders: list[tuple[int | str, NDArray[np.int64]]] = [
        (shift, places + shift) for shift in range(-SHIFTS, SHIFTS + 1) if shift
    ]
    # a motion picture stands between two frames: backwards, the one after frame k is the one before
    orders.append((REVERSED, (count - 1 if same_person else count) - places))
    best: tuple[float, Misorder] | None = None
    for shift, order in orders:
        found = _compare(ours, theirs, order, shift)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    return None if best is None else best[1]


def _series(pictures: Sequence[NDArray[np.uint8] | None], same_person: bool) -> Floats | None:
    """(N, P) of energy 1, NaN where there is no picture; ``None`` when static or too short."""
    given = [picture for picture in pictures if picture is not None]
    if len(given) < FEWEST:
        return None
    grey = np.full((len(pictures), *given[0].shape[:2]), np.nan, np.float32)
    for place, picture in enumerate(pictures):
        if picture is not None:
            grey[place] = picture @ _GREY
    grey = _coarse(grey, _FINE) if same_person else _motion(grey)
    rows = grey.reshape(len(grey), -1)
    there = ~np.isnan(rows[:, 0])
    if there.sum() < FEWEST:
        return None
    rows = rows - rows[there].mean(axis=0)
    energy = float(np.sqrt((rows[there] ** 2).mean()))
    return rows / energy if energy >= (ENERGY if same_person else ENERGY / 4) else None


def _motion(grey: Floats) -> Floats:
    """Where two neighbouring frames differ, coarse; frame 0 has no neighbour before it."""
    moved = np.full_like(grey, np.nan)
    moved[1:] = np.abs(grey[1:] - grey[:-1])
    return _coarse(moved, _COARSE)


def _coarse(pictures: Floats, side: int) -> Floats:
    """(N, side, side) by area; NaN stays NaN."""
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures])


def _compare(
    ours: Floats, theirs: Floats, order: NDArray[np.int64], shift: int | str
) -> tuple[float, Misorder] | None:
    """The order against the one given, on the frames that both have; ``None`` unless clearly better."""
    places = np.flatnonzero((order >= 0) & (order < len(theirs)))
    mine, there, here = ours[places], theirs[order[places]], theirs[places]
    known = ~(np.isnan(mine[:, 0]) | np.isnan(there[:, 0]) | np.isnan(here[:, 0]))
    if known.sum() < max(FEWEST, len(ours) // 2):
        return None
    mine, there, here = mine[known], there[known], here[known]
    then, now = ((mine - there) ** 2).sum(axis=1), ((mine - here) ** 2).sum(axis=1)
    if not now.sum():
        return None
    left = float(then.sum() / now.sum())
    score, before = _correlation(mine, there), _correlation(mine, here)
    clear = left <= LEFT or before <= WEAKER * score
    if not clear or float((then < now).mean()) < AGREE or score < CORRELATION:
        return None
    return left, Misorder(shift, score, before)


def _correlation(one: Floats, other: Floats) -> float:
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size else 0.0
