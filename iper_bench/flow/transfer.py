"""Appearance transfer: which person gives which faces, and the merge of their images.

From: iPERCore's swapper (``FlowCompositionForSwapper``). Must agree with the ``flow_swapper`` oracle: face
lists exactly, images 1e-4. The averaged initial image (section 3.2 of arXiv 2011.09055), which the released
code does not have, is merged by the same rule: a person's sources count on the faces that he gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from iper_bench.errors import unknown_name
from iper_bench.flow.initial import averaged_initial_image
from iper_bench.flow.transformation import INVISIBLE
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


def averaged_people_image(
    images: Tensor, visible_flows: Tensor, first_images: Tensor, full_flows: Tensor | None
) -> Tensor:
    """The initial image of several people without the detour through UV.

    Parameters
    ----------
    images: (ns, 3, S, S) float32 in [-1, 1], the sources of all people.
    visible_flows: (nt, ns, S, S, 2) flows of the faces that a source sees and its person gives; -2 elsewhere.
    first_images: (P, 3, S, S) the first source of each person.
    full_flows: (nt, P, S, S, 2) into those, of all faces that the person gives; ``None`` leaves places that
        nobody's source sees 0.

    Returns
    -------
    (nt, 3, S, S): the mean of the sources that show a place, else what the first source of its person shows
    where it projects to; 0 outside the body.
    """
    mean = averaged_initial_image(images, visible_flows, None)
    if full_flows is None:
        return mean
    seen = (visible_flows[..., 0] > INVISIBLE).any(1).unsqueeze(1)
    return torch.where(seen, mean, averaged_initial_image(first_images, full_flows, None))
