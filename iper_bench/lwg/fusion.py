"""Liquid warping blocks: source features are warped along the transformation flows and fused with the
target's features.

From: Impersonator++ (arXiv 2011.09055, section 3.3) and iPERCore lwb_*.py; fusion rules: addition, mean, soft
gate, attention with SPADE (the released method), attention with AdaIN.
Agrees with: the official blocks to 1e-5, including their sampling: flows are resized with align_corners=True,
but sampled with align_corners=False. That is inconsistent, yet the released weights were trained with it.
Differs: AvgLWB divides by ns + 1 (released) where the paper divides only the sum over sources by ns.
Every block has ``folded()``, the same function rearranged for inference (:mod:`iper_bench.lwg.folded`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.flow.warp import sample
from iper_bench.lwg.folded import (
    ADAIN_EPSILON,
    FoldedAdaIN,
    FoldedAttention,
    FoldedGate,
    FoldedSum,
    channel_statistics,
)


def split_batch(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """(a * b, ..) to (a, b, ..) with ``sizes = (a, b)``; the inverse of ``flatten(0, 1)``."""
    return x.reshape(*sizes, *x.shape[1:])


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """Flow (N, H, W, 2) at another size: bilinear with align_corners=True, untouched when the size already
    fits.
    """
    if flow.shape[1:3] == (height, width):
        return flow
    resized = F.interpolate(
        flow.permute(0, 3, 1, 2), size=(height, width), mode="bilinear", align_corners=True
    )
    return resized.permute(0, 2, 3, 1)


def warp_feature(feature: Tensor, flow: Tensor) -> Tensor:
    """LWB: sample (N, C, h, w) along (N, H, W, 2), which is resized to (h, w) first; invisible pixels become
    0.
    """
    return sample(feature, resize_flow(flow, feature.shape[-2], feature.shape[-1]))


def warp_sources(features: Tensor, flows: Tensor) -> Tensor:
    """Warp every source: features (bs, ns, C, h, w), flows (bs, ns, H, W, 2) to (bs, ns, C, h, w)."""
    warped = warp_feature(features.flatten(0, 1), flows.flatten(0, 1))
    return split_batch(warped, features.shape[:2])


class AddFusion(nn.Module):
    """AddLWB: X + sum of the warped sources."""

    def forward(self, x: Tensor, warped: Tensor) -> Tensor:
        """x (bs, C, h, w), warped (bs, ns, C, h, w) to (bs, C, h, w)."""
        return x + warped.sum(1)

    def folded(self) -> FoldedSum:
        """For inference."""
        return FoldedSum(average=False)


class AverageFusion(nn.Module):
    """AvgLWB: (X + sum of the warped sources) / (1 + ns)."""

    def forward(self, x: Tensor, warped: Tensor) -> Tensor:
        """x (bs, C, h, w), warped (bs, ns, C, h, w) to (bs, C, h, w)."""
        return (x + warped.sum(1)) / (1 + warped.shape[1])

    def folded(self) -> FoldedSum:
        """For inference."""
        return FoldedSum(average=True)


class SoftGateFusion(nn.Module):
    """SoftGateAddLWB and SoftGateAvgLWB: X + g(X) * sum or mean of the warped sources, one gate per channel
    and pixel.
    """

    def __init__(self, channels: int, *, average: bool) -> None:
        super().__init__()
        self.average = average
        self.gate_conv = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, warped: Tensor) -> Tensor:
        """x (bs, C, h, w), warped (bs, ns, C, h, w) to (bs, C, h, w)."""
        fused = warped.mean(1) if self.average else warped.sum(1)
        return x + self.gate_conv(x) * fused

    def folded(self) -> FoldedGate:
        """For inference."""
        return FoldedGate(self.gate_conv, radius=2, average=self.average)  # two 3x3 convolutions


def attend(query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Attention across sources, separately at every pixel.

    Parameters
    ----------
    query: (bs, C, h, w); keys, values: (bs, ns, C, h, w). Scores are divided by sqrt(C).

    Returns
    -------
    Mixed values (bs, C, h, w) and weights (bs, ns, 1, h, w), which sum to 1 over sources.
    """
    scores = (query.unsqueeze(1) * keys).sum(2, keepdim=True) / keys.shape[2] ** 0.5
    weights = torch.softmax(scores, dim=1)
    return (weights * values).sum(1), weights


