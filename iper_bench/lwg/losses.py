"""Loss terms of the Liquid Warping GAN, each unweighted.

From: iPERCore criterions (released code, which differs from the paper: the mask term is a binary cross
entropy, smoothness a mean of absolute differences).
Agrees with: the official terms to a relative 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

GENERATOR_TARGET = 0.0
"""Score that the generator wants for its images (LSGAN with labels -1 / +1: halfway, where nothing can be
told).
"""
REAL_TARGET = 1.0
FAKE_TARGET = -1.0


ScoreJoin = Literal["mean", "sum"]


def adversarial_loss(
    scores: Tensor | Sequence[Tensor], target: float, *, joined: ScoreJoin = "mean"
) -> Tensor:
    """LSGAN: mean of (D - target)^2 per map, then over the maps of sub-discriminators their mean (released)
    or their sum (the paper); scalar.
    """
    maps = [scores] if isinstance(scores, Tensor) else list(scores)
    if not maps:
        raise ValueError("no score maps: every sub-discriminator was skipped")
    distances = torch.stack([(m - target).square().mean() for m in maps])
    return distances.sum() if joined == "sum" else distances.mean()


def reconstruction_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference; scalar."""
    return F.l1_loss(prediction, truth)


def mask_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Binary cross entropy (mean) of masks in [0, 1], 1 = background; truth may be soft. Scalar."""
    return F.binary_cross_entropy(prediction, truth)


def smoothness_loss(masks: Tensor) -> Tensor:
    """Total variation of (.., H, W): mean |difference| along x plus the same along y; scalar."""
    return masks.diff(dim=-1).abs().mean() + masks.diff(dim=-2).abs().mean()


def squared_mask_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean squared difference of masks: the paper's term. The paper writes a sum; as everywhere here the mean
    is taken, so that a weight does not depend on the image size. Scalar.
    """
    return F.mse_loss(prediction, truth)


def squared_smoothness_loss(masks: Tensor) -> Tensor:
    """Total variation of (.., H, W) as the paper writes it: mean squared difference along x plus the same
    along y (a sum in the paper, see :func:`squared_mask_loss`); scalar.
    """
    return masks.diff(dim=-1).square().mean() + masks.diff(dim=-2).square().mean()


def temporal_loss(sequence: Tensor) -> Tensor:
    """Mean |difference| between consecutive frames of (N, T, C, H, W); scalar."""
    return sequence.diff(dim=1).abs().mean()
