"""AlexNet, VGG-16 and SqueezeNet 1.1 trunks with the LPIPS v0.1 heads.

From: torchvision's networks (trunks, weights by path) and the ``lpips`` package (heads, bundled). The package
itself is not used: its constructor downloads trunks.
Must agree with: ``lpips.npz`` to 2e-6. Input RGB float32 in [-1, 1], shifted and scaled as below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from iper_bench.hashing import file_sha256
from iper_bench.metrics.backbones.network import Image, Network
from iper_bench.metrics.backbones.weight_loading import load_network, read_tensors
from iper_bench.metrics.psnr import signed_unit
from iper_bench.metrics.weights import Identity, WeightFile

SHIFT = (-0.030, -0.088, -0.188)  # lpips ScalingLayer
SCALE = (0.458, 0.448, 0.450)
HEADS_VERSION = "v0.1"
TRUNK_PREFIX = "features."  # torchvision's name of the part that is used
HEADS_PACKAGE = "lpips==0.1.4"


@dataclass(frozen=True)
class Trunk:
    """One trunk: its torchvision builder, the layers of ``features`` after which it is tapped, and its
    weights.
    """

    builder: str
    taps: tuple[int, ...]
    identity: Identity


def _identity(name: str, network: str, files: tuple[str, ...]) -> Identity:
    return Identity(
        name=name,
        architecture=f"torchvision {network} features, taps after ReLU, LPIPS {HEADS_VERSION} heads",
        files=files,
        sha256=None,
        preprocessing="RGB in [-1, 1], minus shift, divided by scale of the lpips package",
        licence="BSD-3-Clause (torchvision), BSD-2-Clause (lpips)",
        source="download.pytorch.org/models",
    )


def _heads_identity(name: str) -> Identity:
    return Identity(
        name=f"lpips_{name}_heads",
        architecture=f"LPIPS {HEADS_VERSION} heads, one weight per channel and tap",
        files=(f"{name}.pth",),
        sha256=None,
        preprocessing="unit-normalised taps",
        licence="BSD-2-Clause (lpips)",
        source="pip package lpips",
        pip=HEADS_PACKAGE,
    )


TRUNKS: Mapping[str, Trunk] = {
    "alex": Trunk(
        "alexnet",
        (1, 4, 7, 9, 11),
        _identity("lpips_alex", "alexnet", ("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth")),
    ),
    "vgg": Trunk("vgg16", (3, 8, 15, 22, 29), _identity("lpips_vgg", "vgg16", ("vgg16-397923af.pth",))),
    "squeeze": Trunk(
        "squeezenet1_1",
        (1, 4, 7, 9, 10, 11, 12),
        _identity(
            "lpips_squeeze", "squeezenet1_1", ("squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-f364aa15.pth")
        ),
    ),
}


def prepare(image: Image) -> torch.Tensor:
    """uint8 (H, W, 3) to the trunk's float32 (3, H, W)."""
    signed = torch.from_numpy(np.ascontiguousarray(signed_unit(image).transpose(2, 0, 1)))
    return (signed - torch.tensor(SHIFT)[:, None, None]) / torch.tensor(SCALE)[:, None, None]


def heads_path(name: str) -> Path:
    """The bundled head weights of the installed ``lpips`` package. Raises ModuleNotFoundError without it."""
    spec = find_spec("lpips")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"package lpips is not installed; try: pip install {HEADS_PACKAGE}")
    return Path(spec.origin).parent / "weights" / HEADS_VERSION / f"{name}.pth"


def heads(name: str) -> list[npt.NDArray[np.float32]]:
    """Non-negative channel weights (C,) per tap."""
    state = read_tensors(_heads_identity(name), heads_path(name))
    return [state[f"lin{tap}.model.1.weight"].numpy().ravel() for tap in range(len(TRUNKS[name].taps))]


def trunk_module(name: str) -> Any:
    """The untrained ``features`` part of the torchvision network."""
    import torchvision.models

    return getattr(torchvision.models, TRUNKS[name].builder)(weights=None).features


def tap_outputs(features: Any, taps: Sequence[int], inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Outputs of the layers numbered in ``taps``."""
    found = []
    for index, layer in enumerate(features):
        if index > taps[-1]:
            break
        inputs = layer(inputs)
        if index in taps:
            found.append(inputs.clone())  # torchvision's ReLUs work in place
    return tuple(found)


def load(name: str, file: WeightFile, device: torch.device) -> Network:
    """Trunk ``name`` with the ``features.*`` entries of ``file``; its label hashes trunk and heads
    together. Raises UserError when they do not fit.
    """
    trunk = TRUNKS[name]
    module = load_network(trunk_module(name), trunk.identity, file.path, device, below=TRUNK_PREFIX)
    both = hashlib.sha256(f"{file.sha256}{file_sha256(heads_path(name))}".encode()).hexdigest()
    return Network(
        trunk.identity,
        WeightFile(file.path, both),
        prepare,
        lambda inputs: tap_outputs(module, trunk.taps, inputs),
        device,
    )
