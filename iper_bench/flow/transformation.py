"""Transformation flows: where each target pixel comes from in a source, and which faces a source sees.

From: iPERCore's ``cal_bc_transform``, ``get_vis_f2pts`` and ``get_selected_f2pts``; Algorithm 1 of arXiv
2011.09055. Must agree with the ``cal_bc_transform`` and ``flow_*`` oracles to 1e-5. Differs: a pixel whose
face is hidden holds exactly (-2, -2) instead of -2 times the sum of its weights, so that it can be told from
a seen one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.rasteriser import rasterise
from iper_bench.flow.neighbours import nearest_places

INVISIBLE = -2.0  # a coordinate without a correspondence (iPERCore, renders/nmr.py); sampling there gives 0
NEIGHBOURS = 3  # faces, itself included, that become visible with a visible face (iPERCore's top_k)


def face_corners(projected: Tensor, faces: Tensor) -> Tensor:
    """Image positions of face corners: projected (N, V, 2 or more), faces (F, 3) int64 -> (N, F, 3, 2)."""
    return projected[:, faces, :2]


def transformation_flow(corners: Tensor, fim: Tensor, wim: Tensor) -> Tensor:
    """Flow from the raster of body B to the image of body A.

    Parameters
    ----------
    corners: (N, F, 3, 2) float corners of A in [-1, 1]; -2 for hidden faces.
    fim: (N, S, S) int64 face indices of B, -1 = background.
    wim: (N, S, S, 3) float weights of B.

    Returns
    -------
    (N, S, S, 2): sum_k wim_k * corners[fim, k], not clamped; (-2, -2) on background and hidden faces.
    """
    # Only body pixels are computed: they are about a tenth of an image.
    flat = fim.reshape(-1)
    body = (flat >= 0).nonzero()[:, 0]
    chosen = corners[body // (fim.shape[-2] * fim.shape[-1]), flat[body]]
    value = (chosen * wim.reshape(-1, 3)[body].unsqueeze(-1)).sum(-2)
    hidden = (chosen == INVISIBLE).flatten(-2).all(-1, keepdim=True)
    value = torch.where(hidden, torch.full_like(value, INVISIBLE), value)
    background = value.new_full((len(flat), 2), INVISIBLE)
    return background.index_copy(0, body, value).reshape(*fim.shape, 2)


def visible_faces(fim: Tensor, count: int) -> Tensor:
    """Faces that own at least one pixel: fim (N, S, S) int64 -> (N, count) bool."""
    seen = torch.zeros(len(fim), count + 1, dtype=torch.bool, device=fim.device)
    rows = torch.where(fim < 0, torch.full_like(fim, count), fim).flatten(1)
    seen.scatter_(1, rows, True)
    return seen[:, :count]


def source_visibility(
    projected: Tensor,
    faces: Tensor,
    fim: Tensor,
    *,
    visibility_size: int = 512,
    cull: bool = True,
    backend: str | None = None,
) -> Tensor:
    """Visible faces of sources, from a raster fine enough to meet every face.

    Algorithm 1 of the paper calls a face visible when it owns a pixel of the source's own index map; with
    13,776 faces at 128 px a third of the warp is lost that way.

    Parameters
    ----------
    projected: (N, V, 3); faces: (F, 3); fim: (N, S, S) index map at the image size.
    visibility_size: side of the raster used when it exceeds S; 0 = the paper's literal rule.
    cull, backend: as in :func:`iper_bench.body.rasteriser.rasterise`.

    Returns
    -------
    (N, F) bool.
    """
    if visibility_size > fim.shape[-1]:
        fim, _ = rasterise(projected, faces, visibility_size, cull=cull, backend=backend)
    return visible_faces(fim, len(faces))


def hide_faces(corners: Tensor, visible: Tensor) -> Tensor:
    """Set the corners (N, F, 3, 2) of faces that are not ``visible`` (N, F) to -2."""
    return torch.where(visible[..., None, None], corners, torch.full_like(corners, INVISIBLE))


def part_neighbours(midpoints: Tensor, parts: Mapping[str, Tensor], count: int = NEIGHBOURS) -> Tensor:
    """The nearest faces of every face inside its part.

    Parameters
    ----------
    midpoints: (F, 2) first-edge midpoints in UV.
    parts: face ids by part name. Parts are visited in alphabetical order and a later one overrules, so that
        facial faces end with neighbours inside the facial lists, as in the released code.
    count: neighbours, the face itself included.

    Returns
    -------
    (F, count) int64, nearest first; faces in no part, and places that a part of fewer faces leaves empty,
    hold the face itself.
    """
    places = midpoints.detach().to("cpu", torch.float64).numpy()
    table = np.arange(len(places))[:, None].repeat(count, axis=1)
    for name in sorted(parts):
        ids = parts[name].cpu().numpy()
        order, squared = nearest_places(places[ids], places[ids], count)
        own = order == np.arange(len(ids))[:, None]
        rank = np.argsort(np.where(own, -1.0, squared), axis=1, kind="stable")
        table[ids] = ids[:, None]
        table[ids, : rank.shape[1]] = ids[np.take_along_axis(order, rank, 1)]
    return torch.from_numpy(table).to(midpoints.device)


def spread_visibility(visible: Tensor, neighbours: Tensor) -> Tensor:
    """Make the neighbours (F, k) of visible faces (N, F) visible too: the released ``only_vis`` rule."""
    spread = visible.clone()
    for column in neighbours.unbind(1):
        hits = torch.zeros_like(visible, dtype=torch.int32)
        hits.index_add_(1, column, visible.to(torch.int32))
        spread |= hits > 0
    return spread
