"""The 24 joints of bodies of any shape and pose, without their surface: what a regressor is trained by."""

from __future__ import annotations

import torch
from torch import Tensor

from iper_bench.body.lbs import joint_transforms
from iper_bench.body.model import SMPL_PARENTS, BodyModel


class JointBody:
    """A body model reduced to its joints. Must agree with :meth:`BodyModel.pose` to 1e-5 m; differentiable in
    shape and rotations.
    """

    def __init__(self, body: BodyModel) -> None:
        self._template = body.joint_regressor @ body.template
        self._shapes = torch.einsum("jv,vdk->jdk", body.joint_regressor, body.shape_dirs)

    def to(self, device: torch.device | str) -> JointBody:
        """Move the arrays; returns itself."""
        self._template, self._shapes = self._template.to(device), self._shapes.to(device)
        return self

    def joints(self, betas: Tensor, rotations: Tensor) -> Tensor:
        """(N, 24, 3) metres, for betas (N, 10) and rotations (N, 24, 3, 3) relative to the parents."""
        rest = self._template + torch.einsum("jdk,nk->njd", self._shapes, betas)
        return joint_transforms(rotations, rest, SMPL_PARENTS)[1]
