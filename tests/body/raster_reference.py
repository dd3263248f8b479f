"""A slow rasteriser in exact arithmetic: Python integers and fractions, one face and one pixel at a time.

It shares with the product only the grid to which corners are snapped and the unit of 1/depth.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

GRID = 65536  # steps per pixel
UNIT = 1 << 35  # fraction of 1/depth
EYE = 2.7320508075688776  # metres, meta/config of the flow_render oracles, without its sign


def _round(value: Fraction) -> int:
    return int((value + Fraction(1, 2)).__floor__())


def _cross(a: tuple[int, int], b: tuple[int, int], p: tuple[int, int]) -> int:
    return (a[0] - p[0]) * (b[1] - p[1]) - (a[1] - p[1]) * (b[0] - p[0])


def rasterise_exactly(
    projected: np.ndarray, faces: np.ndarray, size: int, cull: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) projected vertices, (F, 3) faces -> fim (S, S) int64, wim (S, S, 3) float32."""
    fim = np.full((size, size), -1, np.int64)
    wim = np.zeros((size, size, 3), np.float32)
    best: dict[tuple[int, int], int] = {}
    plane = np.rint(projected[:, :2].astype(np.float64) * (size / 2 * GRID)).astype(np.int64)
    depth = projected[:, 2].astype(np.float64) + EYE
    for index, face in enumerate(faces):
        corners = [(int(x), int(y)) for x, y in plane[face]]
        area = _cross(corners[1], corners[2], corners[0])
        if area == 0 or (cull and area > 0) or (depth[face] <= 0.0625).any():
            continue
        near = [int(np.rint(UNIT / z)) for z in depth[face]]
        xs, ys = [c[0] / GRID for c in corners], [c[1] / GRID for c in corners]
        half = (size - 1) / 2
        for row in range(max(0, int(min(ys) + half)), min(size - 1, int(max(ys) + half) + 1) + 1):
            for column in range(max(0, int(min(xs) + half)), min(size - 1, int(max(xs) + half) + 1) + 1):
                p = ((2 * column + 1 - size) * (GRID // 2), (2 * row + 1 - size) * (GRID // 2))
                edges = [_cross(corners[1], corners[2], p), _cross(corners[2], corners[0], p)]
                edges.append(area - sum(edges))
                weights = [Fraction(edge, area) for edge in edges]
                if min(weights) < 0:
                    continue
                nearness = _round(sum((w * q for w, q in zip(weights, near, strict=True)), Fraction(0)))
                if not UNIT / 100 < nearness < UNIT / 0.1:
                    continue
                if nearness > best.get((row, column), -1):
                    best[row, column] = nearness
                    fim[row, column] = index
                    wim[row, column] = [float(w) for w in weights]
    return fim, wim
