"""TSFNet, the transfer stream (G_TSF): a residual U-Net into which the warped source features are fused at
every stage.

From: iPERCore attlwb_*_resunet.py and lwb_*_resunet.py; the sub-modules sit directly in the generator there,
so their keys have no common prefix. Hence a base class that adds them to the generator in the order of the
released state dict.
Agrees with: the official modules to 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from iper_bench.lwg.config import Deviations
from iper_bench.lwg.fusion import resize_flow, split_batch, warp_sources
from iper_bench.lwg.source import ConvStages, ResidualStack, apply_heads, colour_head, mask_head


@dataclass(frozen=True)
class SourceFeatures:
    """Everything of the sources that targets need; computed once per person and kept.

    Attributes
    ----------
    inputs: (bs, ns, 6, H, W) the source inputs; read again only when sources are reconstructed.
    encoded: one (bs, ns, C_l, H/2^(l+1), W/2^(l+1)) per encoder stage.
    residual: one (bs, ns, C, h, w) per residual block.
    """

    inputs: Tensor
    encoded: tuple[Tensor, ...]
    residual: tuple[Tensor, ...]

    @property
    def batch(self) -> int:
        """Number of people bs."""
        return int(self.inputs.shape[0])

    @property
    def sources(self) -> int:
        """Number of sources ns."""
        return int(self.inputs.shape[1])

    def _map(self, change: Callable[[Tensor], Tensor]) -> SourceFeatures:
        return SourceFeatures(
            change(self.inputs), tuple(map(change, self.encoded)), tuple(map(change, self.residual))
        )

    def expand(self, batch: int) -> SourceFeatures:
        """Views for ``batch`` targets of one person (bs = 1)."""
        return self._map(lambda t: t.expand(batch, *t.shape[1:]))

    def take(self, sources: Sequence[int]) -> SourceFeatures:
        """The features of some sources, in the given order."""
        return self._map(lambda t: t[:, list(sources)])

    def to(self, device: torch.device | str) -> SourceFeatures:
        """The same on another device."""
        return self._map(lambda t: t.to(device))


def join_sources(features: Sequence[SourceFeatures]) -> SourceFeatures:
    """Concatenate the sources of several people (appearance transfer); all at one image size."""
    return SourceFeatures(
        torch.cat([f.inputs for f in features], 1),
        tuple(torch.cat(stage, 1) for stage in zip(*(f.encoded for f in features), strict=True)),
        tuple(torch.cat(stage, 1) for stage in zip(*(f.residual for f in features), strict=True)),
    )


class SkipDecoder(nn.Module):
    """Up-sampling decoder with U-Net skips; the deepest encoder feature is no skip and the last stage has
    none.

    Parameters
    ----------
    filters: encoder channels, shallow to deep; the decoder runs through them backwards.
    """

    def __init__(self, filters: Sequence[int]) -> None:
        super().__init__()
        plan = list(filters[::-1])
        skippers: list[nn.Module] = []
        upconvs: list[nn.Module] = []
        before = filters[-1]
        for stage, after in enumerate(plan):
            upconvs.append(
                nn.Sequential(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU())
            )
            if stage < len(plan) - 1:
                skip = filters[len(filters) - 2 - stage]
                skippers.append(nn.Sequential(nn.Conv2d(skip + after, after, 3, padding=1), nn.ReLU()))
            before = after
        # The order of assignment is the order of the released state dict.
        self.skippers = nn.ModuleList(skippers)
        self.upconvs = nn.ModuleList(upconvs)

    def forward(self, x: Tensor, encoded: Sequence[Tensor]) -> Tensor:
        """Deep feature (N, C, h, w) and the encoder features (shallow to deep) to (N, filters[0], H, W)."""
        for stage, up in enumerate(self.upconvs):
            x = up(x)
            if stage < len(self.skippers):
                x = self.skippers[stage](torch.cat([encoded[len(encoded) - 2 - stage], x], 1))
        return x


class TransferStream(nn.Module):
    """Base of the generators that warp features; call :meth:`add_transfer` from the constructor after the
    other streams.
    """

    tsf_net_enc: ConvStages
    tsf_net_dec: SkipDecoder
    enc_attlwbs: nn.ModuleList
    res_attlwbs: nn.ModuleList
    res_blocks: ResidualStack
    tsf_img_reg: nn.Sequential
    tsf_att_reg: nn.Sequential
    deviations: Deviations

    def add_transfer(
        self, channels: int, filters: Sequence[int], res_blocks: int, fusion: Callable[[int], nn.Module]
    ) -> None:
        """Add the sub-modules; ``fusion(channels)`` makes one fusion block."""
        self.tsf_net_enc = ConvStages([channels, *filters], transposed=False, bias=False)
        self.tsf_net_dec = SkipDecoder(filters)
        self.enc_attlwbs = nn.ModuleList(fusion(c) for c in filters)
        self.res_attlwbs = nn.ModuleList(fusion(filters[-1]) for _ in range(res_blocks))
        self.res_blocks = ResidualStack(filters[-1], res_blocks)
        self.tsf_img_reg = colour_head(filters[0])
        self.tsf_att_reg = mask_head(filters[0])

    def transfer(
        self,
        tsf_input: Tensor,
        features: SourceFeatures,
        flow: Tensor,
        previous: SourceFeatures | None = None,
        previous_flow: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One target per batch entry.

        Parameters
        ----------
        tsf_input: (bs, 6, H, W) [initial image, condition].
        features: of the same bs, or of one person (bs = 1), who then serves all targets.
        flow: (bs, ns, H, W, 2) from target pixels into the sources.
        previous, previous_flow: features of earlier outputs and flows (bs, k, H, W, 2) into them (temporal
            mode only).

        Returns
        -------
        Colour (bs, 3, H, W) in [-1, 1] and mask (bs, 1, H, W) in [0, 1], 1 = background.
        """
        stack = features
        if previous is not None and previous_flow is not None:
            stack = join_sources([features, previous])
            flow = torch.cat([flow, previous_flow], 1)
        if flow.shape[:2] != (tsf_input.shape[0], stack.sources):
            raise ValueError(
                f"flow is {tuple(flow.shape)} for {tsf_input.shape[0]} targets and {stack.sources} sources; "
                "expected (bs, ns, H, W, 2)"
            )
        if stack.batch == 1 and tsf_input.shape[0] > 1:
            stack = stack.expand(tsf_input.shape[0])
        x, skips = tsf_input, []
        for layer, block, source in zip(
            self.tsf_net_enc.layers, self.enc_attlwbs, stack.encoded, strict=True
        ):
            x = layer(x)
            # Resized from the full flow at every stage (not from the stage before), as released.
            staged = _resize_flows(flow, x)
            x = block(x, warp_sources(source, staged))
            skips.append(x)
        staged = _resize_flows(flow, x)
        for residual, block, source in zip(self.res_blocks, self.res_attlwbs, stack.residual, strict=True):
            x = block(residual(x), warp_sources(source, staged))
        x = self.tsf_net_dec(x, skips)
        return apply_heads(x, tsf_input, self.tsf_img_reg, self.tsf_att_reg, self.deviations)


def _resize_flows(flow: Tensor, like: Tensor) -> Tensor:
    resized = resize_flow(flow.flatten(0, 1), like.shape[-2], like.shape[-1])
    return split_batch(resized, flow.shape[:2])
