"""Moving a source along a flow, and merging what several sources say.

From: the authors' model code. Must agree with the ``mv2nv_network`` oracles. A flow is in units of half the
image; pixel i of W sits at 2 i / W - 1, so zero flow is the identity and 2 / W is one pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

OUTSIDE = -1.0  # what the released sampler leaves outside: level 0


def coordinates(side: int, device: torch.device | str = "cpu") -> Tensor:
    """(2, S, S) float32: x and y of every pixel, from -1 to 1 - 2 / S."""
    line = 2.0 * torch.arange(side, dtype=torch.float32, device=device) / side - 1.0
    return torch.stack([line.expand(side, side), line[:, None].expand(side, side)])


def moved(image: Tensor, flow: Tensor, *, legacy_border: bool = False) -> Tensor:
    """Bilinear sample of ``image`` at the place of every pixel plus its flow.

    Parameters
    ----------
    image: (N, C, H, W) float in [-1, 1]. flow: (N, 2, H, W): x, then y.
    legacy_border: as released, -1 outside the image and in its last row and column. Otherwise places outside
        show the nearest pixel of the border.

    Returns
    -------
    (N, C, H, W).
    """
    height, width = image.shape[-2:]
    # pixel position of the place; written around the pixel's own so that zero flow is exact
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0] * (width / 2)
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1] * (height / 2)
    places = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
    sampled = F.grid_sample(image, places, mode="bilinear", padding_mode="border", align_corners=True)
    if not legacy_border:
        return sampled
    inside = (x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)
    return sampled.where(inside[:, None], sampled.new_tensor(OUTSIDE))


def shares(logits: Tensor) -> Tensor:
    """Softmax over the images of logits (N, k, H, W)."""
    return logits.softmax(1)


def merged(images: Tensor, weights: Tensor) -> Tensor:
    """Sum of images (N, k, C, H, W) with the weights (N, k, H, W)."""
    return (images * weights[:, :, None]).sum(1)
