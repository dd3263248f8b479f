"""Which faces are head, torso, limbs, face and front, derived from skinning weights and the T-pose.

The names and their order follow ``smpl_part_info`` of the Liquid Warping GAN (assets/configs/pose3d); the
official lists are part of a licensed download, so these are our own, for the open body and for a licensed
SMPL file alike. Must agree in kind: ``00`` to ``09`` partition the faces, small face inside large face
inside head. Differs in the exact borders.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from iper_bench.body.normals import face_normals

# SMPL joints whose weights make up a part. Collars and neck count as torso, wrists as hands, ankles as feet.
PART_JOINTS: dict[str, tuple[int, ...]] = {
    "00_head": (15,),
    "01_torso": (0, 3, 6, 9, 12, 13, 14),
    "02_left_leg": (1, 4),
    "03_right_leg": (2, 5),
    "04_left_arm": (16, 18),
    "05_right_arm": (17, 19),
    "06_left_foot": (7, 10),
    "07_right_foot": (8, 11),
    "08_left_hand": (20, 22),
    "09_right_hand": (21, 23),
}
FACIAL_LARGE = "10_facial_large"
FACIAL_SMALL = "11_facial_small"
_NECK, _HEAD = 12, 15
_FORWARD = 2  # the template looks along +z
_UP = 1

# Shape of a head as shares of its box (chin to crown, ear to ear, nape to nose), read off the open body and
# checked on renders.
_HAIRLINE = 0.78  # height of the hairline between chin (0) and crown (1)
_FRONT_HALF = 0.5  # facial faces lie in the front half of the head
_INNER_WIDTH = 0.62  # inner face: share of the half width
_INNER_BROW = 0.68  # inner face: brow height
_FACING = 0.1  # least z of a unit normal to count as looking forward


class FaceLists(NamedTuple):
    """Sorted int64 face ids: ``parts`` by name, then the lists of
    :class:`~iper_bench.body.model.BodyModel`.
    """

    parts: dict[str, Tensor]
    head_faces: Tensor
    front_faces: Tensor


def derive_face_lists(template: Tensor, faces: Tensor, skin_weights: Tensor, joints: Tensor) -> FaceLists:
    """Cut a T-posed mesh into parts.

    Parameters
    ----------
    template: (V, 3) T-pose, y up, +z forward, metres. faces: (F, 3) int64. skin_weights: (V, 24). joints:
        (24, 3).

    A face belongs to the part with the largest sum of weights over its three corners (ties: the lower part
    number).
    """
    weights = skin_weights[faces].sum(1)
    shares = torch.stack([weights[:, list(members)].sum(1) for members in PART_JOINTS.values()], dim=1)
    part = shares.argmax(1)
    parts = {name: (part == number).nonzero()[:, 0] for number, name in enumerate(PART_JOINTS)}

    middle = template[faces].mean(1)
    normals = face_normals(template, faces)
    large, small = _facial(middle, normals, part == 0)
    parts[FACIAL_LARGE] = large.nonzero()[:, 0]
    parts[FACIAL_SMALL] = small.nonzero()[:, 0]

    upper_neck = (weights[:, [_NECK, _HEAD]].sum(1) > 1.5) & (middle[:, _UP] > joints[_NECK, _UP])
    head = (part == 0) | upper_neck
    forward = normals[:, _FORWARD] > 0
    front = forward & ((part == 1) | large)
    return FaceLists(parts, head.nonzero()[:, 0], front.nonzero()[:, 0])


def _facial(middle: Tensor, normals: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (F,) of the large and the small facial list."""
    low = middle[head].amin(0)
    high = middle[head].amax(0)
    share = (middle - low) / (high - low)
    sideways = (2.0 * share[:, 0] - 1.0).abs()
    front = head & (share[:, _FORWARD] > _FRONT_HALF) & (share[:, _UP] < _HAIRLINE)
    # Lips, nostrils and eye corners look in every direction: well in front, the normal does not decide.
    deep = share[:, _FORWARD] > _FRONT_HALF + 0.2
    large = front & (deep | (normals[:, _FORWARD] > _FACING))
    small = large & (sideways < _INNER_WIDTH) & (share[:, _UP] < _INNER_BROW)
    return large, small
