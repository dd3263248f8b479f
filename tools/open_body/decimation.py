"""A coarser mesh that keeps the face: quadric decimation in a space where the head is larger and hands and
feet are smaller.

Quadric error grows with size, so enlarging a region keeps more of its triangles. MakeHuman spends more than
a third of its triangles on fingers and toes, which a picture of a whole person never shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from open_body.sampling import Samples

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# SMPL joint whose region is resized about it: head 1.35, hands and feet 0.7.
_REGION_SCALE = {15: 1.35, 7: 0.7, 8: 0.7, 10: 0.7, 11: 0.7, 20: 0.7, 21: 0.7, 22: 0.7, 23: 0.7}
_REGION_PIVOT = {10: 7, 11: 8, 22: 20, 23: 21}
_AGGRESSIVENESS = 4  # of fast_simplification; lower is closer to the target shape
_REACH = 10.0  # metres, farther than any closest point


@dataclass(frozen=True)
class CoarseMesh:
    """A decimated mesh tied to the dense one.

    Attributes
    ----------
    offset: (V, 3) what separates a vertex from its closest point on the dense surface.
    source: (V, 3) dense vertex ids of that point's triangle; share: (V, 3) its barycentric coordinates.
    faces: (F, 3). face_uv: (F, 3, 2). eye_faces: (E,). repaired: number of faces whose UV crossed a seam.
    """

    offset: Floats
    source: Ints
    share: Floats
    faces: Ints
    face_uv: Floats
    eye_faces: Ints
    repaired: int

    def carry(self, dense: NDArray[Any]) -> NDArray[Any]:
        """Interpolate values (..., V_dense, C) at the coarse vertices."""
        return sum(  # type: ignore[return-value]
            dense[..., self.source[:, corner], :] * self.share[:, corner, None] for corner in range(3)
        )

    def positions(self, dense: Floats) -> Floats:
        """Coarse vertices of dense bodies (..., V_dense, 3)."""
        moved: Floats = (self.carry(dense) + self.offset).astype(np.float32)
        return moved


def closest(vertices: Floats, faces: Ints, points: Floats) -> tuple[Ints, Floats]:
    """Nearest face and barycentric coordinates (N, 3) of ``points`` (N, 3), by Warp's exact BVH query on
    the CPU.
    """
    import warp as wp

    wp.config.quiet = True
    wp.init()
    mesh = wp.Mesh(
        points=wp.array(vertices.astype(np.float32), dtype=wp.vec3, device="cpu"),
        indices=wp.array(faces.reshape(-1).astype(np.int32), dtype=int, device="cpu"),
    )
    count = len(points)
    face = wp.zeros(count, dtype=wp.int32, device="cpu")
    first = wp.zeros(count, dtype=float, device="cpu")
    second = wp.zeros(count, dtype=float, device="cpu")
    queries = wp.array(points.astype(np.float32), dtype=wp.vec3, device="cpu")
    wp.launch(_kernel(), count, inputs=[mesh.id, queries, _REACH, face, first, second], device="cpu")
    u, v = first.numpy(), second.numpy()
    return face.numpy().astype(np.int64), np.stack([u, v, 1 - u - v], 1)


def _kernel() -> Any:
    from open_body import closest_kernel

    return closest_kernel.closest_point


def decimate(samples: Samples, rest: Floats, joints: Floats, target: int, eye_target: int) -> CoarseMesh:
    """Reduce the T-posed mean body ``rest`` (V, 3) to about ``target`` faces, of which the eyeballs get
    ``eye_target``.
    """
    import fast_simplification

    scale, moved = _resized(rest, joints, samples.weights)
    pieces, triangles, first = [], [], 0
    for mask, goal in ((~samples.eye, target - eye_target), (samples.eye, eye_target)):
        piece = samples.faces[mask]
        used, inverse = np.unique(piece, return_inverse=True)
        points, faces = fast_simplification.simplify(
            moved[used], inverse.reshape(-1, 3).astype(np.int32), target_count=goal, agg=_AGGRESSIVENESS
        )
        pieces.append(points)
        triangles.append(faces.astype(np.int64) + first)
        first += len(points)
    points, faces = np.vstack(pieces), np.vstack(triangles)
    eye_faces = np.arange(len(triangles[0]), len(faces))

    face, share = closest(moved, samples.faces, points)
    source = samples.faces[face]
    share = np.clip(share, 0, None)
    share /= share.sum(1, keepdims=True)
    surface = np.einsum("vk,vkd->vd", share, moved[source])
    local_scale = np.einsum("vk,vk->v", share, scale[source])
    offset = ((points - surface) / local_scale[:, None]).astype(np.float32)
    positions = np.einsum("vk,vkd->vd", share, rest[source]) + offset
    from open_body.texture import transfer_uv

    face_uv, repaired = transfer_uv(samples, rest, positions.astype(np.float32), faces)
    return CoarseMesh(offset, source, share.astype(np.float32), faces, face_uv, eye_faces, repaired)


def _resized(rest: Floats, joints: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Local scale (V,) and the vertices (V, 3) with head, hands and feet resized about their joints,
    smoothly by weight.
    """
    scale = np.ones(len(rest), np.float32)
    moved = rest.copy()
    for joint, factor in _REGION_SCALE.items():
        weight = weights[:, joint]
        pivot = joints[_REGION_PIVOT.get(joint, joint)]
        scale += weight * (factor - 1.0)
        moved += weight[:, None] * (factor - 1.0) * (rest - pivot)
    return scale, moved.astype(np.float32)
