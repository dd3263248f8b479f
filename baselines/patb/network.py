"""PATB's generator (PATN) and its two discriminators of one class.

From: Zhu et al., "Progressive Pose Attention Transfer for Person Image Generation" (CVPR 2019) and the layer
layout of its released code. Must agree with the ``patb_generator`` and ``patb_discriminator`` oracles (1e-4)
and has the keys of the released checkpoints.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["instance", "batch"]
IMAGE_CHANNELS = 3


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Instance normalisation without parameters and statistics, or batch normalisation with both."""
    return nn.InstanceNorm2d(channels) if norm == "instance" else nn.BatchNorm2d(channels)


def _down(channels: int, width: int, steps: int, norm: Norm) -> list[nn.Module]:
    """A 7x7 convolution and ``steps`` halvings, each with norm and ReLU. As released, convolutions have a
    bias beside instance normalisation and none beside batch normalisation, which has its own.
    """
    bias = norm == "instance"
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(channels, width, 7, bias=bias),
        norm_layer(norm, width),
        nn.ReLU(),
    ]
    for step in range(steps):
        inner = width * 2**step
        layers += [
            nn.Conv2d(inner, 2 * inner, 3, stride=2, padding=1, bias=bias),
            norm_layer(norm, 2 * inner),
            nn.ReLU(),
        ]
    return layers


def _block(channels: int, out: int, norm: Norm, dropout: bool, *, end_norm: bool) -> nn.Sequential:
    bias = norm == "instance"
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, channels, 3, bias=bias),
        norm_layer(norm, channels),
        nn.ReLU(),
        *([nn.Dropout(0.5)] if dropout else []),
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, out, 3, bias=bias),
    ]
    if end_norm:
        layers.append(norm_layer(norm, out))
    return nn.Sequential(*layers)


class AttentionBlock(nn.Module):
    """One transfer block: the pose code says where the image code is rewritten.

    Parameters
    ----------
    channels: of the image code; the pose code has as many in the first block, twice as many later.
    """

    def __init__(self, channels: int, norm: Norm, dropout: bool, *, first: bool) -> None:
        super().__init__()
        pose = channels if first else 2 * channels
        self.conv_block_stream1 = _block(channels, channels, norm, dropout, end_norm=True)
        self.conv_block_stream2 = _block(pose, channels, norm, dropout, end_norm=False)

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) image code and (N, C or 2C, h, w) pose code to the next ones; the pose code is
        [attention logits, image code].
        """
        attention = self.conv_block_stream2(pose)
        image = image + torch.sigmoid(attention) * self.conv_block_stream1(image)
        return image, torch.cat([attention, image], 1)


class _Body(nn.Module):
    """The layers under the released prefix ``model.``"""

    def __init__(self, width: int, blocks: int, steps: int, joints: int, norm: Norm, dropout: bool) -> None:
        super().__init__()
        channels = width * 2**steps
        self.stream1_down = nn.Sequential(*_down(IMAGE_CHANNELS, width, steps, norm))
        self.stream2_down = nn.Sequential(*_down(2 * joints, width, steps, norm))
        self.att = nn.ModuleList(
            AttentionBlock(channels, norm, dropout, first=index == 0) for index in range(blocks)
        )
        up: list[nn.Module] = []
        for step in range(steps, 0, -1):
            inner = width * 2**step
            up += [
                nn.ConvTranspose2d(
                    inner, inner // 2, 3, stride=2, padding=1, output_padding=1, bias=norm == "instance"
                ),
                norm_layer(norm, inner // 2),
                nn.ReLU(),
            ]
        up += [nn.ReflectionPad2d(3), nn.Conv2d(width, IMAGE_CHANNELS, 7), nn.Tanh()]
        self.stream1_up = nn.Sequential(*up)

    def forward(self, image: Tensor, poses: Tensor) -> Tensor:
        image, pose = self.stream1_down(image), self.stream2_down(poses)
        for block in self.att:
            image, pose = block(image, pose)
        made: Tensor = self.stream1_up(image)
        return made


class PoseAttentionGenerator(nn.Module):
    """PATN: an image code is rewritten in steps under the attention of a pose code.

    Parameters
    ----------
    width: channels of the first layer (released 64). blocks: transfer blocks (9). steps: halvings (2).
    joints: maps per pose (18). norm: ``"instance"`` (DeepFashion) or ``"batch"`` (Market).
    dropout: of the blocks, 0.5; without it keys differ from the released ones.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        steps: int = 2,
        joints: int = 18,
        norm: Norm = "instance",
        dropout: bool = True,
    ) -> None:
        super().__init__()
        self.model = _Body(width, blocks, steps, joints, norm, dropout)
        self.apply(_released_start)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] and twice (N, K, H, W) in [0, 1] to (N, 3, H, W) in [-1, 1]; H and W are
        multiples of 4.
        """
        made: Tensor = self.model(source, torch.cat([source_pose, target_pose], 1))
        return made


class _Residual(nn.Module):
    def __init__(self, channels: int, norm: Norm, dropout: bool) -> None:
        super().__init__()
        self.conv_block = _block(channels, channels, norm, dropout, end_norm=True)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.conv_block(x)
        return made


class ResnetDiscriminator(nn.Module):
    """Judges an image beside a condition. There is no head: the last feature map is the score.

    Parameters
    ----------
    channels: image under test and condition: 6 beside the source image, 21 beside the target pose.
    width, blocks, steps, norm, dropout: as the generator's (64, 3, 2). At most four times the width.
    probability: a sigmoid at the end, for binary cross entropy.
    """

    def __init__(
        self,
        channels: int,
        width: int = 64,
        blocks: int = 3,
        steps: int = 2,
        norm: Norm = "instance",
        dropout: bool = True,
        *,
        probability: bool = False,
    ) -> None:
        super().__init__()
        layers = _down(channels, width, min(steps, 2), norm)
        inner = width * 2 ** min(steps, 2)
        if steps == 3:  # a third halving does not widen
            layers += [
                nn.Conv2d(inner, inner, 3, stride=2, padding=1, bias=norm == "instance"),
                norm_layer(norm, inner),
                nn.ReLU(),
            ]
        layers += [_Residual(inner, norm, dropout) for _ in range(blocks)]
        if probability:
            layers.append(nn.Sigmoid())
        self.model = nn.Sequential(*layers)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """(N, 3, H, W) and (N, C - 3, H, W) to a map of scores (N, 4 width, H / 4, W / 4)."""
        made: Tensor = self.model(torch.cat([image, condition], 1))
        return made


def _released_start(module: nn.Module) -> None:
    """Convolutions N(0, 0.02) with PyTorch's biases, batch normalisation N(1, 0.02) and 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
