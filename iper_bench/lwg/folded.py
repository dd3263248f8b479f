"""Fusion blocks and heads rearranged for inference: the same functions with less to compute per frame.

What is rearranged, exactly (only the order of sums differs, about 1e-6 in float32):

* Attention needs no keys: <fq(x), fk(W_s)> = <A x + a, W_s> + c with A = fk^T fq, and c, the same for all
  sources, does not change the softmax. So one convolution of the target replaces one per source and one of
  the target.
* Attention needs no values: the weights sum to 1, so sum_s a_s fv(W_s) = fv(sum_s a_s W_s), one convolution
  instead of one per source; before a SPADE that convolution is merged into its shared layer.
* Warped features W_s are 0 outside the box where sources are visible (:mod:`iper_bench.lwg.box`), so SPADE's
  gamma and beta are constant there, but for two pixels around the box and along the border of the image.
* Two heads with few channels are one convolution that writes 2 x 2 pixels at a time.

Agrees with: the blocks of :mod:`iper_bench.lwg.fusion` to 1e-5 (``tests/lwg/test_prepared.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iper_bench.lwg.box import Box

ADAIN_EPSILON = 1e-5
"""Added to the standard deviation over channels (iPERCore attlwb_adain)."""


class FoldedFusion(Protocol):
    """A fusion block for inference."""

    def __call__(self, x: Tensor, warped: Tensor, box: Box) -> Tensor:
        """x (bs, C, h, w) and the warped sources inside ``box`` (bs, ns, C_s, bh, bw) to (bs, C, h, w)."""


class FoldedSum:
    """AddLWB and AvgLWB: the sources are added where they are visible."""

    def __init__(self, *, average: bool) -> None:
        self._average = average

    def __call__(self, x: Tensor, warped: Tensor, box: Box) -> Tensor:
        """See :class:`FoldedFusion`."""
        fused = box.pasted(x, box.cut(x) + warped.sum(1))
        return fused / (1 + warped.shape[1]) if self._average else fused


class FoldedGate:
    """SoftGateAddLWB and SoftGateAvgLWB: the gate is computed where sources are visible."""

    def __init__(self, gate: nn.Module, radius: int, *, average: bool) -> None:
        self._gate, self._radius, self._average = gate, radius, average

    def __call__(self, x: Tensor, warped: Tensor, box: Box) -> Tensor:
        """See :class:`FoldedFusion`."""
        if box.empty:
            return x
        outer = box.grow(self._radius, *x.shape[-2:])
        gate = box.inside(outer).cut(self._gate(outer.cut(x)))
        return box.pasted(x, box.cut(x) + gate * (warped.mean(1) if self._average else warped.sum(1)))


def mix_sources(query: Tensor, warped: Tensor) -> Tensor:
    """Softmax over sources of <query, W_s> mixes W_s: (bs, C, h, w), (bs, ns, C, h, w) to (bs, C, h, w)."""
    scores = (query.unsqueeze(1) * warped).sum(2, keepdim=True)
    return (torch.softmax(scores, dim=1) * warped).sum(1)


def fold_query(fq: nn.Conv2d, fk: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weight (C_s, C, 1, 1) and bias (C_s,) of fk^T fq, computed in float64."""
    key = fk.weight.double().flatten(1)
    weight = key.t() @ fq.weight.double().flatten(1)
    bias = key.t() @ _bias(fq).double()
    return weight.to(fq.weight.dtype)[..., None, None], bias.to(fq.weight.dtype)


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("attention needs convolutions with a bias")
    return conv.bias


