"""Weights of the ``dsc_network`` oracle (in the order in which Keras made the layers) for our networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from iper_bench.baselines.dsc.network import Discriminator, Generator
from torch import Tensor


def _width(arrays: Mapping[str, np.ndarray], name: str) -> int:
    return int(arrays[f"w::{name}.weight"].shape[0])


def generator_of(arrays: Mapping[str, np.ndarray]) -> Generator:
    """A generator of the oracle's sizes with its weights, in evaluation mode."""
    levels = (sum(key.startswith("w::G.conv") and key.endswith(".weight") for key in arrays) - 1) // 2
    network = Generator([_width(arrays, f"G.conv{level}") for level in range(levels)])
    state: dict[str, Tensor] = {}
    for column, name in enumerate(("appearance", "pose")):
        state |= _column(arrays, "G", name, levels, conv=column * levels, norm=column * (levels - 2))
    for level in range(levels - 1):
        state[f"up.{level}.deconv.weight"] = _taken(arrays, f"G.deconv{level}.weight")
        state |= _norm(arrays, f"G.norm{2 * (levels - 2) + level}", f"up.{level}.norm")
    for kind in ("weight", "bias"):
        state[f"last.{kind}"] = _taken(arrays, f"G.conv{2 * levels}.{kind}")
    network.load_state_dict(state)
    return network.eval()


def discriminator_of(arrays: Mapping[str, np.ndarray]) -> Discriminator:
    """A discriminator of the oracle's sizes with its weights, in evaluation mode."""
    levels = sum(key.startswith("w::D.conv") and key.endswith(".weight") for key in arrays)
    network = Discriminator([_width(arrays, f"D.conv{level}") for level in range(levels - 1)])
    network.load_state_dict(_column(arrays, "D", "", levels, conv=0, norm=0))
    return network.eval()


def _column(
    arrays: Mapping[str, np.ndarray], net: str, name: str, levels: int, *, conv: int, norm: int
) -> dict[str, Tensor]:
    """Weights of an encoder: its first layer, then its blocks, of which the last has no norm."""
    start = f"{name}." if name else ""
    state = {
        f"{start}first.{kind}": _taken(arrays, f"{net}.conv{conv}.{kind}") for kind in ("weight", "bias")
    }
    for level in range(levels - 1):
        state[f"{start}down.{level}.conv.weight"] = _taken(arrays, f"{net}.conv{conv + 1 + level}.weight")
        if level < levels - 2:
            state |= _norm(arrays, f"{net}.norm{norm + level}", f"{start}down.{level}.norm")
    return state


def _norm(arrays: Mapping[str, np.ndarray], oracle: str, ours: str) -> dict[str, Tensor]:
    return {f"{ours}.{kind}": _taken(arrays, f"{oracle}.{kind}") for kind in ("gamma", "beta")}


def _taken(arrays: Mapping[str, np.ndarray], name: str) -> Tensor:
    return torch.from_numpy(arrays[f"w::{name}"].astype(np.float32))
