"""Losses of DSC: the nearest-neighbour loss ("full"), the plain one ("dsc"), and the adversarial ones.

From: the paper's section 3.3 and the authors' conditional_gan.py and gan.py. Must agree with the
``dsc_losses`` oracle to a relative 1e-5.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_GUARD = 1e-7  # added to probabilities before the logarithm
OUTSIDE = -10_000.0  # features of the truth beyond its border: never the nearest


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross entropy of probabilities of any shape: -mean log(real) - mean log(1 - fake); scalar."""
    return -torch.log(real + LOG_GUARD).mean() - torch.log(1.0 - fake + LOG_GUARD).mean()


def adversarial_loss(fake: Tensor) -> Tensor:
    """The generator's: -mean log(fake), of probabilities of any shape; scalar."""
    return -torch.log(fake + LOG_GUARD).mean()


def plain_loss(drawn: Tensor, truth: Tensor) -> Tensor:
    """The reconstruction of the setting "dsc": mean absolute difference; scalar, without its weight."""
    return F.l1_loss(drawn, truth)


def nearest_neighbour_maps(truth: Tensor, drawn: Tensor, window: int) -> Tensor:
    """How far every place of ``drawn`` is from the most similar place of ``truth`` around it.

    Parameters
    ----------
    truth, drawn: (N, C, H, W) features. window: odd, places; 1 compares place by place.

    Returns
    -------
    (N, H, W): sum over channels of the absolute difference, its minimum over the window. The gradient is that
    of the nearest place.

    Raises
    ------
    ValueError for an even window.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window {window}; expected an odd number")
    n, channels, height, width = truth.shape
    edge = window // 2
    padded = F.pad(truth, (edge, edge, edge, edge), value=OUTSIDE)
    nearest = _nearest_places(padded.detach(), drawn.detach(), window)
    chosen = padded.flatten(2).gather(2, nearest.view(n, 1, -1).expand(-1, channels, -1))
    return (chosen.view(n, channels, height, width) - drawn).abs().sum(1)


@torch.no_grad()
def _nearest_places(padded: Tensor, drawn: Tensor, window: int) -> Tensor:
    """(N, H, W) int64: places in the padded truth; shifts one after the other, so that memory stays small."""
    height, width = drawn.shape[-2:]
    wide = padded.shape[-1]
    rows, columns = (torch.arange(count, device=drawn.device) for count in (height, width))
    corner = rows[:, None] * wide + columns
    best = torch.full_like(drawn[:, 0], torch.inf)
    nearest = torch.zeros_like(best, dtype=torch.int64)
    for down in range(window):
        for right in range(window):
            shifted = padded[..., down : down + height, right : right + width]
            distance = (shifted - drawn).abs().sum(1)
            better = distance < best
            best = torch.where(better, distance, best)
            nearest = torch.where(better, corner + down * wide + right, nearest)
    return nearest


def nearest_neighbour_loss(truth: Tensor, drawn: Tensor, window: int) -> Tensor:
    """Mean of :func:`nearest_neighbour_maps`; scalar, without its weight."""
    return nearest_neighbour_maps(truth, drawn, window).mean()
