"""The face: skin, eyes, brows, nose, lips and beard, painted on the T-pose; and the features that make faces
differ.

Proportions follow the template through :mod:`iper_bench.data.synthetic.anatomy`: all numbers below are
metres on a reference face (eyes 61 mm apart and 44 mm over the tip of the nose), measured from the middle
between the eyes, forward from the tip of the nose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iper_bench.data.synthetic.actor import Actor
from iper_bench.data.synthetic.anatomy import REFERENCE_EYE_TO_NOSE, REFERENCE_EYE_X, Anatomy, SurfacePoints
from iper_bench.data.synthetic.blending import Flags, Floats, bell, mix, smoothstep

EYE_X = REFERENCE_EYE_X
LIP_Y = -0.0712
BROW_Y = 0.0222
WHITE = np.array([236.0, 232.0, 228.0], np.float32)
PUPIL = np.array([12.0, 10.0, 10.0], np.float32)
LASH = np.array([34.0, 25.0, 22.0], np.float32)
GLINT = np.array([255.0, 255.0, 255.0], np.float32)
FACE_DEPTH = -0.075  # behind the tip of the nose by more than this is no face


@dataclass(frozen=True)
class FacePlaces:
    """Points in metres of the reference face: ``x`` signed, ``side`` = |x|, ``y`` over the eyes, ``z``
    behind the nose (< 0).
    """

    x: Floats
    side: Floats
    y: Floats
    z: Floats


def face_places(points: SurfacePoints, anatomy: Anatomy) -> FacePlaces:
    """Bring T-pose points onto the reference face."""
    across = np.float32(REFERENCE_EYE_X / anatomy.eye[0])
    along = np.float32(REFERENCE_EYE_TO_NOSE / (anatomy.eye[1] - anatomy.nose[1]))
    x = points.x * across
    return FacePlaces(
        x, np.abs(x), (points.y - anatomy.eye[1]) * along, (points.z - anatomy.nose[2]) * across
    )


def paint_face(colours: Floats, points: SurfacePoints, anatomy: Anatomy, actor: Actor) -> Floats:
    """Paint a face over skin ``colours`` (n, 3) of head points; eyeballs included."""
    face = face_places(points, anatomy)
    front = smoothstep(face.z, FACE_DEPTH, FACE_DEPTH + 0.02) * ~points.eye
    colours = _shade(colours, face, front, actor)
    colours = _lips(colours, face, front, actor)
    if actor.beard != "none":
        colours = _beard(colours, face, front, actor)
    colours = _brows(colours, face, front, actor)
    colours = _lids(colours, face, front, actor)
    return _eyeballs(colours, face, points.eye, actor)


def _shade(colours: Floats, face: FacePlaces, front: Floats, actor: Actor) -> Floats:
    skin = actor.skin
    cheek = bell((face.side - 0.040) / 0.018, (face.y + 0.043) / 0.016) * front
    colours = mix(colours, skin * np.array([1.02, 0.83, 0.80], np.float32), 0.35 * cheek)
    hollow = bell((face.side - EYE_X) / 0.022, (face.y - 0.0105) / 0.012) * front
    colours = mix(colours, skin * np.float32(0.72), 0.42 * hollow)
    flank = bell((face.side - 0.017) / 0.005, (face.y + 0.033) / 0.020) * smoothstep(face.z, -0.05, -0.04)
    colours = mix(colours, skin * np.float32(0.72), 0.5 * flank)
    nostril = bell((face.side - 0.0095) / 0.0045, (face.y + 0.0488) / 0.0034) * smoothstep(
        face.z, -0.042, -0.034
    )
    colours = mix(colours, skin * np.float32(0.26), 0.9 * nostril)
    bridge = bell(face.side / 0.006, (face.y + 0.018) / 0.022) * smoothstep(face.z, -0.05, -0.03)
    colours = mix(colours, np.minimum(skin * np.float32(1.10), 255.0), 0.35 * bridge)
    under = bell((face.y + 0.0865) / 0.0045, face.side / 0.016) * front
    return mix(colours, skin * np.float32(0.76), 0.5 * under)


def _lips(colours: Floats, face: FacePlaces, front: Floats, actor: Actor) -> Floats:
    width = 0.0245
    inside = np.sqrt(np.clip(1.0 - np.square(face.side / width), 0.0, 1.0))
    height = 0.0076 * inside
    level = face.y - LIP_Y
    lip = smoothstep(np.abs(level) - height, 0.0012, -0.0012) * (inside > 0) * front
    tone = np.where((level > 0)[:, None], actor.lip * np.float32(0.86), actor.lip * np.float32(1.06))
    colours = mix(colours, tone, 0.85 * lip)
    bow = level + 0.0008 - 0.0022 * np.square(face.side / width)
    line = bell(bow / 0.0016) * smoothstep(face.side, width, width - 0.003) * front
    return mix(colours, actor.lip * np.float32(0.36), 0.88 * line)


def _beard(colours: Floats, face: FacePlaces, front: Floats, actor: Actor) -> Floats:
    upper = bell((face.y + 0.0600) / 0.0060, face.side / 0.026)
    if actor.beard == "moustache":
        cover = np.clip(1.6 * upper, 0.0, 1.0)
    else:
        # Rises from the moustache towards the ears along the jaw.
        top = -0.055 + 0.55 * np.clip(face.side - 0.028, 0.0, 0.05)
        cover = smoothstep(face.y - top, 0.006, -0.016) * smoothstep(face.y, -0.136, -0.104)
        cover = np.maximum(cover, np.clip(1.6 * upper, 0.0, 1.0))
    mouth = smoothstep(np.hypot(face.side / 0.027, (face.y - LIP_Y) / 0.0100), 0.85, 1.1)
    strength = 0.42 if actor.beard == "stubble" else 0.85
    shade = smoothstep(face.z, -0.130, -0.075) if actor.beard != "moustache" else front
    tone = actor.hair * np.float32(0.88) + actor.skin * np.float32(0.12)
    return mix(colours, tone, np.float32(strength) * cover * mouth * shade)


def _brows(colours: Floats, face: FacePlaces, front: Floats, actor: Actor) -> Floats:
    level = BROW_Y + 0.004 * np.cos((face.side - 0.032) * np.float32(1.5 / 0.022))
    level = level - 0.003 * smoothstep(face.side, 0.035, 0.055)
    half = np.float32(0.0042 * actor.brow) * (1.0 - 0.5 * smoothstep(face.side, 0.030, 0.056))
    brow = smoothstep(np.abs(face.y - level) - half, 0.0011, -0.0011)
    brow = brow * smoothstep(face.side, 0.010, 0.0145) * smoothstep(face.side, 0.0575, 0.053) * front
    return mix(colours, actor.hair * np.float32(0.68), 0.88 * brow)


def _lids(colours: Floats, face: FacePlaces, front: Floats, actor: Actor) -> Floats:
    across, up = (face.side - 0.0308) / 0.0165, (face.y + 0.0008) / 0.0083
    radius = np.hypot(across, up)
    near = smoothstep(face.y, 0.016, 0.014)
    lash = bell((radius - 1.0) / 0.22) * smoothstep(up, -0.35, -0.15) * near * front
    colours = mix(colours, LASH, 0.8 * lash)
    crease = bell((radius - 1.55) / 0.14) * smoothstep(up, 0.2, 0.6) * near * front
    colours = mix(colours, actor.skin * np.float32(0.62), 0.35 * crease)
    lower = bell((radius - 1.05) / 0.20) * smoothstep(up, -0.15, -0.35) * front
    return mix(colours, actor.skin * np.float32(0.6), 0.5 * lower)


def _eyeballs(colours: Floats, face: FacePlaces, eye: Flags, actor: Actor) -> Floats:
    if not eye.any():
        return colours
    x, side, y = face.x[eye], face.side[eye], face.y[eye]
    radius = np.hypot(side - 0.0305, y + 0.0008)
    ball = mix(np.broadcast_to(WHITE, (len(x), 3)), actor.iris, smoothstep(radius, 0.0066, 0.0056))
    ball = mix(ball, actor.iris * np.float32(0.45), bell((radius - 0.0058) / 0.0006) * 0.7)
    ball = mix(ball, PUPIL, smoothstep(radius, 0.0032, 0.0025))
    aside: Floats = np.asarray(x - 0.0305 * np.sign(x) - 0.002, np.float32)
    glint = bell(aside / 0.0012, (y - 0.0016) / 0.0012)
    ball = mix(ball, GLINT, 0.9 * glint)
    ball = ball * (1.0 - 0.45 * smoothstep(y, 0.0022, 0.0080))[:, None]
    painted = colours.copy()
    painted[eye] = ball
    return painted


def face_offsets(points: SurfacePoints, anatomy: Anatomy, actor: Actor) -> Floats:
    """Displacement (n, 3) in metres of the template's vertices that gives the actor a face of his own,
    within 6 mm.
    """
    face = face_places(points, anatomy)
    front = smoothstep(face.z, -0.11, -0.05) * ~points.eye
    sign = np.sign(points.x)
    nose, width, chin, jaw, cheek, ridge = (np.float32(value) for value in actor.features)
    moved = np.zeros((len(points), 3), np.float32)
    tip = bell(face.side / 0.014, (face.y + 0.042) / 0.020) * smoothstep(face.z, -0.04, -0.02)
    moved[:, 2] += 0.005 * nose * tip
    moved[:, 1] -= 0.003 * nose * tip
    wing = bell((face.side - 0.014) / 0.008, (face.y + 0.044) / 0.012) * smoothstep(face.z, -0.04, -0.03)
    moved[:, 0] += 0.0025 * width * wing * sign
    point = bell(face.side / 0.026, (face.y + 0.106) / 0.018) * front
    moved[:, 2] += 0.005 * chin * point
    moved[:, 1] -= 0.004 * chin * point
    corner = bell((face.side - 0.055) / 0.022, (face.y + 0.085) / 0.026)
    moved[:, 0] += 0.006 * jaw * corner * sign
    bone = bell((face.side - 0.045) / 0.016, (face.y + 0.040) / 0.018) * front
    moved[:, 2] += 0.003 * cheek * bone
    moved[:, 0] += 0.003 * cheek * bone * sign
    above = bell((face.side - 0.028) / 0.024, (face.y - 0.026) / 0.010) * front
    moved[:, 2] += 0.003 * ridge * above
    return moved
