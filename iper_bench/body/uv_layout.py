"""A UV layout for a body whose file brings none: every part cut into few charts, laid flat and packed.

Our own; a layout of this kind fits no official checkpoint, because released networks read the released
layout's coordinates as their condition. Every triangle is counter-clockwise in UV (v up), charts do not
overlap, and the same body gives the same layout.

A part is cut in two by the direction in which its smoothed surface looks (front and back; hands and feet top
and bottom), and a piece that is no disc, or that would be laid flat too unevenly, is cut again across its
longest side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.body.parts import PART_JOINTS
from iper_bench.body.uv_chart import Chart, Floats, Ints, boundary_loop, directed_neighbours, flatten

MARGIN = 1.0 / 128  # between charts and to the border: four texels of a 512 px layout
_GRID = 2**23  # coordinates are rounded to this, so that the last bits of a solver do not matter
_LOOKS = {"08_left_hand": 1, "09_right_hand": 1, "06_left_foot": 1, "07_right_foot": 1}  # up and down
_FORWARD = 2
_SMOOTH = 10  # rounds of averaging normals over neighbours before a part is cut in two
_ISLAND = 0.04  # a component smaller than this share of its part joins the other side
_EVEN = 0.01  # least texel density of a face over its chart's mean; else the chart is cut again


def derive_layout(template: Tensor, faces: Tensor, parts: Mapping[str, Tensor]) -> Tensor:
    """Lay out a body.

    Parameters
    ----------
    template: (V, 3) T-pose, y up, +z forward, metres. faces: (F, 3) int64, counter-clockwise from outside.
    parts: face ids by name; ``00_head`` to ``09_right_hand`` partition the faces.

    Returns
    -------
    (F, 3, 2) float32 UV of every corner in (0, 1), v up.
    """
    positions = template.detach().cpu().numpy().astype(np.float64)
    triangles = faces.detach().cpu().numpy().astype(np.int64)
    cutter = _Cutter(positions, triangles)
    pieces: list[Ints] = []
    for name in PART_JOINTS:
        ids = parts[name].detach().cpu().numpy().astype(np.int64)
        if len(ids):
            pieces += cutter.halves(ids, _LOOKS.get(name, _FORWARD))
    laid = [entry for piece in pieces for entry in cutter.charts(piece)]
    uv = np.zeros((len(triangles), 3, 2))
    for (piece, _), corners in zip(laid, _pack([chart for _, chart in laid]), strict=True):
        uv[piece] = corners
    return torch.from_numpy((np.round(uv * _GRID) / _GRID).astype(np.float32))


class _Cutter:
    """Cuts faces of one mesh into pieces."""

    def __init__(self, positions: Floats, faces: Ints) -> None:
        self.positions = positions
        self.faces = faces
        self.neighbours = directed_neighbours(faces)
        corners = positions[faces]
        self.middle = corners.mean(1)
        self.normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    def inside(self, piece: Ints) -> Ints:
        """(n, 3) places in ``piece`` of the neighbours that belong to it, -1 for others."""
        place = np.full(len(self.faces) + 1, -1)
        place[piece] = np.arange(len(piece))
        return place[self.neighbours[piece]]  # the entry behind the last face stands for "none"

    def components(self, piece: Ints) -> list[Ints]:
        """Connected pieces, by their first face."""
        from scipy import sparse
        from scipy.sparse.csgraph import connected_components

        near = self.inside(piece)
        row, side = np.nonzero(near >= 0)
        graph = sparse.csr_array((np.ones(len(row)), (row, near[row, side])), shape=(len(piece),) * 2)
        count, label = connected_components(graph, directed=False)
        found = [piece[label == k] for k in range(count)]
        return sorted(found, key=lambda ids: int(ids[0]))

    def halves(self, piece: Ints, axis: int) -> list[Ints]:
        """Cut a part by the sign of ``axis`` of its smoothed normals."""
        near = self.inside(piece)
        normal = self.normal[piece]
        for _ in range(_SMOOTH):
            normal = normal + np.where((near >= 0)[..., None], normal[near], 0.0).sum(1)
            normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), np.finfo(float).tiny)
        return self.separate(piece, normal[:, axis] > 0)

    def separate(self, piece: Ints, side: NDArray[np.bool_]) -> list[Ints]:
        """The connected pieces of both sides (n,) of a piece, small islands joined to the side around them
        unless a side would lose all its faces.
        """
        joined = side.copy()
        for this in (True, False):
            for island in self.components(piece[joined == this]):
                if len(island) < _ISLAND * len(piece):
                    joined[np.searchsorted(piece, island)] = not this
        side = side if joined.all() or not joined.any() else joined
        return [half for this in (True, False) for half in self.components(piece[side == this])]

    def charts(self, piece: Ints) -> list[tuple[Ints, Chart]]:
        """Lay a connected piece flat, cut as often as that takes."""
        loop = boundary_loop(self.faces[piece], self.inside(piece))
        chart = None if loop is None else flatten(self.positions, self.faces[piece], loop)
        if chart is not None and (chart.evenness > _EVEN or len(piece) == 1):
            return [(piece, chart)]
        if len(piece) == 1:  # a triangle without area: any shape will do
            corners = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]]) * 1e-3
            return [(piece, Chart(corners, 1.0))]
        middle = self.middle[piece]
        centred = middle - middle.mean(0)
        axis = np.linalg.svd(centred, full_matrices=False)[2][0]
        order = np.argsort(np.round(centred @ axis, 9), kind="stable")
        side = np.zeros(len(piece), bool)
        side[order[: len(piece) // 2]] = True
        return [entry for part in self.separate(piece, side) for entry in self.charts(part)]


def _pack(charts: list[Chart]) -> list[Floats]:
    """Corners of all charts in the unit square, one scale for all, upright, tallest first, in rows."""
    boxes, upright = [], []
    for chart in charts:
        low, high = chart.corners.min((0, 1)), chart.corners.max((0, 1))
        corners, size = chart.corners - low, high - low
        if size[0] > size[1]:  # a quarter turn keeps the orientation
            corners = np.stack([size[1] - corners[..., 1], corners[..., 0]], axis=-1)
            size = size[::-1]
        upright.append(corners)
        boxes.append(size)
    sizes = np.array(boxes)
    order = np.lexsort((np.arange(len(sizes)), -sizes[:, 1].round(9)))
    low, high = 0.0, 1.0 / float(sizes.max())
    places = None
    for _ in range(40):
        scale = (low + high) / 2.0
        tried = _rows(sizes[order] * scale)
        if tried is None:
            high = scale
        else:
            low, places = scale, tried
    if places is None:
        raise ValueError(f"{len(charts)} charts do not fit a layout with margins of {MARGIN}")
    packed: list[Floats] = [np.empty(0)] * len(charts)
    for number, place in zip(order, places, strict=True):
        packed[number] = upright[number] * low + place
    return packed


def _rows(sizes: Floats) -> Floats | None:
    """(n, 2) lower left corners of boxes (n, 2) laid in rows, ``None`` when they do not fit."""
    places = np.empty_like(sizes)
    x = y = MARGIN
    height = 0.0
    for number, (wide, tall) in enumerate(sizes):
        if x + wide + MARGIN > 1.0:
            x, y, height = MARGIN, y + height + MARGIN, 0.0
        if x + wide + MARGIN > 1.0 or y + tall + MARGIN > 1.0:
            return None
        places[number] = x, y
        x, height = x + wide + MARGIN, max(height, float(tall))
    return places
