"""Eight candidate views of a person by the yaw rule, and the nested source lists that follow from them.

Our own rule (protocols/README.md) for data without an official protocol; must agree with the ``yaw_rule``
oracle exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iper_bench.body.heading import DECIMALS, Doubles, heading_and_tilt, usable
from iper_bench.protocol.view import View

VIEW_ANGLES = (0, 45, 90, 135, 180, 225, 270, 315)  # centres of the bins, degrees
HALF_BIN = 22.5
SOURCE_POSITIONS: dict[int, tuple[int, ...]] = {  # nested, and each evenly spread in heading
    1: (0,),
    2: (0, 4),
    4: (0, 2, 4, 6),
    8: (0, 1, 2, 3, 4, 5, 6, 7),
}


@dataclass(frozen=True)
class Candidates:
    """Eight frames, one per view angle.

    Attributes
    ----------
    frames: indices in the order of :data:`VIEW_ANGLES`; one may repeat when there are fewer than eight
        frames.
    headings: the true heading of each, degrees.
    own_bin: whether each came from the bin of its view angle.
    """

    frames: tuple[int, ...]
    headings: tuple[float, ...]
    own_bin: tuple[bool, ...]

    @property
    def views(self) -> tuple[View, ...]:
        """The same, one value per candidate."""
        return tuple(map(View, self.frames, VIEW_ANGLES, self.headings, self.own_bin))

    def sources(self, counts: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
        """sn -> frame indices, for the sn of ``counts`` (each a key of :data:`SOURCE_POSITIONS`)."""
        return {sn: tuple(self.frames[position] for position in SOURCE_POSITIONS[sn]) for sn in counts}


def choose_candidates(headings: Doubles, valid: NDArray[np.bool_]) -> Candidates:
    """The yaw rule over the frames where ``valid`` (N,) is true; ``headings`` (N,) in degrees, rounded to 6
    decimals.

    Raises ValueError when no frame is valid.
    """
    frames = np.flatnonzero(valid)
    if not len(frames):
        raise ValueError("no frame with a clear heading; expected at least one")
    centres = np.array(VIEW_ANGLES, dtype=np.float64)
    # (8, N) circular distance, and membership in [c - 22.5, c + 22.5)
    signed = (headings[frames][None] - centres[:, None] + 180.0) % 360.0 - 180.0
    distance = np.round(np.abs(signed), DECIMALS)
    inside = (signed >= -HALF_BIN) & (signed < HALF_BIN)
    chosen: dict[int, int] = {}
    for view in range(len(centres)):
        if inside[view].any():
            # argmin takes the first of equals: ties go to the smallest index
            chosen[view] = int(np.argmin(np.where(inside[view], distance[view], np.inf)))
    own = tuple(view in chosen for view in range(len(centres)))
    for view in range(len(centres)):
        if view not in chosen:
            free = np.ones(len(frames), dtype=bool)
            free[list(chosen.values())] = False
            pool = distance[view] if not free.any() else np.where(free, distance[view], np.inf)
            chosen[view] = int(np.argmin(pool))
    picks = [chosen[view] for view in range(len(centres))]
    return Candidates(
        tuple(int(frames[pick]) for pick in picks),
        tuple(float(headings[frames[pick]]) for pick in picks),
        own,
    )


def candidates_of(root: NDArray[Any]) -> Candidates:
    """The yaw rule on root rotations (N, 3). Raises ValueError when every frame is tilted by more than 45
    degrees.
    """
    headings, tilt = heading_and_tilt(root)
    return choose_candidates(headings, usable(tilt))
