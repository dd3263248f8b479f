"""TSFNet, the transfer stream (G_TSF): a residual U-Net into which the warped source features are fused at
every stage.

From: iPERCore attlwb_*_resunet.py and lwb_*_resunet.py; the sub-modules sit directly in the generator there,
so their keys have no common prefix. Hence a base class that adds them to the generator in the order of the
released state dict.
Agrees with: the official modules to 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.features import SourceFeatures as SourceFeatures
from iper_bench.lwg.features import join_sources as join_sources
from iper_bench.lwg.folded import FoldedFusion, FoldedHeads, FoldedNetwork
from iper_bench.lwg.fusion import resize_flow, split_batch, warp_sources
from iper_bench.lwg.prepared import PreparedSources
from iper_bench.lwg.source import (
    ConvStages,
    ResidualStack,
    apply_heads,
    colour_head,
    finish_heads,
    mask_head,
)

Previous = SourceFeatures | PreparedSources | None


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
    config: GeneratorConfig
    target_deviations: Deviations

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

    def prepare(self, features: SourceFeatures) -> PreparedSources:
        """The features in the form in which targets are rendered fastest, with the weights of this moment.

        Call it again after a change of the weights.
        """
        blocks = [*self.enc_attlwbs, *self.res_attlwbs]
        with torch.no_grad():
            network = FoldedNetwork(
                tuple(cast(Callable[[], FoldedFusion], block.folded)() for block in blocks),
                FoldedHeads(cast(nn.Conv2d, self.tsf_img_reg[0]), cast(nn.Conv2d, self.tsf_att_reg[0])),
            )
        return PreparedSources.of(features.inputs, [*features.encoded, *features.residual], network)

    def transfer(
        self,
        tsf_input: Tensor,
        features: SourceFeatures | PreparedSources,
        flow: Tensor,
        previous: Previous = None,
        previous_flow: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One target per batch entry.

        Parameters
        ----------
        tsf_input: (bs, 6, H, W) [initial image, condition].
        features: of the same bs, or of one person (bs = 1), who then serves all targets. What
            :meth:`prepare` made of them renders the same (to 1e-5) in less time, without gradients.
        flow: (bs, ns, H, W, 2) from target pixels into the sources.
        previous, previous_flow: features of earlier outputs, of the same kind as ``features``, and flows (bs,
            k, H, W, 2) into them (temporal mode only).

        Returns
        -------
        Colour (bs, 3, H, W) in [-1, 1] and mask (bs, 1, H, W) in [0, 1], 1 = background.
        """
        if previous is not None and previous_flow is not None:
            flow = torch.cat([flow, previous_flow], 1)
            if isinstance(features, PreparedSources):
                features = features.joined([cast(PreparedSources, previous)])
            else:
                features = join_sources([features, cast(SourceFeatures, previous)])
        if isinstance(features, PreparedSources):
            return self._transfer_prepared(tsf_input, features, flow)
        return self._transfer_features(tsf_input, features, flow)

    def render_targets(
        self, prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`iper_bench.lwg.inference.Renderer`. AttLWB-AdaIN reads the condition alone."""
        return self.transfer(tsf_inputs[:, -self.config.target_nc :], prepared, flows)

    def _transfer_prepared(
        self, tsf_input: Tensor, prepared: PreparedSources, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        prepared.check_flow(len(tsf_input), flow)
        x = tsf_input.to(self.tsf_img_reg[0].weight.dtype)  # type: ignore[arg-type]
        points = zip(prepared.network.fusions, prepared.warped(flow, x.dtype), strict=True)
        skips = []
        for layer in self.tsf_net_enc.layers:
            fuse, warped = next(points)
            x = fuse(layer(x), *warped)
            skips.append(x)
        for residual, (fuse, warped) in zip(self.res_blocks, points, strict=True):
            x = fuse(residual(x), *warped)
        colour, mask = prepared.network.heads(self.tsf_net_dec(x, skips))
        return finish_heads(colour.float(), mask.float(), tsf_input, self.target_deviations)

    def _transfer_features(
        self, tsf_input: Tensor, stack: SourceFeatures, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
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
        return apply_heads(x, tsf_input, self.tsf_img_reg, self.tsf_att_reg, self.target_deviations)


def _resize_flows(flow: Tensor, like: Tensor) -> Tensor:
    resized = resize_flow(flow.flatten(0, 1), like.shape[-2], like.shape[-1])
    return split_batch(resized, flow.shape[:2])
