"""``Source``: one kind of feature of one profile (whole frame, body, face), from frames to feature vectors.

Detection, cropping, embedding and caching are written here once; profiles only say which crop and which
network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.hashing import content_hash
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.feature_cache import FeatureCache, content_key

Frame = npt.NDArray[np.uint8]
Box = npt.NDArray[np.floating]
# one frame and its projected body box to a network input (None = nothing to embed) and whether it was a
# detection
Select = Callable[[Frame, Box | None], tuple[torch.Tensor | None, bool]]


@dataclass(frozen=True)
class Observation:
    """What one frame gave: a float32 (d,) feature, or ``None``; and whether the detector found something.

    The paper's evaluator embeds the whole frame when nothing is found: then there is a feature without a
    detection.
    """

    feature: npt.NDArray[np.float32] | None
    detected: bool


class Source:
    """A crop rule and a network under one name.

    Parameters
    ----------
    name: ``whole``, ``body`` or ``face``.
    network: the feature network; its first output is the feature.
    select: from a frame and its body box to the network's input.
    definition: complete text of the rule, without the network.
    """

    def __init__(self, name: str, network: Network, select: Select, definition: Mapping[str, object]) -> None:
        self.name = name
        self.label = network.label
        self.definition = {
            **definition,
            "network": network.label,
            "architecture": network.identity.architecture,
        }
        self._network = network
        self._select = select
        self._key = content_hash(self.definition)

    def observe(
        self, frames: Sequence[Frame], boxes: Sequence[Box | None], cache: FeatureCache
    ) -> list[Observation]:
        """One observation per frame, from the cache where the same pixels and box were seen before."""
        keys = [content_key(self._key, frame, box) for frame, box in zip(frames, boxes, strict=True)]
        found = {key: _read(entry) for key in keys if (entry := cache.get(key)) is not None}
        missing: dict[str, tuple[torch.Tensor | None, bool]] = {}
        for key, frame, box in zip(keys, frames, boxes, strict=True):
            if key not in found and key not in missing:
                missing[key] = self._select(frame, box)
        embeddable = {key: chosen for key, (chosen, _) in missing.items() if chosen is not None}
        outputs = self._network.features_of_inputs(list(embeddable.values()))
        features = {key: output[0].ravel() for key, output in zip(embeddable, outputs, strict=True)}
        for key, (_, detected) in missing.items():
            found[key] = Observation(features.get(key), detected)
            cache.put(key, _write(found[key]))
        return [found[key] for key in keys]


def _write(observation: Observation) -> tuple[npt.NDArray[np.float32], ...]:
    flag = np.array([observation.detected], dtype=np.float32)
    return (flag,) if observation.feature is None else (flag, observation.feature)


def _read(entry: tuple[npt.NDArray[np.float32], ...]) -> Observation:
    return Observation(entry[1] if len(entry) == 2 else None, bool(entry[0][0]))
