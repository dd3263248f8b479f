"""``PreparedSources``: the sources of one person in the form in which targets are rendered fastest.

Made once per person by ``generator.prepare``; ``generator.transfer`` and ``generator.render_targets`` take
it. Per target only these remain to be done for the sources: flows are resized once per distinct feature size
(nine fusion points of the released generator have three), the box in which any source is visible is found
(:mod:`iper_bench.lwg.box`), and inside it all features of one size are sampled by one call. Keys and values
of the attention are never projected, see :mod:`iper_bench.lwg.folded`.

Agrees with: the path that training takes (``generator.transfer`` with
:class:`~iper_bench.lwg.features.SourceFeatures`) to 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.lwg.box import Box, visible_boxes
from iper_bench.lwg.folded import FoldedNetwork
from iper_bench.lwg.fusion import resize_flow, split_batch


@dataclass(frozen=True)
class PreparedSources:
    """Sources ready for rendering.

    Attributes
    ----------
    inputs: (bs, ns, 6, H, W) the source inputs.
    maps: one (bs, ns, C, h, w) float32 per distinct feature size, the features of that size side by side in
        channels. float32 even where the network computes in half precision, because the sampler takes
        features and flows of one type, and half precision would shift flows by up to a pixel.
    channels: for every map the channels of the fusion points in it; all points together are in network order.
    network: the generator's folded parts.
    align_corners: the sampler's convention.
    cropped: compute fusions only in the box where sources are visible; ``False`` keeps every shape fixed, as
        compilers want it.
    """

    inputs: Tensor
    maps: tuple[Tensor, ...]
    channels: tuple[tuple[int, ...], ...]
    network: FoldedNetwork
    align_corners: bool = False
    cropped: bool = True

    @classmethod
    def of(
        cls,
        inputs: Tensor,
        features: Sequence[Tensor],
        network: FoldedNetwork,
        *,
        align_corners: bool = False,
    ) -> PreparedSources:
        """Put the features (bs, ns, C, h, w) of the fusion points, in network order, side by side by size."""
        groups: list[list[Tensor]] = []
        for feature in features:
            if groups and groups[-1][0].shape[-2:] == feature.shape[-2:]:
                groups[-1].append(feature)
            else:
                groups.append([feature])
        return cls(
            inputs,
            tuple(group[0] if len(group) == 1 else torch.cat(group, 2) for group in groups),
            tuple(tuple(int(f.shape[2]) for f in group) for group in groups),
            network,
            align_corners,
        )

    @property
    def batch(self) -> int:
        """Number of people bs."""
        return int(self.inputs.shape[0])

    @property
    def sources(self) -> int:
        """Number of sources ns."""
        return int(self.inputs.shape[1])

    def joined(self, others: Sequence[PreparedSources]) -> PreparedSources:
        """These sources and those of ``others``, prepared by the same generator at one image size: several
        people in appearance transfer, or earlier frames in temporal mode.
        """
        everyone = (self, *others)
        return replace(
            self,
            inputs=torch.cat([one.inputs for one in everyone], 1),
            maps=tuple(torch.cat(same, 1) for same in zip(*(one.maps for one in everyone), strict=True)),
        )

    def uncropped(self) -> PreparedSources:
        """The same with fixed shapes."""
        return replace(self, cropped=False)

    def check_flow(self, targets: int, flow: Tensor) -> None:
        """Raise ValueError unless ``flow`` is (targets, ns, H, W, 2) and the targets fit the people."""
        if flow.shape[:2] != (targets, self.sources) or self.batch not in (1, targets):
            raise ValueError(
                f"flow is {tuple(flow.shape)} for {targets} targets and {self.sources} sources of "
                f"{self.batch} people; expected (bs, ns, H, W, 2)"
            )

    def warped(self, flow: Tensor, dtype: torch.dtype) -> list[tuple[Tensor, Box]]:
        """The warped features of every fusion point, in network order.

        Parameters
        ----------
        flow: (bs, ns, H, W, 2) float32; bs targets of one person, or one target of each of bs people.

        Returns
        -------
        Pairs of (bs, ns, C, bh, bw) of ``dtype`` and the box (bh x bw) outside which they are 0.
        """
        flows = [_resized(flow, *one.shape[-2:]) for one in self.maps]
        if self.cropped:
            boxes = visible_boxes(flows)
        else:
            boxes = [Box(0, one.shape[-2], 0, one.shape[-1]) for one in self.maps]
        points = []
        for features, grid, box, channels in zip(self.maps, flows, boxes, self.channels, strict=True):
            part = grid[:, :, box.top : box.bottom, box.left : box.right]
            sampled = self._sample(features, part).to(dtype)
            points += [(one, box) for one in torch.split(sampled, list(channels), 2)]
        return points

    def _sample(self, features: Tensor, grid: Tensor) -> Tensor:
        """Features (1 or bs, ns, C, h, w) along (bs, ns, bh, bw, 2) to (bs, ns, C, bh, bw)."""
        bs, ns, height, width = grid.shape[:4]
        if not grid.numel():
            return features.new_zeros(bs, ns, features.shape[2], height, width)
        if self.batch == 1:
            # All targets of a source in one tall grid, so that the features are not repeated.
            tall = grid.transpose(0, 1).reshape(ns, bs * height, width, 2)
            sampled = self._grid_sample(features[0], tall)
            return sampled.reshape(ns, -1, bs, height, width).permute(2, 0, 1, 3, 4)
        sampled = self._grid_sample(features.flatten(0, 1), grid.reshape(bs * ns, height, width, 2))
        return split_batch(sampled, (bs, ns))

    def _grid_sample(self, features: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(
            features, grid, mode="bilinear", padding_mode="zeros", align_corners=self.align_corners
        )


def _resized(flow: Tensor, height: int, width: int) -> Tensor:
    """(bs, ns, H, W, 2) to (bs, ns, h, w, 2)."""
    return split_batch(resize_flow(flow.flatten(0, 1), height, width), flow.shape[:2])
