"""Small meshes for rasteriser and flow tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def ellipsoid(rings: int = 12, sides: int = 14, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A bumpy closed surface facing outwards: vertices (V, 3) y-down metres, faces (F, 3), face_uv (F, 3, 2)
    in [0, 1].
    """
    rng = np.random.default_rng(seed)
    lat = np.linspace(0.02, np.pi - 0.02, rings)
    lon = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    radius = 1.0 + 0.1 * rng.standard_normal((rings, sides))
    vertices = np.stack(
        [
            0.35 * radius * np.sin(lat)[:, None] * np.cos(lon),
            0.75 * radius * np.cos(lat)[:, None],
            0.3 * radius * np.sin(lat)[:, None] * np.sin(lon),
        ],
        -1,
    ).reshape(-1, 3)
    faces, uv = [], []
    for i in range(rings - 1):
        for j in range(sides):
            k = (j + 1) % sides
            a, b, c, d = i * sides + j, i * sides + k, (i + 1) * sides + j, (i + 1) * sides + k
            corner = {
                a: (j, i),
                b: (j + 1, i),
                c: (j, i + 1),
                d: (j + 1, i + 1),
            }
            for face in ((a, b, c), (b, d, c)):
                faces.append(face)
                uv.append(
                    [
                        (0.05 + 0.9 * corner[v][0] / sides, 0.05 + 0.9 * corner[v][1] / (rings - 1))
                        for v in face
                    ]
                )
    return (
        torch.tensor(vertices, dtype=torch.float32),
        torch.tensor(faces),
        torch.tensor(uv, dtype=torch.float32),
    )


def soup(faces: int, seed: int, spread: float = 1.2) -> tuple[Tensor, Tensor]:
    """Random triangles that share vertices: projected vertices (V, 3) and faces (F, 3)."""
    rng = np.random.default_rng(seed)
    count = faces // 2 + 3
    vertices = rng.uniform(-spread, spread, (count, 3))
    vertices[:, 2] *= 0.5
    chosen = np.stack([rng.choice(count, 3, replace=False) for _ in range(faces)])
    return torch.tensor(vertices, dtype=torch.float32), torch.tensor(chosen)


def lattice(cells: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Triangulated grid whose vertices lie exactly on pixel centres of an S x S raster, in three overlapping
    sheets.
    """
    rng = np.random.default_rng(seed)
    step = size // cells
    line = (2.0 * np.arange(0, size, step) + 1.0 - size) / size
    y, x = np.meshgrid(line, line, indexing="ij")
    side = len(line)
    sheets, faces = [], []
    for sheet, depth in enumerate((0.1, 0.1, 0.0)):
        sheets.append(np.stack([x, y, np.full_like(x, depth)], -1).reshape(-1, 3))
        for i in range(side - 1):
            for j in range(side - 1):
                a = sheet * side * side + i * side + j
                faces += [[a, a + side, a + 1], [a + 1, a + side, a + side + 1]]
    order = rng.permutation(len(faces))[: int(0.7 * len(faces))]
    return torch.tensor(np.concatenate(sheets), dtype=torch.float32), torch.tensor(np.array(faces)[order])
