"""PG2: generator of the first stage, difference map of the second, discriminator.

From: Pose Guided Person Image Generation (Ma et al., NIPS 2017) and the facts of its released code (models
for 256 x 256). Must agree with the ``pg2_network`` oracles (1e-4). TensorFlow pads a strided convolution
more behind than before, which :func:`same` does. The original has no PyTorch checkpoint.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import UserError

SLOPE = 0.2  # leaky ReLU of the discriminator
NORM_EPS = 1e-5
WIDEST = 8  # times the discriminator's first width
DEVIATION = 0.02  # of the discriminator's uniform initialisation
SMALLEST = 8  # side of the smallest feature map at every size


def block_count(side: int) -> int:
    """Blocks of the first stage for images of that side (height): log2(side) - 2. Raises UserError for a side
    that is no power of two, or below 32.
    """
    blocks = side.bit_length() - 3
    if side < 4 * SMALLEST or side & (side - 1):
        raise UserError(
            f"is {side}", where="settings of 'pg2', field 'side'", expected="a power of two from 32"
        )
    return blocks


def same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad (N, C, H, W) with zeros as TensorFlow's SAME does: the odd pixel goes right and below."""
    amounts = []
    for length in (x.shape[-1], x.shape[-2]):
        total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts)


class SameConv2d(nn.Conv2d):
    """Convolution with a bias and TensorFlow's SAME padding."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        return super().forward(same(x, self.kernel_size[0], self.stride[0]))


class Pair(nn.Module):
    """Two convolutions, each with a ReLU. ``residual``: the input is added behind the second ReLU."""

    def __init__(self, channels: int, out: int, *, residual: bool) -> None:
        super().__init__()
        self.first, self.second = SameConv2d(channels, out), SameConv2d(out, out)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, out, H, W)."""
        y = F.relu(self.second(F.relu(self.first(x))))
        return x + y if self.residual else y


class PoseGenerator(nn.Module):
    """Stage I (G1): source image and target pose to a first image.

    Parameters
    ----------
    size: (height, width) of the images. channels: of image and pose maps together (21). width: base width
        (128 in the original). blocks: N; the sides are halved N - 1 times. latent: length of the code between
        encoder and decoder.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        channels: int = 21,
        width: int = 128,
        blocks: int = 6,
        latent: int = 64,
    ) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        shrink = 2 ** (blocks - 1)
        self.smallest = (size[0] // shrink, size[1] // shrink)
        area = self.smallest[0] * self.smallest[1]
        self.entry = SameConv2d(channels, width)
        self.down, self.halve = nn.ModuleList(), nn.ModuleList()
        for k in range(1, blocks + 1):
            self.down.append(Pair(k * width, k * width, residual=True))
            if k < blocks:
                self.halve.append(SameConv2d(k * width, (k + 1) * width, stride=2))
        self.code = nn.Linear(area * blocks * width, latent)
        self.decode = nn.Linear(latent, area * width)
        self.up, self.narrow = nn.ModuleList(), nn.ModuleList()
        arriving = width
        for k in range(blocks, 0, -1):
            joined = arriving + k * width
            self.up.append(Pair(joined, joined, residual=True))
            if k > 1:
                arriving = (k - 1) * width
                self.narrow.append(SameConv2d(joined, arriving, 1))
        self.exit = SameConv2d(2 * width, 3)
        glorot(self)

    def forward(self, source: Tensor, pose: Tensor) -> Tensor:
        """Source (N, 3, H, W) in [-1, 1] and pose (N, K, H, W) of -1 and 1 to (N, 3, H, W), unbounded."""
        x = F.relu(self.entry(torch.cat([source, pose], 1)))
        skips = []
        for k in range(self.blocks):
            x = self.down[k](x)
            skips.append(x)
            if k < self.blocks - 1:
                x = F.relu(self.halve[k](x))
        # Height, width, channels: the order in which TensorFlow flattens.
        flat = self.decode(self.code(x.permute(0, 2, 3, 1).flatten(1)))
        x = flat.view(len(flat), *self.smallest, self.width).permute(0, 3, 1, 2).contiguous()
        for k in range(self.blocks):
            x = self.up[k](torch.cat([x, skips[-1 - k]], 1))
            if k < self.blocks - 1:
                x = F.relu(self.narrow[k](_doubled(x)))
        image: Tensor = self.exit(x)
        return image


class DifferenceGenerator(nn.Module):
    """Stage II (G2): first image and source image to the map that is added to the first image.

    Parameters
    ----------
    width: base width. blocks: N - 2. first_skip: whether the first block's output reaches the decoder; it
        does not in the original's 128 x 64 variant.
    """

    def __init__(self, *, width: int = 128, blocks: int = 4, first_skip: bool = True) -> None:
        super().__init__()
        self.blocks, self.first_skip = blocks, first_skip
        self.entry = SameConv2d(6, width)
        self.down, self.halve, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        arriving = width
        for k in range(1, blocks + 1):
            self.down.append(Pair(arriving, k * width, residual=False))
            arriving = k * width
            if k < blocks:
                self.halve.append(SameConv2d(arriving, arriving, stride=2))
        for k in range(blocks, 0, -1):
            joined = arriving + (k * width if k > 1 or first_skip else 0)
            self.up.append(Pair(joined, width, residual=False))
            arriving = width
        self.exit = SameConv2d(width, 3)
        glorot(self)

    def forward(self, image: Tensor, source: Tensor) -> Tensor:
        """Both (N, 3, H, W) to the difference map (N, 3, H, W), unbounded."""
        x = F.relu(self.entry(torch.cat([image, source], 1)))
        skips = []
        for k in range(self.blocks):
            x = self.down[k](x)
            skips.append(x)
            if k < self.blocks - 1:
                x = F.relu(self.halve[k](x))
        for k in range(self.blocks):
            last = k == self.blocks - 1
            x = self.up[k](x if last and not self.first_skip else torch.cat([x, skips[-1 - k]], 1))
            if not last:
                x = _doubled(x)
        difference: Tensor = self.exit(x)
        return difference


class BatchDiscriminator(nn.Module):
    """Single images to one logit each. The norms always use the statistics of the batch at hand, so what is
    judged together matters.

    Parameters
    ----------
    size: (height, width). width: of the first convolution; it doubles up to eight times. convs: how many,
        each halving the sides.
    """

    def __init__(self, size: tuple[int, int], *, width: int = 64, convs: int = 5) -> None:
        super().__init__()
        widths = [3] + [min(2**k, WIDEST) * width for k in range(convs)]
        self.convs = nn.ModuleList(SameConv2d(narrow, wide, 5, 2) for narrow, wide in pairwise(widths))
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(wide, eps=NORM_EPS, track_running_stats=False) for wide in widths[2:]
        )
        area = math.ceil(size[0] / 2**convs) * math.ceil(size[1] / 2**convs)
        self.judge = nn.Linear(widths[-1] * area, 1)
        bound = DEVIATION * math.sqrt(3)  # a uniform distribution of that standard deviation
        for layer in (*self.convs, self.judge):
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1], real and drawn ones together, to logits (N,)."""
        x = F.leaky_relu(self.convs[0](images), SLOPE)
        for conv, norm in zip(list(self.convs)[1:], self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), SLOPE)
        logits: Tensor = self.judge(x.flatten(1))
        return logits[:, 0]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def glorot(network: nn.Module) -> None:
    """Glorot uniform weights and zero biases, as the original's layers start."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
