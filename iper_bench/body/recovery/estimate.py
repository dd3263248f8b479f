"""``recover_bodies``: frames of one person to an SMPL shape, poses and cameras.

From: iPERCore's preprocessing (SPIN patch, network, ``cam_init2orig``, ``cam_norm``).
Differs: one shape for all frames, the mean of the estimates (a person does not change; iPERCore keeps one per
frame and uses that of the first source); no refinement by 2-D joints (SMPLify).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.camera_track import crop_to_frame, normalise
from iper_bench.body.recovery.patch import Patch, spin_patch
from iper_bench.body.recovery.spin import PIXEL_MEAN, PIXEL_STD, Spin
from iper_bench.body.recovery.weights import load_spin
from iper_bench.errors import UserError

Floats = NDArray[np.float32]

BATCH = 16  # patches at a time


class RecoveredBodies(NamedTuple):
    """One person in N frames, float32: ``betas`` (10,), ``poses`` (N, 72) axis-angle, radians, root first,
    and ``cams`` (N, 3) ``[s, tx, ty]`` with the square frame as [-1, 1], y down.
    """

    betas: Floats
    poses: Floats
    cams: Floats


def recover_bodies(
    frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None, weights: Path, device: str = "cpu"
) -> RecoveredBodies:
    """Estimate the body in every frame with SPIN.

    Parameters
    ----------
    frames: (N, S, S, 3) uint8 RGB, one person; other frames are made square by ``iper_bench.data.crop``.
    boxes: (N, 4) x0, x1, y0, y1 of the person, pixels; ``None`` takes the whole frame.
    weights: SPIN's checkpoint, from iPERCore or nkolot/SPIN.
    device: where the network runs.

    Raises
    ------
    UserError when the weights do not fit, there is no frame, frames are not square or a box is unusable.
    """
    return estimate_bodies(load_spin(weights).to(device), frames, boxes)


def estimate_bodies(
    network: Spin, frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None
) -> RecoveredBodies:
    """:func:`recover_bodies` with a loaded network, which must be in eval mode."""
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames {frames.dtype} {frames.shape}; expected uint8 (N, S, S, 3)")
    count, height, width = frames.shape[:3]
    if count == 0 or height != width or height == 0:
        raise UserError(
            f"{count} frames of {width}x{height} pixels",
            where="frames",
            expected="one or more square frames",
            hint="crop them first",
        )
    if boxes is None:
        boxes = np.tile(np.array([0.0, width, 0.0, height]), (count, 1))
    if boxes.shape != (count, 4):
        raise ValueError(f"boxes {boxes.shape}; expected ({count}, 4)")
    found = []
    for first in range(0, count, BATCH):
        rows = range(first, min(first + BATCH, count))
        found.append(_estimate_batch(network, [spin_patch(frames[i], boxes[i], f"frame {i}") for i in rows]))
    cams, poses, betas = np.split(np.concatenate(found), [3, 75], axis=1)
    square = np.full((count, 1), height, np.float32)
    return RecoveredBodies(
        betas.mean(0, dtype=np.float64).astype(np.float32),
        np.ascontiguousarray(poses),
        normalise(cams, square).astype(np.float32),
    )


@torch.inference_mode()
def _estimate_batch(network: Spin, patches: list[Patch]) -> Floats:
    """(n, 85) with the cameras in pixels of the frame."""
    images = torch.from_numpy(np.stack([patch.pixels for patch in patches])).to(network.init_cam.device)
    mean, std = (images.new_tensor(values).reshape(1, 3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
    vectors = network((images - mean) / std).vector().cpu().numpy()
    scale = np.array([[patch.scale] for patch in patches], np.float32)
    start = np.stack([patch.start for patch in patches]).astype(np.float32)
    return np.concatenate([crop_to_frame(vectors[:, :3], scale, start), vectors[:, 3:]], axis=1)
