"""pix2pixHD's generators, feature encoder and multi-scale discriminator.

From: Wang et al., "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (CVPR
2018) and the layer layout of its released code. Must agree with the ``pix2pixhd_*`` oracles (1e-4) and has
the keys of the released checkpoints. Instance normalisation has no parameters and no statistics.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE_CHANNELS = 3
WIDEST = 512  # of the discriminator's layers


def pooled(x: Tensor) -> Tensor:
    """Half the side: mean over 3x3, stride 2, the padding not counted."""
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)


def _stem(channels: int, width: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]


def _halving(width: int) -> list[nn.Module]:
    return [
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.InstanceNorm2d(2 * width),
        nn.ReLU(),
    ]


def _doubling(width: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1),
        nn.InstanceNorm2d(width // 2),
        nn.ReLU(),
    ]


def _head(width: int, channels: int = IMAGE_CHANNELS) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]


class Residual(nn.Module):
    """x + norm(conv(ReLU(norm(conv(x))))), reflected borders, no activation behind the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        ]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        made: Tensor = x + self.conv_block(x)
        return made


def _global_layers(channels: int, width: int, halvings: int, blocks: int) -> list[nn.Module]:
    layers = _stem(channels, width)
    for level in range(halvings):
        layers += _halving(width * 2**level)
    layers += [Residual(width * 2**halvings) for _ in range(blocks)]
    for level in range(halvings, 0, -1):
        layers += _doubling(width * 2**level)
    return layers


class GlobalGenerator(nn.Module):
    """Label map to image in one pass.

    Parameters
    ----------
    channels: of the one-hot label map, edges included. width: of the first layer (64). halvings: of the side
        (4). blocks: residual blocks (9).
    """

    def __init__(self, channels: int, width: int = 64, halvings: int = 4, blocks: int = 9) -> None:
        super().__init__()
        self.model = nn.Sequential(*_global_layers(channels, width, halvings, blocks), *_head(width))
        self.apply(released_start)

    def forward(self, labels: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 3, H, W) in [-1, 1]; sides are multiples of 2^halvings."""
        made: Tensor = self.model(labels)
        return made


class LocalEnhancer(nn.Module):
    """A global generator at half the side (or less), refined by enhancers at the next larger ones.

    Parameters
    ----------
    channels: as above. width: of the last enhancer (32). halvings, blocks: of the global part (4, 9).
    enhancers: how many (1). local_blocks: residual blocks of each (3).
    """

    def __init__(
        self,
        channels: int,
        width: int = 32,
        halvings: int = 4,
        blocks: int = 9,
        enhancers: int = 1,
        local_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.enhancers = enhancers
        self.model = nn.Sequential(*_global_layers(channels, width * 2**enhancers, halvings, blocks))
        for number in range(1, enhancers + 1):
            inner = width * 2 ** (enhancers - number)
            self.add_module(f"model{number}_1", nn.Sequential(*_stem(channels, inner), *_halving(inner)))
            up: list[nn.Module] = [Residual(2 * inner) for _ in range(local_blocks)]
            up += _doubling(2 * inner)
            if number == enhancers:
                up += _head(inner)
            self.add_module(f"model{number}_2", nn.Sequential(*up))
        self.apply(released_start)

    def forward(self, labels: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 3, H, W) in [-1, 1]; sides are multiples of 2^(halvings + enhancers)."""
        scales = [labels]
        for _ in range(self.enhancers):
            scales.append(pooled(scales[-1]))
        made: Tensor = self.model(scales[-1])
        for number in range(1, self.enhancers + 1):
            down, up = (self.get_submodule(f"model{number}_{part}") for part in (1, 2))
            made = up(down(scales[self.enhancers - number]) + made)
        return made


class FeatureEncoder(nn.Module):
    """Image to feature channels that are the same within an instance.

    Parameters
    ----------
    channels: of the features (3). width: of the first layer (16). halvings: 4.
    """

    def __init__(self, channels: int = 3, width: int = 16, halvings: int = 4) -> None:
        super().__init__()
        layers = _stem(IMAGE_CHANNELS, width)
        for level in range(halvings):
            layers += _halving(width * 2**level)
        for level in range(halvings, 0, -1):
            layers += _doubling(width * 2**level)
        self.model = nn.Sequential(*layers, *_head(width, channels))
        self.apply(released_start)

    def forward(self, images: Tensor, instances: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] and (N, 1, H, W) whole numbers to (N, C, H, W): the mean within every
        instance of every image.
        """
        features: Tensor = self.model(images)
        found = torch.empty_like(features)
        for image in range(len(features)):
            for instance in torch.unique(instances[image]):
                inside = (instances[image, 0] == instance).expand_as(features[image])
                means = (features[image] * inside).sum((1, 2)) / inside.sum((1, 2))
                found[image] = torch.where(inside, means[:, None, None], found[image])
        return found


class MultiscaleDiscriminator(nn.Module):
    """PatchGANs on the image and its halvings.

    The full side goes through the layers with the largest scale number in their keys, as released.

    Parameters
    ----------
    channels: label map and image. width: 64. layers: inner layers (3). scales: 2.
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, scales: int = 2) -> None:
        super().__init__()
        self.layers, self.scales = layers, scales
        widths = [min(WIDEST, width * 2**level) for level in range(layers + 1)]
        for scale in range(scales):
            for index in range(layers + 2):
                self.add_module(f"scale{scale}_layer{index}", _judge_layer(channels, widths, index))
        self.apply(released_start)

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """(N, C, H, W) to the outputs of all layers, the last one the scores, for every scale from the full
        side down.
        """
        found = []
        for scale in reversed(range(self.scales)):
            outputs, inner = [], x
            for index in range(self.layers + 2):
                inner = self.get_submodule(f"scale{scale}_layer{index}")(inner)
                outputs.append(inner)
            found.append(outputs)
            x = pooled(x)
        return found


def _judge_layer(channels: int, widths: list[int], index: int) -> nn.Sequential:
    last = len(widths) - 1
    if index == 0:
        return nn.Sequential(nn.Conv2d(channels, widths[0], 4, stride=2, padding=2), nn.LeakyReLU(0.2))
    if index > last:
        return nn.Sequential(nn.Conv2d(widths[last], 1, 4, padding=2))
    stride = 1 if index == last else 2
    return nn.Sequential(
        nn.Conv2d(widths[index - 1], widths[index], 4, stride=stride, padding=2),
        nn.InstanceNorm2d(widths[index]),
        nn.LeakyReLU(0.2),
    )


def released_start(module: nn.Module) -> None:
    """Weights N(0, 0.02), PyTorch's biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
