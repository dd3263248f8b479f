"""Reading of references for the tests of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from iper_bench.baselines.pg2.network import BatchDiscriminator, DifferenceGenerator, PoseGenerator
from torch import Tensor, nn

from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/pg2_network*.npz")
FIRST, SECOND = "w::Pose_AE/G/", "w::UAEnoFC/G/"
JUDGE = "w::Discriminator."


class Networks(NamedTuple):
    """The three networks with the weights of a file."""

    first: PoseGenerator
    second: DifferenceGenerator
    judge: BatchDiscriminator


def reference(path: Path) -> tuple[dict[str, Tensor], Networks]:
    """The arrays of one file without the weights, and the networks; all sizes are read off the arrays."""
    arrays = {key: torch.from_numpy(value) for key, value in load(path).items()}
    networks = Networks(_first(arrays), _second(arrays), _judge(arrays))
    return {key: value for key, value in arrays.items() if not key.startswith("w::")}, networks


def _named(arrays: dict[str, Tensor], start: str, kind: str) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of the layers ``kind``, ``kind_1``, ... in the order of their creation."""
    count = len({key for key in arrays if re.fullmatch(rf"{re.escape(start + kind)}(_\d+)?/weights", key)})
    names = [start + kind + (f"_{k}" if k else "") for k in range(count)]
    return [(arrays[f"{name}/weights"], arrays[f"{name}/biases"]) for name in names]


def _fill(layers: Iterable[nn.Conv2d | nn.Linear], weights: list[tuple[Tensor, Tensor]]) -> None:
    for layer, (weight, bias) in zip(layers, weights, strict=True):
        layer.load_state_dict({"weight": weight, "bias": bias})


def _first(arrays: dict[str, Tensor]) -> PoseGenerator:
    convs, linear = _named(arrays, FIRST, "Conv"), _named(arrays, FIRST, "fully_connected")
    blocks = len(convs) // 6  # 3 N convolutions in the encoder and as many in the decoder
    height, width = arrays["src"].shape[-2:]
    network = PoseGenerator(
        (height, width),
        channels=convs[0][0].shape[1],
        width=convs[0][0].shape[0],
        blocks=blocks,
        latent=linear[0][0].shape[0],
    )
    layers: list[nn.Module] = [network.entry]
    for k in range(blocks):
        layers += [network.down[k].first, network.down[k].second, *network.halve[k : k + 1]]
    for k in range(blocks):
        layers += [network.up[k].first, network.up[k].second, *network.narrow[k : k + 1]]
    _fill([*layers, network.exit], convs)
    _fill([network.code, network.decode], linear)
    return network


def _second(arrays: dict[str, Tensor]) -> DifferenceGenerator:
    convs = _named(arrays, SECOND, "Conv")
    blocks = (len(convs) - 1) // 5  # entry, 3 B - 1 in the encoder, 2 B in the decoder, exit
    network = DifferenceGenerator(width=convs[0][0].shape[0], blocks=blocks)
    layers: list[nn.Module] = [network.entry]
    for k in range(blocks):
        layers += [network.down[k].first, network.down[k].second, *network.halve[k : k + 1]]
    for k in range(blocks):
        layers += [network.up[k].first, network.up[k].second]
    _fill([*layers, network.exit], convs)
    return network


def _judge(arrays: dict[str, Tensor]) -> BatchDiscriminator:
    convs = sorted(
        int(found[1]) for key in arrays if (found := re.match(r"w::Discriminator\.(\d+)/.*Filters", key))
    )
    height, width = arrays["src"].shape[-2:]

    def layer(k: int, what: str) -> Tensor:
        return arrays[f"{JUDGE}{k}/Discriminator.{k}.{what}"]

    network = BatchDiscriminator((height, width), width=layer(1, "Filters").shape[0], convs=len(convs))
    _fill(network.convs, [(layer(k, "Filters"), layer(k, "Biases")) for k in convs])
    for k, norm in zip(convs[1:], network.norms, strict=True):
        norm.load_state_dict(
            {"weight": arrays[f"{JUDGE}BN{k}.scale"], "bias": arrays[f"{JUDGE}BN{k}.offset"]}
        )
    output = f"{JUDGE}Output/Discriminator.Output"
    _fill([network.judge], [(arrays[f"{output}.W"], arrays[f"{output}.b"])])
    return network
