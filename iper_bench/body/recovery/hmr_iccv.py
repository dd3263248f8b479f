"""HMR as the ICCV 2019 release of the Liquid Warping GAN carries it: converted from TensorFlow.

From: Kanazawa et al., "End-to-end Recovery of Human Shape and Pose" (2018); He et al., "Identity Mappings in
Deep Residual Networks" (2016) for the pre-activation trunk, in TensorFlow's arrangement (the stride sits on
the last block of a stage; a convolved shortcut reads the activated input). The regressor must agree with the
``iccv_hmr_regressor_rule`` oracle to 1e-4; for the trunk only names and shapes are proven.
Differs: the released file also holds the arrays of the licensed body; they are no part of this network.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 4  # output channels of a block per inner channel
STAGES = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))  # inner channels, blocks, stride of the last
FEATURES = 2048
THETA = 85  # camera 3, axis-angle pose 72, shape 10
HIDDEN = 1024
ITERATIONS = 3
BODY_ARRAYS = "smpl."  # prefix of the licensed body's arrays in the released file


class PreActivationBlock(nn.Module):
    """Normalise, activate, convolve, three times; the shortcut carries the raw input."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        out = inner * EXPANSION
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out, 1)
        self.stride = stride
        self.shortcut: nn.Sequential | None = None
        if channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, 4 inner, H / stride, W / stride)."""
        active = F.relu(self.bn1(x))
        y = F.relu(self.bn2(self.conv1(active)))
        y = F.relu(self.bn3(self.conv2(y)))
        # a 1x1 pool takes every second pixel
        kept = F.max_pool2d(x, 1, stride=self.stride) if self.shortcut is None else self.shortcut(active)
        return self.conv3(y) + kept


class PreActivationTrunk(nn.Module):
    """ResNet-50 v2: images (N, 3, 224, 224) in [-1, 1] -> features (N, 2048)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        channels = 64
        for number, (inner, blocks, stride) in enumerate(STAGES, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(PreActivationBlock(channels, inner, stride if block == blocks - 1 else 1))
                channels = inner * EXPANSION
            setattr(self, f"layer{number}", stage)
        self.post_bn = nn.BatchNorm2d(channels)

    def forward(self, images: Tensor) -> Tensor:
        """The mean over positions (7x7 for an image of 224) of the last activation."""
        x = F.max_pool2d(self.conv1(images), 3, stride=2, ceil_mode=True)
        for number in range(1, len(STAGES) + 1):
            x = getattr(self, f"layer{number}")(x)
        return F.relu(self.post_bn(x)).mean((2, 3))


class ThetaRegressor(nn.Module):
    """Three corrections of the mean body, read from features (N, 2048)."""

    mean_theta: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean_theta", torch.zeros(THETA))
        self.fc_blocks = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(FEATURES + THETA, HIDDEN),
                relu1=nn.ReLU(),
                dropout1=nn.Dropout(),
                fc2=nn.Linear(HIDDEN, HIDDEN),
                relu2=nn.ReLU(),
                dropout2=nn.Dropout(),
                fc3=nn.Linear(HIDDEN, THETA),
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, 85) camera, axis-angle pose, shape."""
        theta = self.mean_theta.expand(len(features), -1)
        for _ in range(ITERATIONS):
            theta = theta + self.fc_blocks(torch.cat([features, theta], dim=1))
        return theta


class HmrIccv(nn.Module):
    """The whole estimator: images (N, 3, 224, 224) RGB in [-1, 1] -> (N, 85) camera, pose, shape."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = PreActivationTrunk()
        self.regressor = ThetaRegressor()

    def forward(self, images: Tensor) -> Tensor:
        """(N, 85): camera ``[s, tx, ty]`` with the image as [-1, 1], axis-angle pose 72, shape 10."""
        return self.regressor(self.resnet(images))
