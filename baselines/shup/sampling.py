"""The original's bilinear sampler: whole numbers are the middles of pixels, and beyond its border the image
is continued by one reflected pixel, which then repeats.

From: transformations.py and networks.py of the released code. Must agree with the ``shup_geometry`` oracles
(1e-5). Neither kind of ``torch.nn.Upsample`` doubles an image like this.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def warped(images: Tensor, matrices: Tensor) -> Tensor:
    """Images under affine maps that say where each pixel of the result comes from.

    Parameters
    ----------
    images: (N, C, H, W), sides of at least 2. matrices: (N, 2, 3) from pixels (x, y, 1) of the result to
        pixels of the image.

    Returns
    -------
    (N, C, H, W).
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, dtype=matrices.dtype, device=matrices.device)
    y = torch.arange(height, dtype=matrices.dtype, device=matrices.device)
    places = (
        matrices[:, None, None, :, 0] * x[:, None]
        + matrices[:, None, None, :, 1] * y[:, None, None]
        + matrices[:, None, None, :, 2]
    )
    # In the padded image the first pixel is number 1 and the last one number side + 1; these are 1 and -1.
    sides = torch.tensor([width, height], dtype=matrices.dtype, device=matrices.device)
    places = 2.0 * (places + 1.0) / (sides + 1.0) - 1.0
    padded = F.pad(images, (1, 1, 1, 1), "reflect")
    return F.grid_sample(padded, places.to(images.dtype), "bilinear", "border", align_corners=True)


def doubled(x: Tensor) -> Tensor:
    """Twice as large: pixel i of the result is the sample at i / 2. (N, C, H, W) to (N, C, 2 H, 2 W); sides
    of at least 2.
    """
    following = torch.cat([x[..., 1:], x[..., -2:-1]], -1)
    x = torch.stack([x, (x + following) * 0.5], -1).flatten(-2)
    following = torch.cat([x[..., 1:, :], x[..., -2:-1, :]], -2)
    return torch.stack([x, (x + following) * 0.5], -2).flatten(-3, -2)
