"""Frames, mattes and sources brought to the side of a network, and its frames back."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from iper_bench.data.clip import Images
from iper_bench.methods.method import Sources

_HALF = 128  # a matte's pixel counts as person from here on


def resized(frames: Images, side: int) -> Images:
    """(N, H, W, 3) uint8 to (N, side, side, 3): area average downwards, bicubic upwards; as they are where
    the side fits.
    """
    if frames.shape[1:3] == (side, side):
        return frames
    way = cv2.INTER_AREA if frames.shape[1] > side else cv2.INTER_CUBIC
    made = [cv2.resize(frame, (side, side), interpolation=way) for frame in frames]
    return np.stack(made) if made else np.zeros((0, side, side, 3), np.uint8)


def resized_mattes(mattes: Images, side: int) -> Images:
    """(N, H, W) uint8 to (N, side, side), 0 or 255."""
    if mattes.shape[1:] == (side, side):
        return mattes
    made = [cv2.resize(matte, (side, side), interpolation=cv2.INTER_AREA) for matte in mattes]
    hard = [np.where(matte >= _HALF, np.uint8(255), np.uint8(0)) for matte in made]
    return np.stack(hard) if hard else np.zeros((0, side, side), np.uint8)


def resized_sources(sources: Sources, side: int) -> Sources:
    """The sources at ``side``; cameras are normalised and stay."""
    masks = None if sources.masks is None else resized_mattes(sources.masks, side)
    return replace(sources, frames=resized(sources.frames, side), masks=masks)
