"""pix2pixHD's losses and rates.

From: Wang et al. (CVPR 2018), section 3, with the weights of the released code. Must agree with the
``pix2pixhd_training_losses`` oracle (relative 1e-4).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import RELU1_1, RELU2_1, RELU3_1, RELU4_1, RELU5_1, Vgg19

VGG_LAYERS = (RELU1_1, RELU2_1, RELU3_1, RELU4_1, RELU5_1)
VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
CONSTANT_SHARE = 0.5  # of the epochs at the first rate: 100 of 200 (released)

Judged = Sequence[Sequence[Tensor]]


def gan_loss(judged: Judged, real: bool) -> Tensor:
    """Squared distance of the scores to 1 or 0: mean over each scale, sum over the scales."""
    scores = [outputs[-1] for outputs in judged]
    wanted = 1.0 if real else 0.0
    return torch.stack([F.mse_loss(one, torch.full_like(one, wanted)) for one in scores]).sum()


def feature_matching(made: Judged, truth: Judged) -> Tensor:
    """Mean absolute difference of the layers before the scores, summed over layers and scales, times 4 /
    (layers + 1) / scales; unweighted.
    """
    inner = len(made[0]) - 1  # without the scores
    distances = [
        F.l1_loss(ours, theirs.detach())
        for one, other in zip(made, truth, strict=True)
        for ours, theirs in zip(one[:-1], other[:-1], strict=True)
    ]
    return torch.stack(distances).sum() * (4.0 / inner / len(made))


def vgg_distance(vgg: Vgg19, made: Tensor, truth: Tensor) -> Tensor:
    """Weighted sum over five layers; images in [-1, 1] enter as they are, without ImageNet's mean and
    deviation (released).
    """
    with torch.no_grad():
        wanted = vgg(truth, VGG_LAYERS)
    terms = [
        weight * F.l1_loss(ours, theirs)
        for weight, ours, theirs in zip(VGG_WEIGHTS, vgg(made, VGG_LAYERS), wanted, strict=True)
    ]
    return torch.stack(terms).sum()


def epoch_rate(rate: float, epoch: int, constant: int, decay: int) -> float:
    """Of ``epoch`` (from 1): ``rate`` for one epoch more than ``constant``, then less by rate / decay in
    each.
    """
    return rate * (1.0 - max(0, epoch - constant - 1) / decay)


def step_rate(rate: float, step: int, steps: int) -> float:
    """The released 100 + 100 epochs stretched over ``steps``."""
    epoch = 1 + (200 * step) // max(1, steps)
    return epoch_rate(rate, min(epoch, 200), 100, 100)
