"""Weights that tests make: seeded ones that look trained, and ones whose answer is known on paper."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d)


def seeded(
    module: nn.Module, seed: int = 0, shares: Mapping[str, float] | None = None
) -> dict[str, torch.Tensor]:
    """A state dict for ``module``: kernels that keep the spread of what passes, statistics near 0 and 1.

    ``shares``: ends of names of entries to multiply, for example of norms that close a residual branch, whose
    sums else grow from block to block.
    """
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in module.state_dict().items():
        if not value.is_floating_point():
            state[key] = value
            continue
        drawn = torch.randn(value.shape, generator=generator)
        if key.endswith("running_var"):
            drawn = 0.75 + 0.25 * torch.tanh(drawn)
        elif value.ndim >= 2:
            drawn *= math.sqrt(2 / math.prod(value.shape[1:]))
        elif key.endswith("weight"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn *= 0.05
        share = next((share for end, share in (shares or {}).items() if key.endswith(end)), 1.0)
        state[key] = drawn * share
    return state


@torch.no_grad()
def transparent(module: nn.Module) -> nn.Module:
    """Make every convolution the mean over its input channels at the centre of its kernel, every linear layer
    the mean over its inputs, every norm (with running statistics) the identity.

    A constant image then stays constant, whatever the strides, and what a network makes of it can be written
    down from its plan: only sums, products and padded pools change the value.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            rows, columns = layer.kernel_size
            layer.weight.zero_()
            layer.weight[:, :, rows // 2, columns // 2] = 1 / layer.weight.shape[1]
        elif isinstance(layer, nn.Linear):
            layer.weight.fill_(1 / layer.in_features)
        elif isinstance(layer, NORMS):
            layer.weight.fill_(1)
            if layer.running_var is not None:
                layer.running_mean.zero_()
                layer.running_var.fill_(1 - layer.eps)
        else:
            continue
        if layer.bias is not None:
            layer.bias.zero_()
    return module.eval()
