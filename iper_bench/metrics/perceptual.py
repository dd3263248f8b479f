"""``Perceptual``: the pair distance of one profile, with the truth's feature maps cached by content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from iper_bench.hashing import content_hash
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.feature_cache import FeatureCache, content_key
from iper_bench.metrics.lpips import Maps, unit_maps
from iper_bench.metrics.metric import UndefinedError

MINIMUM_SIDE = 32  # pixels; the deepest map of every trunk used has at least one cell from here on

Frame = npt.NDArray[np.uint8]


class Perceptual:
    """A network with several feature maps and the distance between two lists of them."""

    def __init__(
        self, network: Network, distance: Callable[[Maps, Maps], float], definition: Mapping[str, object]
    ) -> None:
        self.label = network.label
        self.definition = {
            **definition,
            "network": network.label,
            "architecture": network.identity.architecture,
        }
        self._network = network
        self._distance = distance
        self._key = content_hash(self.definition)

    def distances(
        self, predictions: Sequence[Frame], truths: Sequence[Frame], cache: FeatureCache
    ) -> list[float]:
        """One distance per pair. Raises ValueError for frames of different size.

        Raises UndefinedError for frames with a side below 32 pixels.
        """
        for frame in truths:
            if min(frame.shape[:2]) < MINIMUM_SIDE:
                raise UndefinedError(f"LPIPS needs frames of {MINIMUM_SIDE} px: {frame.shape[:2]}")
        references: list[Maps] = []
        for frame in truths:
            key = content_key(self._key, frame, None)
            maps = cache.get(key)
            if maps is None:
                maps = unit_maps(self._network.features([frame])[0])
                cache.put(key, maps)
            references.append(maps)
        ours = [unit_maps(maps) for maps in self._network.features(predictions)]
        return [self._distance(p, t) for p, t in zip(ours, references, strict=True)]
