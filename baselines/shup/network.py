"""SHUP: generator of three U-Nets (limb masks, background, foreground) and discriminator.

From: Balakrishnan et al., "Synthesizing Images of Humans in Unseen Poses" (CVPR 2018), section 3, and the
facts of its released code (models for 256 x 256). Must agree with the ``shup_network`` oracles (1e-4).
Nothing is normalised. Images are blue, green, red. The original has no PyTorch checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import UserError

from .sampling import doubled, warped

SLOPE = 0.2  # of every leaky ReLU
JOINTS, LIMBS = 14, 10
HALVINGS = 5
SMALLEST_SIDE = 64  # two pixels are left, which the reflecting border of the upsampling takes
JUDGE_HALVINGS = 5
_JUDGE_WIDTHS = (1, 2, 4, 4, 4, 4)  # times the first width
_JUDGE_CODE = 4  # times the first width, of both linear layers


def check_side(side: int) -> None:
    """Raise UserError for a side of images that cannot be halved five times."""
    if side < SMALLEST_SIDE or side % 2**HALVINGS:
        raise UserError(
            f"is {side}",
            where="settings of 'shup', field 'side'",
            expected=f"a multiple of {2**HALVINGS} from {SMALLEST_SIDE}",
        )


class SameConv2d(nn.Conv2d):
    """Convolution with a bias and TensorFlow's SAME padding, which puts the odd pixel of a strided one right
    and below. Uniform Glorot weights, zero bias.

    Parameters
    ----------
    kernel: odd. stride: 1, or 2 for even sides.
    """

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, padding=kernel // 2 if stride == 1 else 0)
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, out, H / stride, W / stride)."""
        if self.stride[0] == 2:
            total = self.kernel_size[0] - 2
            before, after = total // 2, total - total // 2
            x = F.pad(x, (before, after, before, after))
        return super().forward(x)


class UNet(nn.Module):
    """Encoder and decoder with skips; the pose enters at half size.

    Parameters
    ----------
    channels: of the input. joints: of the pose maps. width: of the first two convolutions. deep: of all
        others but the last one. last: of the last one.
    """

    def __init__(self, channels: int, joints: int, *, width: int, deep: int, last: int) -> None:
        super().__init__()
        self.entry = SameConv2d(channels, width, 7)
        self.first_half = SameConv2d(width, width, 3, 2)
        self.keep, self.halve = nn.ModuleList(), nn.ModuleList()
        arriving = width + joints
        for level in range(HALVINGS):
            self.keep.append(SameConv2d(arriving, deep))
            if level < HALVINGS - 1:
                self.halve.append(SameConv2d(deep, deep, 3, 2))
            arriving = deep
        skips = [deep] * (HALVINGS - 1) + [width]
        widths = [deep] * (HALVINGS - 1) + [last]
        self.up = nn.ModuleList(SameConv2d(deep + skip, out) for skip, out in zip(skips, widths, strict=True))

    def forward(self, x: Tensor, pose: Tensor) -> Tensor:
        """(N, channels, H, W) and the pose maps (N, joints, H / 2, W / 2) to (N, last, H, W)."""
        skips = [leaky(self.entry(x))]
        x = torch.cat([leaky(self.first_half(skips[0])), pose], 1)
        for level, keep in enumerate(self.keep):
            x = leaky(keep(x))
            if level < HALVINGS - 1:
                skips.append(x)
                x = leaky(self.halve[level](x))
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = leaky(up(torch.cat([doubled(x), skip], 1)))
        return x


class Drawn(NamedTuple):
    """What the generator makes: image, background and foreground (N, 3, H, W) in [-1, 1], blue, green, red;
    masks (N, 1 + limbs, H, W) of the source, background first, which sum to 1; alpha (N, 1, H, W) in [0, 1],
    the share of the foreground.
    """

    image: Tensor
    masks: Tensor
    background: Tensor
    foreground: Tensor
    alpha: Tensor


