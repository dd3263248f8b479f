"""From bodies and frames to the tensors that SHUP's networks take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iper_bench.body.model import BodyModel
from iper_bench.conditions.keypoints import mpii14
from iper_bench.conditions.limb_masks import joint_maps, limb_masks, mask_prior
from iper_bench.conditions.limb_transforms import limb_transforms
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.lwg.inputs import to_network

Points = NDArray[np.float64]


def seen_joints(body: BodyModel, track: BodyTrack, size: int) -> Points:
    """The 14 joints of n frames, (n, 14, 2) x, y; whole numbers are the middles of pixels, as the original's
    samplers count.
    """
    return mpii14(body, track, size).astype(np.float64) - 0.5


def bgr(frames: Images) -> Tensor:
    """Frames (n, S, S, 3) uint8 RGB to (n, 3, S, S) float32 in [-1, 1]: blue, green, red."""
    return to_network(frames).flip(1)


def source_maps(joints: ArrayLike, size: int) -> dict[str, Tensor]:
    """What depends on the source alone.

    Parameters
    ----------
    joints: (14, 2) of the source. size: side of the images.

    Returns
    -------
    ``pose_source`` (14, size / 2, size / 2) in [0, 1] and ``prior`` (11, size, size) logarithms, float32.
    """
    one = np.asarray(joints, np.float64)[None]
    return {
        "pose_source": torch.from_numpy(joint_maps(one, size)[0]),
        "prior": torch.from_numpy(mask_prior(limb_masks(one, size))[0]),
    }


def target_maps(source: ArrayLike, targets: ArrayLike, size: int) -> dict[str, Tensor]:
    """What depends on the target poses.

    Parameters
    ----------
    source: (14, 2) joints of the source. targets: (n, 14, 2). size: side of the images.

    Returns
    -------
    ``pose_target`` (n, 14, size / 2, size / 2) in [0, 1] and ``transforms`` (n, 11, 2, 3) from pixels of the
    target to pixels of the source, the identity for the background first; float32.
    """
    there, here = np.asarray(source, np.float64), np.asarray(targets, np.float64)
    limbs = limb_transforms(np.broadcast_to(there, here.shape), here)
    still = np.broadcast_to(np.eye(2, 3), (len(here), 1, 2, 3))
    transforms = np.concatenate([still, limbs], 1).astype(np.float32)
    return {
        "pose_target": torch.from_numpy(joint_maps(here, size)),
        "transforms": torch.from_numpy(transforms),
    }


def shup_inputs(source: ArrayLike, target: ArrayLike, size: int) -> dict[str, Tensor]:
    """All inputs of the generator but the image, for one pair: :func:`source_maps` and :func:`target_maps`
    of joints (14, 2) each, without a batch axis.
    """
    of_target = target_maps(source, np.asarray(target)[None], size)
    return source_maps(source, size) | {name: value[0] for name, value in of_target.items()}
