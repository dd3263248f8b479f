"""Layers that all residual networks of DIAF share.

From: Dense Intrinsic Appearance Flow for Human Pose Transfer (Li et al., CVPR 2019) and the facts of its
released code; names of parameters as in its checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, cat, nn
from torch.nn import functional as F

from iper_bench.errors import UserError


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that can also take the statistics of every frame on its own.

    Attributes
    ----------
    alone: normalise every frame by its own mean and variance and leave the running statistics as they are:
        what batch statistics are for a batch of one, for any number of frames at once.
    """

    alone: bool = False

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        if self.alone:
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return super().forward(x)


@contextmanager
def frames_alone(*networks: nn.Module) -> Iterator[None]:
    """Within it, batch normalisations of ``networks`` normalise every frame by its own statistics."""
    norms = [one for network in networks for one in network.modules() if isinstance(one, BatchNorm)]
    for norm in norms:
        norm.alone = True
    try:
        yield
    finally:
        for norm in norms:
            norm.alone = False


class ResidualBlock(nn.Module):
    """x + BN(conv(ReLU(x))); with a side input a, the convolution also sees BN(conv 1x1(ReLU(a))).

    Parameters
    ----------
    channels: of x. side: channels of a, 0 = without.
    """

    def __init__(self, channels: int, side: int = 0) -> None:
        super().__init__()
        if side:
            self.conv_a = pointwise(side, channels)
        seen = 2 * channels if side else channels
        self.conv = nn.Sequential(nn.Conv2d(seen, channels, 3, padding=1, bias=False), BatchNorm(channels))

    def forward(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        """(N, C, H, W), and (N, side, H, W) where the block has a side input, to (N, C, H, W)."""
        seen = x if a is None else cat([x, self.conv_a(F.relu(a))], 1)
        added: Tensor = x + self.conv(F.relu(seen))
        return added


def pointwise(channels: int, out: int) -> nn.Sequential:
    """Convolution 1x1 and norm."""
    return nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), BatchNorm(out))


def halving(channels: int, out: int) -> nn.Sequential:
    """To half the height and width."""
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), BatchNorm(out)
    )


def doubling(channels: int, out: int) -> nn.Sequential:
    """To twice the height and width, by a shuffle of channels."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, 4 * out, 3, padding=1, bias=False),
        nn.PixelShuffle(2),
        BatchNorm(out),
    )


def image_head(channels: int, out: int) -> list[nn.Module]:
    """Convolution 7x7 over a mirrored border."""
    return [nn.ReflectionPad2d(3), nn.Conv2d(channels, out, 7)]


def encoded(network: nn.Module, path: str, level: int, x: Tensor, blocks: int) -> tuple[Tensor, list[Tensor]]:
    """The residual blocks of one scale of the encoder ``path`` and its halving: the halved features, and
    what every block gave.
    """
    kept = []
    for i in range(blocks):
        x = network.get_submodule(f"{path}_{level}_res_{i}")(x)
        kept.append(x)
    return network.get_submodule(f"{path}_{level}_downsample")(x), kept


def decoded(network: nn.Module, level: int, x: Tensor, kept: list[Tensor]) -> Tensor:
    """The doubling of one scale of the decoder and its residual blocks, the last skip first."""
    x = network.get_submodule(f"dec_{level}_upsample")(x)
    for i in reversed(range(len(kept))):
        x = network.get_submodule(f"dec_{level}_res_{i}")(x, kept[i])
    return x


def add_decoder(network: nn.Module, level: int, channels: int, out: int, side: int, blocks: int) -> None:
    """Add the decoder's modules of one scale: ``channels`` come from below, ``out`` go up, ``side`` are the
    skips'.
    """
    network.add_module(f"dec_{level}_upsample", doubling(channels, out))
    for i in range(blocks):
        network.add_module(f"dec_{level}_res_{i}", ResidualBlock(out, side))


def initialise(network: nn.Module) -> None:
    """Kaiming's normal weights, biases 0, scales of norms N(1, 0.02) (the released code)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def check_side(side: int, halvings: int, network: str) -> None:
    """Raise UserError unless images of ``side`` pixels can be halved so often and keep two pixels: the
    statistics of a single one say nothing.
    """
    if halvings < 1 or side % (1 << halvings) or side >> halvings < 2:
        raise UserError(
            f"side {side} cannot be halved {halvings} times",
            where=f"settings of 'diaf', {network}",
            expected=f"a multiple of {1 << max(halvings, 1)} from {2 << max(halvings, 1)} on",
        )
