"""PATB's losses, rates and image pool.

From: Zhu et al. (CVPR 2019), section 3.3, with the weights of the released DeepFashion and Market commands.
Must agree with the ``patb_training_losses``, ``patb_l1_perceptual`` and ``patb_lr_schedule`` oracles
(relative 1e-4).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import RELU1_2, Vgg19

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONSTANT_SHARE = 500 / 700  # epochs at the first rate (released)
EPOCHS = 700


def gan_loss(scores: Tensor, real: bool, *, least_squares: bool) -> Tensor:
    """Mean over the whole map of scores: squared distance to 1 or 0, or binary cross entropy of
    probabilities.
    """
    wanted = torch.full_like(scores, 1.0 if real else 0.0)
    return F.mse_loss(scores, wanted) if least_squares else F.binary_cross_entropy(scores, wanted)


def perceptual_distance(vgg: Vgg19, made: Tensor, truth: Tensor, *, squared: bool = False) -> Tensor:
    """Mean absolute (or squared) difference after relu1_2, images in [-1, 1] brought to ImageNet's mean and
    deviation.
    """
    ours, theirs = (vgg(_normalised(one), [RELU1_2])[0] for one in (made, truth.detach()))
    return F.mse_loss(ours, theirs) if squared else F.l1_loss(ours, theirs)


def _normalised(images: Tensor) -> Tensor:
    mean, deviation = (images.new_tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return ((images + 1.0) / 2.0 - mean) / deviation


def epoch_multiplier(epoch: int, constant: int = 500, decay: int = 200, first: int = 1) -> float:
    """Of the rate in ``epoch`` (from 1): 1, then linearly to 0 in the last one. The released scheduler counts
    one epoch ahead.
    """
    return 1.0 - max(0, epoch + first - constant) / float(decay + 1)


def step_multiplier(step: int, steps: int) -> float:
    """The same schedule stretched over ``steps`` steps: their share of 700 epochs."""
    epoch = 1 + (step * EPOCHS) // max(1, steps)
    return epoch_multiplier(min(epoch, EPOCHS))


class ImagePool:
    """Up to ``size`` earlier pairs [image, condition]; a discriminator sees an earlier one half of the time.
    A size of 0 keeps none. Randomness is torch's.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to as many, of which some are from before."""
        if self.size == 0:
            return images
        found = []
        for image in images.detach():
            if len(self.kept) < self.size:
                self.kept.append(image.clone())
                found.append(image)
            elif float(torch.rand(())) > 0.5:
                place = int(torch.randint(0, self.size, ()))
                found.append(self.kept[place])
                self.kept[place] = image.clone()
            else:
                found.append(image)
        return torch.stack(found)

    def state(self) -> dict[str, Any]:
        """For a saved state."""
        return {"kept": [image.cpu() for image in self.kept]}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """The inverse of :meth:`state`."""
        self.kept = [image.to(device) for image in state["kept"]]