class FoldedAttention:
    """AttLWB-SPADE.

    Parameters
    ----------
    fq, fk, fv: 1x1 convolutions of the block. norm, shared, gamma, beta: parts of its SPADE, 3x3 or larger.
    """

    def __init__(
        self,
        fq: nn.Conv2d,
        fk: nn.Conv2d,
        fv: nn.Conv2d,
        norm: nn.Module,
        shared: nn.Conv2d,
        gamma: nn.Conv2d,
        beta: nn.Conv2d,
    ) -> None:
        weight, bias = fold_query(fq, fk)
        scale = fk.weight.shape[0] ** -0.5
        self._query, self._query_bias = weight * scale, bias * scale
        value = fv.weight.double().flatten(1)
        merged = torch.einsum("oikl,ic->ockl", shared.weight.double(), value)
        self._shared = merged.to(shared.weight.dtype)
        self._modulation = torch.cat([gamma.weight, beta.weight])
        self._modulation_bias = torch.cat([_bias(gamma), _bias(beta)])
        self._norm = norm
        self._radius = shared.weight.shape[-1] // 2
        self._unseen_value = _bias(fv)
        self._shared_conv = shared
        self._unseen: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, x: Tensor, warped: Tensor, box: Box) -> Tensor:
        """See :class:`FoldedFusion`."""
        height, width = x.shape[-2:]
        normal = self._norm(x)
        hidden, modulation = self._unseen_maps(height, width)
        if box.empty:
            return _modulated(normal, modulation)
        mixed = warped[:, 0]
        if warped.shape[1] > 1:
            mixed = mix_sources(F.conv2d(box.cut(x), self._query, self._query_bias), warped)
        radius = self._radius
        inner, outer = box.grow(2 * radius, height, width), box.grow(3 * radius, height, width)
        spot = box.inside(outer)
        sides = (spot.left, outer.right - box.right, spot.top, outer.bottom - box.bottom)
        change = F.conv2d(F.pad(mixed, sides), self._shared, padding=radius)
        shown = F.relu(change + outer.cut(hidden))
        seen = F.conv2d(shown, self._modulation, self._modulation_bias, padding=radius)
        seen = _modulated(inner.cut(normal), inner.inside(outer).cut(seen))
        if inner == (0, height, 0, width):
            return seen
        return inner.pasted(_modulated(normal, modulation), seen)

    def _unseen_maps(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """What SPADE computes where no source is visible: hidden layer before its ReLU (1, H, h, w), gamma
        and beta (1, 2C, h, w). Constant but for the border, so a small image of it is computed and stretched.
        """
        radius = self._radius
        small = (min(height, 4 * radius + 1), min(width, 4 * radius + 1))
        if small not in self._unseen:
            value = self._unseen_value[None, :, None, None].expand(1, -1, *small)
            hidden = self._shared_conv(value)
            modulation = F.conv2d(F.relu(hidden), self._modulation, self._modulation_bias, padding=radius)
            self._unseen[small] = (hidden, modulation)
        hidden, modulation = self._unseen[small]
        return _stretched(hidden, height, width), _stretched(modulation, height, width)


def _stretched(small: Tensor, height: int, width: int) -> Tensor:
    """Repeat the middle row and column of (1, C, h, w) until the size is reached."""
    for dim, size in ((-2, height), (-1, width)):
        extra = size - small.shape[dim]
        if extra:
            half = small.shape[dim] // 2
            middle = small.narrow(dim, half, 1)
            repeats = [-1, -1, -1, -1]
            repeats[dim] = extra + 1
            parts = (small.narrow(dim, 0, half), middle.expand(repeats), small.narrow(dim, half + 1, half))
            small = torch.cat(parts, dim)
    return small


def _modulated(normal: Tensor, modulation: Tensor) -> Tensor:
    gamma, beta = modulation.chunk(2, 1)
    return torch.addcmul(beta + normal, normal, gamma)


class FoldedAdaIN:
    """AttLWB-AdaIN: one weight per source and image."""

    def __init__(self, fq: nn.Conv2d, fk: nn.Conv2d, fv: nn.Conv2d) -> None:
        weight, self._query_bias = fold_query(fq, fk)
        self._query = weight.flatten(1)
        self._inner = fk.weight.shape[0]
        self._fv = fv

    def __call__(self, x: Tensor, warped: Tensor, box: Box) -> Tensor:
        """See :class:`FoldedFusion`."""
        deviation, mean = channel_statistics(x)
        normal = (x - mean) / (deviation + ADAIN_EPSILON)
        gamma, beta = channel_statistics(_bias(self._fv)[None, :, None, None])
        unseen = normal * gamma + beta
        if box.empty:
            return unseen
        pixels = x.shape[-2] * x.shape[-1]
        query = F.linear(x.mean((2, 3)), self._query, self._query_bias)
        # Outside the box warped features are 0 and count in the mean.
        scores = (query.unsqueeze(1) * warped.sum((3, 4))).sum(2) / pixels
        weights = torch.softmax(scores / float(self._inner * pixels) ** 0.5, dim=1)
        mixed = (weights[:, :, None, None, None] * warped).sum(1)
        gamma, beta = channel_statistics(self._fv(mixed))
        return box.pasted(unseen, box.cut(normal) * gamma + beta)


def channel_statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Unbiased standard deviation and mean over channels of (N, C, h, w), each (N, 1, h, w)."""
    return x.std(1, keepdim=True), x.mean(1, keepdim=True)


class FoldedHeads:
    """Colour and mask logits of one feature by one convolution that writes 2 x 2 pixels at a time.

    Parameters
    ----------
    colour, mask: convolutions without bias of one odd kernel side k. Both become one of side k + 1 with
        stride 2; sides of images must be even.
    """

    def __init__(self, colour: nn.Conv2d, mask: nn.Conv2d) -> None:
        weight = torch.cat([colour.weight, mask.weight])
        channels, features, kernel = weight.shape[:3]
        if colour.bias is not None or mask.bias is not None or kernel % 2 == 0:
            raise ValueError("heads must have odd kernels and no bias")
        grown = weight.new_zeros(channels, 2, 2, features, kernel + 1, kernel + 1)
        for row in (0, 1):
            for column in (0, 1):
                grown[:, row, column, :, row : row + kernel, column : column + kernel] = weight
        self._weight = grown.flatten(0, 2)
        self._padding = kernel // 2
        self._colours = len(colour.weight)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) to logits of the colour (N, 3, H, W) and of the mask (N, 1, H, W)."""
        logits = F.pixel_shuffle(F.conv2d(x, self._weight, stride=2, padding=self._padding), 2)
        return logits[:, : self._colours], logits[:, self._colours :]


@dataclass(frozen=True)
class FoldedNetwork:
    """The folded parts of one generator: ``fusions`` in the order of the fusion points, and ``heads``."""

    fusions: tuple[FoldedFusion, ...]
    heads: FoldedHeads
