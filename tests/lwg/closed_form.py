"""Closed-form weights of the references that are too large to store (same rule as in the references'
description).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

PRIME = 65537


def unit_values(ordinal: int, count: int) -> np.ndarray:
    """u(i) in [-1, 1] for i < count, float64; the sequence repeats after 65537 values."""
    j = np.arange(min(count, PRIME), dtype=np.int64)
    h = (7919 * j + 104729 * (j * j % PRIME) + 15485863 * (ordinal + 1)) % PRIME
    u = 2.0 * h / 65536.0 - 1.0
    return np.resize(u, count)


def _value(module: nn.Module, name: str, shape: torch.Size, u: np.ndarray) -> np.ndarray:
    if isinstance(module, nn.PReLU):
        return 0.25 + 0.1 * u
    if isinstance(module, nn.BatchNorm2d) and name in ("weight", "running_var"):
        return 1.0 + (0.1 if name == "weight" else 0.2) * u
    if isinstance(module, nn.ConvTranspose2d) and name == "weight":
        fan = shape[0] * shape[2] * shape[3]
        return u * np.sqrt(6.0 * module.stride[0] ** 2 / fan)
    if len(shape) >= 2:
        return u * np.sqrt(6.0 / np.prod(shape[1:]))
    return 0.1 * u


def fill(network: nn.Module, factor: Callable[[str], float] = lambda key: 1.0) -> nn.Module:
    """Give every tensor of ``network`` its closed-form value times ``factor(key)``; returns the network in
    eval mode.
    """
    state: dict[str, Tensor] = {}
    for ordinal, (key, old) in enumerate(network.state_dict().items()):
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(old, device="cpu")
            continue
        path, _, name = key.rpartition(".")
        values = _value(network.get_submodule(path), name, old.shape, unit_values(ordinal, old.numel()))
        state[key] = torch.from_numpy((values * factor(key)).astype(np.float32).reshape(tuple(old.shape)))
    network.load_state_dict(state, assign=True)
    return network.eval()
