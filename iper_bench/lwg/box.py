"""``Box``: the rectangle of an image outside which no source is visible.

Warped source features are exactly 0 outside it, so what depends on them alone is constant there and needs no
computing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ROUNDED = 4  # pixels; boxes start and end at multiples, so that few different sizes occur


class Box(NamedTuple):
    """Half-open rectangle in pixels: ``x[..., top:bottom, left:right]``."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.bottom <= self.top or self.right <= self.left

    def grow(self, margin: int, height: int, width: int) -> Box:
        """``margin`` pixels more on every side, as far as an image of ``height`` x ``width`` reaches."""
        return Box(
            max(self.top - margin, 0),
            min(self.bottom + margin, height),
            max(self.left - margin, 0),
            min(self.right + margin, width),
        )

    def inside(self, outer: Box) -> Box:
        """The same rectangle counted from the corner of ``outer``."""
        return Box(
            self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left
        )

    def cut(self, x: Tensor) -> Tensor:
        """The part of (.., H, W) in the box, a view."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def pasted(self, x: Tensor, part: Tensor) -> Tensor:
        """A copy of (.., H, W) that holds ``part`` in the box."""
        whole = x.clone()
        self.cut(whole).copy_(part)
        return whole


def visible_boxes(flows: Sequence[Tensor]) -> list[Box]:
    """The box of every flow (.., h, w, 2): sampling along it gives exactly 0 outside.

    Parameters
    ----------
    flows: (x, y) in [-1, 1] inside the source. A coordinate up to one pixel outside still counts as visible,
        whichever ``align_corners`` the sampler uses.

    Returns
    -------
    One box per flow with sides at multiples of 4 pixels (or at the border), (0, 0, 0, 0) where nothing is
    visible. The numbers reach the CPU in one transfer.
    """
    found = []
    for flow in flows:
        height, width = flow.shape[-3:-1]
        reach = 1.0 + 2.0 / max(min(height, width) - 1, 1)
        seen = (flow.abs() <= reach).all(-1).flatten(0, -3).any(0)
        for line in (seen.any(1), seen.any(0)):
            place = torch.arange(len(line), device=flow.device)
            found += [torch.where(line, place, len(line)).amin(), torch.where(line, place + 1, 0).amax()]
    edges = torch.stack(found).tolist() if found else []
    return [_rounded(edges[4 * k : 4 * k + 4], *flow.shape[-3:-1]) for k, flow in enumerate(flows)]


def _rounded(edges: Sequence[int], height: int, width: int) -> Box:
    top, bottom, left, right = edges
    if bottom <= top or right <= left:
        return Box(0, 0, 0, 0)
    return Box(
        top - top % ROUNDED,
        min(bottom + -bottom % ROUNDED, height),
        left - left % ROUNDED,
        min(right + -right % ROUNDED, width),
    )
