"""The two Inception networks that give different FIDs.

`paper`: torchvision's ``inception_v3`` with ImageNet weights, 2048-d after global pooling, input in [-1, 1].
`standard`: the FID graph of 2015-12-05 (1008 classes): average pools that leave padding out of the mean, and
a max pool in the last block; (x - 128) / 128; logits without bias serve the inception score.
Must agree with: ``backbones.npz``, ``inception_torchvision_pool``, ``inception_fid_pool``,
``inception_fid_logits_unbiased``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from iper_bench.metrics.backbones.network import Network, Prepare
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.inception_resize import clean_resize, paper_resize
from iper_bench.metrics.weights import Identity, WeightFile

IMAGENET_CLASSES = 1000
FID_CLASSES = 1008
FID_OFFSET = 128.0
POOL_BLOCKS = ("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7b")
MAX_POOL_BLOCK = "Mixed_7c"
AUXILIARY = "AuxLogits."  # the training-time head; not in every file

PAPER_IDENTITY = Identity(
    name="inception_v3_torchvision",
    architecture="torchvision inception_v3, 2048-d global average, without transform_input",
    files=("inception_v3_google-1a9a5a14.pth", "inception_v3_google-0cc3c7bd.pth"),
    sha256=None,
    preprocessing="2x - 1, bilinear to 299x299 without antialiasing",
    licence="BSD-3-Clause (torchvision)",
    source="download.pytorch.org/models",
)
STANDARD_IDENTITY = Identity(
    name="inception_fid_2015_12_05",
    architecture="FID graph of 2015-12-05, 2048-d pool3 and 1008 logits",
    files=("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
    sha256="6726825d",
    preprocessing="PIL bicubic per channel in float32 to 299x299, clipped, (x - 128) / 128",
    licence="Apache-2.0 (TensorFlow)",
    source="the release assets of toshas/torch-fidelity or mseitzer/pytorch-fid",
)


class PooledInception(torch.nn.Module):
    """torchvision's Inception without its classifier: (B, 3, 299, 299) to (B, 2048)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models import inception_v3

        self.net: Any = inception_v3(
            weights=None, init_weights=False, transform_input=False, num_classes=classes
        )
        self.net.AuxLogits = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        net = self.net
        for name in (
            "Conv2d_1a_3x3",
            "Conv2d_2a_3x3",
            "Conv2d_2b_3x3",
            "maxpool1",
            "Conv2d_3b_1x1",
            "Conv2d_4a_3x3",
        ):
            x = getattr(net, name)(x)
        x = net.maxpool2(x)
        for name in (
            *POOL_BLOCKS[:3],
            "Mixed_6a",
            *POOL_BLOCKS[3:7],
            "Mixed_7a",
            POOL_BLOCKS[7],
            MAX_POOL_BLOCK,
        ):
            x = getattr(net, name)(x)
        return x.mean(dim=(2, 3))


class FidInception(PooledInception):
    """The FID graph: the same layers with other pools. Outputs (B, 2048) and unbiased logits (B, 1008)."""

    def __init__(self) -> None:
        super().__init__(FID_CLASSES)
        for name in POOL_BLOCKS:
            _replace_pool(getattr(self.net, name), _average_inside)
        _replace_pool(getattr(self.net, MAX_POOL_BLOCK), _maximum)

    def pooled_and_logits(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and logits without bias from inputs (B, 3, 299, 299)."""
        pooled = self(x)
        return pooled, pooled @ self.net.fc.weight.T


def _average_inside(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(x, 3, stride=1, padding=1)


def _replace_pool(block: Any, pool: Any) -> None:
    """torchvision pools inside ``block._forward``; the pooled branch's convolution is fed from here instead.

    The branch's convolution sees the block's average-pooled input; a pre-hook swaps it for ``pool`` of the
    block's input.
    """
    remembered: list[torch.Tensor] = []

    def remember(module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        remembered[:] = [inputs[0]]

    def swap(module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        return (pool(remembered[0]),)

    block.register_forward_pre_hook(remember)
    block.branch_pool.register_forward_pre_hook(swap)


def load_paper(file: WeightFile, device: torch.device, prepare: Prepare = paper_resize) -> Network:
    """torchvision's network with the weights of ``file``. Raises UserError when they do not fit."""
    module = PooledInception(IMAGENET_CLASSES)
    load_network(module.net, PAPER_IDENTITY, file.path, device, without=AUXILIARY)
    return Network(PAPER_IDENTITY, file, prepare, lambda inputs: (module(inputs),), device)


def fid_input(pixels: torch.Tensor) -> torch.Tensor:
    """[0, 255] to the FID graph's input."""
    return (pixels - FID_OFFSET) / FID_OFFSET


def load_standard(file: WeightFile, device: torch.device) -> Network:
    """The FID graph with the weights of ``file``; outputs pooled features and unbiased logits.

    Raises UserError when the weights do not fit.
    """
    module = FidInception()
    load_network(module.net, STANDARD_IDENTITY, file.path, device, without=AUXILIARY)
    return Network(
        STANDARD_IDENTITY,
        file,
        lambda image: fid_input(clean_resize(image)),
        module.pooled_and_logits,
        device,
    )
