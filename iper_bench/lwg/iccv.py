"""The first Liquid Warping GAN (Impersonator, ICCV 2019): one source, features fused by addition.

From: the network description and key listing of svip-lab/impersonator (networks/imper.py), written anew from
those facts.
Agrees with: the official generator to 1e-5 for both sampling conventions: torch 1.2, for which it was
released, sampled with align_corners=True, later torch versions with False.
Norms are instance normalisation with affine parameters; convolutions have no bias; "attetion" is the released
spelling of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.lwg.config import IMAGE_CHANNELS, NETWORK_CHANNELS
from iper_bench.lwg.crops import crop_boxes
from iper_bench.lwg.discriminator import DiscriminatorConfig, PatchDiscriminator

DOWN_STEPS = 3
INITIAL_DEVIATION = 0.02  # of convolution weights at the start


def _unit(conv: nn.Module, channels: int) -> list[nn.Module]:
    return [conv, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]


def _stem(before: int, after: int) -> list[nn.Module]:
    return _unit(nn.Conv2d(before, after, 7, padding=3, bias=False), after)


def _down(before: int, after: int) -> list[nn.Module]:
    return _unit(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), after)


def _up(before: int, after: int) -> list[nn.Module]:
    conv = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1, bias=False)
    return _unit(conv, after)


class AffineResidualBlock(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x))))) with affine norms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first = _unit(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels)
        second = _unit(nn.Conv2d(channels, channels, 3, padding=1, bias=False), channels)
        self.main = nn.Sequential(*first, *second[:2])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.main(x)


class ICCVBackground(nn.Module):
    """Background network, all layers in ``model``."""

    def __init__(self, channels: int, width: int, res_blocks: int) -> None:
        super().__init__()
        widths = [width * 2**k for k in range(DOWN_STEPS + 1)]
        layers = _stem(channels, width)
        for k in range(DOWN_STEPS):
            layers += _down(widths[k], widths[k + 1])
        layers += [AffineResidualBlock(widths[-1]) for _ in range(res_blocks)]
        for k in reversed(range(DOWN_STEPS)):
            layers += _up(widths[k + 1], widths[k])
        layers += [nn.Conv2d(width, IMAGE_CHANNELS, 7, padding=3, bias=False), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4, H, W) to (N, 3, H, W) in [-1, 1]."""
        return self.model(x)


Fusion = Callable[[Tensor], Tensor]


def _unchanged(x: Tensor) -> Tensor:
    return x


def _adding(lent: Tensor) -> Fusion:
    return lambda x: x + lent


