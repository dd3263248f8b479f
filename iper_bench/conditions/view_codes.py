"""View codes: from which side the camera sees the body, as the one-hot vectors that view synthesis networks
take.

The protocol of novel views turns the body, so a view is the heading of the body: 0 = facing the camera, 90 =
facing the left edge of the image, 180 = back view, 270 = facing the right edge. The same rule as the
protocols' (``iper_bench.body.heading``), so training pairs and test targets have the same codes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iper_bench.body.heading import heading_and_tilt
from iper_bench.data.clip import BodyTrack

Doubles = NDArray[np.float64]
Codes = NDArray[np.float32]

FULL_TURN = 360.0  # degrees
BINS = 24  # of 15 degrees: the steps of 45 and of 30 degrees are among them
DECIMALS = 3  # degrees; float32 poses hold about 5, and a heading between two bins must not fall by chance
ORIGINAL_STEP = 20.0  # degrees, of the relative azimuths of appearance flow
ORIGINAL_TURNS = 19  # -180, -160, ..., 180


def headings(track: BodyTrack) -> Doubles:
    """(n,) float64 in [0, 360): heading of every body, degrees, rounded to 0.001."""
    degrees, _ = heading_and_tilt(track.poses[:, :3])
    return np.asarray(np.round(degrees, DECIMALS) % FULL_TURN)


def heading_codes(degrees: Doubles, bins: int = BINS) -> Codes:
    """One-hot vectors (..., bins) float32 of angles (...) in degrees: bin k stands for 360 k / bins.

    The nearest bin; an angle in the middle of two belongs to the upper one. Raises ValueError for less than
    one bin.
    """
    if bins < 1:
        raise ValueError(f"{bins} bins; expected 1 or more")
    steps = np.round(np.asarray(degrees, np.float64) % FULL_TURN, DECIMALS) * bins / FULL_TURN
    nearest = np.floor(steps + 0.5).astype(np.int64) % bins
    return np.eye(bins, dtype=np.float32)[nearest]


def turn_codes(source: Doubles, target: Doubles, bins: int = BINS) -> Codes:
    """One-hot vectors (..., bins) float32 of the turns from headings ``source`` to ``target`` in degrees."""
    return heading_codes(np.asarray(target) - np.asarray(source), bins)


def original_turn_codes(source: Doubles, target: Doubles) -> Codes:
    """Turns as the released single-source network of appearance flow takes them: (..., 20) float32.

    One-hot over -180, -160, ..., 180 degrees (19 entries; a half turn counts as +180), and a constant 1.
    """
    turn = np.round(np.asarray(target, np.float64) - np.asarray(source, np.float64), DECIMALS) % FULL_TURN
    signed = np.where(turn > FULL_TURN / 2, turn - FULL_TURN, turn)
    nearest = np.floor((signed + FULL_TURN / 2) / ORIGINAL_STEP + 0.5).astype(np.int64)
    codes = np.eye(ORIGINAL_TURNS, dtype=np.float32)[nearest]
    return np.concatenate([codes, np.ones((*codes.shape[:-1], 1), np.float32)], axis=-1)
