"""The 21 vertices that ``smplx`` asks for as ``vertex_ids``, found by bone and direction on the dense
T-pose.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from open_body.sampling import Samples

Floats = NDArray[np.float32]
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def landmark_points(samples: Samples, rest: Floats) -> dict[str, Floats]:
    """Points (3,) on the T-posed dense body, by the names of ``smplx.vertex_ids``."""
    head = rest[np.char.startswith(samples.bone, "head")]
    points = {"nose": head[head[:, 2].argmax()]}
    for letter, side, sign in (("l", "L", 1.0), ("r", "R", -1.0)):
        eyes = rest[np.unique(samples.faces[samples.eye])]
        eyes = eyes[sign * eyes[:, 0] > 0]
        points[letter + "eye"] = eyes[eyes[:, 2].argmax()]
        points[letter + "ear"] = head[(sign * head[:, 0]).argmax()]
        for number, name in enumerate(_FINGERS, start=1):
            points[letter + name] = _tip(
                samples, rest, f"finger{number}-2.{side}", f"finger{number}-3.{side}"
            )
        points[side + "BigToe"] = _farthest(samples, rest, f"toe1-2.{side}", np.array([0.0, 0.0, 1.0]))
        points[side + "SmallToe"] = _farthest(
            samples, rest, f"toe5-3.{side}", np.array([0.3 * sign, 0.0, 1.0])
        )
        points[side + "Heel"] = _farthest(samples, rest, f"foot.{side}", np.array([0.0, -1.0, -1.0]))
    return points


def _tip(samples: Samples, rest: Floats, inner: str, outer: str) -> Floats:
    """The vertex of the last phalanx farthest along the line from the middle one to it."""
    along = rest[samples.bone == outer].mean(0) - rest[samples.bone == inner].mean(0)
    return _farthest(samples, rest, outer, along)


def _farthest(samples: Samples, rest: Floats, bone: str, direction: NDArray[np.float64]) -> Floats:
    mine = rest[samples.bone == bone]
    if len(mine) == 0:
        raise ValueError(f"no vertex follows the anny bone {bone}")
    point: Floats = mine[(mine @ direction).argmax()]
    return point


def nearest_vertices(points: dict[str, Floats], positions: Floats) -> dict[str, int]:
    """Vertex ids of a decimated mesh nearest to the points, in the same order."""
    return {name: int(np.linalg.norm(positions - point, axis=1).argmin()) for name, point in points.items()}
