"""``BodyModel``: everything known about one body in the layout of SMPL, and its posing.

From: the SMPL paper (2015) for the arrays and the skinning; the part names, the 21 landmark names and the
two face lists follow what the Liquid Warping GAN and ``smplx`` ask for. Must agree with ``smplx``
0.1.28 on vertices and joints (1e-5 m). Differs: no parameters, no 45-joint output, and ``pose_dirs`` may be
absent (the open body has none).

The template is y-up and looks along +z, in metres. A pose whose root rotation holds the half turn about x
gives vertices in the y-down camera frame that the rest of the package uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from iper_bench.body.lbs import joint_transforms, rotation_matrices, skin

JOINT_COUNT = 24  # SMPL paper, section 3
SHAPE_COUNT = 10  # coefficients that HMR and the iPER data carry
POSE_BASIS = 207  # 23 joints x 9 rotation matrix entries, SMPL paper equation 9
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)


UVSource = Literal["open", "file", "derived"]


class PosedBody(NamedTuple):
    """Bodies in metres: ``vertices`` (N, V, 3) and ``joints`` (N, 24, 3), float32."""

    vertices: Tensor
    joints: Tensor


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A skinned body. All arrays are float32 or int64 tensors on one device; none of them is trainable.

    Attributes
    ----------
    name: ``"open-coarse"``, ``"open-mid"`` or the file it was read from.
    sha256: of the file the arrays came from; where more files than one were read, of their sha256 together.
    licence: one line.
    template: (V, 3) T-pose, y up, +z forward, metres.
    shape_dirs: (V, 3, 10) displacement per unit of beta.
    pose_dirs: (V, 3, 207) pose-dependent displacements, or ``None``.
    joint_regressor: (24, V).
    skin_weights: (V, 24), rows sum to one.
    parents: (24,) int64, -1 for the root.
    faces: (F, 3) int64, counter-clockwise seen from outside.
    face_uv: (F, 3, 2) UV of every corner, in [0, 1], v up; ``None`` = without a UV layout.
    parts: face ids by name. ``00_head`` to ``09_right_hand`` partition the faces; ``10_facial_large`` and,
        inside it, ``11_facial_small`` are subsets of the head.
    head_faces: ids of the head and upper neck.
    front_faces: ids of torso and face that look forward.
    eye_faces: ids of the eyeballs (empty where the mesh does not tell).
    landmarks: vertex ids of the 21 points that ``smplx`` asks for as ``vertex_ids``.
    uv_source: where the layout comes from: ``"open"`` (the package), ``"file"`` (beside a licensed SMPL
        file) or ``"derived"`` from the mesh. A derived one fits no official checkpoint.
    obj_faces, obj_face_uv: (F, 3) and (F, 3, 2) the second face list of the release: the same faces in the
        same order, those that the layout mirrors reversed; ``None`` = ``faces`` and ``face_uv``.
    """

    name: str
    sha256: str
    licence: str
    template: Tensor
    shape_dirs: Tensor
    pose_dirs: Tensor | None
    joint_regressor: Tensor
    skin_weights: Tensor
    parents: Tensor
    faces: Tensor
    face_uv: Tensor | None
    parts: Mapping[str, Tensor]
    head_faces: Tensor
    front_faces: Tensor
    eye_faces: Tensor
    landmarks: Mapping[str, int]
    uv_source: UVSource = "open"
    obj_faces: Tensor | None = None
    obj_face_uv: Tensor | None = None

    @property
    def canonical(self) -> Tensor:
        """(V, 3) T-pose positions: the coordinates in which procedural appearance is painted."""
        return self.template

    @property
    def device(self) -> torch.device:
        """Where the arrays lie."""
        return self.template.device

    @property
    def vertex_count(self) -> int:
        """V."""
        return self.template.shape[0]

    @property
    def face_count(self) -> int:
        """F."""
        return self.faces.shape[0]

    def to(self, device: torch.device | str) -> BodyModel:
        """The same body on ``device`` (itself when it is already there)."""
        target = torch.device(device)
        if target == self.device:
            return self
        moved: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                moved[field.name] = value.to(target)
        moved["parts"] = {key: ids.to(target) for key, ids in self.parts.items()}
        return replace(self, **moved)  # type: ignore[arg-type]

    def shaped(self, betas: Tensor, offsets: Tensor | None = None) -> Tensor:
        """Unposed vertices (N, V, 3) for ``betas`` (N, 10) or (10,), plus ``offsets`` (V, 3) in metres."""
        coefficients = betas.to(self.template).reshape(-1, SHAPE_COUNT)
        vertices = self.template + torch.einsum("vdk,nk->nvd", self.shape_dirs, coefficients)
        return vertices if offsets is None else vertices + offsets.to(self.template)

    def pose(self, betas: Tensor, poses: Tensor, offsets: Tensor | None = None) -> PosedBody:
        """Pose bodies.

        Parameters
        ----------
        betas: (N, 10), (1, 10) or (10,) shape coefficients.
        poses: (N, 72) or (72,) axis-angle, root first.
        offsets: (V, 3) metres, added to the shaped template before skinning (clothes, hair). The joints are
            regressed without them: clothes do not move bones.

        Raises
        ------
        ValueError when the batch sizes do not fit.
        """
        angles = poses.to(self.template).reshape(-1, JOINT_COUNT, 3)
        rest = self.shaped(betas)
        if rest.shape[0] not in (1, angles.shape[0]):
            raise ValueError(f"{rest.shape[0]} shapes for {angles.shape[0]} poses; expected 1 or as many")
        rotations = rotation_matrices(angles)
        rest_joints = torch.einsum("jv,nvd->njd", self.joint_regressor, rest).expand(angles.shape[0], -1, -1)
        if offsets is not None:
            rest = rest + offsets.to(rest)
        if self.pose_dirs is not None:
            identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
            feature = (rotations[:, 1:] - identity).flatten(1)
            rest = rest + torch.einsum("vdk,nk->nvd", self.pose_dirs, feature)
        rest = rest.expand(angles.shape[0], -1, -1)
        world, joints = joint_transforms(rotations, rest_joints, SMPL_PARENTS)
        return PosedBody(skin(rest, rest_joints, world, joints, self.skin_weights), joints)
