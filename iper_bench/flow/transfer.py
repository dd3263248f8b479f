"""Appearance transfer: which person gives which faces, and the merge of their UV images.

From: iPERCore's swapper (``FlowCompositionForSwapper``). Must agree with the ``flow_swapper`` oracle: face
lists exactly, images 1e-4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from iper_bench.errors import unknown_name
from iper_bench.flow.uv_image import source_to_uv
from iper_bench.flow.warp import sample

# Positions in the alphabetical list of parts, as the released code runs (its documentation lists other
# numbers).
PART_GROUPS: Mapping[str, tuple[int, ...]] = {
    "head": (0,),
    "torso": (1,),
    "left_leg": (2,),
    "right_leg": (3,),
    "left_arm": (4,),
    "right_arm": (5,),
    "left_foot": (6,),
    "right_foot": (7,),
    "left_hand": (8,),
    "right_hand": (9,),
    "facial": (10,),
    "upper": (1, 4, 5, 8, 9),
    "lower": (2, 3, 6, 7),
    "body": (1, 2, 3, 4, 5, 6, 7, 8, 9),
    "all": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
}
_TINY = 1e-7  # released divisor guard of the blend


def selected_faces(groups: Sequence[Sequence[str]], parts: Mapping[str, Tensor], count: int) -> Tensor:
    """Which faces each person gives.

    Parameters
    ----------
    groups: for every person the names of its part groups, keys of :data:`PART_GROUPS`; person 0 is the
        primary.
    parts: face ids by part name; at least the ten of the partition.
    count: F.

    Returns
    -------
    (P, F) bool; faces that nobody chose go to person 0, and a face may be chosen twice.

    Raises
    ------
    UserError for an unknown group.
    """
    names = sorted(parts)
    chosen = torch.zeros(len(groups), count, dtype=torch.bool)
    for person, wanted in enumerate(groups):
        for group in wanted:
            if group not in PART_GROUPS:
                raise unknown_name("part group", group, PART_GROUPS)
            for index in PART_GROUPS[group]:
                chosen[person, parts[names[index]].cpu().to(torch.int64)] = True
    chosen[0] |= ~chosen.any(0)
    return chosen


def merge_people(uv_images: Tensor, corners: Tensor, uv_fim: Tensor, uv_wim: Tensor) -> Tensor:
    """Blend the UV images of several people.

    Parameters
    ----------
    uv_images: (P, 3, S, S) float in [-1, 1].
    corners: (P, F, 3, 2) corners (second face list) of each person's first source, -2 for faces that it does
        not give.
    uv_fim, uv_wim: the rasterised layout (S, S), (S, S, 3).

    Returns
    -------
    (1, 3, S, S); 0 where nobody gives a face.
    """
    given = sample(torch.ones_like(uv_images[:, :1]), source_to_uv(corners, uv_fim, uv_wim))
    share = given / (given.sum(0, keepdim=True) + _TINY)
    return (uv_images * share).sum(0, keepdim=True)
