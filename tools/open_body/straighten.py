"""From anny's A-pose with bent elbows to SMPL's T-pose, exactly invertible.

The T-pose vertices are those that linear blend skinning carries back onto anny's A-pose: every vertex is
moved by the *inverse* of its blended A-pose transform. Moving it by the blend of the inverse rotations
instead (which looks equally natural) loses up to 14 mm at the collar on the way back, because blending and
inverting rotations do not commute.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
PELVIS = np.array([0.0, -0.24, 0.03])  # about where SMPL's template has it
_FEET = (7, 8)


def _directions() -> dict[tuple[int, int], Doubles]:
    """Bone (joint, child) to its direction in the T-pose: arms along +-x, legs nearly vertical."""
    wanted: dict[tuple[int, int], Doubles] = {}
    for right, sign in ((0, 1.0), (1, -1.0)):
        for joint in (16, 18, 20):
            wanted[joint + right, joint + 2 + right] = np.array([sign, 0.0, 0.0])
        wanted[1 + right, 4 + right] = np.array([0.07 * sign, -1.0, 0.0])
        wanted[4 + right, 7 + right] = np.array([0.0, -1.0, -0.05])
    return wanted


def rotation_between(start: Doubles, end: Doubles) -> Doubles:
    """The shortest rotation (3, 3) that turns the direction ``start`` into ``end``."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis, cosine = np.cross(a, b), float(a @ b)
    squared = float(axis @ axis)
    if squared < 1e-16:
        return np.eye(3)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross * ((1 - cosine) / squared)


def straighten(vertices: Floats, joints: Floats, weights: Floats) -> tuple[Floats, Floats, Doubles]:
    """T-pose one body.

    Parameters
    ----------
    vertices (V, 3), joints (24, 3): A-pose. weights: (V, 24).

    Returns
    -------
    T-pose vertices and joints, pelvis at :data:`PELVIS`, and the world rotations (24, 3, 3) that lead back
    to the A-pose.
    """
    wanted = _directions()
    turns = np.zeros((24, 3, 3))
    straight = np.zeros((24, 3))
    for joint, parent in enumerate(PARENTS):
        turn = np.eye(3) if parent < 0 else turns[parent]
        bone = joints[joint] - (joints[parent] if parent >= 0 else joints[joint])
        straight[joint] = (straight[parent] + turn @ bone) if parent >= 0 else PELVIS
        for (start, end), direction in wanted.items():
            if start == joint:
                turn = rotation_between(turn @ (joints[end] - joints[joint]), direction) @ turn
        turns[joint] = np.eye(3) if joint in _FEET else turn  # feet stay flat, as in anny's rest
    back = turns.transpose(0, 2, 1)
    shift = joints - np.einsum("jab,jb->ja", back, straight)
    blend = np.einsum("vj,jab->vab", weights, back)
    unposed = np.linalg.solve(blend, (vertices - weights @ shift)[..., None])[..., 0]
    return unposed.astype(np.float32), straight.astype(np.float32), back


def local_axis_angles(world: Doubles) -> Floats:
    """(24, 3) axis-angle of every joint relative to its parent, from world rotations."""
    from scipy.spatial.transform import Rotation

    local = np.stack([turn if p < 0 else world[p].T @ turn for p, turn in zip(PARENTS, world, strict=True)])
    return Rotation.from_matrix(local).as_rotvec().astype(np.float32)
