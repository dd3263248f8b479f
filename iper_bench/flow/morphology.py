"""Masks grown and shrunk with a box kernel, and the thin-edge filter.

From: iPERCore's ``morph`` and ``CannyFilter`` (thresholds 0.1 and 0.9, hysteresis). Must agree with the
``morphology`` oracle: masks exactly, edges where the oracle marks them stable (float32 and float64 differ in
a few pixels).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LOW, HIGH = 0.1, 0.9  # thresholds of the released edge filter
_OFFSETS = (
    (0, 1),
    (-1, 1),
    (-1, 0),
    (-1, -1),
    (0, -1),
    (1, -1),
    (1, 0),
    (1, 1),
)  # (row, column) every 45 degrees


def erode(mask: Tensor, kernel: int) -> Tensor:
    """Keep pixels whose whole window is 1.

    Parameters
    ----------
    mask: (N, 1, H, W) float in [0, 1]; the border counts as 1.
    kernel: odd side of the window in pixels; 1 only binarises.

    Returns
    -------
    (N, 1, H, W) of 0 and 1. A value below 1 erodes like 0.
    """
    total = _window_sum(mask, kernel, border=1.0)
    return (total == float(kernel * kernel)).to(mask.dtype)


def dilate(mask: Tensor, kernel: int) -> Tensor:
    """Set pixels whose window sums to 1 or more; as :func:`erode` else, but the border counts as 0."""
    return (_window_sum(mask, kernel, border=0.0) >= 1.0).to(mask.dtype)


def _window_sum(mask: Tensor, kernel: int, border: float) -> Tensor:
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"window side {kernel}; expected an odd number of pixels")
    half = kernel // 2
    padded = F.pad(mask, (half, half, half, half), value=border)
    rows = F.conv2d(padded, mask.new_ones(1, 1, kernel, 1))
    return F.conv2d(rows, mask.new_ones(1, 1, 1, kernel))


class EdgeGradient(NamedTuple):
    """Of silhouettes (N, 1, H, W): blurred mask, its change to the right and down, length of the gradient."""

    blurred: Tensor
    right: Tensor
    down: Tensor
    magnitude: Tensor


def edge_gradient(mask: Tensor) -> EdgeGradient:
    """What :func:`thin_edges` decides on; mask (N, 1, H, W) float in [0, 1], outside counts as 0."""
    blurred = F.conv2d(mask, _gaussian().to(mask), padding=1)
    # Half the usual Sobel weights.
    across = mask.new_tensor([[[[-0.5, 0.0, 0.5], [-1.0, 0.0, 1.0], [-0.5, 0.0, 0.5]]]])
    right, down = F.conv2d(blurred, across, padding=1), F.conv2d(blurred, across.transpose(2, 3), padding=1)
    return EdgeGradient(blurred, right, down, (right.square() + down.square()).sqrt())


def thin_edges(mask: Tensor) -> Tensor:
    """Canny edges of a silhouette.

    Parameters
    ----------
    mask: (N, 1, H, W) float in [0, 1]; outside counts as 0.

    Returns
    -------
    (N, 1, H, W) bool.
    """
    _, right, down, magnitude = edge_gradient(mask)
    # The released filter doubles the angle (360/pi instead of 180/pi), so its sectors turn twice as fast as
    # the gradient.
    angle = torch.atan(down / right) * (360.0 / math.pi) + 180.0
    sector = torch.round(angle / 45.0) % 4.0  # NaN where there is no gradient, which no sector equals
    return _hysteresis(_local_maxima(magnitude, sector))


def _gaussian() -> Tensor:
    """The released blur: 3 x 3, sigma 1, sampled on the grid -1, 0, 1 and normalised."""
    line = torch.exp(-torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) / 2.0)
    kernel = line[:, None] * line[None]
    return (kernel / kernel.sum()).to(torch.float32)[None, None]


def _local_maxima(magnitude: Tensor, sector: Tensor) -> Tensor:
    """Zero the pixels that do not exceed both neighbours along their sector's axis."""
    height, width = magnitude.shape[-2:]
    padded = F.pad(magnitude, (1, 1, 1, 1))
    thin = magnitude.clone()
    for axis in range(4):
        rises = [
            magnitude - padded[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]
            for row, column in (_OFFSETS[axis], _OFFSETS[axis + 4])
        ]
        peak = torch.minimum(rises[0], rises[1]) > 0.0
        thin = torch.where((sector == axis) & ~peak, 0.0, thin)
    return thin


def _hysteresis(thin: Tensor) -> Tensor:
    """Strong pixels, and weak ones with any neighbour above the low threshold."""
    strong, some = thin > HIGH, thin > LOW
    level = 0.5 * some.to(thin.dtype) + 0.5 * strong.to(thin.dtype)
    near = (
        F.conv2d(level, thin.new_full((1, 1, 3, 3), 1.25), padding=1) > 1.0
    )  # 1.25: released hysteresis kernel
    return strong | (some & near)


def majority(mask: Tensor, kernel: int) -> Tensor:
    """1 where the window's mean exceeds one half (iPERCore's ``soft_dilate``); else as :func:`dilate`."""
    return (_window_sum(mask, kernel, border=0.0) > 0.5 * kernel * kernel).to(mask.dtype)
