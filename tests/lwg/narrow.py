"""Narrow networks of every kind that a checkpoint may be of, with seeded weights, and inputs for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.lwg.config import GENERATOR_NAMES, GeneratorConfig
from iper_bench.lwg.generator import build_generator

SIDE = 16
WITHOUT = GeneratorConfig()  # the sizes of a network that the generator lacks
NARROW: dict[str, GeneratorConfig] = {
    name: GeneratorConfig(
        name=name,
        filters=(4, 6),
        res_blocks=2,
        bg_filters=WITHOUT.bg_filters if name == "AttLWB-Front-SPADE" else (4, 6, 5),
        bg_res_blocks=WITHOUT.bg_res_blocks if name == "AttLWB-Front-SPADE" else 1,
        spade_hidden=7 if name.endswith("SPADE") else WITHOUT.spade_hidden,
        temporal=GeneratorConfig.released(name).temporal,
        num_source=3 if name == "InputConcat" else 4,
    )
    for name in GENERATOR_NAMES
}
"""Sizes per generator as a checkpoint shows them: what it cannot show has its default."""


def filled(module: nn.Module, seed: int = 0) -> nn.Module:
    """A module that was made on the device "meta", in evaluation mode, with small seeded weights. Drawing
    once is many times cheaper than the usual first weights of a large network.
    """
    module = module.to_empty(device="cpu").eval()
    tensors = [value for value in module.state_dict().values() if value.is_floating_point()]
    draw = torch.Generator().manual_seed(seed)
    longest = max(value.numel() for value in tensors)
    noise = torch.rand(longest + len(tensors), generator=draw) * 0.1 - 0.05
    for number, value in enumerate(tensors):
        value.copy_(noise[number : number + value.numel()].reshape(value.shape))
    for key, value in module.state_dict().items():
        if key.endswith("num_batches_tracked"):
            value.zero_()
        if key.endswith("running_var"):
            value.abs_()
    return module


def narrow_generator(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_generator(NARROW[name]).eval()


def outputs(name: str, generator: nn.Module, side: int = SIDE) -> list[Tensor]:
    """What a generator makes of seeded inputs: two sources, two targets."""
    draw = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.rand(shape, generator=draw) * 2.0 - 1.0

    config: Any = generator.config
    target = config.target_nc if name == "AttLWB-AdaIN" else 6
    inputs = {
        "bg_inputs": noise(1, 1, 4, side, side),
        "src_inputs": noise(1, 2, 6, side, side),
        "tsf_inputs": noise(1, 2, target, side, side),
        "Tst": noise(1, 2, 2, side, side, 2),
        "Ttt": noise(1, 1, side, side, 2),
    }
    if name == "AttLWB-Front-SPADE":
        del inputs["bg_inputs"]
    with torch.no_grad():
        return list(generator(**inputs))
