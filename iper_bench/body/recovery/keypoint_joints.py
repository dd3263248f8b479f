"""Which points of the body the points of a 2-D detector are compared with.

From: the layouts as their makers publish them (OpenPose BODY_25, COCO 2017, the 19 "cocoplus" joints of HMR,
SMPL's own 24 joints). Limbs are compared with SMPL's joints, the face and the feet with the 21 landmark
vertices, the top of the head with the vertex that is highest in the T-pose.

Hips and neck of detectors are places that annotators click: the hips lie wider and higher than SMPL's hip
joints, the neck is the middle between the shoulders. As in SPIN's fitting they do not count
(:data:`UNLIKE`), except for BODY_25's mid-hip, which is compared with the pelvis, and for ``smpl24``, whose
points are SMPL's joints themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from iper_bench.body.lbs import joint_transforms, skin
from iper_bench.body.model import JOINT_COUNT, SMPL_PARENTS, BodyModel
from iper_bench.errors import unknown_name

#: SMPL's joints in their order
JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand",
    "right_hand",
)  # fmt: skip
HEAD_TOP = "head_top"
#: points of every layout in its order: a joint of SMPL, a landmark of ``BodyModel.landmarks``, or the top of
#: the head
LAYOUTS: dict[str, tuple[str, ...]] = {
    "body25": (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
        "left_wrist", "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee",
        "left_ankle", "reye", "leye", "rear", "lear", "LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe",
        "RHeel",
    ),
    "cocoplus19": (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
        "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", HEAD_TOP,
        "nose", "leye", "reye", "lear", "rear",
    ),
    "coco17": (
        "nose", "leye", "reye", "lear", "rear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
        "left_ankle", "right_ankle",
    ),
    "smpl24": JOINTS,
}  # fmt: skip
UNLIKE = ("left_hip", "right_hip", "neck")  # places that detectors define in their own way
OWN_LAYOUT = "smpl24"


class BodyPoints(NamedTuple):
    """Posed bodies, metres: ``points`` (N, J, 3) of the layout, zeros where ``PointBody.counts`` is 0, and
    ``joints`` (N, 24, 3).
    """

    points: Tensor
    joints: Tensor


class PointBody:
    """A body reduced to the points of one layout, so that posing it costs next to nothing.

    Differentiable in shape and rotations, float64. Must agree with :meth:`BodyModel.pose` to 1e-5 m.

    Attributes
    ----------
    layout: a key of :data:`LAYOUTS`.
    counts: (J,) float64, 1 = the point is compared, 0 = it is not: a place that the detector defines in
        another way than the body, or a landmark that this body has not.

    Raises
    ------
    UserError for an unknown layout.
    """

    def __init__(self, body: BodyModel, layout: str) -> None:
        if layout not in LAYOUTS:
            raise unknown_name("keypoint layout", layout, LAYOUTS)
        self.layout = layout
        names = LAYOUTS[layout]
        regressor = body.joint_regressor.double()
        self._joint_template = regressor @ body.template.double()
        self._joint_shapes = torch.einsum("jv,vdk->jdk", regressor, body.shape_dirs.double())
        vertices = {**body.landmarks, HEAD_TOP: int(body.template[:, 1].argmax())}
        ids = [vertices[name] for name in names if name in vertices]
        self._vertex_template = body.template[ids].double()
        self._vertex_shapes = body.shape_dirs[ids].double()
        self._vertex_poses = body.pose_dirs[ids].double() if body.pose_dirs is not None else None
        self._weights = body.skin_weights[ids].double()
        #: row of every point in [joints, vertices]; a missing landmark reads the pelvis and does not count
        rows, counts, seen = [], [], 0
        for name in names:
            if name in JOINTS:
                rows.append(JOINTS.index(name))
                counts.append(float(layout == OWN_LAYOUT or name not in UNLIKE))
            elif name in vertices:
                rows.append(JOINT_COUNT + seen)
                counts.append(1.0)
                seen += 1
            else:
                rows.append(0)
                counts.append(0.0)
        self._rows = torch.tensor(rows, device=body.device)
        self.counts = torch.tensor(counts, dtype=torch.float64, device=body.device)

    def pose(self, betas: Tensor, rotations: Tensor) -> BodyPoints:
        """The points of bodies of one shape.

        Parameters
        ----------
        betas: (10,) float64.
        rotations: (N, 24, 3, 3) float64 of every joint relative to its parent.
        """
        count = len(rotations)
        rest_joints = (self._joint_template + self._joint_shapes @ betas).expand(count, -1, -1)
        world, joints = joint_transforms(rotations, rest_joints, SMPL_PARENTS)
        vertices = (self._vertex_template + self._vertex_shapes @ betas).expand(count, -1, -1)
        if self._vertex_poses is not None:
            identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
            feature = (rotations[:, 1:] - identity).flatten(1)
            vertices = vertices + torch.einsum("vdk,nk->nvd", self._vertex_poses, feature)
        posed = skin(vertices, rest_joints, world, joints, self._weights)
        points = torch.cat([joints, posed], dim=1)[:, self._rows]
        return BodyPoints(points, joints)
