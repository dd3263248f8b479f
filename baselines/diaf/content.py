"""The content term by the name that the settings give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from iper_bench.baseline_kit.vgg import vgg19_of
from iper_bench.errors import unknown_name
from iper_bench.lwg.perceptual import EfficientNetLiteLoss

from .objective import VGG_ENDS, content_distance

Term = Callable[[Tensor, Tensor], Tensor]
TERMS = ("vgg19", "efficientnet-lite0", "none")


def content_term(name: str, weights: Path | None, device: torch.device | None = None) -> Term:
    """Distance of an image and the truth, (N, 3, H, W) each in [-1, 1], to a scalar.

    Parameters
    ----------
    name: ``"vgg19"``, the original's; ``"efficientnet-lite0"``, a stand-in whose weights come with pip; or
        ``"none"``, 0. weights: file of VGG19.

    Raises
    ------
    UserError for another name, or VGG19 without its file.
    """
    if name == "vgg19":
        vgg = vgg19_of(weights, VGG_ENDS[-1]).to(device)
        return lambda image, truth: content_distance(vgg, image, truth)
    if name == "efficientnet-lite0":
        return EfficientNetLiteLoss().to(device)
    if name == "none":
        return lambda image, truth: image.new_zeros(())
    raise unknown_name("perceptual network", name, TERMS, where="settings of 'diaf'")
