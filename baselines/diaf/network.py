"""Networks of DIAF that draw and judge: the dual-pathway generator, the pixel warper, the discriminator.

From: Dense Intrinsic Appearance Flow for Human Pose Transfer (Li et al., CVPR 2019) and the facts of its
released code. Must agree with the ``diaf_*`` oracles (1e-4) and with the keys of its checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.errors import unknown_name

from .layers import (
    BatchNorm,
    ResidualBlock,
    add_decoder,
    decoded,
    encoded,
    halving,
    image_head,
    pointwise,
)
from .warping import BACKGROUND, HIDDEN, VISIBLE, coarser_flow, coarser_visibility, warp

VISIBILITIES = ("residual", "soft_gate", "hard_gate", "res_no_vis", "none")
BLOCKS = 2  # residual blocks per scale
SLOPE = 0.2  # of the discriminator's leaky ReLU


def by_visibility(features: Tensor, visibility: Tensor) -> Tensor:
    """Features (N, C, H, W) where they are visible beside features where they are hidden: (N, 2C, H, W);
    zero on the background.
    """
    return torch.cat([features * (visibility == VISIBLE), features * (visibility == HIDDEN)], 1)


class SoftGate(nn.Module):
    """Gate between 0 and 1 from the features by visibility."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, side: Tensor) -> Tensor:
        """(N, 2C, H, W) to (N, C, H, W)."""
        return torch.sigmoid(self.conv(F.relu(side)))


class DualUnetGenerator(nn.Module):
    """Two encoders, for the target's pose and the source's appearance, and one decoder.

    The encoders share their halving layers. Appearance features of the finer scales are warped by the flow
    and corrected by visibility before the decoder takes them; the unwarped ones go on down the encoder.

    Parameters
    ----------
    pose: channels of the pose input. appearance: of the source image. width, most: channels at scale l are
        ``min(width (l + 1), most)``. scales: number of halvings. warped: how many scales are warped.
    visibility: what corrects warped features, of :data:`VISIBILITIES`.

    Raises
    ------
    UserError for another ``visibility``.
    """

    def __init__(
        self,
        *,
        pose: int = 18,
        appearance: int = 3,
        width: int = 32,
        most: int = 128,
        scales: int = 7,
        warped: int = 5,
        visibility: str = "residual",
    ) -> None:
        super().__init__()
        if visibility not in VISIBILITIES:
            raise unknown_name("visibility", visibility, VISIBILITIES, where="settings of 'diaf'")
        self.scales, self.warped, self.visibility = scales, warped, visibility
        self.encp_pre_conv, self.enca_pre_conv = pointwise(pose, width), pointwise(appearance, width)
        for level in range(scales):
            channels, below = (min(width * (level + k), most) for k in (1, 2))
            shared = halving(channels, below)
            for path in ("encp", "enca"):
                for i in range(BLOCKS):
                    self.add_module(f"{path}_{level}_res_{i}", ResidualBlock(channels))
                    if path == "enca" and level < warped:
                        self._add_correction(f"enca_{level}_vis_{i}", channels)
                self.add_module(f"{path}_{level}_downsample", shared)
            if level == scales - 1:
                self.dec_fuse = pointwise(2 * below, below)
            add_decoder(self, level, below, channels, 2 * channels, BLOCKS)
        self.dec_output = nn.Sequential(*image_head(min(width, most), 3))

    def _add_correction(self, name: str, channels: int) -> None:
        if self.visibility == "residual":
            self.add_module(name, ResidualBlock(channels, 2 * channels))
        elif self.visibility == "res_no_vis":
            self.add_module(name, ResidualBlock(channels))
        elif self.visibility == "soft_gate":
            self.add_module(name, SoftGate(channels))

    def forward(
        self, pose: Tensor, appearance: Tensor, flow: Tensor | None = None, visibility: Tensor | None = None
    ) -> Tensor:
        """The image before its tanh.

        Parameters
        ----------
        pose: (N, K, H, W) maps of the target. appearance: (N, 3, H, W) source in [-1, 1].
        flow: (N, 2, H, W) in pixels, from the target to the source; ``None`` = features stay where they are.
        visibility: (N, 1, H, W) classes 0 visible, 1 hidden, 2 background.

        Returns
        -------
        (N, 3, H, W), unbounded.

        Raises
        ------
        ValueError for a flow without visibility.
        """
        if flow is not None and visibility is None:
            raise ValueError("a flow without visibility")
        p, a = self.encp_pre_conv(pose), self.enca_pre_conv(appearance)
        kept: list[list[Tensor]] = []
        for level in range(self.scales):
            p, posed = encoded(self, "encp", level, p, BLOCKS)
            kept.append(posed)
        for level in range(self.scales):
            a, seen = encoded(self, "enca", level, a, BLOCKS)
            if flow is not None and visibility is not None and level < self.warped:
                seen = self._warped(seen, level, flow, visibility)
            kept[level] = [torch.cat(pair, 1) for pair in zip(kept[level], seen, strict=True)]
        x = self.dec_fuse(torch.cat([p, a], 1))
        for level in reversed(range(self.scales)):
            x = decoded(self, level, x, kept[level])
        drawn: Tensor = self.dec_output(x)
        return drawn

    def _warped(self, seen: list[Tensor], level: int, flow: Tensor, visibility: Tensor) -> list[Tensor]:
        """The features of one scale where the target has them, corrected by visibility."""
        flow, visibility = coarser_flow(flow, level), coarser_visibility(visibility, level)
        moved = [warp(one, flow) for one in seen]
        if self.visibility == "hard_gate":
            return [one * (visibility < BACKGROUND) for one in moved]
        if self.visibility == "none":
            return moved
        blocks = [self.get_submodule(f"enca_{level}_vis_{i}") for i in range(BLOCKS)]
        if self.visibility == "res_no_vis":
            return [block(one) for block, one in zip(blocks, moved, strict=True)]
        sides = [by_visibility(one, visibility) for one in moved]
        if self.visibility == "soft_gate":
            return [one * block(side) for block, one, side in zip(blocks, moved, sides, strict=True)]
        return [block(one, side) for block, one, side in zip(blocks, moved, sides, strict=True)]


