"""``Bench``: what all profiles of a process share - device, weights folder, loaded networks, feature
cache.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.weights import Identity, WeightFile, find_weights, weights_folder

T = TypeVar("T")


class Bench:
    """Loads each network at most once, on first use."""

    def __init__(self, *, weights_dir: Path | None, device: str, cache: FeatureCache | None = None) -> None:
        self.device = torch.device(device)
        self.cache = FeatureCache() if cache is None else cache
        # kernels of another version or device differ in the last bits
        self.cache.tag = f"torch {torch.__version__}|{self.device.type}|float32"
        self._folder = weights_folder(weights_dir)
        self._built: dict[str, Any] = {}

    def once(self, name: str, build: Callable[[], T]) -> T:
        """The object of that name, built on first use."""
        if name not in self._built:
            self._built[name] = build()
        return self._built[name]

    def weights(self, identity: Identity) -> WeightFile:
        """The weight file of a network. Raises MissingWeightsError."""
        return find_weights(identity, self._folder)
