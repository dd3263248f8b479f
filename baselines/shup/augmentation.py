"""Random changes of a training pair, the same for both frames.

From: the facts of the released code: mirror, scale, shift, turn, brighten, in this order. Differs: the four
moves are one resampling instead of four.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iper_bench.conditions.limb_masks import MADE_FOR
from iper_bench.conditions.limb_transforms import OTHER_SIDE, chained, moved
from iper_bench.data.clip import Images

Points = NDArray[np.float64]

SCALES = (0.90, 1.05)
FARTHEST = 4  # pixels at 256, along each axis
STEEPEST = 5.0  # degrees
BRIGHTNESS = (0.95, 1.05)


@dataclass(frozen=True)
class Change:
    """What happens to a pair.

    Attributes
    ----------
    matrix: (2, 3) from pixels of the frame to pixels of the result. mirrored: whether it mirrors, so that
        left joints become right ones. factor: of the normalised image.
    """

    matrix: Points
    mirrored: bool
    factor: float

    def joints(self, joints: Points) -> Points:
        """Joints (..., 14, 2) after the change."""
        there = moved(joints, self.matrix)
        return there[..., OTHER_SIDE, :] if self.mirrored else there

    def images(self, frames: Images) -> NDArray[np.float32]:
        """Frames (n, S, S, 3) uint8 after the change: float32 in [-1.05, 1], black outside."""
        size = frames.shape[1]
        made = [cv2.warpAffine(np.ascontiguousarray(frame), self.matrix, (size, size)) for frame in frames]
        images = (np.stack(made).astype(np.float32) / 127.5 - 1.0) * self.factor
        clipped: NDArray[np.float32] = np.minimum(images, 1.0).astype(np.float32)
        return clipped


def random_change(rng: np.random.Generator, size: int) -> Change:
    """A change of frames of ``size`` pixels. It scales and turns about the middle."""
    mirrored = bool(rng.random() < 0.5)
    scale, share = float(rng.uniform(*SCALES)), size / MADE_FOR
    shift = rng.integers(-FARTHEST, FARTHEST + 1, 2) * share
    angle = np.deg2rad(rng.uniform(-STEEPEST, STEEPEST))
    matrix = mirror_matrix(size) if mirrored else np.eye(2, 3)
    matrix = chained(matrix, _about_middle(scale, 0.0, size))
    matrix = chained(matrix, np.concatenate([np.eye(2), shift[:, None]], 1))
    matrix = chained(matrix, _about_middle(1.0, float(angle), size))
    return Change(matrix, mirrored, float(rng.uniform(*BRIGHTNESS)))


def mirror_matrix(size: int) -> Points:
    """The affine map (2, 3) that mirrors an image of ``size`` pixels left to right."""
    return np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])


def _about_middle(scale: float, angle: float, size: int) -> Points:
    """Scaling and turning (radians, x towards y) about the image's middle."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    middle = np.full(2, (size - 1) / 2)
    return np.concatenate([linear, (middle - linear @ middle)[:, None]], 1)
