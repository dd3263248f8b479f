"""``Padding``: frames whose side is no multiple of a network's stride, made larger and cut back.

Sides must be multiples of ``GeneratorConfig.stride`` (8 for the released sizes). Frames get edge pixels
repeated on all four sides, mattes get background, and cameras change so that the body stays on the pixels it
was on: pixel (i, j) becomes (i + before, j + before).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from iper_bench.data.clip import BodyTrack, Floats, Images
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources


@dataclass(frozen=True)
class Padding:
    """From frames of ``size`` pixels to ``padded`` pixels, and back. ``Padding(S, S)`` changes nothing."""

    size: int
    padded: int

    @classmethod
    def to_multiple(cls, size: int, stride: int) -> Padding:
        """The smallest padding to a multiple of ``stride``."""
        return cls(size, size + -size % stride)

    @property
    def before(self) -> int:
        """Pixels added above and on the left; below and on the right one more where the sum is odd."""
        return (self.padded - self.size) // 2

    @property
    def needed(self) -> bool:
        """Whether anything is added."""
        return self.padded != self.size

    def sources(self, sources: Sources) -> Sources:
        """Padded frames and mattes with their cameras; the very same object when nothing is needed."""
        if not self.needed:
            return sources
        sides = (self.before, self.padded - self.size - self.before)
        around = ((0, 0), sides, sides)
        masks = sources.masks
        track = sources.track
        return replace(
            sources,
            frames=np.pad(sources.frames, (*around, (0, 0)), mode="edge"),
            masks=None if masks is None else np.pad(masks, around),
            track=BodyTrack(track.betas, track.poses, self.cams(track.cams)),
        )

    def cams(self, cams: Floats) -> Floats:
        """Cameras (N, 3) ``[s, tx, ty]`` of the padded frames.

        x' = (size x + 2 before + size - padded) / padded for every x in [-1, 1], and x = s (X + tx).
        """
        if not self.needed:
            return cams
        wide = cams.astype(np.float64)
        scale = wide[:, :1] * (self.size / self.padded)
        shift = (2 * self.before + self.size - self.padded) / self.padded
        return np.concatenate([scale, wide[:, 1:] + shift / scale], axis=1).astype(np.float32)

    def crop(self, frames: Images) -> Images:
        """Padded frames (N, padded, padded, 3) back to (N, size, size, 3)."""
        if not self.needed:
            return frames
        kept = slice(self.before, self.before + self.size)
        return np.ascontiguousarray(frames[:, kept, kept])


def square_side(frames: Images) -> int:
    """The side of square frames (N, S, S, 3). Raises UserError for others."""
    height, width = frames.shape[1:3]
    if height != width:
        raise UserError(f"frames are {width}x{height}", expected="square frames")
    return int(height)
