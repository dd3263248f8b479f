"""Sampling layers of appearance flow: moving an image along a flow, resizing a flow, merging several sources.

From: the layer formulas of the authors' modified Caffe. Must agree with the ``appflow_ops`` oracles to 1e-5
of the value range. Coordinates are pixels here, x before y, and corners are aligned: the centre of the last
pixel is W - 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def moved(image: Tensor, flow: Tensor) -> Tensor:
    """Bilinear sample of ``image`` at the place of every pixel plus its flow.

    Parameters
    ----------
    image: (N, C, H, W) float. flow: (N, 2, H, W) float, pixels: x, then y.

    Returns
    -------
    (N, C, H, W); corners outside of the image count as 0.
    """
    height, width = image.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    places = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
    return F.grid_sample(image, places, mode="bilinear", padding_mode="zeros", align_corners=True)


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, C, h, w) at ``size`` (H, W), corners aligned: bilinear; when shrinking, after a tent filter as
    wide as the step.
    """
    height, width = maps.shape[-2:]
    filtered = _tent(maps, _step(width, size[1]))
    filtered = _tent(filtered.mT, _step(height, size[0])).mT
    if filtered.shape[-2:] == size:
        return filtered
    return F.interpolate(filtered, size=size, mode="bilinear", align_corners=True)


def merged(images: Tensor, logits: Tensor) -> Tensor:
    """Sum over the sources of images (N, n, C, H, W) with the softmax of their logits (N, n, H, W)."""
    return (images * logits.softmax(1)[:, :, None]).sum(1)


def _step(before: int, after: int) -> float:
    return (before - 1) / (after - 1)


def _tent(maps: Tensor, radius: float) -> Tensor:
    """Filter the last axis with weights R - |d|, where they are positive; edges are repeated."""
    if radius <= 1:
        return maps
    reach = int(-(-radius // 1)) - 1  # the largest whole distance below R
    offsets = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    weights = radius - offsets.abs()
    kernel = (weights / weights.sum())[None, None, None]
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    padded = F.pad(flat, (reach, reach, 0, 0), mode="replicate")
    return F.conv2d(padded, kernel).view(maps.shape)
