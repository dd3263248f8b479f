"""AlexNet, VGG-16 and SqueezeNet 1.1 trunks with the LPIPS v0.1 heads.

From: torchvision's networks (trunks, weights by path) and the ``lpips`` package (heads, bundled). The package
itself is not used: its constructor downloads trunks.
Must agree with: ``lpips.npz`` to 2e-6. Input RGB float32 in [-1, 1], shifted and scaled as below; on request
in [0, 1], the error of Wangt-CN/DisCo#41.
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
from iper_bench.metrics.backbones.network import Network
from iper_bench.metrics.backbones.normalisation import Normalise, channelwise, signed, unit
from iper_bench.metrics.backbones.weight_loading import load_network, read_tensors
from iper_bench.metrics.weights import Identity, WeightFile

SHIFT = (-0.030, -0.088, -0.188)  # lpips ScalingLayer
SCALE = (0.458, 0.448, 0.450)
HEADS_VERSION = "v0.1"
TRUNK_PREFIX = "features."  # torchvision's name of the part that is used
HEADS_PACKAGE = "lpips==0.1.4"
HEADS_SHA256 = {  # of the files in that package
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "squeeze": "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
}


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
        url=f"https://download.pytorch.org/models/{files[0]}",
        hash_in_name=True,
    )


def heads_identity(name: str) -> Identity:
    """Who the head weights of trunk ``name`` are."""
    return Identity(
        name=f"lpips_{name}_heads",
        architecture=f"LPIPS {HEADS_VERSION} heads, one weight per channel and tap",
        files=(f"{name}.pth",),
        sha256=HEADS_SHA256[name],
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


#: grey levels to the trunk's input by what it is fed with; "unit" is the error
NORMALISE: Mapping[str, Normalise] = {
    "signed": channelwise(signed, SHIFT, SCALE),
    "unit": channelwise(unit, SHIFT, SCALE),
}


def heads_path(name: str) -> Path:
    """The bundled head weights of the installed ``lpips`` package. Raises ModuleNotFoundError without it."""
    spec = find_spec("lpips")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"package lpips is not installed; try: pip install {HEADS_PACKAGE}")
    return Path(spec.origin).parent / "weights" / HEADS_VERSION / f"{name}.pth"


def heads(name: str) -> list[npt.NDArray[np.float32]]:
    """Non-negative channel weights (C,) per tap."""
    state = read_tensors(heads_identity(name), heads_path(name))
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


def load(name: str, file: WeightFile, device: torch.device, values: str = "signed") -> Network:
    """Trunk ``name`` with the ``features.*`` entries of ``file``; its label hashes trunk and heads
    together. Raises UserError when the entries do not fit.

    ``values``: a name of ``NORMALISE``.
    """
    trunk = TRUNKS[name]
    module = load_network(trunk_module(name), trunk.identity, file.path, device, below=TRUNK_PREFIX)
    both = hashlib.sha256(f"{file.sha256}{file_sha256(heads_path(name))}".encode()).hexdigest()
    return Network(
        trunk.identity,
        WeightFile(file.path, both),
        NORMALISE[values],
        lambda inputs: tap_outputs(module, trunk.taps, inputs),
        device,
    )