class _Unet(nn.Module):
    """Residual U-Net with one encoder, without its head."""

    def __init__(self, channels: int, width: int, most: int, scales: int) -> None:
        super().__init__()
        self.scales = scales
        self.pre_conv = pointwise(channels, width)
        for level in range(scales):
            own, below = (min(width * (level + k), most) for k in (1, 2))
            for i in range(BLOCKS):
                self.add_module(f"enc_{level}_res_{i}", ResidualBlock(own))
            self.add_module(f"enc_{level}_downsample", halving(own, below))
            add_decoder(self, level, below, own, own, BLOCKS)

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, width, H, W)."""
        x, kept = self.pre_conv(x), []
        for level in range(self.scales):
            x, skips = encoded(self, "enc", level, x, BLOCKS)
            kept.append(skips)
        for level in reversed(range(self.scales)):
            x = decoded(self, level, x, kept[level])
        return x


class UnetGenerator(_Unet):
    """The single-encoder ablation: source image and target pose (N, 21, H, W) to an image (N, 3, H, W) before
    its tanh.
    """

    def __init__(self, channels: int = 21, *, width: int = 32, most: int = 128, scales: int = 7) -> None:
        super().__init__(channels, width, most, scales)
        self.dec_output = nn.Sequential(*image_head(min(width, most), 3))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, 3, H, W), unbounded."""
        drawn: Tensor = self.dec_output(self.features(x))
        return drawn


class PixelWarper(_Unet):
    """How much of the warped source shows in every pixel, as a logit.

    Input: the generator's image (3), the warped source, -1 outside the body (3), the visibility class (1),
    the flow in pixels (2).
    """

    def __init__(self, channels: int = 9, *, width: int = 32, most: int = 128, scales: int = 7) -> None:
        super().__init__(channels, width, most, scales)
        own = min(width, most)
        self.dec_output_0 = nn.Sequential(pointwise(own, own), nn.ReLU(), *image_head(own, 1))

    def forward(self, image: Tensor, warped: Tensor, visibility: Tensor, flow: Tensor) -> Tensor:
        """(N, 3, H, W) twice, (N, 1, H, W) and (N, 2, H, W) to (N, 1, H, W)."""
        seen = torch.cat([image, warped, visibility.to(image.dtype), flow], 1)
        logit: Tensor = self.dec_output_0(self.features(seen))
        return logit

    @property
    def learned(self) -> bool:
        """Whether it has ever been trained: its norms have counted batches."""
        norm = self.pre_conv[1]
        return isinstance(norm, BatchNorm) and bool(norm.num_batches_tracked)


def blended(logit: Tensor, warped: Tensor, image: Tensor) -> Tensor:
    """The warped source over the generator's image, by the pixel warper's logit (N, 1, H, W)."""
    share = torch.sigmoid(logit)
    return share * warped + (1 - share) * image


class PatchDiscriminator(nn.Module):
    """How real every patch of (source, image, target pose) looks.

    Parameters
    ----------
    channels: of the input. width: channels of the first layer. layers: halvings.
    """

    def __init__(self, channels: int = 24, *, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        for layer in range(1, layers + 1):
            own, out = (width * min(1 << k, 8) for k in (layer - 1, layer))
            stride = 2 if layer < layers else 1
            body += [
                nn.Conv2d(own, out, 4, stride=stride, padding=1, bias=False),
                BatchNorm(out),
                nn.LeakyReLU(SLOPE),
            ]
        last = width * min(1 << layers, 8)
        self.model = nn.Sequential(*body, nn.Conv2d(last, 1, 4, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N, 1, h, w), before the sigmoid of the original's default."""
        logit: Tensor = self.model(x)
        return logit
