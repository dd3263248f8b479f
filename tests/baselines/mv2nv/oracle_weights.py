"""Weights of the ``mv2nv_network`` oracle, under the names of the official variables, for our networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from iper_bench.baselines.mv2nv.network import Discriminator, FlowModule, PixelModule, Sizes
from torch import Tensor

Arrays = Mapping[str, np.ndarray]


def sizes_of(arrays: Arrays) -> Sizes:
    """Widths from the shapes of the weights."""
    depth = len({key for key in arrays if re.fullmatch(r"w::Flow_Encoder/conv\d+/Conv/weights", key)})
    deepest = _width(arrays, f"Flow_Encoder/conv{depth}/Conv")
    blocks = [key for key in arrays if re.search(rf"/flow_R{deepest}_\d+/res1/.*weights$", key)]
    return Sizes(
        encoder=tuple(_width(arrays, f"Flow_Encoder/conv{k + 1}/Conv") for k in range(depth)),
        decoder=tuple(
            _width(arrays, f"Joint_Decoder/Flow/flow_deconv{k + 1}/conv2d/Conv") for k in range(depth)
        ),
        head=_width(arrays, f"Joint_Decoder/Flow/flow_deconv{depth}_out_layer_1/conv2d/Conv"),
        blocks=len(blocks),
    )


def codes_of(arrays: Arrays) -> int:
    """Length of the pose vectors."""
    return int(arrays["w::Flow_Encoder/conv1/Conv/weights"].shape[1]) - 5


def flow_of(arrays: Arrays) -> FlowModule:
    """The flow module with the oracle's weights."""
    sizes = sizes_of(arrays)
    network, state = FlowModule(codes_of(arrays), sizes), _encoder(arrays, "Flow", len(sizes.encoder))
    for k in range(sizes.blocks):
        for ours, theirs in (("first", "res1"), ("second", "res2")):
            name = f"Joint_Decoder/Flow/flow_R{sizes.encoder[-1]}_{k}/{theirs}/conv2d/Conv"
            state |= _layer(arrays, name, f"blocks.{k}.{ours}")
    network.load_state_dict(state | _decoder(arrays, "Flow", len(sizes.decoder)))
    return network


def pixel_of(arrays: Arrays) -> PixelModule:
    """The pixel module with the oracle's weights."""
    sizes = sizes_of(arrays)
    network, state = PixelModule(codes_of(arrays), sizes), _encoder(arrays, "Pixel", len(sizes.encoder))
    for level in range(len(network.memory)):
        for block in range(2):
            for cell in range(2):
                name = f"Pixel_res_block_convlstm_s{level + 1}b{block + 1}"
                name = "/".join([name, f"{name}_{cell + 1}", f"{name}_{cell + 1}"])
                ours = f"memory.{level}.{block}.cells.{cell}.conv"
                state |= _layer(arrays, name, ours, weights="kernel")
    network.load_state_dict(state | _decoder(arrays, "Pixel", len(sizes.decoder)))
    return network


def discriminator_of(arrays: Arrays) -> Discriminator:
    """The discriminator with the oracle's weights."""
    count = len([key for key in arrays if re.fullmatch(r"w::Discriminator/conv\d+/Conv/weights", key)])
    widths = [_width(arrays, f"Discriminator/conv{k + 1}/Conv") for k in range(count - 1)]
    network, state = Discriminator(widths), {}
    for k in range(count):
        state |= _layer(arrays, f"Discriminator/conv{k + 1}/Conv", str(2 * k))
    network.load_state_dict(state)
    return network


def _width(arrays: Arrays, name: str) -> int:
    return int(arrays[f"w::{name}/weights"].shape[0])


def _encoder(arrays: Arrays, module: str, depth: int) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for k in range(depth):
        state |= _layer(arrays, f"{module}_Encoder/conv{k + 1}/Conv", f"encoder.convs.{k}")
    return state


def _decoder(arrays: Arrays, module: str, depth: int) -> dict[str, Tensor]:
    start = f"Joint_Decoder/{module}/{module.lower()}_deconv"
    state: dict[str, Tensor] = {}
    for k in range(depth):
        state |= _layer(arrays, f"{start}{k + 1}/conv2d/Conv", f"ups.{k}.conv")
    for k, ours in enumerate(("first", "second")):
        state |= _layer(arrays, f"{start}{depth}_out_layer_{k + 1}/conv2d/Conv", f"head.{ours}")
    return state


def _layer(arrays: Arrays, theirs: str, ours: str, weights: str = "weights") -> dict[str, Tensor]:
    return {
        f"{ours}.weight": torch.from_numpy(arrays[f"w::{theirs}/{weights}"].astype(np.float32)),
        f"{ours}.bias": torch.from_numpy(arrays[f"w::{theirs}/biases"].astype(np.float32)),
    }
