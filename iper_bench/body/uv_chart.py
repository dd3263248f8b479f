"""One chart of a UV layout: a piece of surface with the topology of a disc, laid flat without folds.

From: Tutte's embedding (1963): with the boundary on a convex curve and positive weights inside, no triangle
folds over. The weights are then divided by the stretch of their far end, again and again, as in Yoshizawa,
Belyaev and Seidel (2004), which evens the texel density and keeps the guarantee. The boundary lies on an
ellipse that is as long and as wide as the piece.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 8  # the stretch has settled by then on the bodies of the package
_NARROWEST = 0.2  # least width of an ellipse as a share of its length
_THINNEST = 1e-4  # least height of a triangle over the chart's longest edge; float32 tells much less apart
_ARC_STEPS = 4096  # samples of an ellipse's circumference


class Chart(NamedTuple):
    """``corners`` (n, 3, 2) of a piece's faces around the origin, in metres, in the order of the piece;
    ``evenness`` is the least texel density of a face over the mean one.
    """

    corners: Floats
    evenness: float


def directed_neighbours(faces: Ints) -> Ints:
    """(F, 3) the face across the edge from corner k to corner k + 1, -1 where there is none or no single one
    that runs along it the other way.
    """
    count = int(faces.max()) + 1
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    forward, backward = start * count + end, end * count + start
    names, first, times = np.unique(forward, return_index=True, return_counts=True)
    place = np.minimum(np.searchsorted(names, backward), len(names) - 1)
    found = (names[place] == backward) & (times[place] == 1)
    found &= times[np.searchsorted(names, forward)] == 1
    return np.where(found, first[place] // 3, -1).reshape(-1, 3)


def boundary_loop(faces: Ints, neighbours: Ints) -> Ints | None:
    """Vertex ids along the boundary of a piece, or ``None`` when the piece is no disc.

    Parameters
    ----------
    faces: (n, 3) vertex ids. neighbours: (n, 3) places in ``faces``, -1 = outside the piece.
    """
    open_edges = neighbours < 0
    inner = int((~open_edges).sum())
    edges = int(open_edges.sum()) + inner // 2
    if len(np.unique(faces)) - edges + len(faces) != 1:
        return None
    start, end = faces[open_edges], np.roll(faces, -1, axis=1)[open_edges]
    following = dict(zip(start.tolist(), end.tolist(), strict=True))
    if not following or len(following) != len(start):
        return None
    first = min(following)
    loop = [first]
    while (step := following.get(loop[-1])) is not None and step != first and len(loop) <= len(following):
        loop.append(step)
    return np.array(loop) if len(loop) == len(following) else None


def flatten(positions: Floats, faces: Ints, loop: Ints) -> Chart | None:
    """Lay a disc flat.

    Parameters
    ----------
    positions: (V, 3) metres. faces: (n, 3). loop: (b,) vertex ids along the boundary, the surface at its
        left.

    Returns
    -------
    ``None`` when a triangle comes out folded or too thin, as happens where corners coincide.
    """
    ids, local = np.unique(faces, return_inverse=True)
    local = local.reshape(faces.shape)
    points = positions[ids]
    border = np.searchsorted(ids, loop)
    flat = np.zeros((len(ids), 2))
    flat[border] = _ellipse(points, border)
    areas = _areas(points, local)
    inside = np.setdiff1d(np.arange(len(ids)), border)
    weight = np.ones((len(faces), 3, 2))  # of edge k, seen from its start and from its end
    best: tuple[float, Floats] | None = None
    for _ in range(_ROUNDS if len(inside) else 1):
        if len(inside):
            flat[inside] = _solve(flat, local, border, inside, weight)
        stretch = _stretch(points, flat, local)
        if stretch is None:
            break
        total = float((areas * stretch**2).sum())
        if best is not None and total >= best[0]:
            break
        best = (total, flat.copy())
        at_vertex = _vertex_stretch(stretch, areas, local, len(ids))
        far = at_vertex[np.stack([np.roll(local, -1, axis=1), local], axis=-1)]
        weight = weight / far
    return None if best is None else _chart(best[1], local, areas)


def _chart(flat: Floats, local: Ints, areas: Floats) -> Chart | None:
    """Scale so that the chart is as large as the surface, and measure the evenness."""
    corners = flat[local]
    own = signed_areas(corners)
    edges = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
    if (2.0 * own / edges.max(1)).min() < _THINNEST * edges.max():
        return None
    scale = np.sqrt(areas.sum() / own.sum()) if areas.sum() > 0 else 1.0
    mean = own.sum() / max(areas.sum(), np.finfo(float).tiny)
    density = own / np.maximum(areas, np.finfo(float).tiny)
    return Chart(corners * scale, float((density / mean).min()))


def signed_areas(corners: Floats) -> Floats:
    """(n,) areas of triangles (n, 3, 2), positive when counter-clockwise with y up."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2.0)


