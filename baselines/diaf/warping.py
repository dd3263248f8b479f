"""Warping of features by an appearance flow, and flow and visibility at coarser scales.

From: section 3 of the paper and the facts of the released code. Must agree with the ``diaf_warp`` oracle
(1e-4). Flow is in pixels: the target's pixel (x, y) comes from (x + f_x, y + f_y) of the source.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

VISIBLE, HIDDEN, BACKGROUND = 0, 1, 2  # classes of a visibility map
OUTSIDE = -1.0  # what a masked warp shows outside the body
_HALF = 0.5  # masks count from above here


def warp(x: Tensor, flow: Tensor, mask: Tensor | None = None) -> Tensor:
    """``x`` sampled where the flow points to.

    Parameters
    ----------
    x: (N, C, H, W). flow: (N, 2, H, W), x and y in pixels.
    mask: (N, 1, H, W); where it is at most 0.5 the result is -1.

    Returns
    -------
    (N, C, H, W): bilinear, zero outside the image. Pixel centres of the corners are the grid's corners, so
    that a whole-number flow copies pixels.
    """
    height, width = x.shape[-2:]
    columns = torch.arange(width, device=x.device, dtype=x.dtype)
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None]
    grid = torch.stack(
        [
            2 * (columns + flow[:, 0]) / max(width - 1, 1) - 1,
            2 * (rows + flow[:, 1]) / max(height - 1, 1) - 1,
        ],
        dim=-1,
    )
    warped = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    return warped if mask is None else torch.where(mask > _HALF, warped, OUTSIDE)


def coarser_flow(flow: Tensor, level: int) -> Tensor:
    """The flow (N, 2, H, W) averaged over blocks of 2^level pixels, in pixels of that scale."""
    side = 1 << level
    return F.avg_pool2d(flow, side) / side if level else flow


def coarser_visibility(visibility: Tensor, level: int) -> Tensor:
    """The least class (N, 1, H, W) of every block of 2^level pixels: visible before hidden before
    background.
    """
    return -F.max_pool2d(-visibility, 1 << level) if level else visibility
