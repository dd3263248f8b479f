"""OSNet, the re-identification network behind Body-CS and Body-FD of the `paper` and `standard` profiles.

From: Zhou et al. 2019 (omni-scale feature learning); entry names as in KaiyangZhou/deep-person-reid, so that
its files load. ``instance_norm`` is the IBN variant of the evaluator (its first two stages normalise per
instance).
Must agree with: ``backbones.npz``, ``osnet_x1_0`` and ``osnet_ibn_x1_0``.
"""

from __future__ import annotations

import torch
from torch import nn

from iper_bench.metrics.backbones.network import Network, Prepare
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile

CHANNELS = (64, 256, 384, 512)  # x1.0
BLOCKS_PER_STAGE = 2
BOTTLENECK = 4  # inner width = outer width / 4
STREAMS = 4  # receptive fields of 3, 5, 7, 9
GATE_REDUCTION = 16
DIMENSIONS = 512
CLASSIFIER = "classifier."  # unused at test time; its size depends on the training set

_ZOO = "the model zoo of KaiyangZhou/deep-person-reid"
PAPER_IDENTITY = Identity(
    name="osnet_ibn_x1_0_imagenet",
    architecture="OSNet-IBN x1.0, 512-d after fully connected layer, batch norm and ReLU",
    files=("osnet_ibn_x1_0_imagenet.pth",),
    sha256=None,
    preprocessing="ImageNet mean and standard deviation",
    licence="MIT (code); weights unstated",
    source=f"the evaluator's cloud folder, or {_ZOO}",
)
STANDARD_IDENTITY = Identity(
    name="osnet_x1_0_reid",
    architecture="OSNet x1.0, 512-d after fully connected layer, batch norm and ReLU",
    files=(
        "osnet_x1_0_msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip_jitter.pth",
        "osnet_x1_0_msmt17.pth",
    ),
    sha256=None,
    preprocessing="ImageNet mean and standard deviation",
    licence="MIT (code); weights for research",
    source=_ZOO,
)


class _ConvNorm(nn.Module):
    """Convolution, normalisation, optional ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        instance: bool = False,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn = nn.InstanceNorm2d(outputs, affine=True) if instance else nn.BatchNorm2d(outputs)
        self._relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.conv(x))
        return torch.relu(x) if self._relu else x


class _LightConv(nn.Module):
    """Pointwise, then depthwise 3x3, normalisation, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn(self.conv2(self.conv1(x))))


class _Gate(nn.Module):
    """Channel weights shared by the streams of a block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // GATE_REDUCTION, 1)
        self.fc2 = nn.Conv2d(channels // GATE_REDUCTION, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(pooled))))


class _Block(nn.Module):
    """Four streams of growing receptive field, gated and summed, around a residual."""

    def __init__(self, inputs: int, outputs: int, *, instance: bool) -> None:
        super().__init__()
        inner = outputs // BOTTLENECK
        self.conv1 = _ConvNorm(inputs, inner)
        self.conv2a = _LightConv(inner)
        for depth, letter in zip(range(2, STREAMS + 1), "bcd", strict=True):
            setattr(self, f"conv2{letter}", nn.Sequential(*(_LightConv(inner) for _ in range(depth))))
        self.gate = _Gate(inner)
        self.conv3 = _ConvNorm(inner, outputs, relu=False)
        self.downsample = None if inputs == outputs else _ConvNorm(inputs, outputs, relu=False)
        self.IN = nn.InstanceNorm2d(outputs, affine=True) if instance else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.conv1(x)
        streams = [self.gate(getattr(self, f"conv2{letter}")(inner)) for letter in "abcd"]
        out = self.conv3(torch.stack(streams).sum(dim=0))
        out = out + (x if self.downsample is None else self.downsample(x))
        return torch.relu(out if self.IN is None else self.IN(out))


class OSNet(nn.Module):
    """OSNet x1.0 without its classifier.

    Input float32 (B, 3, H, W) normalised; output (B, 512), non-negative.
    """

    def __init__(self, *, instance_norm: bool) -> None:
        super().__init__()
        self.conv1 = _ConvNorm(3, CHANNELS[0], 7, stride=2, instance=instance_norm)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = _stage(CHANNELS[0], CHANNELS[1], instance=instance_norm, reduce=True)
        self.conv3 = _stage(CHANNELS[1], CHANNELS[2], instance=False, reduce=True)
        self.conv4 = _stage(CHANNELS[2], CHANNELS[3], instance=False, reduce=False)
        self.conv5 = _ConvNorm(CHANNELS[3], CHANNELS[3])
        self.fc = nn.Sequential(nn.Linear(CHANNELS[3], DIMENSIONS), nn.BatchNorm1d(DIMENSIONS), nn.ReLU())

    def feature_maps(self, x: torch.Tensor) -> torch.Tensor:
        """The convolutional trunk, (B, 512, H / 16, W / 16)."""
        x = self.maxpool(self.conv1(x))
        for stage in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = stage(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.feature_maps(x).mean(dim=(2, 3)))


def _stage(inputs: int, outputs: int, *, instance: bool, reduce: bool) -> nn.Sequential:
    layers: list[nn.Module] = [
        _Block(inputs if index == 0 else outputs, outputs, instance=instance)
        for index in range(BLOCKS_PER_STAGE)
    ]
    if reduce:
        layers.append(nn.Sequential(_ConvNorm(outputs, outputs), nn.AvgPool2d(2, stride=2)))
    return nn.Sequential(*layers)


def load(
    file: WeightFile, identity: Identity, prepare: Prepare, device: torch.device, *, instance_norm: bool
) -> Network:
    """OSNet with the weights of ``file``, its classifier apart. Raises UserError when they do not fit."""
    module = OSNet(instance_norm=instance_norm)
    network = load_network(module, identity, file.path, device, without=CLASSIFIER)
    return Network(identity, file, prepare, lambda inputs: (network(inputs),), device)
