"""``SourceFeatures``: what the source stream knows of the sources, from which targets are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from iper_bench.lwg.fusion import split_batch

#: (N, 6, H, W) to the outputs of every encoder stage and of every residual block, as SIDNet.encode
Encode = Callable[[Tensor], tuple[list[Tensor], list[Tensor]]]


@dataclass(frozen=True)
class SourceFeatures:
    """Everything of the sources that targets need; computed once per person and kept.

    Attributes
    ----------
    inputs: (bs, ns, 6, H, W) the source inputs; read again only when sources are reconstructed, and by
        InputConcat.
    encoded: one (bs, ns, C_l, h_l, w_l) per encoder stage, shallow to deep.
    residual: one (bs, ns, C, h, w) per residual block.

    A generator without feature warping has neither.
    """

    inputs: Tensor
    encoded: tuple[Tensor, ...]
    residual: tuple[Tensor, ...]

    @classmethod
    def encoded_by(cls, encode: Encode, inputs: Tensor) -> SourceFeatures:
        """What a source stream makes of ``inputs`` (bs, ns, 6, H, W); ``encode`` takes them flat."""
        sizes = inputs.shape[:2]
        encoded, residual = encode(inputs.flatten(0, 1))
        return cls(
            inputs,
            tuple(split_batch(t, sizes) for t in encoded),
            tuple(split_batch(t, sizes) for t in residual),
        )

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
