"""Features in which the nearest-neighbour loss compares images."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import vgg19_of
from iper_bench.lwg.perceptual import LITE_SCALES, LITE_SMALLEST, EfficientNetLiteLoss, FrozenModule

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of levels / 255
_LEVELS = 255.0 * sum(_DEVIATION) / 3.0
_BLOCK1_CONV2 = 3  # torchvision index, after the ReLU


class VggFeatures(FrozenModule):
    """VGG19 block1_conv2 after its ReLU, 64 channels at full size.

    The original's network takes grey levels around zero; torchvision's takes levels divided by their
    deviation. Its features are multiplied by that deviation, so that they have the original's scale and the
    original's weight means the same. (The original swaps the means of red and blue; we do not.)

    Parameters
    ----------
    weights: of torchvision's VGG19. Raises UserError when it is ``None`` or another file.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: Path | None) -> None:
        super().__init__()
        self.vgg = vgg19_of(weights, last=_BLOCK1_CONV2)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1))
        self.freeze()

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to (N, 64, H, W)."""
        normal = ((images + 1.0) / 2.0 - self.mean) / self.deviation
        features: Tensor = self.vgg(normal, [_BLOCK1_CONV2])[0]
        return features * _LEVELS


class LiteFeatures(FrozenModule):
    """Stand-in: the first block of EfficientNet-Lite0 on images enlarged twice, so that its 16 channels have
    full size as those of VGG19 have, divided by their typical deviation; and the three colours themselves,
    which so few channels leave open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLiteLoss().network
        self.freeze()

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1], sides of at least 16, to (N, 19, H, W).

        Raises
        ------
        ValueError for smaller images.
        """
        if min(images.shape[-2:]) < LITE_SMALLEST // 2:
            raise ValueError(f"images of {tuple(images.shape[-2:])}; expected at least {LITE_SMALLEST // 2}")
        net = self.network
        large = F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
        levels = (large + 1.0) * 127.5
        stem = net._swish(net._bn0(net._conv_stem((levels - 127.0) / 128.0)))
        return torch.cat([net._blocks[0](stem) / LITE_SCALES[0], images], dim=1)


def features_of(perceptual: str, weights: Path | None) -> VggFeatures | LiteFeatures:
    """The features named ``"vgg19"`` or ``"efficientnet-lite0"``. Raises UserError without VGG19 weights."""
    return VggFeatures(weights) if perceptual == "vgg19" else LiteFeatures()
