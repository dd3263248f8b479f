"""Reading of references and of the released key listings for the tests of this folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tests.oracles import load

KEYS = Path(__file__).parent / "released_keys"


class Reference(NamedTuple):
    """Weights, inputs and outputs of one file."""

    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def reference(path: Path) -> Reference:
    """Split the arrays of one file by their prefix."""
    arrays = {k: torch.from_numpy(v) for k, v in load(path).items() if not k.startswith("meta/")}

    def under(prefix: str) -> dict[str, Tensor]:
        return {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}

    return Reference(under("sd/"), under("in/"), under("out/"))


def numbered(tensors: dict[str, Tensor], prefix: str = "") -> list[Tensor]:
    """The tensors named ``prefix`` and a number, in the order of their numbers."""
    names = [k for k in tensors if k.startswith(prefix) and k[len(prefix) :].isdigit()]
    return [tensors[k] for k in sorted(names, key=lambda k: int(k[len(prefix) :]))]


def released_keys(name: str) -> list[tuple[str, str]]:
    """(key, shape) rows of one released network, in the order of its state dict; shapes as ``64x3x3x3``."""
    with (KEYS / f"{name}.csv").open(newline="") as file:
        return [(row["key"], row["shape"]) for row in csv.DictReader(file)]


def released_count(name: str) -> int:
    """Number of parameters of one released network."""
    with (KEYS / "INDEX.csv").open(newline="") as file:
        return {row["file"]: int(row["parameters"]) for row in csv.DictReader(file)}[f"{name}.csv"]


def own_keys(network: torch.nn.Module) -> list[tuple[str, str]]:
    """(key, shape) rows of one of our networks, in the same form."""
    return [(k, "x".join(str(n) for n in v.shape)) for k, v in network.state_dict().items()]


def largest_difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference; the shapes must be equal, and there must be something to compare."""
    assert a.shape == b.shape, (a.shape, b.shape)
    assert a.numel(), "nothing to compare"
    return float((a - b).abs().max())


def assert_outputs(ref: Reference, found: dict[str, Tensor], tolerance: float) -> None:
    """Every output of a file, and no other, within ``tolerance`` of what we found under its name."""
    assert found.keys() == ref.outputs.keys()
    for name, wanted in ref.outputs.items():
        assert largest_difference(found[name], wanted) < tolerance, name