class ShupGenerator(nn.Module):
    """Cuts the source into limbs and background, moves every limb, redraws both and puts them together.

    Parameters
    ----------
    width, deep: of the U-Nets. mask_width, last: of the last layer of the mask network and of the others.
    joints, limbs: their numbers.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        deep: int = 128,
        mask_width: int = 32,
        last: int = 64,
        joints: int = JOINTS,
        limbs: int = LIMBS,
    ) -> None:
        super().__init__()
        self.masks = UNet(3, joints, width=width, deep=deep, last=mask_width)
        self.mask_head = SameConv2d(mask_width, limbs + 1)
        self.background = UNet(4, joints, width=width, deep=deep, last=last)
        self.background_head = SameConv2d(last, 3)
        self.foreground = UNet(3 * limbs, joints, width=width, deep=deep, last=last)
        self.foreground_head = SameConv2d(last, 3)
        self.alpha_head = SameConv2d(last, 1)

    def forward(
        self, source: Tensor, pose_source: Tensor, pose_target: Tensor, prior: Tensor, transforms: Tensor
    ) -> Drawn:
        """Draw the person of the source in the target pose.

        Parameters
        ----------
        source: (N, 3, H, W) in [-1, 1], blue, green, red.
        pose_source, pose_target: (N, joints, H / 2, W / 2).
        prior: (N, 1 + limbs, H, W) logarithms. transforms: (N, 1 + limbs, 2, 3) from pixels of the target to
            pixels of the source; the first one, of the background, is not looked at.
        """
        logits = self.mask_head(self.masks(source, pose_source))
        masks = torch.softmax(logits + prior, 1)
        still = masks[:, :1]
        around = torch.cat([still * source, still], 1)
        background = torch.tanh(self.background_head(self.background(around, pose_source)))
        limbs = limb_stack(source, masks[:, 1:], transforms[:, 1:])
        features = self.foreground(limbs, pose_target)
        foreground = torch.tanh(self.foreground_head(features))
        alpha = torch.sigmoid(self.alpha_head(features))
        image = foreground * alpha + background * (1.0 - alpha)
        return Drawn(image, masks, background, foreground, alpha)


class ShupDiscriminator(nn.Module):
    """One decision for a whole image and its two poses.

    Parameters
    ----------
    side: of the images. width: of the first convolution. joints: of one pose.
    """

    def __init__(self, side: int, *, width: int = 64, joints: int = JOINTS) -> None:
        super().__init__()
        self.entry = SameConv2d(3, width, 5)
        self.second = SameConv2d(width + 2 * joints, width * _JUDGE_WIDTHS[1], 5)
        self.convs = nn.ModuleList(
            SameConv2d(width * channels, width * out) for channels, out in pairwise(_JUDGE_WIDTHS[1:])
        )
        smallest, code = side // 2**JUDGE_HALVINGS, width * _JUDGE_CODE
        self.linear = nn.Linear(smallest**2 * width * _JUDGE_WIDTHS[-1], code)
        self.linear_2 = nn.Linear(code, code)
        self.judge = nn.Linear(code, 1)
        for layer in (self.linear, self.linear_2, self.judge):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor, pose_source: Tensor, pose_target: Tensor) -> Tensor:
        """Image (N, 3, S, S) in [-1, 1], blue, green, red, and poses (N, joints, S / 2, S / 2) to logits (N,)
        of its being real; the original's sigmoid is in the losses.
        """
        x = F.max_pool2d(leaky(self.entry(image)), 2)
        x = leaky(self.second(torch.cat([x, pose_source, pose_target], 1)))
        for conv in self.convs:
            x = leaky(conv(F.max_pool2d(x, 2)))
        x = F.relu(self.linear(x.flatten(1)))
        logits: Tensor = self.judge(F.relu(self.linear_2(x)))[:, 0]
        return logits


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of SHUP."""
    return F.leaky_relu(x, SLOPE)


def limb_stack(source: Tensor, masks: Tensor, transforms: Tensor) -> Tensor:
    """The source cut into limbs, each moved to its place in the target.

    Parameters
    ----------
    source: (N, 3, H, W). masks: (N, limbs, H, W). transforms: (N, limbs, 2, 3), see
        :func:`~.sampling.warped`.

    Returns
    -------
    (N, 3 limbs, H, W), limb by limb.
    """
    cut = masks[:, :, None] * source[:, None]
    moved = warped(cut.flatten(0, 1), transforms.flatten(0, 1))
    return moved.view(len(source), -1, *source.shape[-2:])
