"""``Appearance``: an actor in an outfit. Colour of every surface point and the clothed surface, both defined
on the T-pose.

Painting in T-pose space has no seams and no resolution: the same function serves 64 px frames and 1024 px
frames. The clothed surface differs from the nude body of the track by millimetres to centimetres (cloth,
hair, shoes, facial features), as it does in real data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from iper_bench.body import BodyModel, vertex_normals
from iper_bench.data.synthetic.actor import Actor
from iper_bench.data.synthetic.anatomy import Anatomy, SurfacePoints
from iper_bench.data.synthetic.blending import Flags, Floats, mix, smoothstep
from iper_bench.data.synthetic.clothes import cloth_height, cover, paint_legs, paint_shoes, paint_top
from iper_bench.data.synthetic.face import face_offsets, paint_face
from iper_bench.data.synthetic.hair import hair_amount, hair_colour, hair_height, near_ear
from iper_bench.data.synthetic.outfit import Outfit
from iper_bench.data.synthetic.waves import Waves

CLOTH_SMOOTHINGS = 4  # neighbour averages under cloth: hides what cloth would hide
SHOE_SMOOTHINGS = 10  # the same for feet, so that toes become a shoe
EAR_SMOOTHINGS = 30  # the same for ears under long hair


@dataclass(frozen=True)
class Appearance:
    """What the camera sees of one person; see the module."""

    actor: Actor
    outfit: Outfit
    anatomy: Anatomy

    def colours(self, points: SurfacePoints) -> Floats:
        """Unlit colours (n, 3) float32, 0..255, of points of the surface."""
        worn = cover(points, self.outfit, self.anatomy)
        colours = np.empty((len(points), 3), np.float32)
        colours[worn.top] = paint_top(points.take(worn.top), worn.sleeve[worn.top], self.outfit, self.anatomy)
        colours[worn.legs] = paint_legs(points.take(worn.legs), self.outfit, self.anatomy)
        colours[worn.shoe] = paint_shoes(points.take(worn.shoe), self.outfit, self.anatomy)
        colours[worn.sock] = self.outfit.socks
        bare = ~(worn.top | worn.legs | worn.shoe | worn.sock)
        head = bare & (points.y > self.anatomy.neck[1])
        skin = bare & ~head
        colours[skin] = self._skin(points.take(skin))
        colours[head] = self._head(points.take(head))
        return np.clip(colours, 0.0, 255.0)

    def _skin(self, points: SurfacePoints) -> Floats:
        mottle = Waves(np.random.default_rng(self.actor.number), 18.0, count=4)
        return self.actor.skin * (0.985 + 0.02 * mottle(points.place))[:, None]

    def _head(self, points: SurfacePoints) -> Floats:
        colours = paint_face(self._skin(points), points, self.anatomy, self.actor)
        # The neck lies in the shadow of the chin.
        throat = smoothstep(points.y, self.anatomy.chin_y + 0.01, self.anatomy.chin_y - 0.02)
        colours = colours * (1.0 - 0.14 * throat)[:, None]
        return mix(colours, hair_colour(points, self.actor), hair_amount(points, self.anatomy, self.actor))

    def offsets(self, body: BodyModel) -> Floats:
        """Displacement (V, 3) float32, metres, from the body's template to the clothed surface in T-pose."""
        template = body.template.numpy()
        faces = body.faces.numpy()
        points = SurfacePoints(template, eye_vertices(body))
        worn = cover(points, self.outfit, self.anatomy)
        moved = template + face_offsets(points, self.anatomy, self.actor)
        hair = hair_amount(points, self.anatomy, self.actor) > 0.5
        # Cloth and hair are smoothed along the normal only: sideways motion would bend patterns and hems.
        relaxed = smooth_surface(moved, faces, worn.top | worn.legs | hair, CLOTH_SMOOTHINGS)
        normals = vertex_normals(torch.from_numpy(moved), body.faces).numpy()
        moved += normals * ((relaxed - moved) * normals).sum(1, keepdims=True)
        moved = smooth_surface(moved, faces, worn.shoe, SHOE_SMOOTHINGS)
        moved = smooth_surface(moved, faces, hair & near_ear(points, self.anatomy), EAR_SMOOTHINGS)
        normals = vertex_normals(torch.from_numpy(moved), body.faces).numpy()
        height = cloth_height(points, self.outfit, self.anatomy)
        height = np.maximum(height, hair_height(points, self.anatomy, self.actor))
        moved += normals * height[:, None]
        # Soles are flat and at one level.
        flat = np.maximum(moved[:, 1], np.float32(self.anatomy.floor_y - 0.012))
        moved[worn.shoe, 1] = flat[worn.shoe]
        return (moved - template).astype(np.float32)


def eye_vertices(body: BodyModel) -> Flags:
    """(V,) whether a vertex belongs to an eyeball."""
    flags = np.zeros(body.vertex_count, bool)
    flags[np.unique(body.faces[body.eye_faces].numpy())] = True
    return flags


def smooth_surface(vertices: Floats, faces: np.ndarray, chosen: Flags, rounds: int) -> Floats:
    """Replace ``chosen`` (V,) vertices by the mean of their neighbours, ``rounds`` times; the others stay."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = np.bincount(edges[:, 0], minlength=len(vertices)) + np.bincount(
        edges[:, 1], minlength=len(vertices)
    )
    moved = vertices.copy()
    for _ in range(rounds):
        mean = np.empty_like(moved)
        for axis in range(3):
            total = np.bincount(edges[:, 0], moved[edges[:, 1], axis], len(moved))
            total += np.bincount(edges[:, 1], moved[edges[:, 0], axis], len(moved))
            mean[:, axis] = total / np.maximum(count, 1)
        moved[chosen] = mean[chosen]
    return moved
