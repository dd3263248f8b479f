"""Losses of PG2.

From: the paper, section 3, and its released code. Must agree with the ``pg2_network`` oracles (1e-5). The
source image counts as drawn on purpose: it keeps the second stage from copying it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_l1(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference plus the same inside the pose mask; scalar.

    Parameters
    ----------
    image, target: (N, 3, H, W). mask: (N, 1, H, W) of 0 and 1.
    """
    return ((image - target).abs() * (1 + mask)).mean()


def generator_adversarial(drawn: Tensor, source: Tensor) -> Tensor:
    """Cross entropy of the logits (N,) of drawn and of source images, together, against "real"; scalar."""
    return F.softplus(-torch.cat([drawn, source])).mean()


def discriminator_loss(target: Tensor, drawn: Tensor, source: Tensor) -> Tensor:
    """Half the cross entropy of drawn and source images together against "drawn", and of targets against
    "real"; logits (N,) each, scalar.
    """
    return 0.5 * (F.softplus(torch.cat([drawn, source])).mean() + F.softplus(-target).mean())
