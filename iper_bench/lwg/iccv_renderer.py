"""The ICCV generator behind the interface of the Liquid Warping generators, so that it can be trained,
packaged and benchmarked like them.

It warps the features of one source, the first; further sources are reconstructed in training and otherwise
ignored. Keys and outputs are those of :class:`~iper_bench.lwg.iccv.ImpersonatorGenerator`, features are
sampled with align_corners=True, as released on torch 1.2. Deviations act as in the other generators.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from iper_bench.lwg.background import finish_background
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.features import SourceFeatures
from iper_bench.lwg.folded import FoldedHeads, FoldedNetwork, FoldedSum
from iper_bench.lwg.fusion import split_batch
from iper_bench.lwg.iccv import ICCVUNet, ImpersonatorGenerator
from iper_bench.lwg.prepared import PreparedSources
from iper_bench.lwg.source import apply_heads, finish_heads


class ICCVRenderer(ImpersonatorGenerator):
    """See the module.

    Parameters
    ----------
    config: named ``Impersonator``. deviations: all off = the released generator.
    """

    has_background = True
    most_sources: int | None = 1

    def __init__(self, config: GeneratorConfig, deviations: Deviations | None = None) -> None:
        super().__init__(
            config.filters[0], config.res_blocks, bg_channels=config.bg_cond_nc, channels=config.cond_nc
        )
        self.config = config
        self.deviations = deviations or Deviations()

    def background(self, bg_inputs: Tensor) -> Tensor:
        """(bs, nb, 4, H, W) [image, mask] to (bs, nb, 3, H, W) in [-1, 1]."""
        flat = bg_inputs.flatten(0, 1)
        colour = finish_background(self.bg_model(flat), flat, self.deviations)
        return split_batch(colour, bg_inputs.shape[:2])

    def encode_sources(self, src_inputs: Tensor) -> SourceFeatures:
        """(bs, ns, 6, H, W) to features; the stem's are the first of ``encoded``."""
        return SourceFeatures.encoded_by(self.src_model.encode, src_inputs)

    def decode_sources(self, features: SourceFeatures) -> tuple[Tensor, Tensor]:
        """Reconstructions of the sources: images (bs, ns, 3, H, W) and masks (bs, ns, 1, H, W)."""
        sizes = features.inputs.shape[:2]
        encoded = [t.flatten(0, 1) for t in features.encoded]
        deep = features.residual[-1].flatten(0, 1) if features.residual else encoded[-1]
        image, mask = self._heads(self.src_model, deep, encoded, features.inputs.flatten(0, 1))
        return split_batch(image, sizes), split_batch(mask, sizes)

    def prepare(self, features: SourceFeatures) -> PreparedSources:
        """The first source, ready for rendering; :meth:`PreparedSources.joined` adds those of other people,
        whose warped features are added too (appearance transfer).
        """
        points = [one[:, :1] for one in (*features.encoded[1:], *features.residual)]
        with torch.no_grad():
            heads = FoldedHeads(
                cast(nn.Conv2d, self.tsf_model.img_reg[0]), cast(nn.Conv2d, self.tsf_model.attetion_reg[0])
            )
        network = FoldedNetwork(tuple(FoldedSum(average=False) for _ in points), heads)
        return PreparedSources.of(features.inputs[:, :1], points, network, align_corners=self.align_corners)

    def transfer(
        self, tsf_input: Tensor, features: SourceFeatures | PreparedSources, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`iper_bench.lwg.transfer.TransferStream.transfer`.

        Of :class:`SourceFeatures` the first source and its flow are used, of :class:`PreparedSources` all.
        """
        if isinstance(features, PreparedSources):
            return self.render_targets(features, tsf_input, flow)
        first = features.expand(len(tsf_input)) if features.batch == 1 else features
        points = (*first.encoded[1:], *first.residual)
        lent = [self.warp(one[:, 0], flow[:, 0]) for one in points]
        fused, deep = self.tsf_model.encode(tsf_input, [partial(torch.add, one) for one in lent])
        return self._heads(self.tsf_model, deep[-1] if deep else fused[-1], fused, tsf_input)

    def render_targets(
        self, prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`iper_bench.lwg.inference.Renderer`."""
        prepared.check_flow(len(tsf_inputs), flows)
        x = tsf_inputs.to(self.tsf_model.img_reg[0].weight.dtype)  # type: ignore[arg-type]
        points = zip(prepared.network.fusions, prepared.warped(flows, x.dtype), strict=True)
        steps = [partial(fuse, warped=warped, box=box) for fuse, (warped, box) in points]
        fused, deep = self.tsf_model.encode(x, steps)
        last = self.tsf_model.last_feature(deep[-1] if deep else fused[-1], fused)
        colour, mask = prepared.network.heads(last)
        return finish_heads(colour.float(), mask.float(), tsf_inputs, self.deviations)

    def _heads(
        self, stream: ICCVUNet, deep: Tensor, encoded: list[Tensor], network_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        last = stream.last_feature(deep, encoded)
        return apply_heads(last, network_input, stream.img_reg, stream.attetion_reg, self.deviations)

    def forward(  # type: ignore[override]  # the signature of the Liquid Warping generators
        self,
        bg_inputs: Tensor,
        src_inputs: Tensor,
        tsf_inputs: Tensor,
        Tst: Tensor,
        Ttt: Tensor | None = None,
        only_tsf: bool = True,
    ) -> tuple[Tensor, ...]:
        """As :meth:`iper_bench.lwg.generator.LiquidWarpingGenerator.forward`; ``Ttt`` is ignored."""
        background = self.background(bg_inputs)
        features = self.encode_sources(src_inputs)
        sources = () if only_tsf else self.decode_sources(features)
        targets = [self.transfer(tsf_inputs[:, t], features, Tst[:, t]) for t in range(tsf_inputs.shape[1])]
        images, masks = (torch.stack(one, 1) for one in zip(*targets, strict=True))
        return (background, *sources, images, masks)
