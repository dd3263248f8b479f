"""What the networks of DSC are told about a source pose and a target pose."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.loading import load_body
from iper_bench.conditions.deformable import (
    Points,
    dsc_keypoints,
    part_masks,
    part_transforms,
    whole_transform,
)
from iper_bench.conditions.heat_maps import gaussian_maps
from iper_bench.conditions.keypoints import openpose18
from iper_bench.data.clip import BodyTrack

WARPS = ("mask", "full", "none")


def points_of(body: str, track: BodyTrack, side: int) -> Points:
    """(n, 18, 2) float64: keypoints of n frames, whole pixels of an image of ``side``, in DSC's order."""
    return dsc_keypoints(openpose18(load_body(body), track, side))


def pose_maps(points: Points, side: int, sigma: float) -> Tensor:
    """(18, side, side) float32 in [0, 1]: exp(-d^2 / (2 sigma^2)) around each of (18, 2) points; sigma in
    pixels.
    """
    return torch.from_numpy(np.asarray(gaussian_maps(points, (side, side), sigma), dtype=np.float32))


def warp_of(target: Points, source: Points, side: int, warp: str) -> dict[str, Tensor]:
    """How the source's features reach the target.

    Parameters
    ----------
    target, source: (18, 2) xy pixels. warp: "mask" (ten parts), "full" (one map for the whole person) or
        "none" (the network has no use for it).

    Returns
    -------
    ``transforms`` (K, 2, 3) float32, target to source, and ``masks`` (K, side, side) uint8 of zeros and ones.
    """
    if warp == "mask":
        transforms, masks = part_transforms(target, source), part_masks(target, side)
    else:
        transforms = whole_transform(target, source)
        masks = np.ones((1, side, side), dtype=np.bool_)
    return {
        "transforms": torch.from_numpy(transforms.astype(np.float32)),
        "masks": torch.from_numpy(masks.astype(np.uint8)),
    }
