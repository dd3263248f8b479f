"""Exact transformation flow between two frames of a clip: the clothed surface knows where each of its points
was.

The same quantity as the paper's transformation flow (arXiv 2011.09055, Algorithm 1), but of the surface that
is really seen instead of the estimated body, and with visibility by a depth test instead of by face.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.rasteriser import rasterise
from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.renderer import one_thread
from iper_bench.data.synthetic.scene import Scene

INVISIBLE = -2.0  # the package's value for no correspondence
DEPTH_TOLERANCE = (
    0.008  # metres: less than the gap between limbs, more than the slope of a surface within a sample
)
VISIBILITY_SIZE = 512  # least side of the raster in which the source's depth is taken


def surface_flow(scene: Scene, source: int, target: int) -> Floats:
    """(S, S, 2) float32 (x, y) in [-1, 1] of ``source`` for every pixel of ``target``; -2 where there is
    none.
    """
    size = scene.room.shape[0]
    faces = scene.surface.faces
    cams = torch.from_numpy(scene.track.cams)
    with one_thread():
        seen = project(scene.vertices[[source, target]], cams[[source, target]])
        fim, wim = rasterise(seen[1:], faces, size)
        hit = fim[0] >= 0
        corners = faces[fim[0][hit]]
        weights = wim[0][hit][..., None]
        point = (seen[0][corners] * weights).sum(1)
        front = _facing(seen[0], corners) & _unoccluded(seen[:1], faces, point, size)
    flow = np.full((size, size, 2), INVISIBLE, np.float32)
    flow[hit.numpy()] = torch.where(
        front[:, None], point[:, :2], torch.full_like(point[:, :2], INVISIBLE)
    ).numpy()
    return flow


def _facing(projected: Tensor, corners: Tensor) -> Tensor:
    """Whether the faces (n, 3) turn towards the camera; counter-clockwise in the y-up image is negative in
    y-down coordinates.
    """
    a, b, c = (projected[corners[:, corner], :2] for corner in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1] < 0


def _unoccluded(projected: Tensor, faces: Tensor, point: Tensor, size: int) -> Tensor:
    """Whether nothing lies before the points (n, 3) of one body (1, V, 3) in its image, and they lie inside
    it.
    """
    side = max(2 * size, VISIBILITY_SIZE)
    fim, wim = rasterise(projected, faces, side)
    corners = projected[0, :, 2][faces[fim[0].clamp(min=0)]]
    depth = torch.where(fim[0] >= 0, (corners * wim[0]).sum(-1), torch.full_like(wim[0, ..., 0], torch.inf))
    pixel = ((point[:, :2] + 1.0) * (0.5 * side)).floor().to(torch.int64)
    inside = ((pixel >= 0) & (pixel < side)).all(1)
    pixel = pixel.clamp(0, side - 1)
    return inside & (point[:, 2] <= depth[pixel[:, 1], pixel[:, 0]] + DEPTH_TOLERANCE)
