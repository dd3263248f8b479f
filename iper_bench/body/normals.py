"""Areas and normals of triangle meshes, for shading and for cutting lists by direction."""

from __future__ import annotations

import torch
from torch import Tensor


def face_crosses(vertices: Tensor, faces: Tensor) -> Tensor:
    """Cross product of two edges, (..., F, 3): the outward normal times twice the area.

    ``vertices`` is (..., V, 3) in a right-handed frame, ``faces`` (F, 3) int64. Turning the body (as the
    half turn about x of the y-down frame does) keeps the normals outward; mirroring it would not.
    """
    a, b, c = (vertices[..., faces[:, corner], :] for corner in range(3))
    return torch.linalg.cross(b - a, c - a)


def face_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area of every face, (..., F), in squared units of ``vertices``."""
    return 0.5 * face_crosses(vertices, faces).norm(dim=-1)


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit outward normal of every face, (..., F, 3); zero for a face without area."""
    return torch.nn.functional.normalize(face_crosses(vertices, faces), dim=-1, eps=1e-20)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit outward normal of every vertex, (..., V, 3): area-weighted mean over its faces; zero for an
    unused vertex.
    """
    crosses = face_crosses(vertices, faces)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner], crosses)
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-20)