def _areas(points: Floats, local: Ints) -> Floats:
    corners = points[local]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(np.linalg.norm(normal, axis=1) / 2.0)


def _ellipse(points: Floats, border: Ints) -> Floats:
    """(b, 2) places of the boundary: the two ends of the piece at the ends of the ellipse, between them by
    length.
    """
    centred = points - points.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    along = centred @ axes[:2].T
    size = np.maximum(along.max(0) - along.min(0), np.finfo(float).tiny)
    width = float(np.clip(size[1] / size[0], _NARROWEST, 1.0))
    top = int(along[border, 0].argmax())
    ring = np.roll(border, -top)
    bottom = int(along[ring, 0].argmin())
    steps = np.linalg.norm(points[np.roll(ring, -1)] - points[ring], axis=1)
    steps = np.maximum(steps, steps.mean() * 1e-3 + np.finfo(float).tiny)
    run = np.concatenate([[0.0], steps.cumsum()])
    bottom = min(max(bottom, 1), len(ring) - 1)
    half = np.interp(run[:-1], [0.0, run[bottom], run[-1]], [0.0, 0.5, 1.0])
    angle = np.linspace(0.0, 2.0 * np.pi, _ARC_STEPS + 1)
    arc = np.stack([np.cos(angle), width * np.sin(angle)], axis=1)
    travelled = np.concatenate([[0.0], np.linalg.norm(np.diff(arc, axis=0), axis=1).cumsum()])
    at = np.interp(half, travelled / travelled[-1], angle)
    placed = np.empty((len(border), 2))
    placed[(np.arange(len(border)) + top) % len(border)] = np.stack([np.cos(at), width * np.sin(at)], axis=1)
    return placed


def _solve(flat: Floats, local: Ints, border: Ints, inside: Ints, weight: Floats) -> Floats:
    """(i, 2): every inner vertex at the weighted mean of its neighbours."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    count = len(flat)
    start, end = local.ravel(), np.roll(local, -1, axis=1).ravel()
    rows, columns = np.concatenate([start, end]), np.concatenate([end, start])
    values = np.concatenate([weight[..., 0].ravel(), weight[..., 1].ravel()])
    matrix: Any = sparse.csr_array((values, (rows, columns)), shape=(count, count))
    total = np.asarray(matrix.sum(axis=1)).ravel()
    system = sparse.diags_array(total[inside]) - matrix[inside][:, inside]
    right = matrix[inside][:, border] @ flat[border]
    solution: Floats = splu(sparse.csc_matrix(system)).solve(right)
    return solution


def _stretch(points: Floats, flat: Floats, local: Ints) -> Floats | None:
    """(n,) root mean square stretch of the faces (Sander et al. 2001), ``None`` with a fold."""
    p, q = flat[local], points[local]
    area = signed_areas(p)
    if not np.isfinite(area).all() or area.min() <= 0:
        return None
    turned = np.roll(p, -1, axis=1) - np.roll(p, 1, axis=1)  # corner k: next minus previous
    du = np.einsum("nk,nkd->nd", turned[..., 1], q) / (2.0 * area[:, None])
    dv = np.einsum("nk,nkd->nd", -turned[..., 0], q) / (2.0 * area[:, None])
    return np.asarray(np.sqrt(((du**2).sum(1) + (dv**2).sum(1)) / 2.0))


def _vertex_stretch(stretch: Floats, areas: Floats, local: Ints, count: int) -> Floats:
    """(V,) root of the area-weighted mean of the squared stretch around every vertex, over its mean; bounded
    because corners that coincide have none.
    """
    share = np.repeat(np.maximum(areas, areas.mean() * 1e-6 + np.finfo(float).tiny), 3)
    upper = np.bincount(local.ravel(), share * np.repeat(stretch**2, 3), minlength=count)
    lower = np.bincount(local.ravel(), share, minlength=count)
    value = np.sqrt(upper / lower)
    return np.asarray(np.clip(value / max(value.mean(), np.finfo(float).tiny), 0.1, 10.0))
