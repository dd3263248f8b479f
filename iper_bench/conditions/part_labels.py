"""Label maps of body parts: which of the 24 joints moves the surface that a pixel shows.

From: the proposal for label-to-image baselines on body tracks; the paper of the benchmark does not say which
labels it drew. One label per joint of SMPL (part = joint with the largest skinning weight of the face's
first vertex), drawn without antialiasing.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.correspondence import correspond
from iper_bench.body.model import JOINT_COUNT, BodyModel
from iper_bench.data.clip import BodyTrack

BACKGROUND = 0
LABEL_COUNT = JOINT_COUNT + 1  # 24 parts and the background
_BATCH = 16  # bodies drawn at once


def face_labels(body: BodyModel) -> Tensor:
    """(F,) int64 in 1..24, on the body's device: 1 + joint with the largest skinning weight of the first
    vertex; the lower joint where two weigh the same.
    """
    # argmax names the first of several equal ones
    return body.skin_weights[body.faces[:, 0]].argmax(1) + 1


def part_labels(body: BodyModel, track: BodyTrack, size: int) -> NDArray[np.uint8]:
    """The part that every pixel shows, of the nearest face that looks to the camera.

    Parameters
    ----------
    body: on any device. track: n frames. size: side of the square maps, pixels.

    Returns
    -------
    (n, size, size) uint8: 0 = background, 1..24 = SMPL joint + 1 (1 pelvis, 2 left hip, ..., 16 head, ...).

    Raises
    ------
    ValueError for a size below 1, or for bodies that lie absurdly far outside the image.
    """
    if size < 1:
        raise ValueError(f"size {size}; expected 1 or more")
    betas = torch.from_numpy(track.betas)
    drawn = [np.zeros((0, size, size), np.uint8)]
    of_face = torch.cat([face_labels(body), torch.zeros(1, dtype=torch.int64, device=body.device)])
    for first in range(0, len(track), _BATCH):
        rows = slice(first, first + _BATCH)
        posed = body.pose(betas, torch.from_numpy(track.poses[rows]))
        fim = correspond(posed.vertices, torch.from_numpy(track.cams[rows]), body.faces, size).fim
        drawn.append(of_face[fim].to(torch.uint8).cpu().numpy())  # -1, no face, takes the last row: 0
    return np.concatenate(drawn)


def one_hot(labels: Tensor, count: int = LABEL_COUNT) -> Tensor:
    """Label maps (..., H, W) of whole numbers below ``count`` to (..., count, H, W) float32 of zeros and
    ones. Raises ValueError for a label outside 0..count-1.
    """
    whole = labels.long()
    if whole.numel() and not 0 <= int(whole.min()) <= int(whole.max()) < count:
        raise ValueError(f"labels from {int(whole.min())} to {int(whole.max())}; expected 0..{count - 1}")
    planes = torch.zeros(
        (*whole.shape[:-2], count, *whole.shape[-2:]), dtype=torch.float32, device=whole.device
    )
    return planes.scatter_(-3, whole.unsqueeze(-3), 1.0)


def label_edges(labels: Tensor) -> Tensor:
    """Where a label or instance map (..., H, W) differs from one of the four neighbours: (..., H, W) float32
    of zeros and ones; both pixels of a differing pair are marked.

    From: pix2pixHD's instance edge map. Must agree with its oracle exactly.
    """
    edges = torch.zeros(labels.shape, dtype=torch.bool, device=labels.device)
    beside = labels[..., :, 1:] != labels[..., :, :-1]
    below = labels[..., 1:, :] != labels[..., :-1, :]
    edges[..., :, 1:] |= beside
    edges[..., :, :-1] |= beside
    edges[..., 1:, :] |= below
    edges[..., :-1, :] |= below
    return edges.float()
