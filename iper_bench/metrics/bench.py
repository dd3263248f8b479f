"""``Bench``: what all profiles of a process share - device, weights folder, loaded networks, feature
cache.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch

from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.weights import Identity, WeightFile, find_weights, weights_folder

T = TypeVar("T")

#: raised when code between a frame and its features changes what it gives (regions, crops, boxes)
FEATURES_VERSION = "features 1"
#: packages that decide about features beside the weights
DECIDING = ("torch", "torchvision", "pillow", "opencv-python-headless", "facenet-pytorch")


class Bench:
    """Loads each network at most once, on first use."""

    def __init__(self, *, weights_dir: Path | None, device: str, cache: FeatureCache | None = None) -> None:
        self.device = torch.device(device)
        self.cache = FeatureCache() if cache is None else cache
        # kernels and filters of another version or device differ in the last bits
        versions = "|".join(f"{name} {version(name)}" for name in DECIDING)
        self.cache.tag = f"{FEATURES_VERSION}|{versions}|{self.device.type}|float32"
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
