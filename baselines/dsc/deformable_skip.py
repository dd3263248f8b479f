"""The deformable skip: features of the source carried to where each body part lies in the target.

From: the paper's section 3.2, and the authors' affine layer in mode "max". Must agree with the feature maps
of the ``dsc_geometry`` oracle off rounding ties. Differs: the gradient is that of the gather itself, where
the original's operator warps it back with the inverse transform; where parts are equally strong, one of them
takes it all.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sampled_places(transforms: Tensor, masks: Tensor, size: tuple[int, int], ratio: int) -> Tensor:
    """Which place of the source's feature map every place of the target reads, part by part.

    Parameters
    ----------
    transforms: (N, K, 2, 3) float, target to source, pixels of the image.
    masks: (N, K, H, W), nonzero = the part is there; H, W = ``ratio`` times ``size``.
    size: (h, w) of the feature map.

    Returns
    -------
    (N, K, h * w) int64: row * w + column of the nearest place (half away from zero; translations are divided
    by ``ratio``, masks read at every ``ratio``-th pixel); h * w = none: outside the map or the mask.
    """
    h, w = size
    x = torch.arange(w, device=transforms.device, dtype=transforms.dtype).view(1, 1, 1, w)
    y = torch.arange(h, device=transforms.device, dtype=transforms.dtype).view(1, 1, h, 1)
    (xx, xy, x0), (yx, yy, y0) = (
        [transforms[:, :, row, column, None, None] for column in range(3)] for row in range(2)
    )
    column = _nearest(xx * x + xy * y + x0 / ratio)
    row = _nearest(yx * x + yy * y + y0 / ratio)
    seen = (column >= 0) & (column < w) & (row >= 0) & (row < h) & (masks[..., ::ratio, ::ratio] != 0)
    place = torch.where(seen, row * w + column, torch.full_like(row, h * w))
    return place.long().flatten(2)


def _nearest(values: Tensor) -> Tensor:
    return torch.sign(values) * torch.floor(values.abs() + 0.5)


def deformable_skip(features: Tensor, transforms: Tensor, masks: Tensor) -> Tensor:
    """The strongest of all parts at every place; a part that is not there counts as 0.

    Parameters
    ----------
    features: (N, C, h, w) of the source. transforms: (N, K, 2, 3). masks: (N, K, H, W).

    Returns
    -------
    (N, C, h, w).

    Raises
    ------
    ValueError when H / h is no whole number, or not W / w.
    """
    n, channels, h, w = features.shape
    ratio = masks.shape[-2] // h
    if masks.shape[-2:] != (ratio * h, ratio * w):
        raise ValueError(f"features of {h}x{w} under masks of {tuple(masks.shape[-2:])}; expected a multiple")
    with torch.no_grad():
        places = sampled_places(transforms, masks, (h, w), ratio)
    rows = F.pad(features.flatten(2).transpose(1, 2), (0, 0, 0, 1))  # (N, h * w + 1, C), the last one zero
    drawn = torch.gather(rows, 1, _strongest(rows.detach(), places))
    return drawn.transpose(1, 2).reshape(n, channels, h, w)


@torch.no_grad()
def _strongest(rows: Tensor, places: Tensor) -> Tensor:
    """(N, h * w, C) int64: for every channel the place, among those of the K parts, with the largest value.

    Parts are compared one after the other, each only where it is there, so that neither memory nor time grow
    with K times the map. rows: (N, h * w + 1, C), the last row zero.
    """
    n, parts, count = places.shape
    channels = rows.shape[2]
    flat = rows.flatten(0, 1)
    sample = torch.arange(n, device=places.device).repeat_interleave(count) * (count + 1)
    missing = (places == count).any(1).view(-1, 1)  # where any part is missing, 0 takes part in the maximum
    best = torch.zeros(n * count, channels, dtype=rows.dtype, device=rows.device)
    best.masked_fill_(~missing, -torch.inf)
    chosen = torch.full_like(best, count, dtype=torch.int64)
    for part in range(parts):
        place = places[:, part].flatten()
        spots = (place != count).nonzero()[:, 0]
        place = place[spots]
        value, before = flat.index_select(0, place + sample[spots]), best.index_select(0, spots)
        better = value > before
        best.index_copy_(0, spots, torch.where(better, value, before))
        chosen.index_copy_(0, spots, torch.where(better, place[:, None], chosen.index_select(0, spots)))
    return chosen.view(n, count, channels)
