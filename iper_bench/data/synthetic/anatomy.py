"""Where things are on the unposed body, measured on its template, so that paint follows when the body is
rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iper_bench.body import BodyModel
from iper_bench.data.synthetic.blending import Flags, Floats
from iper_bench.errors import UserError

# The face is painted in the metres of a reference face; a template's face is scaled to it.
REFERENCE_EYE_X = 0.0306  # half the distance of the eyes
REFERENCE_EYE_TO_NOSE = 0.0436  # height of the eyes over the tip of the nose


@dataclass(frozen=True)
class Anatomy:
    """Landmarks of a T-posed template, metres, y up, +z forward; x is given for the left (+x) side.

    Attributes
    ----------
    eye, nose, ear: (3,) centre of an eyeball, tip of the nose, middle of an ear's rim.
    crown_y, floor_y: highest and lowest point.
    shoulder, elbow, wrist, hip, knee, ankle, neck, chest, waist: (3,) joints.
    """

    eye: Floats
    nose: Floats
    ear: Floats
    crown_y: float
    floor_y: float
    shoulder: Floats
    elbow: Floats
    wrist: Floats
    hip: Floats
    knee: Floats
    ankle: Floats
    neck: Floats
    chest: Floats
    waist: Floats

    @property
    def chin_y(self) -> float:
        """Lowest point of the chin: below the nose by 1.6 times the eyes' height over it."""
        return float(self.nose[1] - 1.6 * (self.eye[1] - self.nose[1]))


def measure(body: BodyModel) -> Anatomy:
    """The landmarks of ``body``. Raises UserError for a body whose eyeballs are not marked (a licensed SMPL
    file).
    """
    template = body.template.numpy()
    if not len(body.eye_faces):
        raise UserError(f"body '{body.name}' does not mark its eyeballs", expected="open-coarse or open-mid")
    joints = (body.joint_regressor @ body.template).numpy()
    eyes = template[np.unique(body.faces[body.eye_faces].numpy())]
    left = eyes[eyes[:, 0] > 0]
    eye = 0.5 * (left.min(0) + left.max(0))
    return Anatomy(
        eye=eye,
        nose=template[body.landmarks["nose"]],
        ear=template[body.landmarks["lear"]],
        crown_y=float(template[:, 1].max()),
        floor_y=float(template[:, 1].min()),
        shoulder=joints[16],
        elbow=joints[18],
        wrist=joints[20],
        hip=joints[1],
        knee=joints[4],
        ankle=joints[7],
        neck=joints[12],
        chest=joints[9],
        waist=joints[3],
    )


@dataclass(frozen=True)
class SurfacePoints:
    """n points of the surface in T-pose coordinates.

    Attributes
    ----------
    place: (n, 3) metres.
    eye: (n,) whether the point lies on an eyeball.
    """

    place: Floats
    eye: Flags

    def __len__(self) -> int:
        return len(self.place)

    def take(self, chosen: Flags) -> SurfacePoints:
        """The points where ``chosen`` (n,) is true."""
        return SurfacePoints(self.place[chosen], self.eye[chosen])

    @property
    def x(self) -> Floats:
        """(n,) sideways, positive on the left of the body."""
        return self.place[:, 0]

    @property
    def side(self) -> Floats:
        """(n,) distance from the symmetry plane."""
        return np.abs(self.place[:, 0])

    @property
    def y(self) -> Floats:
        """(n,) height."""
        return self.place[:, 1]

    @property
    def z(self) -> Floats:
        """(n,) forward."""
        return self.place[:, 2]
