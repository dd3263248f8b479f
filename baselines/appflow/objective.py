"""Losses of appearance flow.

From: the paper, section 3; the masked form from the authors' loss layer.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def reconstruction(drawn: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference of images (N, 3, H, W), scalar.

    Parameters
    ----------
    mask: (N, 1, H, W); only where it is above 0.5 pixels count, in a mean of every image's own. An image
        without any such pixel counts as 0.
    """
    apart = (drawn - target).abs()
    if mask is None:
        return apart.mean()
    inside = (mask > 0.5).to(apart.dtype).expand_as(apart)
    return ((apart * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1.0)).mean()


def mask_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of logits (N, 2, H, W), background and person, with masks (N, 1, H, W), above 0.5 =
    person; scalar.
    """
    return F.cross_entropy(logits, (mask[:, 0] > 0.5).long())
