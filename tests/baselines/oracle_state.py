"""What the oracles of the PyTorch baselines have in common: state dicts under a prefix, their tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def weights(arrays: dict[str, np.ndarray], prefix: str = "sd/") -> dict[str, torch.Tensor]:
    """The state dict of the arrays below ``prefix``."""
    return {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)}


def tolerance(settings: dict[str, Any]) -> float:
    """The oracles' rule: 1e-4, and ten times what float32 differs from float64."""
    return max(1e-4, 10 * float(settings.get("f32_vs_f64", 0)))
