"""UV coordinates for a decimated mesh that respect the seams of the dense one.

A corner takes the UV of its closest point within the chart of the face's centre. Where a chart is cut open
(the inside of an arm, the back of the head) that point may lie on the far side of the cut and the triangle
would span the atlas; such a triangle takes the affine UV map of the dense face under its centre, extended.
So does one whose UV came out mirrored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from open_body.sampling import Samples

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_FAR = 1.5  # corner farther from the affine map than this times the triangle's UV size: it crossed a seam
_FAR_FLOOR = 0.01  # never repaired below this distance (5 texels of a 512 atlas)
_EXTENT = (
    0.05  # an extended triangle stays this near to its centre; dense faces that are slivers extend wildly
)


def transfer_uv(samples: Samples, rest: Floats, positions: Floats, faces: Ints) -> tuple[Floats, int]:
    """UV (F, 3, 2) in [0, 1] of the mesh ``positions``, ``faces``, and how many faces were repaired."""
    from open_body.decimation import closest

    corners = positions[faces]
    middle, share = closest(rest, samples.faces, corners.mean(1))
    chart = samples.chart[middle]
    uv = np.zeros((len(faces), 3, 2), np.float32)
    for number in np.unique(chart):
        mine, theirs = chart == number, np.nonzero(samples.chart == number)[0]
        face, weight = closest(rest, samples.faces[theirs], corners[mine].reshape(-1, 3))
        uv[mine] = np.einsum("nk,nkd->nd", weight, samples.face_uv[theirs][face]).reshape(-1, 3, 2)
    extended = _extended(rest[samples.faces[middle]], samples.face_uv[middle], corners)
    centre = np.einsum("nk,nkd->nd", share, samples.face_uv[middle])[:, None]
    extended = centre + np.clip(extended - centre, -_EXTENT, _EXTENT)
    size = np.linalg.norm(extended - centre, axis=2).max(1)
    apart = np.linalg.norm(uv - extended, axis=2).max(1)
    bad = apart > np.maximum(_FAR * size, _FAR_FLOOR)
    # The dense layout is counter-clockwise throughout; a mirrored triangle would be culled when the atlas
    # is drawn.
    bad |= signed_area(uv) <= 0
    uv[bad] = extended[bad]
    return np.clip(uv, 0.0, 1.0).astype(np.float32), int(bad.sum())


def signed_area(uv: Floats) -> Floats:
    """Twice the signed area of UV triangles (F, 3, 2); positive is counter-clockwise with v up."""
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area: Floats = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return area


def _extended(triangle: Floats, uv: Floats, points: Floats) -> Floats:
    """Evaluate the affine maps triangle (F, 3, 3) -> uv (F, 3, 2) at ``points`` (F, 3, 3), projected onto
    the triangle's plane.
    """
    edges = (triangle[:, 1:] - triangle[:, :1]).astype(np.float64)
    gram = edges @ edges.transpose(0, 2, 1) + 1e-14 * np.eye(2)
    right = (points - triangle[:, :1]) @ edges.transpose(0, 2, 1)
    weights = np.linalg.solve(gram[:, None], right[..., None])[..., 0]
    extended: Floats = (uv[:, :1] + weights @ (uv[:, 1:] - uv[:, :1])).astype(np.float32)
    return extended
