"""SIDNet, the source identity stream (G_SID): a residual auto-encoder whose features the other stream
borrows.

From: iPERCore ResAutoEncoder. No normalisation, no 7x7 stem, no skips. Also the network of the two baselines
without feature warping (TextureWarping, InputConcat).
Agrees with: the official modules to 1e-5.
Differs: two named deviations of the heads (see :class:`~iper_bench.lwg.config.Deviations`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iper_bench.lwg.config import IMAGE_CHANNELS, Deviations

SILHOUETTE_LOGIT = 3.0
"""Mask logit that the silhouette prior adds: sigmoid(3) = 0.95, sure but still correctable by the network."""


class ConvStages(nn.Module):
    """Stages of (convolution, ReLU) that each halve or double the side; keys ``layers.i.0``."""

    def __init__(self, channels: Sequence[int], *, transposed: bool, bias: bool) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            conv: nn.Module = (
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)
                if transposed
                else nn.Conv2d(before, after, 3, stride=2, padding=1, bias=bias)
            )
            stages.append(nn.Sequential(conv, nn.ReLU()))
        self.layers = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C, H, W) to the output of every stage."""
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return outputs


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), without normalisation and without activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.main(x)


class ResidualStack(nn.ModuleList):
    """Residual blocks in a row; keys ``r.main.{0,2}``."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__(ResidualBlock(channels) for _ in range(count))


def colour_head(channels: int) -> nn.Sequential:
    """5x5 convolution without bias and tanh; the released keys end in ``.0.weight``."""
    return nn.Sequential(nn.Conv2d(channels, IMAGE_CHANNELS, 5, padding=2, bias=False), nn.Tanh())


def mask_head(channels: int) -> nn.Sequential:
    """5x5 convolution without bias and sigmoid."""
    return nn.Sequential(nn.Conv2d(channels, 1, 5, padding=2, bias=False), nn.Sigmoid())


def apply_heads(
    x: Tensor, network_input: Tensor, colour: nn.Sequential, mask: nn.Sequential, deviations: Deviations
) -> tuple[Tensor, Tensor]:
    """Colour and mask from the last feature.

    Parameters
    ----------
    x: (N, C, H, W) last feature; network_input: (N, 6, H, W) [image, condition], read by the deviations only.
    colour, mask: heads as made by :func:`colour_head` and :func:`mask_head`.
    deviations: ``residual_colour`` and ``silhouette_prior`` act here.

    Returns
    -------
    (N, 3, H, W) in [-1, 1] and (N, 1, H, W) in [0, 1], 1 = background.
    """
    return finish_heads(colour[0](x), mask[0](x), network_input, deviations)


def finish_heads(
    colour_logits: Tensor, mask_logits: Tensor, network_input: Tensor, deviations: Deviations
) -> tuple[Tensor, Tensor]:
    """What follows the convolutions of the heads; parameters and result as in :func:`apply_heads`."""
    image = torch.tanh(colour_logits)
    if deviations.residual_colour:
        image = torch.clamp(network_input[:, :IMAGE_CHANNELS] + image, -1.0, 1.0)
    if deviations.silhouette_prior:
        background = network_input[:, -1:]  # last channel of the condition: 1 = background
        mask_logits = mask_logits + SILHOUETTE_LOGIT * (2.0 * background - 1.0)
    return image, torch.sigmoid(mask_logits)


class SIDNet(nn.Module):
    """Residual auto-encoder with a colour and a mask head.

    Parameters
    ----------
    channels: of the input: image 3, condition 3.
    filters: one entry per halving of the side.
    res_blocks: number of residual blocks.
    deviations: see :func:`apply_heads`.
    """

    def __init__(
        self, channels: int, filters: Sequence[int], res_blocks: int, deviations: Deviations | None = None
    ) -> None:
        super().__init__()
        self.deviations = deviations or Deviations()
        self.encoders = ConvStages([channels, *filters], transposed=False, bias=True)
        self.res_blocks = ResidualStack(filters[-1], res_blocks)
        self.decoders = ConvStages([filters[-1], *filters[::-1]], transposed=True, bias=True)
        self.img_reg = colour_head(filters[0])
        self.att_reg = mask_head(filters[0])

    def encode(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(N, C, H, W) to the outputs of every encoder stage and of every residual block."""
        encoded = self.encoders(x)
        deep = encoded[-1]
        residual = []
        for block in self.res_blocks:
            deep = block(deep)
            residual.append(deep)
        return encoded, residual

    def decode(self, deep: Tensor, network_input: Tensor) -> tuple[Tensor, Tensor]:
        """Last residual feature (N, C, h, w) and its input (N, 6, H, W) to colour (N, 3, H, W) and mask (N,
        1, H, W).
        """
        last = self.decoders(deep)[-1]
        return apply_heads(last, network_input, self.img_reg, self.att_reg, self.deviations)

    def last_feature(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the feature (N, filters[0], H, W) that the heads read."""
        encoded, residual = self.encode(x)
        return self.decoders(residual[-1] if residual else encoded[-1])[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) to colour (N, 3, H, W) in [-1, 1] and mask (N, 1, H, W) in [0, 1]."""
        encoded, residual = self.encode(x)
        return self.decode(residual[-1] if residual else encoded[-1], x)