class ICCVUNet(nn.Module):
    """Residual U-Net with colour and mask heads; the source and the transfer stream are one instance each."""

    def __init__(self, channels: int, width: int, res_blocks: int) -> None:
        super().__init__()
        widths = [width * 2**k for k in range(DOWN_STEPS + 1)]
        downs = [_down(widths[k], widths[k + 1]) for k in range(DOWN_STEPS)]
        order = list(reversed(range(DOWN_STEPS)))
        self.encoders = nn.ModuleList(nn.Sequential(*unit) for unit in [_stem(channels, width), *downs])
        self.resnets = nn.ModuleList(AffineResidualBlock(widths[-1]) for _ in range(res_blocks))
        self.decoders = nn.ModuleList(nn.Sequential(*_up(widths[k + 1], widths[k])) for k in order)
        self.skippers = nn.ModuleList(
            nn.Sequential(*_unit(nn.Conv2d(2 * widths[k], widths[k], 3, padding=1, bias=False), widths[k]))
            for k in order
        )
        self.img_reg = nn.Sequential(nn.Conv2d(width, IMAGE_CHANNELS, 7, padding=3, bias=False), nn.Tanh())
        self.attetion_reg = nn.Sequential(nn.Conv2d(width, 1, 7, padding=3, bias=False), nn.Sigmoid())

    def encode(self, x: Tensor, fusions: Iterable[Fusion] = ()) -> tuple[list[Tensor], list[Tensor]]:
        """Encoder outputs (stem first) and residual outputs; ``fusions`` change the output of every encoder
        stage but the stem, and of every residual block, in this order. None at all leaves them.
        """
        steps = iter(fusions)
        encoded: list[Tensor] = []
        for index, layer in enumerate(self.encoders):
            x = layer(x)
            if index > 0:
                x = next(steps, _unchanged)(x)
            encoded.append(x)
        residual: list[Tensor] = []
        for block in self.resnets:
            x = next(steps, _unchanged)(block(x))
            residual.append(x)
        return encoded, residual

    def decode(self, x: Tensor, encoded: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Colour (N, 3, H, W) and mask (N, 1, H, W), 1 = background."""
        x = self.last_feature(x, encoded)
        return self.img_reg(x), self.attetion_reg(x)

    def last_feature(self, x: Tensor, encoded: Sequence[Tensor]) -> Tensor:
        """The feature (N, width, H, W) that the heads read."""
        for stage, (up, skipper) in enumerate(zip(self.decoders, self.skippers, strict=True)):
            x = skipper(torch.cat([encoded[DOWN_STEPS - 1 - stage], up(x)], 1))
        return x


class ImpersonatorGenerator(nn.Module):
    """The ICCV generator.

    Parameters
    ----------
    width: channels of the stem (released: 64). res_blocks: per stream (released: 6).
    align_corners: sampling convention; True = as released on torch 1.2.
    bg_channels, channels: of the background input and of source and target inputs.
    """

    def __init__(
        self,
        width: int = 64,
        res_blocks: int = 6,
        *,
        align_corners: bool = True,
        bg_channels: int = 4,
        channels: int = NETWORK_CHANNELS,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.bg_model = ICCVBackground(bg_channels, width, res_blocks)
        self.src_model = ICCVUNet(channels, width, res_blocks)
        self.tsf_model = ICCVUNet(channels, width, res_blocks)

    def reset(self, generator: torch.Generator) -> None:
        """The released initial weights: N(0, 0.02) for convolutions, 1 and 0 for the norms."""
        for name, parameter in self.named_parameters():
            with torch.no_grad():
                if parameter.dim() > 1:
                    parameter.normal_(0.0, INITIAL_DEVIATION, generator=generator)
                else:
                    parameter.fill_(1.0 if name.endswith("weight") else 0.0)

    def warp(self, feature: Tensor, flow: Tensor) -> Tensor:
        """Sample (N, C, h, w) along (N, H, W, 2), resized to the feature with align_corners=True."""
        size = feature.shape[-2:]
        resized = F.interpolate(flow.permute(0, 3, 1, 2), size=size, mode="bilinear", align_corners=True)
        grid = resized.permute(0, 2, 3, 1)
        return F.grid_sample(
            feature, grid, mode="bilinear", padding_mode="zeros", align_corners=self.align_corners
        )

    def forward(
        self, bg_inputs: Tensor, src_inputs: Tensor, tsf_inputs: Tensor, *flows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """One source, one target per batch entry.

        Parameters
        ----------
        bg_inputs: (N, 4, H, W); src_inputs, tsf_inputs: (N, 6, H, W).
        flows: one (N, H, W, 2); two for appearance transfer, whose warped features are added.

        Returns
        -------
        Background (N, 3, H, W), source colour, source mask (N, 1, H, W), target colour, target mask.
        """
        background = self.bg_model(bg_inputs)
        encoded, residual = self.src_model.encode(src_inputs)
        source, source_mask = self.src_model.decode(residual[-1] if residual else encoded[-1], encoded)
        lent = [torch.stack([self.warp(f, flow) for flow in flows]).sum(0) for f in [*encoded[1:], *residual]]
        fused, deep = self.tsf_model.encode(tsf_inputs, [_adding(one) for one in lent])
        target, target_mask = self.tsf_model.decode(deep[-1] if deep else fused[-1], fused)
        return background, source, source_mask, target, target_mask


class ICCVGlobalLocalDiscriminator(nn.Module):
    """Scores of (background, mask) and of the body crop at full size, concatenated along the batch."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.global_model = PatchDiscriminator(config.bg_cond_nc, config)
        self.local_model = PatchDiscriminator(config.cond_nc, config)

    def forward(self, global_x: Tensor, local_x: Tensor, local_rects: Tensor) -> Tensor:
        """(N, 4, H, W), (N, 6, H, W) and boxes (N, 4) to (N + M, 1, h, w), M = number of boxes that are not
        empty.
        """
        scores = self.global_model(global_x)
        crops = crop_boxes(local_x, local_rects, local_x.shape[-2], local_x.shape[-1])
        return scores if crops is None else torch.cat([scores, self.local_model(crops)])
