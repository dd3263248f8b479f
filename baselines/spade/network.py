"""SPADE: generator, multi-scale discriminator and the optional image encoder.

From: Semantic Image Synthesis with Spatially-Adaptive Normalization (Park et al., CVPR 2019) and the facts of
its released code. Must agree with the ``spade_*`` oracles (1e-4) and with the keys of its checkpoints.
Differs: synchronised batch statistics are those of one process.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import UserError, unknown_name

from .spectral import SpectralConv2d

SLOPE = 0.2  # of every leaky ReLU
LATENT = 256  # length of the style vector
ENCODER_SIDE = 256  # images enter the encoder at this side
UPSAMPLINGS = {"normal": 5, "more": 6, "most": 7}  # doublings between the first feature map and the image
NORMS = ("batch", "instance")
SETTINGS = "settings of 'spade'"
GAIN = 0.02  # of Xavier's normal initialisation


class SpadeNorm(nn.Module):
    """Normalisation without parameters, then scale and shift drawn from the label map.

    Parameters
    ----------
    channels: of the features. labels: channels of the label map. norm: of :data:`NORMS`. kernel: odd side of
        the convolutions on the label map. hidden: their channels (128 in the original).
    """

    def __init__(self, channels: int, labels: int, norm: str, kernel: int, hidden: int) -> None:
        super().__init__()
        if norm not in NORMS:
            raise unknown_name("norm", norm, NORMS, where=SETTINGS)
        kind = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
        self.param_free_norm = kind(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(labels, hidden, kernel, padding=kernel // 2), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Features (N, C, H, W) and a label map (N, L, H', W') of any size to (N, C, H, W)."""
        hidden = self.mlp_shared(resized_labels(labels, x))
        scaled: Tensor = self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
        return scaled


class SpadeBlock(nn.Module):
    """Residual block; the shortcut has a convolution where the channels change, and never an activation."""

    def __init__(self, channels: int, out: int, labels: int, norm: str, kernel: int, hidden: int) -> None:
        super().__init__()
        middle = min(channels, out)
        self.conv_0 = SpectralConv2d(channels, middle, 3, padding=1)
        self.conv_1 = SpectralConv2d(middle, out, 3, padding=1)
        self.norm_0 = SpadeNorm(channels, labels, norm, kernel, hidden)
        self.norm_1 = SpadeNorm(middle, labels, norm, kernel, hidden)
        self.learned = channels != out
        if self.learned:
            self.conv_s = SpectralConv2d(channels, out, 1, bias=False)
            self.norm_s = SpadeNorm(channels, labels, norm, kernel, hidden)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, C, H, W) and the label map to (N, out, H, W)."""
        labels = resized_labels(labels, x)
        shortcut = self.conv_s(self.norm_s(x, labels)) if self.learned else x
        main = self.conv_0(F.leaky_relu(self.norm_0(x, labels), SLOPE))
        added: Tensor = shortcut + self.conv_1(F.leaky_relu(self.norm_1(main, labels), SLOPE))
        return added


def resized_labels(labels: Tensor, features: Tensor) -> Tensor:
    """The label map at the features' size: the nearest label, PyTorch's floor rule."""
    size = features.shape[-2:]
    return labels if labels.shape[-2:] == size else F.interpolate(labels, size=size, mode="nearest")


class SpadeGenerator(nn.Module):
    """Label map to image.

    Parameters
    ----------
    labels: channels of the label map, with edge and "unknown" channels where there are any.
    width: ngf (64 in the original). side: of the image, pixels; its height is ``side / aspect``.
    upsampling: of :data:`UPSAMPLINGS`. norm, kernel, hidden: of :class:`SpadeNorm`. latent: length of the
        style vector from which the first feature map is made, 0 = made from the label map.

    Raises
    ------
    UserError for an unknown upsampling or norm, or a side that the doublings do not divide.
    """

    def __init__(
        self,
        labels: int,
        *,
        width: int = 64,
        side: int = 256,
        upsampling: str = "normal",
        norm: str = "batch",
        kernel: int = 3,
        hidden: int = 128,
        latent: int = 0,
        aspect: float = 1.0,
    ) -> None:
        super().__init__()
        if upsampling not in UPSAMPLINGS:
            raise unknown_name("upsampling", upsampling, UPSAMPLINGS, where=SETTINGS)
        factor = 2 ** UPSAMPLINGS[upsampling]
        if side < factor or side % factor:
            raise UserError(
                f"is {side}",
                where=f"{SETTINGS}, field 'side'",
                expected=f"a multiple of {factor} with upsampling '{upsampling}'",
            )
        self.upsampling, self.latent = upsampling, latent
        self.first = (round(side // factor / aspect), side // factor)
        rest = (labels, norm, kernel, hidden)
        top = 16 * width
        self.fc: nn.Module = nn.Conv2d(labels, top, 3, padding=1)
        if latent:
            self.fc = nn.Linear(latent, top * self.first[0] * self.first[1])
        self.head_0 = SpadeBlock(top, top, *rest)
        self.G_middle_0 = SpadeBlock(top, top, *rest)
        self.G_middle_1 = SpadeBlock(top, top, *rest)
        self.up_0 = SpadeBlock(top, 8 * width, *rest)
        self.up_1 = SpadeBlock(8 * width, 4 * width, *rest)
        self.up_2 = SpadeBlock(4 * width, 2 * width, *rest)
        self.up_3 = SpadeBlock(2 * width, width, *rest)
        last = width
        if upsampling == "most":
            last = width // 2
            self.up_4 = SpadeBlock(width, last, *rest)
        self.conv_img = nn.Conv2d(last, 3, 3, padding=1)
        initialise(self)

    def forward(self, labels: Tensor, style: Tensor | None = None) -> Tensor:
        """Label map (N, L, H, W) float32, style (N, latent) where the generator was built for one, to images
        (N, 3, H, W) in [-1, 1]. Raises ValueError when the style is missing or not wanted.
        """
        if (style is not None) != bool(self.latent):
            raise ValueError(f"generator with a style vector of length {self.latent} got {style is not None}")
        if style is None:
            x = self.fc(F.interpolate(labels, size=self.first, mode="nearest"))
        else:
            x = self.fc(style).view(len(style), -1, *self.first)
        x = self.G_middle_0(_doubled(self.head_0(x, labels)), labels)
        if self.upsampling in ("more", "most"):
            x = _doubled(x)
        x = self.G_middle_1(x, labels)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            x = block(_doubled(x), labels)
        if self.upsampling == "most":
            x = self.up_4(_doubled(x), labels)
        return torch.tanh(self.conv_img(F.leaky_relu(x, SLOPE)))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class ScaleDiscriminator(nn.Module):
    """PatchGAN of one scale: ``layers`` convolutions (4 in the original), then one to a channel of
    predictions. Widths double up to eight times ``width``.
    """

    def __init__(self, channels: int, width: int, layers: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels, width, 4, stride=2, padding=2)
        self.model0 = nn.Sequential(first, nn.LeakyReLU(SLOPE))
        wide = width
        for k in range(1, layers):
            narrow, wide = wide, min(2 * wide, 8 * width)
            conv = SpectralConv2d(narrow, wide, 4, stride=1 if k == layers - 1 else 2, padding=2, bias=False)
            normed = nn.Sequential(conv, nn.InstanceNorm2d(wide))
            self.add_module(f"model{k}", nn.Sequential(normed, nn.LeakyReLU(SLOPE)))
        self.add_module(f"model{layers}", nn.Sequential(nn.Conv2d(wide, 1, 4, padding=2)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, C, H, W) to the output of every layer; the last are the predictions (N, 1, h, w)."""
        outputs = []
        for layer in self.children():
            x = layer(x)
            outputs.append(x)
        return outputs


