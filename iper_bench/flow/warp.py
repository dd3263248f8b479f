"""Bilinear sampling of images along flows, the one place where the sampling convention is fixed.

From: ``grid_sample`` at the defaults of torch >= 1.3, which iPERCore relies on: bilinear, zeros outside,
``align_corners=False`` (pixel i of S sits at (2i + 1 - S)/S). The ICCV code ran on torch 1.2, whose default
was the other convention.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def sample(image: Tensor, flow: Tensor) -> Tensor:
    """Take ``image`` where ``flow`` points.

    Parameters
    ----------
    image: (N, C, H, W) float.
    flow: (N, H', W', 2) float, (x, y) in [-1, 1]; -2 = invisible.

    Returns
    -------
    (N, C, H', W'); 0 where the flow leaves the image by more than half a pixel.
    """
    return F.grid_sample(image, flow, mode="bilinear", padding_mode="zeros", align_corners=False)
