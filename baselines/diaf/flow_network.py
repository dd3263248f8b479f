"""Networks of DIAF that regress appearance flow and visibility from two poses.

From: Dense Intrinsic Appearance Flow for Human Pose Transfer (Li et al., CVPR 2019) and the facts of its
released code. Must agree with the ``diaf_flow_unet*`` oracles (1e-4) and with the keys of its checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

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
    pointwise,
)
from .warping import BACKGROUND

FLOW_UNIT = 20.0  # pixels of the full resolution that one unit of a network's output stands for
CLASSES = 3  # of visibility
SLOPE, HEAD_SLOPE = 0.2, 0.1  # of leaky ReLUs: between the levels of ``FlowUnet``, elsewhere
START = 2  # how much smaller the finest flow is than the image
BLOCKS = 2  # residual blocks per scale


@dataclass(frozen=True)
class FlowOutput:
    """What a flow network says.

    Attributes
    ----------
    flow: (N, 2, H, W) in units of 20 pixels. visibility: (N, 3, H, W) logits.
    pyramid: flow at H/2, H/4, ...; the same unit at every scale.
    features: (N, C, H/2, W/2), from which the finest flow is read.
    """

    flow: Tensor
    visibility: Tensor
    pyramid: list[Tensor]
    features: Tensor

    def classes(self) -> Tensor:
        """(N, 1, H, W) classes 0 visible, 1 hidden, 2 background, in the flow's dtype."""
        return self.visibility.argmax(1, keepdim=True).to(self.flow.dtype)

    def pixels(self) -> Tensor:
        """The flow (N, 2, H, W) in pixels, 0 on the background."""
        return FLOW_UNIT * self.flow * (self.classes() < BACKGROUND)


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=START, mode="bilinear", align_corners=False)


class _Level(nn.Module):
    """One level of :class:`FlowUnet` with everything below it."""

    def __init__(self, widths: list[int], below: list[int], *, outermost: bool) -> None:
        super().__init__()
        outer, inner, innermost = widths[0], below[0], len(widths) == 1
        down: list[nn.Module] = [] if outermost else [nn.LeakyReLU(SLOPE)]
        down.append(nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False))
        if not innermost:
            down.append(BatchNorm(inner))
        self.down = nn.Sequential(*down)
        seen = inner if innermost else 2 * inner
        self.up = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose2d(seen, outer, 4, stride=2, padding=1, bias=outermost),
            BatchNorm(outer),
        )
        if not innermost:
            self.submodule = _Level(widths[1:], below[1:], outermost=False)
        self.predict_flow = _head(outer, 2)
        self.outermost = outermost

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, outer, h, w) to what goes up, and the flow of this and all coarser levels."""
        # The original rectifies in place, so that its skip carries the rectified input too.
        x = x if self.outermost else self.down[0](x)
        down = self.down if self.outermost else self.down[1:]
        inner, coarser = down(x), []
        if hasattr(self, "submodule"):
            inner, coarser = self.submodule(inner)
        up = self.up(inner)
        flows = [self.predict_flow(up), *coarser]
        return (up if self.outermost else torch.cat([x, up], 1)), flows


def _head(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.LeakyReLU(HEAD_SLOPE), nn.Conv2d(channels, out, 3, padding=1))


class FlowUnet(nn.Module):
    """The flow network that was trained on DeepFashion.

    Parameters
    ----------
    channels: of both pose inputs together. width, most: the outer channels of level l are
        ``min(width 2^(l + 1), most)``. scales: number of levels.
    """

    def __init__(self, channels: int = 36, *, width: int = 32, most: int = 512, scales: int = 5) -> None:
        super().__init__()
        widths = [min(width << (level + 1), most) for level in range(scales + 1)]
        self.conv_downsample = nn.Sequential(
            nn.Conv2d(channels, width, 7, padding=3, bias=False),
            BatchNorm(width),
            nn.LeakyReLU(HEAD_SLOPE),
            nn.Conv2d(width, widths[0], 3, stride=START, padding=1, bias=False),
            BatchNorm(widths[0]),
            nn.LeakyReLU(HEAD_SLOPE),
        )
        self.unet_block = _Level(widths[:-1], widths[1:], outermost=True)
        self.predict_vis = _head(widths[0], CLASSES)

    def forward(self, poses: Tensor) -> FlowOutput:
        """(N, channels, H, W), maps of the source, then of the target."""
        features, pyramid = self.unet_block(self.conv_downsample(poses))
        return FlowOutput(_enlarged(pyramid[0]), _enlarged(self.predict_vis(features)), pyramid, features)


class FlowUnetV2(nn.Module):
    """The flow network that the released options name first: residual blocks, shuffled channels.

    Parameters
    ----------
    channels: of both pose inputs together. width, most: channels of scale l are ``min(width (l + 2), most)``.
    scales: number of halvings after the first.
    """

    def __init__(self, channels: int = 36, *, width: int = 32, most: int = 128, scales: int = 5) -> None:
        super().__init__()
        self.scales = scales
        first = min(width * START, most)
        self.pre_conv = nn.Sequential(
            pointwise(channels, width), ResidualBlock(width), *halving(width, first)
        )
        for level in range(scales):
            own, below = (min(width * (level + START + k), most) for k in (0, 1))
            for i in range(BLOCKS):
                self.add_module(f"enc_{level}_res_{i}", ResidualBlock(own))
            self.add_module(f"enc_{level}_downsample", halving(own, below))
            add_decoder(self, level, below, own, own, BLOCKS)
            self.add_module(f"pred_flow_{level}", _plain_head(own, 2))
        self.pred_vis = _plain_head(first, CLASSES)

    def forward(self, poses: Tensor) -> FlowOutput:
        """(N, channels, H, W), maps of the source, then of the target."""
        x, kept = self.pre_conv(poses), []
        for level in range(self.scales):
            x, skips = encoded(self, "enc", level, x, BLOCKS)
            kept.append(skips)
        pyramid: list[Tensor] = []
        for level in reversed(range(self.scales)):
            x = decoded(self, level, x, kept[level])
            pyramid.insert(0, cast(Tensor, self.get_submodule(f"pred_flow_{level}")(x)))
        return FlowOutput(_enlarged(pyramid[0]), _enlarged(self.pred_vis(x)), pyramid, x)


def _plain_head(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, out, 3, padding=1))


FLOW_NETWORKS: dict[str, type[FlowUnet] | type[FlowUnetV2]] = {"unet": FlowUnet, "unet_v2": FlowUnetV2}


def flow_network(kind: str, channels: int, *, width: int, most: int, scales: int) -> FlowUnet | FlowUnetV2:
    """A flow network by its name in :data:`FLOW_NETWORKS`. Raises UserError for another name."""
    if kind not in FLOW_NETWORKS:
        raise unknown_name("flow network", kind, FLOW_NETWORKS, where="settings of 'diaf'")
    return FLOW_NETWORKS[kind](channels, width=width, most=most, scales=scales)
