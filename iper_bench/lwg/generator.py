"""The Liquid Warping generators: background, source identity and transfer streams, and the baselines without
feature warping.

From: iPERCore's factory (AttLWB-SPADE, AttLWB-Front-SPADE, AttLWB-AdaIN, AddLWB, AvgLWB, SoftGateAddLWB,
SoftGateAvgLWB, TextureWarping, InputConcat), same keys and shapes in the state dict, so that released
checkpoints load strictly.
Agrees with: the official generators to 1e-5 when all deviations are off.
Differs: the named switches of :class:`~iper_bench.lwg.config.Deviations`; source features are a value that
the caller may keep. All of them, and the ICCV generator, render through one interface
(:class:`iper_bench.lwg.inference.Renderer`).
Polarity: masks are 1 = background; ``image = mask * background + (1 - mask) * colour``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from iper_bench.lwg.background import BGNet
from iper_bench.lwg.config import CONDITION_CHANNELS, IMPERSONATOR, Deviations, GeneratorConfig
from iper_bench.lwg.features import SourceFeatures
from iper_bench.lwg.folded import FoldedHeads, FoldedNetwork
from iper_bench.lwg.fusion import (
    AdaINFusion,
    AddFusion,
    AttentionFusion,
    AverageFusion,
    SoftGateFusion,
    split_batch,
)
from iper_bench.lwg.iccv_renderer import ICCVRenderer
from iper_bench.lwg.prepared import PreparedSources
from iper_bench.lwg.source import SIDNet, finish_heads
from iper_bench.lwg.transfer import TransferStream

GeneratorOutputs = tuple[Tensor, ...]

FUSIONS: dict[str, Callable[[GeneratorConfig, int], nn.Module]] = {
    "AttLWB-SPADE": lambda config, c: AttentionFusion(c, spade_hidden=config.spade_hidden),
    "AttLWB-Front-SPADE": lambda config, c: AttentionFusion(c, spade_hidden=config.spade_hidden),
    "AttLWB-AdaIN": lambda config, c: AdaINFusion(c),
    "AddLWB": lambda config, c: AddFusion(),
    "AvgLWB": lambda config, c: AverageFusion(),
    "SoftGateAddLWB": lambda config, c: SoftGateFusion(c, average=False),
    "SoftGateAvgLWB": lambda config, c: SoftGateFusion(c, average=True),
}
"""How each generator fuses warped source features: name to ``(config, channels) -> block``."""


def compose(background: Tensor, colour: Tensor, mask: Tensor) -> Tensor:
    """mask * background + (1 - mask) * colour; (.., 3, H, W), (.., 3, H, W), (.., 1, H, W), broadcast over
    leading axes.
    """
    return mask * background + (1.0 - mask) * colour


class BackgroundMixin:
    """Shared by the generators that own a ``bg_net``."""

    has_background = True
    most_sources: int | None = None
    bg_net: BGNet

    def background(self, bg_inputs: Tensor) -> Tensor:
        """(bs, nb, 4, H, W) [image, mask] to (bs, nb, 3, H, W) in [-1, 1]."""
        return split_batch(self.bg_net(bg_inputs.flatten(0, 1)), bg_inputs.shape[:2])

    compose = staticmethod(compose)


class LiquidWarpingGenerator(BackgroundMixin, TransferStream):
    """The three streams. ``AttLWB-Front-SPADE`` has no background stream (see :class:`FrontGenerator`).

    Parameters
    ----------
    config: sizes; its name decides the fusion rule.
    deviations: all off = the released generator.
    """

    def __init__(self, config: GeneratorConfig, deviations: Deviations | None = None) -> None:
        super().__init__()
        self.config = config
        self.deviations = deviations or Deviations()
        self._add_background()
        self.target_deviations = self.deviations.of_targets(config.name)
        self.src_net = SIDNet(config.cond_nc, config.filters, config.res_blocks, self.deviations)
        make = FUSIONS[config.name]
        self.add_transfer(config.target_nc, config.filters, config.res_blocks, lambda c: make(config, c))

    def _add_background(self) -> None:
        config = self.config
        self.bg_net = BGNet(config.bg_cond_nc, config.bg_filters, config.bg_res_blocks, self.deviations)

    def encode_sources(self, src_inputs: Tensor) -> SourceFeatures:
        """(bs, ns, 6, H, W) to the features that every target of these sources needs."""
        return SourceFeatures.encoded_by(self.src_net.encode, src_inputs)

    def decode_sources(self, features: SourceFeatures) -> tuple[Tensor, Tensor]:
        """Reconstructions of the sources: images (bs, ns, 3, H, W) and masks (bs, ns, 1, H, W)."""
        sizes = features.inputs.shape[:2]
        deep = features.residual[-1] if features.residual else features.encoded[-1]
        image, mask = self.src_net.decode(deep.flatten(0, 1), features.inputs.flatten(0, 1))
        return split_batch(image, sizes), split_batch(mask, sizes)

    def transfer_sequence(
        self, tsf_inputs: Tensor, features: SourceFeatures, Tst: Tensor, Ttt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """All targets in order: (bs, nt, 6, H, W), flows (bs, nt, ns, H, W, 2) to (bs, nt, 3, H, W) and (bs,
        nt, 1, H, W).

        In temporal mode (``config.temporal``) target t > 0 also attends to output t - 1 through ``Ttt`` (bs,
        nt - 1, H, W, 2).
        """
        if self.config.temporal and Ttt is None and tsf_inputs.shape[1] > 1:
            raise ValueError("temporal mode needs Ttt, the flows between consecutive targets")
        images: list[Tensor] = []
        masks: list[Tensor] = []
        for t in range(tsf_inputs.shape[1]):
            previous = previous_flow = None
            if self.config.temporal and t > 0 and Ttt is not None:
                # Channels 0..2 (the warped image) stand where a condition should; kept for parity with the
                # released code.
                warped = tsf_inputs[:, t - 1, :CONDITION_CHANNELS]
                person = images[-1] * (1.0 - masks[-1])
                previous = self.encode_sources(torch.cat([person, warped], 1).unsqueeze(1))
                previous_flow = Ttt[:, t - 1 : t]
            image, mask = self.transfer(tsf_inputs[:, t], features, Tst[:, t], previous, previous_flow)
            images.append(image)
            masks.append(mask)
        return torch.stack(images, 1), torch.stack(masks, 1)

    def forward(
        self,
        bg_inputs: Tensor,
        src_inputs: Tensor,
        tsf_inputs: Tensor,
        Tst: Tensor,
        Ttt: Tensor | None = None,
        only_tsf: bool = True,
    ) -> GeneratorOutputs:
        """The released call.

        Parameters
        ----------
        bg_inputs: (bs, nb, 4, H, W); src_inputs: (bs, ns, 6, H, W); tsf_inputs: (bs, nt, 6, H, W);
        Tst: (bs, nt, ns, H, W, 2); Ttt: (bs, nt - 1, H, W, 2), temporal mode only.

        Returns
        -------
        (bg (bs, nb, 3, H, W), tsf_imgs (bs, nt, 3, H, W), tsf_masks (bs, nt, 1, H, W)); with
        ``only_tsf=False`` src_imgs (bs, ns, 3, H, W) and src_masks (bs, ns, 1, H, W) stand between the first
        and the second.
        """
        background = self.background(bg_inputs)
        features = self.encode_sources(src_inputs)
        sources = () if only_tsf else self.decode_sources(features)
        return (background, *sources, *self.transfer_sequence(tsf_inputs, features, Tst, Ttt))


class FrontGenerator(LiquidWarpingGenerator):
    """AttLWB-Front-SPADE: the same without the background stream; the background is given from outside."""

    has_background = False

    def _add_background(self) -> None:
        """No background stream."""

    def background(self, bg_inputs: Tensor) -> Tensor:
        """Raises: this generator has no background stream."""
        raise ValueError("AttLWB-Front-SPADE has no background stream; pass a background to compose()")

    def forward(  # type: ignore[override]  # the released signature has no bg_inputs
        self,
        src_inputs: Tensor,
        tsf_inputs: Tensor,
        Tst: Tensor,
        Ttt: Tensor | None = None,
        only_tsf: bool = True,
    ) -> GeneratorOutputs:
        """As :meth:`LiquidWarpingGenerator.forward` without the background in inputs and outputs."""
        features = self.encode_sources(src_inputs)
        sources = () if only_tsf else self.decode_sources(features)
        return (*sources, *self.transfer_sequence(tsf_inputs, features, Tst, Ttt))


class WarpFreeGenerator(BackgroundMixin, nn.Module):
    """TextureWarping and InputConcat: one auto-encoder on concatenated inputs, no feature warping.

    TextureWarping reads the target input alone (warped texture and condition). InputConcat reads the first
    ``num_source`` source inputs, repeated in order when there are fewer, and the target's condition. Flows
    are ignored.
    """

    def __init__(self, config: GeneratorConfig, deviations: Deviations | None = None) -> None:
        super().__init__()
        self.config = config
        self.deviations = deviations or Deviations()
        self.bg_net = BGNet(config.bg_cond_nc, config.bg_filters, config.bg_res_blocks, self.deviations)
        self.target_deviations = self.deviations.of_targets(config.name)
        self.tsf_net = SIDNet(config.target_nc, config.filters, config.res_blocks, self.target_deviations)

    def network_input(self, src_inputs: Tensor, tsf_inputs: Tensor) -> Tensor:
        """(bs, ns, 6, H, W) and (bs, nt, 6, H, W) to (bs, nt, target_nc, H, W)."""
        if self.config.name == "TextureWarping":
            return tsf_inputs
        ns, wanted = src_inputs.shape[1], self.config.num_source
        sources = src_inputs[:, [k % ns for k in range(wanted)]].flatten(1, 2)
        repeated = sources.unsqueeze(1).expand(-1, tsf_inputs.shape[1], -1, -1, -1)
        return torch.cat([repeated, tsf_inputs[:, :, -CONDITION_CHANNELS:]], 2)

    def encode_sources(self, src_inputs: Tensor) -> SourceFeatures:
        """The sources themselves: there is no source stream."""
        return SourceFeatures(src_inputs, (), ())

    def prepare(self, features: SourceFeatures) -> PreparedSources:
        """The inputs and the folded heads, with the weights of this moment."""
        with torch.no_grad():
            heads = FoldedHeads(
                cast(nn.Conv2d, self.tsf_net.img_reg[0]), cast(nn.Conv2d, self.tsf_net.att_reg[0])
            )
        return PreparedSources.of(features.inputs, (), FoldedNetwork((), heads))

    def render_targets(
        self, prepared: PreparedSources, tsf_inputs: Tensor, flows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :class:`iper_bench.lwg.inference.Renderer`; flows are ignored."""
        people, targets = (1, -1) if prepared.batch == 1 else (-1, 1)
        grouped = tsf_inputs.reshape(people, targets, *tsf_inputs.shape[1:])
        x = self.network_input(prepared.inputs, grouped).flatten(0, 1)
        last = self.tsf_net.last_feature(x.to(self.tsf_net.img_reg[0].weight.dtype))  # type: ignore[arg-type]
        colour, mask = prepared.network.heads(last)
        return finish_heads(colour.float(), mask.float(), x, self.target_deviations)

    def forward(
        self,
        bg_inputs: Tensor,
        src_inputs: Tensor,
        tsf_inputs: Tensor,
        Tst: Tensor | None = None,
        Ttt: Tensor | None = None,
        only_tsf: bool = True,
    ) -> GeneratorOutputs:
        """As :meth:`LiquidWarpingGenerator.forward`, but always (bg, tsf_imgs, tsf_masks)."""
        x = self.network_input(src_inputs, tsf_inputs)
        image, mask = self.tsf_net(x.flatten(0, 1))
        sizes = tsf_inputs.shape[:2]
        return self.background(bg_inputs), split_batch(image, sizes), split_batch(mask, sizes)


def build_generator(config: GeneratorConfig, deviations: Deviations | None = None) -> nn.Module:
    """Build the generator that ``config.name`` names, with torch's default initial weights (as released)."""
    if config.name in ("TextureWarping", "InputConcat"):
        return WarpFreeGenerator(config, deviations)
    if config.name == IMPERSONATOR:
        return ICCVRenderer(config, deviations)
    if config.name == "AttLWB-Front-SPADE":
        return FrontGenerator(config, deviations)
    return LiquidWarpingGenerator(config, deviations)
