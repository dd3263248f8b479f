"""Reading of references for the tests of this folder."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from tests.oracles import load


def tensors(path: Path, prefix: str) -> dict[str, Tensor]:
    """The arrays of one file whose key begins with ``prefix``, without it; counters stay whole numbers."""
    return {
        key.removeprefix(prefix): torch.from_numpy(value)
        for key, value in load(path).items()
        if key.startswith(prefix) and not key.startswith("meta/")
    }


def norm_of(name: str) -> tuple[str, int]:
    """Kind and kernel side of a name such as ``spectralspadesyncbatch3x3``."""
    found = re.fullmatch(r"(?:spectral)?spade(?:sync)?(batch|instance)(\d)x\d", name)
    assert found is not None, name
    return found[1], int(found[2])


def hidden_of(weights: dict[str, Tensor]) -> int:
    """Channels of the shared convolution."""
    return next(value.shape[0] for key, value in weights.items() if key.endswith("mlp_shared.0.weight"))
