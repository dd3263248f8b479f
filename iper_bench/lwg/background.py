"""BGNet, the background stream (G_BG): a small inpainting network.

From: iPERCore ResNetInpaintor; all layers in one Sequential ``main`` whose indices are part of the released
keys.
Agrees with: the official modules to 1e-5. Every normalisation is instance normalisation without parameters.
Differs: two named deviations (see :class:`~iper_bench.lwg.config.Deviations`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from iper_bench.lwg.config import IMAGE_CHANNELS, Deviations


class NormalisedResidualBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x))))), no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.main(x)


class BGNet(nn.Module):
    """Completes a background.

    Parameters
    ----------
    channels: of the input: image 3, mask 1 (1 = known background).
    filters: stem and one entry per halving.
    res_blocks: number of residual blocks.
    deviations: ``known_background``, and ``residual_colour`` together with ``prefilled_hole``, act here.
    """

    def __init__(
        self, channels: int, filters: Sequence[int], res_blocks: int, deviations: Deviations | None = None
    ) -> None:
        super().__init__()
        self.deviations = deviations or Deviations()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, filters[0], 7, padding=3),
            nn.InstanceNorm2d(filters[0]),
            nn.ReLU(),
        ]
        for before, after in itertools.pairwise(filters):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.InstanceNorm2d(after), nn.ReLU()]
        layers += [NormalisedResidualBlock(filters[-1]) for _ in range(res_blocks)]
        for before, after in zip(filters[:0:-1], filters[-2::-1], strict=True):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.InstanceNorm2d(after),
                nn.ReLU(),
            ]
        layers += [nn.Conv2d(filters[0], IMAGE_CHANNELS, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, H, W) [image, mask] to (N, 3, H, W) in [-1, 1].

        The sides are multiples of 2^(len(filters) - 1).
        """
        colour: Tensor = self.main(x)
        return finish_background(colour, x, self.deviations)


def finish_background(colour: Tensor, x: Tensor, deviations: Deviations) -> Tensor:
    """The background deviations applied to a network's output (N, 3, H, W) for its input x (N, 4, H, W)."""
    image, known = x[:, :IMAGE_CHANNELS], x[:, IMAGE_CHANNELS : IMAGE_CHANNELS + 1]
    if deviations.residual_colour and deviations.prefilled_hole:
        colour = torch.clamp(image + colour, -1.0, 1.0)
    if deviations.known_background:
        colour = known * image + (1.0 - known) * colour
    return colour
