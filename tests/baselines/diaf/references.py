"""Reading of references for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from iper_bench.baselines.diaf.flow_network import FlowUnet, FlowUnetV2, flow_network
from iper_bench.baselines.diaf.network import DualUnetGenerator
from torch import Tensor

from iper_bench.baseline_kit.vgg import Vgg19
from tests.oracles import config, load

#: absolute, of the references' description: networks in evaluation mode
TOLERANCE = 1e-4
KINDS = {"FlowUnet": "unet", "FlowUnet_v2": "unet_v2"}


def tensors(path: Path, prefix: str) -> dict[str, Tensor]:
    """The arrays whose keys begin with ``prefix``, without it; bytes as float32."""
    arrays = {
        key[len(prefix) :]: torch.from_numpy(value)
        for key, value in load(path).items()
        if key.startswith(prefix) and value.dtype.kind != "U"
    }
    return {key: value.float() if value.dtype == torch.uint8 else value for key, value in arrays.items()}


def tolerance(path: Path) -> float:
    """Of a network: the description's, or ten times the rounding of float32 where that is more."""
    return max(TOLERANCE, 10 * float(config(path).get("f32_vs_f64", 0.0)))


def flow_network_of(told: dict[str, Any]) -> FlowUnet | FlowUnetV2:
    """The flow network that a config describes."""
    kind = KINDS[told.get("module", told.get("kind"))]
    scales = told["num_scale"] if "num_scale" in told else told["num_scales"]
    return flow_network(kind, told.get("input_nc", 36), width=told["nf"], most=told["max_nf"], scales=scales)


def generator_of(told: dict[str, Any]) -> DualUnetGenerator:
    """The generator that a config describes."""
    return DualUnetGenerator(
        pose=told["pose_nc"],
        appearance=told["appearance_nc"],
        width=told["nf"],
        most=told["max_nf"],
        scales=told["num_scales"],
        warped=told["num_warp_scales"],
        visibility=told["vis_mode"],
    )


def slim_vgg(state: dict[str, Tensor]) -> Vgg19:
    """The slim VGG19 with the weights of slices; its width is read off the first layer."""
    network = Vgg19(divisor=64 // len(state["slice1.0.bias"]))
    network.load_state_dict({key.split(".", 1)[1]: value for key, value in state.items()})
    return network