class SpadeDiscriminator(nn.Module):
    """``scales`` discriminators on ever smaller copies; ``discriminator_0`` sees the full resolution.

    Parameters
    ----------
    channels: of label map and image together. width: ndf (64 in the original). layers: n_layers_D.
    """

    def __init__(self, channels: int, *, width: int = 64, layers: int = 4, scales: int = 2) -> None:
        super().__init__()
        for k in range(scales):
            self.add_module(f"discriminator_{k}", ScaleDiscriminator(channels, width, layers))
        initialise(self)

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Label map and image (N, C, H, W) to the layers' outputs of every scale."""
        outputs = []
        for one in self.children():
            outputs.append(one(x))
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return outputs


class SpadeEncoder(nn.Module):
    """Image to the mean and log variance of its style vector.

    Parameters
    ----------
    width: ngf (64 in the original). latent: length of the vectors.
    """

    def __init__(self, *, width: int = 64, latent: int = LATENT) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 8 * width, 8 * width, 8 * width)
        self.depth = len(widths) - 1
        for k in range(1, self.depth + 1):
            conv = SpectralConv2d(widths[k - 1], widths[k], 3, stride=2, padding=1, bias=False)
            self.add_module(f"layer{k}", nn.Sequential(conv, nn.InstanceNorm2d(widths[k])))
        flat = widths[-1] * (ENCODER_SIDE // 2**self.depth) ** 2
        self.fc_mu = nn.Linear(flat, latent)
        self.fc_var = nn.Linear(flat, latent)
        initialise(self)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) in [-1, 1], resized to 256, to mean and log variance (N, latent)."""
        x = images
        if x.shape[-2:] != (ENCODER_SIDE, ENCODER_SIDE):
            x = F.interpolate(x, size=(ENCODER_SIDE, ENCODER_SIDE), mode="bilinear", align_corners=False)
        for k in range(1, self.depth + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{k}")(x), SLOPE)
        flat = x.flatten(1)
        return self.fc_mu(flat), self.fc_var(flat)


def initialise(network: nn.Module) -> None:
    """Xavier normal with gain 0.02 and zero biases, as the original starts."""
    for module in network.modules():
        if isinstance(module, SpectralConv2d):
            nn.init.xavier_normal_(module.weight_orig, GAIN)
            module.settle()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, GAIN)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
