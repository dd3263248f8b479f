"""Losses of SPADE: adversarial terms, feature matching, VGG distance, divergence of the style vector.

From: the paper, section 3 and its released code. Must agree with ``spade_multiscale_d`` and
``spade_training_losses`` (relative 1e-4). Everything is averaged over the scales of the discriminator, where
pix2pixHD sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.errors import unknown_name

GAN_MODES = ("hinge", "ls", "original", "w")
"""Hinge, least squares, logistic, Wasserstein; hinge is the released default."""
VGG_LAYERS = (1, 6, 11, 20, 29)
"""torchvision ``features`` indices of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)

Scales = Sequence[Sequence[Tensor]]
"""Outputs of every layer at every scale; the last of a scale are its predictions."""


def discriminator_gan(outputs: Scales, real: bool, mode: str = "hinge") -> Tensor:
    """The discriminator's loss on real or drawn images, mean over scales; scalar. Raises UserError for an
    unknown mode.
    """
    return torch.stack([_judged(scale[-1], real, mode) for scale in outputs]).mean()


def generator_gan(outputs: Scales, mode: str = "hinge") -> Tensor:
    """The generator's loss on drawn images, mean over scales; scalar. Raises UserError for another mode."""
    if mode in ("hinge", "w"):
        return torch.stack([-scale[-1].mean() for scale in outputs]).mean()
    return discriminator_gan(outputs, True, mode)


def _judged(prediction: Tensor, real: bool, mode: str) -> Tensor:
    signed = prediction if real else -prediction
    if mode == "hinge":
        return F.relu(1 - signed).mean()
    if mode == "w":
        return -signed.mean()
    if mode == "ls":
        return (prediction - float(real)).square().mean()
    if mode == "original":
        return F.softplus(-signed).mean()
    raise unknown_name("GAN mode", mode, GAN_MODES)


def feature_matching(drawn: Scales, real: Scales) -> Tensor:
    """Mean absolute difference of every layer but the last, summed over layers and averaged over scales;
    scalar. No gradient flows into ``real``.
    """
    terms = [
        F.l1_loss(ours, theirs.detach())
        for ours_all, theirs_all in zip(drawn, real, strict=True)
        for ours, theirs in zip(ours_all[:-1], theirs_all[:-1], strict=True)
    ]
    return torch.stack(terms).sum() / len(drawn)


def vgg_distance(drawn: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Weighted mean absolute difference of the outputs after :data:`VGG_LAYERS`; scalar. The images enter
    VGG19 in [-1, 1], without ImageNet's normalisation.
    """
    terms = [
        weight * F.l1_loss(ours, theirs.detach())
        for weight, ours, theirs in zip(VGG_WEIGHTS, drawn, real, strict=True)
    ]
    return torch.stack(terms).sum()


def style_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the style's normal distribution from the standard one: a sum over batch
    and dimensions; scalar.
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def split_scales(outputs: Scales) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """The two halves of a batch of drawn, then real images: outputs of the one and of the other."""
    halves = [[output.chunk(2) for output in scale] for scale in outputs]
    drawn = [[pair[0] for pair in scale] for scale in halves]
    return drawn, [[pair[1] for pair in scale] for scale in halves]
