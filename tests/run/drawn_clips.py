"""Small drawn clips: somebody who wanders about in front of a room."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


def wanderer(count: int, *, seed: int = 0, side: int = 48, pace: float = 2.0, look: int = 0) -> Frames:
    """Frames (count, side, side, 3) uint8 of an ellipse on a smooth random way.

    ``seed`` decides the way, ``look`` the colours and the room, ``pace`` the mean step in pixels.
    """
    rng, paint = np.random.default_rng(seed), np.random.default_rng(1000 + look)
    room = cv2.resize(paint.integers(40, 216, (4, 4, 3), dtype=np.uint8), (side, side))
    colour = [int(level) for level in paint.integers(0, 256, 3)]
    turns = rng.normal(0.0, 0.5, count).cumsum() + rng.uniform(0, 6)
    steps = pace * np.stack([np.cos(turns), np.sin(turns)], -1)
    way = side / 2 + steps.cumsum(axis=0)
    low, high = side * 0.2, side * 0.8
    way = low + np.abs((way - low) % (2 * (high - low)) - (high - low))  # bounces off the walls
    frames = []
    for x, y in way:
        frame = room.copy()
        cv2.ellipse(frame, ((float(x), float(y)), (side * 0.2, side * 0.35), 10.0), colour, -1, cv2.LINE_AA)
        frames.append(frame)
    return np.stack(frames)


def noisy(frames: Frames, sigma: float, seed: int = 0, *, blur: float = 1.0) -> Frames:
    """The frames with normal noise and a little blur, as a method of some quality would draw them."""
    rng = np.random.default_rng(seed)
    drawn = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in frames]) if blur else frames
    return np.clip(drawn + rng.normal(0, sigma, frames.shape), 0, 255).round().astype(np.uint8)


def peak_bytes(work: Callable[[], object], times: int = 3) -> int:
    """Most bytes that Python held during ``work``: the least of several runs, because the interpreter's own
    tables grow in one of them.
    """
    peaks = []
    for _ in range(times):
        tracemalloc.start()
        try:
            work()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)
