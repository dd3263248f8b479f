"""Linear blend skinning of SMPL-layout bodies, in our own code.

From: Loper et al., "SMPL: A Skinned Multi-Person Linear Model" (2015), equations 2-4 and 8-11. Must agree
with ``smplx`` 0.1.28 (``SMPL`` fed through ``data_struct``) to 1e-5 m on the same arrays. Differs: Rodrigues'
formula is evaluated with series near the zero angle instead of adding 1e-8 to the vector, so that the zero
pose gives the identity exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Below this squared angle the series of sin(t)/t and (1-cos(t))/t^2 are exact in float32 (next terms:
# t^4/120, t^4/720).
_SERIES_BELOW = 1e-4


def rotation_matrices(axis_angles: Tensor) -> Tensor:
    """Rodrigues' formula.

    Parameters
    ----------
    axis_angles: (..., 3) float, radians times unit axis.

    Returns
    -------
    (..., 3, 3) rotation matrices of the same dtype; exactly the identity at zero, with finite gradients
    there.
    """
    squared = (axis_angles * axis_angles).sum(-1)
    small = squared < _SERIES_BELOW
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    sine = torch.where(small, 1.0 - squared / 6.0, torch.sin(angle) / angle)
    versine = torch.where(small, 0.5 - squared / 24.0, (1.0 - torch.cos(angle)) / angle.square())
    x, y, z = axis_angles.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*axis_angles.shape, 3)
    identity = torch.eye(3, dtype=axis_angles.dtype, device=axis_angles.device)
    return identity + sine[..., None, None] * cross + versine[..., None, None] * (cross @ cross)


def joint_transforms(rotations: Tensor, rest_joints: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Forward kinematics along the tree.

    Parameters
    ----------
    rotations: (N, J, 3, 3) rotation of every joint relative to its parent.
    rest_joints: (N, J, 3) joints of the unposed body, metres.
    parents: J indices, parent before child; the root's is negative.

    Returns
    -------
    world rotations (N, J, 3, 3) and posed joints (N, J, 3).
    """
    world: list[Tensor] = [rotations[:, 0]]
    joints: list[Tensor] = [rest_joints[:, 0]]
    for joint in range(1, rotations.shape[1]):
        parent = parents[joint]
        bone = (rest_joints[:, joint] - rest_joints[:, parent]).unsqueeze(-1)
        joints.append(joints[parent] + (world[parent] @ bone).squeeze(-1))
        world.append(world[parent] @ rotations[:, joint])
    return torch.stack(world, dim=1), torch.stack(joints, dim=1)


def skin(
    vertices: Tensor, rest_joints: Tensor, world: Tensor, joints: Tensor, skin_weights: Tensor
) -> Tensor:
    """Blend the joints' rigid motions.

    Parameters
    ----------
    vertices: (N, V, 3) unposed vertices.
    rest_joints, joints: (N, J, 3) before and after posing.
    world: (N, J, 3, 3) world rotations.
    skin_weights: (V, J), rows sum to one.

    Returns
    -------
    (N, V, 3) posed vertices.
    """
    shift = joints - (world @ rest_joints.unsqueeze(-1)).squeeze(-1)
    motion = torch.cat([world, shift.unsqueeze(-1)], dim=-1).flatten(2)
    blended = (skin_weights @ motion).reshape(*vertices.shape, 4)
    rotated = (blended[..., :3] @ vertices.unsqueeze(-1)).squeeze(-1)
    return rotated + blended[..., 3]