def attend_globally(query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Attention of the AdaIN variant: queries and keys are averaged over the image first, one weight per
    source and image.

    Shapes as in :func:`attend`; scores are divided by sqrt(C h w) and the weights have shape (bs, ns, 1, 1,
    1).
    """
    scale = float(keys.shape[2] * keys.shape[3] * keys.shape[4]) ** 0.5
    mean_query = query.mean((2, 3)).unsqueeze(1)
    scores = (mean_query * keys.mean((3, 4))).sum(2) / scale
    weights = torch.softmax(scores, dim=1)[:, :, None, None, None]
    return (weights * values).sum(1), weights


class SPADE(nn.Module):
    """Spatially adaptive normalisation: norm(x) * (1 + gamma(c)) + beta(c).

    Parameters
    ----------
    channels: of the normalised feature.
    condition_channels: of the conditioning map, which must have the feature's size.
    hidden: width of the shared layer (released: 128).
    kernel: odd side of the convolutions.
    norm: "instance" (no parameters; the released choice) or "batch" (running statistics, no affine part).
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        *,
        hidden: int = 128,
        kernel: int = 3,
        norm: str = "instance",
    ) -> None:
        super().__init__()
        if norm not in ("instance", "batch"):
            raise ValueError(f"SPADE norm must be 'instance' or 'batch', not '{norm}'")
        self.param_free_norm: nn.Module = (
            nn.InstanceNorm2d(channels) if norm == "instance" else nn.BatchNorm2d(channels, affine=False)
        )
        pad = kernel // 2
        self.mlp_shared = nn.Sequential(nn.Conv2d(condition_channels, hidden, kernel, padding=pad), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=pad)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=pad)

    def modulation(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and beta, each (N, channels, h, w), of a conditioning map (N, condition_channels, h, w)."""
        shared = self.mlp_shared(condition)
        return self.mlp_gamma(shared), self.mlp_beta(shared)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (N, channels, h, w), condition (N, condition_channels, h, w) to (N, channels, h, w)."""
        gamma, beta = self.modulation(condition)
        return self.param_free_norm(x) * (1 + gamma) + beta


class AttentionFusion(nn.Module):
    """AttLWB-SPADE: attention over the warped sources gives the map that modulates the normalised target
    feature.

    Keys and values are 1x1 convolutions of the *warped* features: an invisible pixel yields their biases and
    takes part in the softmax like any other.
    """

    def __init__(
        self,
        channels: int,
        *,
        source_channels: int | None = None,
        inner: int | None = None,
        spade_hidden: int = 128,
    ) -> None:
        super().__init__()
        source_channels, inner = source_channels or channels, inner or channels
        self.fq = nn.Conv2d(channels, inner, 1)
        self.fk = nn.Conv2d(source_channels, inner, 1)
        self.fv = nn.Conv2d(source_channels, inner, 1)
        self.spade = SPADE(channels, inner, hidden=spade_hidden)

    def attention(self, x: Tensor, warped: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed values (bs, C, h, w) and attention weights (bs, ns, 1, h, w)."""
        flat, sizes = warped.flatten(0, 1), warped.shape[:2]
        return attend(self.fq(x), split_batch(self.fk(flat), sizes), split_batch(self.fv(flat), sizes))

    def forward(self, x: Tensor, warped: Tensor) -> Tensor:
        """x (bs, C, h, w), warped (bs, ns, C, h, w) to (bs, C, h, w)."""
        mixed, _ = self.attention(x, warped)
        return self.spade(x, mixed)

    def folded(self) -> FoldedAttention:
        """For inference; later changes of the weights do not reach it."""
        spade = self.spade
        shared = cast(nn.Conv2d, spade.mlp_shared[0])
        return FoldedAttention(
            self.fq, self.fk, self.fv, spade.param_free_norm, shared, spade.mlp_gamma, spade.mlp_beta
        )


class AdaINFusion(nn.Module):
    """AttLWB-AdaIN: statistics over channels of the attended map replace those of the target feature, pixel
    by pixel.
    """

    def __init__(
        self, channels: int, *, source_channels: int | None = None, inner: int | None = None
    ) -> None:
        super().__init__()
        source_channels, inner = source_channels or channels, inner or channels
        self.fq = nn.Conv2d(channels, inner, 1)
        self.fk = nn.Conv2d(source_channels, inner, 1)
        self.fv = nn.Conv2d(source_channels, inner, 1)

    def attention(self, x: Tensor, warped: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed values (bs, C, h, w) and attention weights (bs, ns, 1, 1, 1)."""
        flat, sizes = warped.flatten(0, 1), warped.shape[:2]
        return attend_globally(
            self.fq(x), split_batch(self.fk(flat), sizes), split_batch(self.fv(flat), sizes)
        )

    statistics = staticmethod(channel_statistics)

    def forward(self, x: Tensor, warped: Tensor) -> Tensor:
        """x (bs, C, h, w), warped (bs, ns, C, h, w) to (bs, C, h, w)."""
        gamma, beta = self.statistics(self.attention(x, warped)[0])
        deviation, mean = self.statistics(x)
        return (x - mean) / (deviation + ADAIN_EPSILON) * gamma + beta

    def folded(self) -> FoldedAdaIN:
        """For inference; later changes of the weights do not reach it."""
        return FoldedAdaIN(self.fq, self.fk, self.fv)
