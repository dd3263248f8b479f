"""Rotations as the body estimators and the smoothing write them: 6D, matrix, axis-angle.

From: Zhou et al., "On the Continuity of Rotation Representations in Neural Networks" (2019), in the layout of
SPIN: the six numbers are the first two COLUMNS of the matrix, row by row, so the identity is (1, 0, 0, 1, 0,
0). Must agree with the ``rotations`` oracle to 1e-5. Axis-angle to matrix is ``iper_bench.body.lbs``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def matrices_from_six(six: Tensor) -> Tensor:
    """Gram-Schmidt on the two columns: (..., 6) any float -> (..., 3, 3) rotation matrices.

    Where a column vanishes or both are parallel there is no rotation; the result is then no rotation matrix.
    """
    first, second = six.reshape(*six.shape[:-1], 3, 2).unbind(-1)
    x = F.normalize(first, dim=-1)
    y = F.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    # dim is named: without it torch takes the first axis of length 3, wrong for exactly three rotations
    z = torch.linalg.cross(x, y, dim=-1)
    return torch.stack([x, y, z], dim=-1)


def six_from_matrices(matrices: Tensor) -> Tensor:
    """The first two columns, row by row: (..., 3, 3) -> (..., 6)."""
    return matrices[..., :2].flatten(-2)


def quaternions(matrices: Tensor) -> Tensor:
    """Unit quaternions (..., 4) ``[w, x, y, z]`` of rotation matrices (..., 3, 3).

    The largest of the four components is found first and the others are divided by it, so nothing is lost
    near the half turn. That component is positive.
    """
    m = matrices
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # four times the outer product of the quaternion with itself; every row is parallel to it
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = torch.stack(
        [
            torch.stack([1 + xx + yy + zz, wx, wy, wz], dim=-1),
            torch.stack([wx, 1 + xx - yy - zz, xy, xz], dim=-1),
            torch.stack([wy, xy, 1 - xx + yy - zz, yz], dim=-1),
            torch.stack([wz, xz, yz, 1 - xx - yy + zz], dim=-1),
        ],
        dim=-2,
    )
    largest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)
    chosen = rows.take_along_dim(largest[..., None, None], dim=-2).squeeze(-2)
    return F.normalize(chosen, dim=-1)


def axis_angles(matrices: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) to axis-angle vectors (..., 3) of length at most pi, radians.

    The identity gives exact zeros. At the half turn both signs of the axis are right; one is returned.
    """
    quaternion = quaternions(matrices)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., 0], quaternion[..., 1:]
    sine = xyz.norm(dim=-1)
    half = torch.atan2(sine, w)
    # angle / sin(angle / 2) tends to 2 at the identity, where both vanish
    factor = torch.where(sine > 0, 2.0 * half / sine.clamp_min(torch.finfo(sine.dtype).tiny), 2.0)
    return xyz * factor.unsqueeze(-1)
