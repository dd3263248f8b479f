"""Losses of SHUP: distance in VGG19 features that are divided by their deviation, and the adversarial terms.

From: the paper, section 3.2, and the facts of its released code. Images are blue, green, red in [-1, 1].
Differs: the original's VGG19 takes grey levels around zero and its deviations come in a file; torchvision's
takes levels divided by their deviation. Its features are multiplied by that deviation, which gives them the
original's scale, and their own deviations are measured on the training images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import Vgg19, vgg19_of
from iper_bench.errors import unknown_name
from iper_bench.lwg.perceptual import EfficientNetLiteLoss, FrozenModule

VGG_LAYERS = (1, 3, 6, 8, 11, 13, 15, 17, 20, 22, 24, 26)
"""torchvision ``features`` indices after the ReLUs of all convolutions of the first four blocks."""
VGG_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512)
PERCEPTUAL = ("vgg19", "efficientnet-lite0", "none")

_FLOOR = 0.1  # added to a deviation before it divides
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of levels / 255
_LEVELS = 255.0 * sum(_DEVIATION) / 3.0

Distance = Callable[[Tensor, Tensor], Tensor]


class FeatureSpread(nn.Module):
    """Deviation of every channel of the features over the training images; saved with the networks.

    Attributes
    ----------
    batches: how many have been measured. mean, square: (C,) float64, of all channels of all layers one after
        the other, of the features and of their squares.
    """

    batches: Tensor
    mean: Tensor
    square: Tensor

    def __init__(self, widths: Sequence[int] = VGG_WIDTHS) -> None:
        super().__init__()
        self.widths = list(widths)
        self.register_buffer("batches", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(sum(widths), dtype=torch.float64))
        self.register_buffer("square", torch.zeros(sum(widths), dtype=torch.float64))

    @torch.no_grad()
    def add(self, moments: Tensor) -> None:
        """Take another batch, of the same size as the others, into account: its :func:`moments_of`."""
        self.batches += 1
        self.mean += (moments[0] - self.mean) / self.batches
        self.square += (moments[1] - self.square) / self.batches

    def deviations(self) -> list[Tensor]:
        """One (C, 1, 1) float32 per layer. Raises ValueError before the first batch."""
        if self.batches == 0:
            raise ValueError("no training image has been measured")
        every = (self.square - self.mean.square()).clamp_min(0).sqrt().to(torch.float32)
        return [part.view(-1, 1, 1) for part in torch.split(every, self.widths)]


def moments_of(features: Sequence[Tensor]) -> Tensor:
    """Means of all channels of (N, C, H, W) features and of their squares: (2, sum of C) float64."""
    doubles = [one.detach().to(torch.float64) for one in features]
    rows = [torch.stack([one.mean((0, 2, 3)), one.square().mean((0, 2, 3))]) for one in doubles]
    return torch.cat(rows, 1)


class VggDistance(FrozenModule):
    """Mean over twelve layers of the mean absolute difference, divided by the deviation of its channel.

    Parameters
    ----------
    vgg: with average pooling. spread: of its features; looked at in every call.
    """

    centre: Tensor
    deviation: Tensor

    def __init__(self, vgg: Vgg19, spread: FeatureSpread) -> None:
        super().__init__()
        self.vgg = vgg
        self._spread = [spread]  # in a list: the module belongs to the baseline, not to this one
        self.register_buffer("centre", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))
        self.freeze()

    def features(self, images: Tensor) -> list[Tensor]:
        """The twelve feature maps, in the original's scale, of (N, 3, H, W) images."""
        levels = (images.flip(1) + 1.0) / 2.0
        found = self.vgg((levels - self.centre) / self.deviation, VGG_LAYERS)
        return [one * _LEVELS for one in found]

    def forward(self, drawn: Tensor, truth: Tensor) -> Tensor:
        """Both (N, 3, H, W); scalar. No gradient flows into ``truth``."""
        with torch.no_grad():
            there = self.features(truth)
        return standardised_distance(self.features(drawn), there, self._spread[0].deviations())


def standardised_distance(
    drawn: Sequence[Tensor], truth: Sequence[Tensor], deviations: Sequence[Tensor]
) -> Tensor:
    """Mean over the layers of the mean of |difference| / (deviation + 0.1); scalar.

    Parameters
    ----------
    drawn, truth: (N, C, H, W) per layer. deviations: (C, 1, 1) per layer.
    """
    terms = [
        ((ours - theirs).abs() / (deviation + _FLOOR)).mean()
        for ours, theirs, deviation in zip(drawn, truth, deviations, strict=True)
    ]
    return torch.stack(terms).mean()


class LiteDistance(FrozenModule):
    """Stand-in: :class:`~iper_bench.lwg.perceptual.EfficientNetLiteLoss` of blue, green, red images."""

    def __init__(self) -> None:
        super().__init__()
        self.loss = EfficientNetLiteLoss()
        self.freeze()

    def forward(self, drawn: Tensor, truth: Tensor) -> Tensor:
        """Both (N, 3, H, W); scalar. No gradient flows into ``truth``."""
        distance: Tensor = self.loss(drawn.flip(1), truth.flip(1))
        return distance


def distance_of(
    perceptual: str, weights: Path | None, spread: FeatureSpread | None
) -> VggDistance | LiteDistance | None:
    """The distance named in the settings; ``None`` for ``"none"``.

    Parameters
    ----------
    weights: file of torchvision's VGG19. spread: of its features; both for ``"vgg19"``.

    Raises
    ------
    UserError for another name, or without the weights.
    """
    if perceptual == "vgg19":
        if spread is None:
            raise ValueError("VGG19's distance needs the deviations of its features")
        return VggDistance(vgg19_of(weights, VGG_LAYERS[-1], pooling="avg"), spread)
    if perceptual == "efficientnet-lite0":
        return LiteDistance()
    if perceptual == "none":
        return None
    raise unknown_name("perceptual network", perceptual, PERCEPTUAL, where="settings of 'shup'")


def generator_adversarial(drawn: Tensor) -> Tensor:
    """Cross entropy of the logits (N,) of drawn images against "real"; scalar."""
    return F.softplus(-drawn).mean()


def discriminator_loss(real: Tensor, drawn: Tensor) -> Tensor:
    """Cross entropy of the logits (N,) of real and drawn images, one batch of both; scalar."""
    return torch.cat([F.softplus(-real), F.softplus(drawn)]).mean()
