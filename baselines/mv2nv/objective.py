"""Losses of MV2NV.

From: the authors' model code. Must agree with the ``mv2nv_network`` oracles: 1e-4, local terms 1e-10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .network import Views

PIXEL_WEIGHT = 10.0
LOCAL_WEIGHT = 0.01


@dataclass(frozen=True)
class Parts:
    """Scalars. pixel, flow, merged: mean absolute difference of painted images, warped sources and results,
    averaged over the sources. local_pixel, local_flow: the same error where the weights are (about 1e-8).
    """

    pixel: Tensor
    flow: Tensor
    merged: Tensor
    local_pixel: Tensor
    local_flow: Tensor

    @property
    def pixel_objective(self) -> Tensor:
        """Of the pixel module, without the discriminator."""
        return PIXEL_WEIGHT * (self.pixel + self.merged + self.local_pixel)

    @property
    def flow_objective(self) -> Tensor:
        """Of the flow module."""
        return self.flow + self.merged + self.local_flow


def parts(views: Views, target: Tensor) -> Parts:
    """All terms against ``target`` (N, 3, S, S)."""
    steps = range(views.count)
    last = views.weights(views.count - 1)
    return Parts(
        pixel=(views.pixels - target[:, None]).abs().mean(),
        flow=(views.warped - target[:, None]).abs().mean(),
        merged=torch.stack([(views.merged(t) - target).abs().mean() for t in steps]).mean(),
        local_pixel=_mean([local(views.pixels[:, t], target, views.weights(t)[:, 0]) for t in steps]),
        # the weights of the last step: one for the painted image, then one for each source
        local_flow=_mean([local(views.warped[:, t], target, last[:, t + 1]) for t in steps]),
    )


def local(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference where the weight (N, H, W) is, which is brought to length 1 over the image;
    scalar.
    """
    height, width = weight.shape[-2:]
    unit = weight / weight.square().sum((1, 2), keepdim=True).sqrt()
    error = (image - target).abs().mean(1)
    return (error * unit).mean() / (height * width) * LOCAL_WEIGHT


def discriminator_loss(real: Tensor, drawn: Tensor) -> Tensor:
    """Least squares; ``drawn`` are the logits of all painted images together."""
    return (real - 1).square().mean() + drawn.square().mean()


def adversarial_loss(drawn: Tensor) -> Tensor:
    """Least squares of the painted images' logits against "real"."""
    return (drawn - 1).square().mean()


def _mean(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).mean()
