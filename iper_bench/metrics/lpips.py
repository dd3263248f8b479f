"""Perceptual distance of one pair of frames from the feature maps of a network.

From: Zhang et al. 2018. `lpips_distance` is LPIPS v0.1 (learned 1x1 heads on unit-normalised features, sum
over taps); `plain_distance` is the same without learned heads, the mean over taps of the squared distance of
unit-normalised features, which the `offline` profile uses with EfficientNet-Lite0: same shape, other network,
not comparable in value.
Must agree with: ``lpips.npz`` to 2e-6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

EPSILON = 1e-10  # lpips 0.1, added to the norm
BLOCK = 65_536  # values at a time, which stay in the processor's cache

Maps = Sequence[npt.NDArray[np.float32]]


def unit_maps(maps: Maps) -> tuple[npt.NDArray[np.float32], ...]:
    """Feature maps (C, h, w) divided by their norm over channels."""
    return tuple(
        tap / (np.sqrt(np.einsum("chw,chw->hw", tap, tap))[None] + np.float32(EPSILON)).astype(np.float32)
        for tap in maps
    )


def lpips_distance(prediction: Maps, truth: Maps, heads: Maps) -> float:
    """LPIPS of two lists of unit-normalised maps with per-channel weights ``heads`` (C,), one per tap."""
    return float(sum(_weighted(p, t, head) for p, t, head in zip(prediction, truth, heads, strict=True)))


def plain_distance(prediction: Maps, truth: Maps) -> float:
    """Mean over taps of the spatial mean of the squared distance of unit-normalised maps; between 0 and 4."""
    distances = [_weighted(p, t, None) for p, t in zip(prediction, truth, strict=True)]
    return float(np.mean(distances))


def _weighted(
    prediction: npt.NDArray[np.float32], truth: npt.NDArray[np.float32], head: npt.NDArray[np.float32] | None
) -> float:
    if prediction.shape != truth.shape:
        raise ValueError(f"feature maps of shape {prediction.shape} and {truth.shape} cannot be compared")
    channels, cells = len(prediction), prediction.shape[1] * prediction.shape[2]
    ours, theirs = prediction.reshape(channels, cells), truth.reshape(channels, cells)
    per_channel = np.empty(channels)
    step = max(1, BLOCK // cells)
    for start in range(0, channels, step):
        some = slice(start, start + step)
        difference = (ours[some] - theirs[some]).astype(np.float64)
        # one scalar product per channel
        per_channel[some] = (difference[:, None] @ difference[:, :, None])[:, 0, 0]
    weighted = per_channel.sum() if head is None else per_channel @ head.astype(np.float64)
    return float(weighted) / cells
