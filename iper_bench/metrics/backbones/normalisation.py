"""From grey levels to what a network was trained on: the normalisations that more than one network shares.

All take float32 (3, H, W) grey levels in [0, 255], RGB, and give float32 (3, H, W). None resizes: weights of
an interpolation sum to one, so that resizing before gives what resizing after gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Normalise = Callable[[torch.Tensor], torch.Tensor]

PEAK = 255.0
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def unit(levels: torch.Tensor) -> torch.Tensor:
    """To [0, 1]."""
    return levels / PEAK


def signed(levels: torch.Tensor) -> torch.Tensor:
    """To [-1, 1] by the evaluator's float32 steps, bit for bit those of ``psnr.signed_unit``."""
    return levels / PEAK * 2 - 1


def centred(offset: float, divisor: float) -> Normalise:
    """The rule (x - offset) / divisor."""
    return lambda levels: (levels - offset) / divisor


def channelwise(values: Normalise, mean: Sequence[float], deviation: Sequence[float]) -> Normalise:
    """The rule (values(x) - mean) / deviation with one mean and deviation per channel."""
    shift, scale = (torch.tensor(numbers)[:, None, None] for numbers in (mean, deviation))
    return lambda levels: (values(levels) - shift) / scale


imagenet = channelwise(unit, IMAGENET_MEAN, IMAGENET_DEVIATION)
