"""PCB, the part-based re-identification network behind PCB-CS and PCB-FD.

From: Sun et al. 2018 (refined part pooling's baseline) as the official evaluator uses it: torchvision's
ResNet-50 whose last stage keeps the resolution, averaged over six horizontal bands.
Must agree with: torchreid's own PCB on one set of seeded weights. Differs: features leave the network raw;
what follows is ``part_features.py``.
"""

from __future__ import annotations

from typing import Any

import torch

from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import imagenet
from iper_bench.metrics.backbones.weight_loading import load_network
from iper_bench.metrics.weights import Identity, WeightFile

PARTS = 6
TRUNK_PREFIX = "model."  # beside it lie the six classifiers of training
CLASSIFIER = "model.fc."  # ImageNet's, left in the file

IDENTITY = Identity(
    name="pcb_market1501",
    architecture="PCB: ResNet-50, stride 1 in the last stage, average of 6 horizontal parts, 2048-d each",
    files=("pcb_net_last.pth",),
    sha256=None,
    preprocessing="ImageNet mean and standard deviation",
    licence="MIT (code); weights trained on Market-1501, research",
    source="the evaluator's cloud folder",
)


def graph() -> Any:
    """The untrained trunk: float32 (B, 3, H, W) normalised to (B, 2048 x 6), the part fastest."""
    from torchvision.models import resnet50

    net = resnet50(weights=None)
    first = net.layer4[0]
    first.conv2.stride = first.downsample[0].stride = (1, 1)
    net.avgpool = torch.nn.AdaptiveAvgPool2d((PARTS, 1))
    net.fc = torch.nn.Identity()
    return net


def load(file: WeightFile, device: torch.device) -> Network:
    """The trunk with the ``model.*`` entries of ``file``. Raises UserError when they do not fit."""
    net = load_network(graph(), IDENTITY, file.path, device, below=TRUNK_PREFIX, without=CLASSIFIER)
    return Network(IDENTITY, file, imagenet, lambda inputs: (net(inputs),), device)
