"""``recover_bodies``: frames of one person to an SMPL shape, poses and cameras.

From: iPERCore's preprocessing (SPIN patch, network, ``cam_init2orig``, ``cam_norm``); for HMR the ICCV
release, which looks at the whole square frame made 224 pixels large.
Differs: one shape for all frames, the mean of the estimates (a person does not change; iPERCore keeps one per
frame and uses that of the first source); no refinement by 2-D joints, which is ``refine.refine_track``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.camera_track import crop_to_frame, normalise
from iper_bench.body.recovery.hmr_iccv import HmrIccv
from iper_bench.body.recovery.patch import spin_patch
from iper_bench.body.recovery.small import SmallHmr, normalised
from iper_bench.body.recovery.small_patch import cut_patch, patch_place
from iper_bench.body.recovery.spin import INPUT_SIDE, Spin
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.errors import UserError

Floats = NDArray[np.float32]
BodyEstimator: TypeAlias = Spin | HmrIccv | SmallHmr

BATCH = 16  # patches at a time


class RecoveredBodies(NamedTuple):
    """One person in N frames, float32: ``betas`` (10,), ``poses`` (N, 72) axis-angle, radians, root first,
    and ``cams`` (N, 3) ``[s, tx, ty]`` with the square frame as [-1, 1], y down.
    """

    betas: Floats
    poses: Floats
    cams: Floats


class _View(NamedTuple):
    """What a network sees: pixels (3, side, side) float32 RGB in [0, 1]; point in the view = point in the
    frame * ``scale`` + side - ``start``.
    """

    pixels: Floats
    scale: float
    start: NDArray[np.floating] | NDArray[np.int64]


def recover_bodies(
    frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None, weights: Path, device: str = "cpu"
) -> RecoveredBodies:
    """Estimate the body in every frame.

    Parameters
    ----------
    frames: (N, S, S, 3) uint8 RGB, one person; other frames are made square by ``iper_bench.data.crop``.
    boxes: (N, 4) x0, x1, y0, y1 of the person, pixels; ``None`` takes the whole frame. HMR always looks at
        the whole frame, as released.
    weights: of any estimator that ``weights.load_estimator`` knows.
    device: where the network runs.

    Raises
    ------
    UserError when the weights do not fit, there is no frame, frames are not square or a box is unusable.
    """
    return estimate_bodies(load_estimator(weights).to(device), frames, boxes)


def estimate_bodies(
    network: BodyEstimator, frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None
) -> RecoveredBodies:
    """:func:`recover_bodies` with a loaded network, which must be in eval mode."""
    return _bodies(network, frames, boxes, blind=False)


def mean_bodies(
    network: BodyEstimator, frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None
) -> RecoveredBodies:
    """:func:`estimate_bodies` by a network that sees nothing: the mean body from which it starts, placed
    where it looks. What an estimator is worth shows beside this.
    """
    return _bodies(network, frames, boxes, blind=True)


def joined_bodies(parts: Sequence[RecoveredBodies]) -> RecoveredBodies:
    """The frames of several parts of one film, in order, as of one: the shape is the mean over all frames."""
    counts = [len(one.poses) for one in parts]
    betas = np.average([one.betas for one in parts], axis=0, weights=counts).astype(np.float32)
    poses, cams = (np.concatenate(rows) for rows in zip(*((p.poses, p.cams) for p in parts), strict=True))
    return RecoveredBodies(betas, poses, cams)


def _bodies(
    network: BodyEstimator, frames: NDArray[np.uint8], boxes: NDArray[np.floating] | None, *, blind: bool
) -> RecoveredBodies:
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
        views = [_view(network, frames[i], boxes[i], f"frame {i}") for i in rows]
        found.append(_estimate_batch(network, views, blind))
    cams, poses, betas = np.split(np.concatenate(found), [3, 75], axis=1)
    square = np.full((count, 1), height, np.float32)
    return RecoveredBodies(
        betas.mean(0, dtype=np.float64).astype(np.float32),
        np.ascontiguousarray(poses),
        normalise(cams, square).astype(np.float32),
    )


def _side(network: BodyEstimator) -> int:
    return network.config.side if isinstance(network, SmallHmr) else INPUT_SIDE


def _view(network: BodyEstimator, frame: NDArray[np.uint8], box: NDArray[np.floating], where: str) -> _View:
    side = _side(network)
    if isinstance(network, Spin):
        return _View(*spin_patch(frame, box, where))
    if isinstance(network, SmallHmr):
        place = patch_place(box, side, len(frame), where)
        pixels = cut_patch(frame, place, side)
        scale, start = place.scale, place.start
    else:
        pixels = np.asarray(cv2.resize(frame, (side, side)), np.uint8)
        scale, start = side / len(frame), np.full(2, float(side))
    return _View(pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255.0), scale, start)


@torch.inference_mode()
def _estimate_batch(network: BodyEstimator, views: list[_View], blind: bool) -> Floats:
    """(n, 85) with the cameras in pixels of the frame."""
    device = next(network.parameters()).device
    images = torch.from_numpy(np.stack([view.pixels for view in views])).to(device)
    vectors = (_mean(network, len(views)) if blind else _seen(network, images)).cpu().numpy()
    scale = np.array([[view.scale] for view in views], np.float32)
    start = np.stack([view.start for view in views]).astype(np.float32)
    cams = crop_to_frame(vectors[:, :3], scale, start, _side(network))
    return np.concatenate([cams, vectors[:, 3:]], axis=1)


def _seen(network: BodyEstimator, images: Tensor) -> Tensor:
    """(N, 85) camera, pose, shape, the camera with the view as [-1, 1]."""
    if isinstance(network, HmrIccv):
        return network(images * 2.0 - 1.0)
    return network(normalised(images)).vector()


def _mean(network: BodyEstimator, count: int) -> Tensor:
    if isinstance(network, HmrIccv):
        return network.regressor.mean_theta.expand(count, -1)
    nothing = network.fc1.weight.new_zeros(count, 0)
    return network.regress(nothing, 0).vector()
