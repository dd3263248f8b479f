"""Generator with deformable skip connections and conditional discriminator.

From: Siarohin et al., "Deformable GANs for Pose-based Human Image Generation" (CVPR 2018) and the authors'
conditional_gan.py (Keras). Must agree with the ``dsc_network`` oracle to 1e-4; at 256 x 256 pixels the
generator has 82,080,611 parameters and the discriminator 2,803,782.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .deformable_skip import deformable_skip

POSE_MAPS = 18
WARPED_LEVELS = 4  # of the appearance encoder, the finest
DROPPED_BLOCKS = 3  # of the decoder, the coarsest
_SLOPE = 0.2  # of LeakyReLU
_EPSILON = 1e-3  # beside the standard deviation


class WholeNorm(nn.Module):
    """Normalisation over channels, height and width of a sample at once, with one gain and one bias for all
    channels; epsilon stands beside the standard deviation, not inside the root.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1))
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        whole = (1, 2, 3)
        centred = x - x.mean(whole, keepdim=True)
        # a vector's length has a finite gradient at 0 where a root has none
        length = torch.linalg.vector_norm(centred, dim=whole, keepdim=True)
        gain: Tensor = self.gamma / (length / centred[0].numel() ** 0.5 + _EPSILON)
        return centred * gain + self.beta


class Down(nn.Module):
    """Leaky ReLU, then a convolution that halves the sides, then the norm (the last of a column has none)."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.norm = WholeNorm() if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, H / 2, W / 2)."""
        result: Tensor = self.norm(self.conv(F.leaky_relu(x, _SLOPE)))
        return result


class Up(nn.Module):
    """ReLU, then a transposed convolution that doubles the sides, then norm and dropout."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.norm = WholeNorm()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, 2 H, 2 W)."""
        result: Tensor = self.dropout(self.norm(self.deconv(F.relu(x))))
        return result


class Encoder(nn.Module):
    """A column of convolutions; every level is a skip.

    Parameters
    ----------
    inputs: channels. widths: channels per level; level 0 keeps the size, every other one halves it.
    """

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, widths[0], 3, padding=1)
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Down(widths[level - 1], widths[level], norm=level < last) for level in range(1, len(widths))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C, H, W) to the outputs of all levels, finest first, before the next activation."""
        levels = [self.first(x)]
        for block in self.down:
            levels.append(block(levels[-1]))
        return levels


class Generator(nn.Module):
    """The person of the source image in the target pose.

    Parameters
    ----------
    widths: channels of the encoders' levels (256 pixels: 64, 128, 256, 512, 512, 512, 512); sides are a
        multiple of 2 ** (levels - 1). The decoder has them in reverse order.
    dropout: probability in the first three blocks of the decoder.
    warps: whether appearance and pose have an encoder each, with deformable skips between appearance and
        decoder; otherwise one encoder sees everything (the paper's baseline).
    """

    def __init__(self, widths: Sequence[int], *, dropout: float = 0.5, warps: bool = True) -> None:
        super().__init__()
        self.warps = warps
        if warps:
            self.appearance = Encoder(3 + POSE_MAPS, widths)
            self.pose = Encoder(POSE_MAPS, widths)
        else:
            self.together = Encoder(3 + 2 * POSE_MAPS, widths)
        columns = 2 if warps else 1
        skips = [columns * width for width in reversed(widths)]
        blocks, inputs = [], skips[0]
        for level, width in enumerate(reversed(widths[1:])):
            blocks.append(Up(inputs, width, dropout=dropout if level < DROPPED_BLOCKS else 0.0))
            inputs = width + skips[level + 1]
        self.up = nn.ModuleList(blocks)
        self.last = nn.Conv2d(inputs, 3, 3, padding=1)

    def forward(
        self, source: Tensor, source_pose: Tensor, target_pose: Tensor, transforms: Tensor, masks: Tensor
    ) -> Tensor:
        """Draw the target.

        Parameters
        ----------
        source: (N, 3, S, S) in [-1, 1]. source_pose, target_pose: (N, 18, S, S) in [0, 1].
        transforms: (N, K, 2, 3) target to source, pixels. masks: (N, K, S, S), nonzero = part is there.
            Both are unused without warping.

        Returns
        -------
        (N, 3, S, S) in [-1, 1].
        """
        skips = self._skips(source, source_pose, target_pose, transforms, masks)
        x = skips[-1]
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return torch.tanh(self.last(F.relu(x)))

    def _skips(
        self, source: Tensor, source_pose: Tensor, target_pose: Tensor, transforms: Tensor, masks: Tensor
    ) -> list[Tensor]:
        if not self.warps:
            levels: list[Tensor] = self.together(torch.cat([source, source_pose, target_pose], dim=1))
            return levels
        appearance = self.appearance(torch.cat([source, source_pose], dim=1))
        for level in range(min(WARPED_LEVELS, len(appearance))):
            appearance[level] = deformable_skip(appearance[level], transforms, masks)
        pose = self.pose(target_pose)
        return [torch.cat(pair, dim=1) for pair in zip(appearance, pose, strict=True)]


class Discriminator(nn.Module):
    """Whether an image is the target, patch by patch, given the source and both poses.

    Parameters
    ----------
    widths: channels of all layers but the last, which has one (256 pixels: 64, 128, 256, 512).
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * (3 + POSE_MAPS), widths[0], 4, stride=2)
        sizes = [*widths, 1]
        self.down = nn.ModuleList(
            Down(sizes[level], sizes[level + 1], norm=level + 1 < len(widths)) for level in range(len(widths))
        )

    def forward(self, source: Tensor, source_pose: Tensor, image: Tensor, target_pose: Tensor) -> Tensor:
        """Images (N, 3, S, S) in [-1, 1] and poses (N, 18, S, S) to probabilities (N, patches)."""
        x = self.first(torch.cat([source, source_pose, image, target_pose], dim=1))
        for block in self.down:
            x = block(x)
        return torch.sigmoid(x).flatten(1)


def glorot(network: nn.Module) -> None:
    """Keras' default initialisation: uniform after Glorot, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
