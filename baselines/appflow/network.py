"""The network of appearance flow: an image and a view code to the flow along which the image is moved.

From: the authors' deploy files (object models), section 3 of the paper. No normalisation; ReLU after every
layer but the output layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from iper_bench.errors import UserError

from .sampling import resized

MEANS = (104.0, 117.0, 123.0)
"""Levels taken from the three channels, as they stand in the deploy files, before the encoder."""
GRID = 8  # side at which both decoders begin
VIEW_WIDTHS = (128, 256)
LEVELS = 64.0  # spread of an image's levels
_SOFT = 0.01  # of the last flow layer, so that training begins near the identity


@dataclass(frozen=True)
class Appearance:
    """What the network says of one source.

    Attributes
    ----------
    flow: (N, 2, S, S) pixels, x then y. confidence: (N, S, S) logits, ``None`` without that channel.
    mask: (N, 2, S, S) logits of background and person in the target, ``None`` without that branch.
    """

    flow: Tensor
    confidence: Tensor | None
    mask: Tensor | None


class Encoder(nn.Sequential):
    """Convolutions 3 x 3 of stride 2 and two linear layers: (N, 3, S, S) to (N, hidden)."""

    def __init__(self, side: int, widths: Sequence[int], hidden: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((3, *widths)):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU()]
        flat = widths[-1] * encoded_side(side, len(widths)) ** 2
        layers += [nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
        super().__init__(*layers)


class Decoder(nn.Sequential):
    """Two linear layers, then transposed convolutions of stride 2 from 8 x 8 on, n to 2 n - 1, and one of
    stride 1: (N, inputs) to (N, channels, s, s).
    """

    def __init__(self, inputs: int, hidden: int, start: int, widths: Sequence[int], channels: int) -> None:
        flat = start * GRID**2
        layers: list[nn.Module] = [
            nn.Linear(inputs, hidden),
            nn.ReLU(),
            nn.Linear(hidden, flat),
            nn.ReLU(),
            nn.Unflatten(1, (start, GRID, GRID)),
        ]
        for before, after in pairwise((start, *widths)):
            layers += [nn.ConvTranspose2d(before, after, 3, 2, 1), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(widths[-1], channels, 3, 1, 1))
        super().__init__(*layers)


class AppearanceFlow(nn.Module):
    """See the module.

    Parameters
    ----------
    side: of the square images, pixels. views: length of the view code.
    encoder, decoder: widths of the convolutions; five in the decoder reach 225 pixels.
    hidden: width of the linear layers. start: channels at 8 x 8.
    mask_hidden, mask_start: the same of the mask decoder; 0 for ``mask_hidden`` leaves it out.
    confidence: a third output, by which several sources are merged.

    Raises
    ------
    UserError for a side below 2 or layers without widths.
    """

    def __init__(
        self,
        side: int,
        *,
        views: int,
        encoder: Sequence[int] = (16, 32, 64, 128, 256, 512),
        decoder: Sequence[int] = (256, 128, 64, 32, 16),
        hidden: int = 4096,
        start: int = 64,
        mask_hidden: int = 1024,
        mask_start: int = 16,
        confidence: bool = False,
    ) -> None:
        super().__init__()
        if side < 2 or not encoder or not decoder:
            raise UserError(
                f"side {side} with {len(encoder)} and {len(decoder)} convolutions",
                where="network of 'appflow'",
                expected="a side of 2 or more and one convolution or more each way",
            )
        self.side = side
        self.encoder = Encoder(side, encoder, hidden)
        first, second = VIEW_WIDTHS
        self.view = nn.Sequential(nn.Linear(views, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        joint = hidden + second
        self.flow = Decoder(joint, hidden, start, decoder, 3 if confidence else 2)
        self.mask = Decoder(joint, mask_hidden, mask_start, decoder, 2) if mask_hidden else None
        self.register_buffer("means", torch.tensor(MEANS)[:, None, None], persistent=False)
        self.means: Tensor
        initialise(self)

    def forward(self, image: Tensor, code: Tensor, *, mask: bool = True) -> Appearance:
        """Flow from the target into the source.

        Parameters
        ----------
        image: (N, 3, S, S) levels 0..255, RGB. code: (N, views).
        mask: ``False`` leaves the mask branch out.
        """
        joint = torch.cat([self.encoder(image - self.means), self.view(code)], 1)
        size = (self.side, self.side)
        flow = resized(self.flow(joint), size)
        confidence = flow[:, 2] if flow.shape[1] > 2 else None
        found = resized(self.mask(joint), size) if mask and self.mask is not None else None
        return Appearance(flow[:, :2], confidence, found)


def encoded_side(side: int, layers: int) -> int:
    """Side after ``layers`` halvings, rounded up."""
    for _ in range(layers):
        side = -(-side // 2)
    return side


@torch.no_grad()
def initialise(network: AppearanceFlow) -> None:
    """Weights that keep the size of what passes (He et al., 2015), for levels at one end, one-hot codes at
    the other and a flow near zero. The deploy files do not tell how the original began.
    """
    scales = {network.encoder[0]: 1 / LEVELS, network.flow[-1]: _SOFT}
    view = network.view[0]
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
            continue
        inputs = float(module.weight[0].numel())
        if isinstance(module, nn.ConvTranspose2d):  # weight (in, out, 3, 3); a stride spreads the inputs
            inputs = module.weight.shape[0] * 9 / math.prod(module.stride)
        elif module is view:
            inputs = 1.0  # of a code one entry is 1
        bound = math.sqrt(6 / inputs) * scales.get(module, 1.0)
        nn.init.uniform_(module.weight, -bound, bound)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
