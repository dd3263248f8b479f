"""Networks of MV2NV: the flow module, the recurrent pixel module, the discriminator, and how the results are
merged.

From: the authors' model code; the paper, section 3. Must agree with the ``mv2nv_network`` oracles to 1e-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from iper_bench.errors import UserError

from .layers import LEAK, Encoder, Head, RecurrentBlock, ResidualBlock, State, UpConv, glorot
from .sampling import coordinates, merged, moved, shares

RECURRENT = 3  # innermost encoder outputs that remember the sources before
_FLOW, _PIXEL = 3, 4  # outputs: x, y, logit; red, green, blue, logit


@dataclass(frozen=True)
class Sizes:
    """Widths of both modules; the defaults are the original's.

    Attributes
    ----------
    encoder, decoder: of the convolutions, one halving or doubling each. head: before the outputs.
    blocks: residual blocks of the flow module; textbook: in their usual form (the released one skips half).
    """

    encoder: tuple[int, ...] = (32, 64, 128, 256, 512)
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    head: int = 8
    blocks: int = 4
    textbook: bool = False

    def __post_init__(self) -> None:
        if len(self.encoder) != len(self.decoder) or len(self.encoder) < RECURRENT:
            raise UserError(
                f"{len(self.encoder)} encoder and {len(self.decoder)} decoder widths",
                where="network of 'mv2nv'",
                expected=f"as many of each, {RECURRENT} or more",
            )


class FlowModule(nn.Module):
    """Where each target pixel lies in a source: (N, 5 + p, S, S) to (N, 3, S, S): x, y, confidence logit."""

    def __init__(self, codes: int, sizes: Sizes) -> None:
        super().__init__()
        deepest = sizes.encoder[-1]
        self.encoder = Encoder(5 + codes, sizes.encoder)
        self.blocks = nn.Sequential(
            *(ResidualBlock(deepest, textbook=sizes.textbook) for _ in range(sizes.blocks))
        )
        self.ups = nn.Sequential(
            *(UpConv(before, after) for before, after in pairwise((deepest, *sizes.decoder)))
        )
        self.head = Head(sizes.decoder[-1], sizes.head, _FLOW)
        glorot(self)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        result: Tensor = self.head(self.ups(self.blocks(self.encoder(x)[-1])))
        return result


class PixelModule(nn.Module):
    """The target painted from the sources seen so far: (n, N, 5 + p, S, S), the sources first, to
    (n, N, 4, S, S): RGB in [-1, 1] after a tanh, confidence logit.
    """

    def __init__(self, codes: int, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = Encoder(5 + codes, sizes.encoder)
        self.memory = nn.ModuleList(
            nn.ModuleList(RecurrentBlock(width) for _ in range(2))
            for width in sizes.encoder[: -RECURRENT - 1 : -1]
        )
        skips = (0, *sizes.encoder[-2::-1])  # none at the bottleneck
        before = (sizes.encoder[-1], *sizes.decoder)
        self.ups = nn.ModuleList(
            UpConv(width + skip, after)
            for width, skip, after in zip(before[:-1], skips, sizes.decoder, strict=True)
        )
        self.head = Head(sizes.decoder[-1], sizes.head, _PIXEL)
        glorot(self)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        count = len(x)
        found = [_split(level, count) for level in self.encoder(x.flatten(0, 1))][::-1]
        for place in range(RECURRENT):
            for block in self._blocks(place):
                found[place] = _remembered(block, found[place])
        inner = found[0].flatten(0, 1)
        for place, up in enumerate(self.ups):
            inner = up(torch.cat([inner, found[place].flatten(0, 1)], 1) if place else inner)
        colours, logit = self.head(inner).split([_PIXEL - 1, 1], 1)
        return _split(torch.cat([colours.tanh(), logit], 1), count)

    def _blocks(self, place: int) -> list[nn.Module]:
        return list(self.memory[place].children())


def _split(maps: Tensor, count: int) -> Tensor:
    """(count N, ...) to (count, N, ...)."""
    return maps.reshape(count, -1, *maps.shape[1:])


def _remembered(block: nn.Module, sources: Tensor) -> Tensor:
    """A recurrent block over the sources, (n, N, C, H, W)."""
    states: list[State] | None = None
    results = []
    for source in sources:
        result, states = block(source, states)
        results.append(result)
    return torch.stack(results)


class Discriminator(nn.Sequential):
    """Convolutions 4 x 4 of stride 2, leaky, and a linear 1 x 1: (N, 3, S, S) to logits (N, 1, s, s)."""

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 256)) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((3, *widths)):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(LEAK)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 1))
        glorot(self)


@dataclass(frozen=True)
class Views:
    """What both modules make of n sources; the sources stand second.

    Attributes
    ----------
    pixels: (N, n, 3, S, S), painted after source t. pixel_logits: (N, n, S, S).
    flows: (N, n, 2, S, S). warped: (N, n, 3, S, S), the sources along their flows. flow_logits: (N, n, S, S).
    """

    pixels: Tensor
    pixel_logits: Tensor
    flows: Tensor
    warped: Tensor
    flow_logits: Tensor

    @property
    def count(self) -> int:
        """Number of sources."""
        return self.pixels.shape[1]

    def weights(self, step: int) -> Tensor:
        """(N, step + 2, S, S): of the image painted after source ``step`` and of the sources up to it."""
        logits = torch.cat([self.pixel_logits[:, step : step + 1], self.flow_logits[:, : step + 1]], 1)
        return shares(logits)

    def merged(self, step: int) -> Tensor:
        """(N, 3, S, S): the result after source ``step``."""
        images = torch.cat([self.pixels[:, step : step + 1], self.warped[:, : step + 1]], 1)
        return merged(images, self.weights(step))

    def warped_only(self, step: int) -> Tensor:
        """(N, 3, S, S): the sources up to ``step`` merged without the painted image."""
        return merged(self.warped[:, : step + 1], shares(self.flow_logits[:, : step + 1]))


def synthesise(
    flow: nn.Module, pixel: nn.Module, sources: Tensor, codes: Tensor, *, legacy_border: bool = False
) -> Views:
    """Both modules on the same sources.

    Parameters
    ----------
    sources: (N, n, 3, S, S) in [-1, 1]. codes: (N, n, p), target minus source.
    legacy_border: see :func:`~.sampling.moved`.
    """
    views = synthesised_pixels(pixel, sources, codes)
    batch = len(sources)
    told = flow(_inputs(sources, codes).flatten(0, 1))
    warped = moved(sources.flatten(0, 1), told[:, :2], legacy_border=legacy_border)
    told, warped = _split(told, batch), _split(warped, batch)
    return Views(views[:, :, :3], views[:, :, 3], told[:, :, :2], warped, told[:, :, 2])


def synthesised_pixels(pixel: nn.Module, sources: Tensor, codes: Tensor) -> Tensor:
    """The pixel module alone: (N, n, 4, S, S)."""
    result: Tensor = pixel(_inputs(sources, codes).transpose(0, 1)).transpose(0, 1)
    return result


def _inputs(sources: Tensor, codes: Tensor) -> Tensor:
    """(N, n, 5 + p, S, S): image, place, code."""
    batch, count, _, side, _ = sources.shape
    place = coordinates(side, sources.device).expand(batch, count, -1, -1, -1)
    planes = codes[..., None, None].expand(-1, -1, -1, side, side)
    return torch.cat([sources, place, planes], 2)


def check_side(side: int, sizes: Sizes) -> None:
    """Raise UserError for a side that the halvings do not divide."""
    step = 2 ** len(sizes.encoder)
    if side < step or side % step:
        raise UserError(
            f"side is {side}", where="settings of 'mv2nv'", expected=f"a multiple of {step} pixels"
        )


__all__ = [
    "Discriminator",
    "FlowModule",
    "PixelModule",
    "Sizes",
    "Views",
    "check_side",
    "synthesise",
    "synthesised_pixels",
]
