"""Condition maps ``[u, v, background]``: the body's UV layout as the network sees it.

From: iPERCore's ``uv_seg`` map (``create_mapping``). Must agree with the ``map_fn`` and ``*_cond`` oracles to
1e-5. Each face shows one flat colour, the midpoint of its FIRST edge in UV image form - not its barycentre,
although the released code calls it so.
"""

from __future__ import annotations

import torch
from torch import Tensor


def uv_image_corners(face_uv: Tensor) -> Tensor:
    """UV corners (F, 3, 2) in [0, 1], v up, to the image's [-1, 1], y down: (2u - 1, 2(1 - v) - 1)."""
    return torch.stack([2.0 * face_uv[..., 0] - 1.0, 2.0 * (1.0 - face_uv[..., 1]) - 1.0], dim=-1)


def first_edge_midpoints(face_uv: Tensor) -> Tensor:
    """(F, 2) midpoints of corner 0 and corner 1 in UV image form."""
    corners = uv_image_corners(face_uv)
    return (corners[..., 0, :] + corners[..., 1, :]) / 2.0


def condition_table(face_uv: Tensor) -> Tensor:
    """Colour of every face, background last.

    Parameters
    ----------
    face_uv: (F, 3, 2) float UV corners in [0, 1], v up.

    Returns
    -------
    (F + 1, 3) float32: (u, v, 0) per face in [-1, 1], and (0, 0, 1) for the background.
    """
    midpoints = first_edge_midpoints(face_uv).to(torch.float32)
    body = torch.cat([midpoints, midpoints.new_zeros(len(midpoints), 1)], dim=1)
    return torch.cat([body, body.new_tensor([[0.0, 0.0, 1.0]])])


def uv_condition(table: Tensor, fim: Tensor) -> Tensor:
    """Condition map of a face index map.

    Parameters
    ----------
    table: (F + 1, 3) from :func:`condition_table`.
    fim: (N, S, S) int64, -1 = background.

    Returns
    -------
    (N, 3, S, S) float32 ``[u, v, bg]``.
    """
    rows = torch.where(fim < 0, torch.full_like(fim, len(table) - 1), fim)
    return table[rows].permute(0, 3, 1, 2).contiguous()
