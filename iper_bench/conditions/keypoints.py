"""Keypoints of a posed body in pixels, in the orders that baselines were trained with.

From: the joints of SMPL and landmarks of its mesh, by the tables of nkolot/SPIN (``constants.py``) and smplx
(``vertex_ids``); another mesh has its own landmarks of the same names. Every point is always present, whether
it is hidden, outside the image, or not.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from iper_bench.body.camera import project
from iper_bench.body.model import BodyModel
from iper_bench.data.clip import BodyTrack

#: SMPL joints of the right and left shoulder, elbow, wrist, hip, knee, ankle
RIGHT_ARM, LEFT_ARM, RIGHT_LEG, LEFT_LEG = (17, 19, 21), (16, 18, 20), (2, 5, 8), (1, 4, 7)
SHOULDERS = (16, 17)
NECK = 12
#: landmarks of OpenPose's points 0 and 14 to 17
FACE = ("nose", "reye", "leye", "rear", "lear")
OPENPOSE18 = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip
MPII14 = (
    "head top", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
)  # fmt: skip


def openpose18(body: BodyModel, track: BodyTrack, size: int) -> NDArray[np.float32]:
    """The 18 points of OpenPose's COCO model, in :data:`OPENPOSE18`'s order.

    The neck is the middle of the shoulders, where OpenPose puts it (SMPL's neck joint lies higher).

    Parameters
    ----------
    body: on the CPU. track: n frames. size: side of the image in pixels.

    Returns
    -------
    (n, 18, 2) x, y in pixels: (u + 1) / 2 * size for normalised u.
    """
    vertices, joints = _posed(body, track)
    neck = joints[:, SHOULDERS].mean(1, keepdim=True)
    face = vertices[:, [body.landmarks[name] for name in FACE]]
    limbs = joints[:, (*RIGHT_ARM, *LEFT_ARM, *RIGHT_LEG, *LEFT_LEG)]
    return _pixels(torch.cat([face[:, :1], neck, limbs, face[:, 1:]], 1), track, size)


def mpii14(body: BodyModel, track: BodyTrack, size: int) -> NDArray[np.float32]:
    """The 14 points of MPII as posewarp orders them, :data:`MPII14`; parameters and result as
    :func:`openpose18`. The top of the head is the highest vertex of the template, the neck SMPL's joint 12.
    """
    vertices, joints = _posed(body, track)
    top = vertices[:, [int(body.template[:, 1].argmax())]]
    limbs = joints[:, (NECK, *RIGHT_ARM, *LEFT_ARM, *RIGHT_LEG, *LEFT_LEG)]
    return _pixels(torch.cat([top, limbs], 1), track, size)


def _posed(body: BodyModel, track: BodyTrack) -> tuple[torch.Tensor, torch.Tensor]:
    posed = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses))
    return posed.vertices, posed.joints


def _pixels(points: torch.Tensor, track: BodyTrack, size: int) -> NDArray[np.float32]:
    image = project(points, torch.from_numpy(track.cams))[..., :2]
    return ((image + 1.0) * (0.5 * size)).numpy().astype(np.float32)
