"""The convolutional trunk of SPIN: ResNet-50.

From: He et al., "Deep Residual Learning for Image Recognition" (2016), table 1, in the variant and with the
parameter names of torchvision (the stride of a stage sits on the 3x3 convolution of its first block).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 4  # output channels of a bottleneck per inner channel
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # inner channels, blocks, stride
FEATURES = 2048


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, each with batch normalisation, beside a shortcut."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        out = inner * EXPANSION
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, 4 inner, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNetTrunk(nn.Module):
    """ResNet-50 without its classifier; a base class, because SPIN's parameters carry no prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, (inner, blocks, stride) in enumerate(STAGES, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(Bottleneck(channels, inner, stride if block == 0 else 1))
                channels = inner * EXPANSION
            setattr(self, f"layer{number}", stage)

    def stages(self, images: Tensor) -> list[Tensor]:
        """Output of the four stages, (N, 256, H/4, W/4) to (N, 2048, H/32, W/32), for images (N, 3, H, W)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        found = []
        for number in range(1, len(STAGES) + 1):
            x = getattr(self, f"layer{number}")(x)
            found.append(x)
        return found

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised images -> (N, 2048), the mean over the last stage's positions (7x7 for an
        image of 224).
        """
        return self.stages(images)[-1].mean((2, 3))
