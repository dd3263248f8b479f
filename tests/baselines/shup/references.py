"""Reading of references for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import torch
from iper_bench.baselines.shup.network import SameConv2d, ShupGenerator, UNet
from torch import Tensor

from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/shup_network*.npz")
GEOMETRY = oracle_files("baselines/shup_geometry*.npz")
INPUTS = ("src_bgr", "pose_src", "pose_tgt", "log_prior", "transforms")


def arrays_of(path: Path) -> dict[str, Tensor]:
    """The arrays of one file as tensors."""
    return {key: torch.from_numpy(value) for key, value in load(path).items()}


def layers_of(network: UNet) -> list[SameConv2d]:
    """Convolutions in the order of their creation by the original."""
    layers = [network.entry, network.first_half]
    for level, keep in enumerate(network.keep):
        layers += [keep, *network.halve[level : level + 1]]
    return [*layers, *network.up]


def reference(path: Path) -> tuple[dict[str, Tensor], ShupGenerator]:
    """The arrays of one file, and the generator with its weights; all sizes are read off them."""
    arrays = arrays_of(path)

    def out(layer: int) -> int:
        return len(arrays[f"w::conv{layer:02d}.bias"])

    network = ShupGenerator(
        width=out(0),
        deep=out(2),
        mask_width=out(15),
        last=out(32),
        joints=len(arrays["pose_src"]),
        limbs=out(16) - 1,
    )
    layers = [
        *(*layers_of(network.masks), network.mask_head),
        *(*layers_of(network.background), network.background_head),
        *(*layers_of(network.foreground), network.foreground_head, network.alpha_head),
    ]
    names = sorted(key.removesuffix(".weight") for key in arrays if key.endswith(".weight"))
    for layer, name in zip(layers, names, strict=True):
        layer.load_state_dict({"weight": arrays[f"{name}.weight"], "bias": arrays[f"{name}.bias"]})
    return arrays, network
