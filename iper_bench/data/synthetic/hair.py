"""Hair: where it grows, how far it stands out, and its colour."""

from __future__ import annotations

import numpy as np

from iper_bench.data.synthetic.actor import Actor
from iper_bench.data.synthetic.anatomy import REFERENCE_EYE_TO_NOSE, Anatomy, SurfacePoints
from iper_bench.data.synthetic.blending import Flags, Floats, bell, smoothstep
from iper_bench.data.synthetic.seeding import stream
from iper_bench.data.synthetic.waves import Waves

# Lower border of the hair in metres over the eyes, by azimuth around the head (degrees: 0 = face, 90 = ear,
# 180 = nape).
AZIMUTHS = (0.0, 25.0, 42.0, 56.0, 68.0, 80.0, 96.0, 112.0, 135.0, 180.0)
BORDERS = {
    "short": (0.071, 0.069, 0.058, 0.030, 0.012, -0.012, 0.016, -0.034, -0.070, -0.082),
    "crop": (0.076, 0.074, 0.064, 0.040, 0.022, 0.004, 0.022, -0.016, -0.046, -0.058),
    "bob": (0.066, 0.063, 0.050, 0.022, -0.020, -0.062, -0.086, -0.096, -0.104, -0.108),
    "receding": (0.086, 0.088, 0.084, 0.060, 0.020, -0.006, 0.016, -0.034, -0.064, -0.074),
    "tall": (0.072, 0.069, 0.060, 0.034, 0.018, -0.004, 0.018, -0.026, -0.060, -0.070),
}
STANDS = {"short": 1.0, "crop": 0.35, "bob": 1.25, "receding": 0.7, "tall": 1.0}  # of the actor's hair volume
FRINGE = 0.0025  # metres: half the width of the border


def hair_cover(points: SurfacePoints, anatomy: Anatomy, actor: Actor) -> Floats:
    """Height over the border of the hair, metres (n,); positive = hair. Ears are left free except under a
    bob.
    """
    axis_z = anatomy.ear[2] + 0.010
    azimuth = np.degrees(np.arctan2(points.side, points.z - axis_z)).astype(np.float32)
    border = np.interp(azimuth, AZIMUTHS, BORDERS[actor.hair_style]).astype(np.float32)
    ripple = Waves(stream(actor.seed, "hairline", actor.number), 60.0, count=4)
    scale = (anatomy.eye[1] - anatomy.nose[1]) / REFERENCE_EYE_TO_NOSE
    height = (points.y - anatomy.eye[1]) / np.float32(scale)
    over = (
        height
        - border
        - np.float32(actor.hairline) * smoothstep(azimuth, 80.0, 50.0)
        + 0.0015 * ripple(points.place)
    )
    if actor.hair_style != "bob":
        over = over - 0.12 * smoothstep(_ear(points, anatomy), 0.30, 0.55)
    # No hair on shoulders or trunk, whatever the border says.
    return np.where(
        (points.y > anatomy.neck[1] + 0.02) & (points.side < anatomy.ear[0] + 0.03), over, np.float32(-1.0)
    )


def _ear(points: SurfacePoints, anatomy: Anatomy) -> Floats:
    """1 in the middle of an ear, falling to 0 around it."""
    return bell(
        (points.side - anatomy.ear[0]) / 0.017,
        (points.y - anatomy.ear[1] + 0.012) / 0.040,
        (points.z - anatomy.ear[2] - 0.002) / 0.028,
    )


def near_ear(points: SurfacePoints, anatomy: Anatomy) -> Flags:
    """Whether a point (n,) belongs to an ear."""
    return _ear(points, anatomy) > 0.15


def hair_amount(points: SurfacePoints, anatomy: Anatomy, actor: Actor) -> Floats:
    """Share of hair (n,) in [0, 1] at every point; eyeballs have none."""
    return smoothstep(hair_cover(points, anatomy, actor), -FRINGE, FRINGE) * ~points.eye


def hair_colour(points: SurfacePoints, actor: Actor) -> Floats:
    """Colours (n, 3) of hair with strands that run down the head."""
    strands = Waves(stream(actor.seed, "strands", actor.number), (70.0, 16.0, 70.0), count=6)
    locks = Waves(stream(actor.seed, "locks", actor.number), (22.0, 7.0, 22.0), count=4)
    light = 1.0 + 0.13 * strands(points.place) + 0.12 * locks(points.place)
    return np.clip(actor.hair * light[:, None], 0.0, 255.0)


def hair_height(points: SurfacePoints, anatomy: Anatomy, actor: Actor) -> Floats:
    """How far (n,) the hair stands out along the normal, metres; it grows from the border inwards."""
    over = hair_cover(points, anatomy, actor)
    tufts = Waves(stream(actor.seed, "tufts", actor.number), 14.0, count=4)
    height = np.float32(STANDS[actor.hair_style] * actor.hair_volume) * (1.0 + 0.18 * tufts(points.place))
    if actor.hair_style == "tall":
        height = height * (0.7 + 0.9 * smoothstep(points.y, anatomy.crown_y - 0.06, anatomy.crown_y - 0.01))
    if actor.hair_style != "bob":
        height = height * (0.5 + 0.5 * smoothstep(points.y, anatomy.eye[1], anatomy.crown_y - 0.03))
    return np.clip(height, 0.002, None) * smoothstep(over, -0.004, 0.036) * ~points.eye
