"""Clothes on the T-pose: what covers a point, its colour, and how far the cloth stands off the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iper_bench.data.synthetic.anatomy import Anatomy, SurfacePoints
from iper_bench.data.synthetic.blending import Flags, Floats, bell, mix, smoothstep, soft_wave
from iper_bench.data.synthetic.outfit import Outfit
from iper_bench.data.synthetic.patterns import lay_cloth, second_colour
from iper_bench.data.synthetic.waves import Waves

SHOE_OVER_ANKLE = 0.012  # metres over the ankle joint where a shoe ends; boots end higher
BOOT_OVER_ANKLE = 0.10
SOCK_OVER_ANKLE = 0.07
SOLE = 0.014  # metres: height of the sole
SHOE_WALL = 0.017  # metres from skin to the outside of a shoe
HEM = 0.011  # metres: width of hems and cuffs


@dataclass(frozen=True)
class Cover:
    """What covers each of n points: flags ``top``, ``sleeve`` (part of the top on an arm), ``legs``,
    ``shoe``, ``sock``.
    """

    top: Flags
    sleeve: Flags
    legs: Flags
    shoe: Flags
    sock: Flags


def hem_height(outfit: Outfit, anatomy: Anatomy) -> float:
    """Where the top ends, metres in T-pose."""
    return float(anatomy.hip[1]) + 0.03 + outfit.hem


def sleeve_end(outfit: Outfit, anatomy: Anatomy) -> float:
    """|x| at which the sleeve ends."""
    return float(anatomy.shoulder[0] + outfit.sleeve * (anatomy.wrist[0] - anatomy.shoulder[0]))


def leg_end(outfit: Outfit, anatomy: Anatomy) -> float:
    """Height at which the trouser legs end."""
    return float(anatomy.hip[1] + outfit.leg * (anatomy.ankle[1] - anatomy.hip[1]))


def neckline(points: SurfacePoints, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """Height (n,) of the edge of the top above each point's place on chest, shoulder and back."""
    front = smoothstep(points.z, anatomy.neck[2] - 0.01, anatomy.neck[2] + 0.05)
    # Beside the neck the edge climbs over the shoulder muscle.
    climb = 1.3 * np.clip(points.side - (0.050 if outfit.collar != "boat" else 0.062), 0.0, None)
    base = anatomy.neck[1] - 0.012 - outfit.neck - 0.030 * front + climb
    if outfit.collar == "v":
        base = base - 0.080 * np.clip(1.0 - points.side / 0.060, 0.0, 1.0) * front
    elif outfit.collar == "round":
        base = base - 0.022 * np.clip(1.0 - np.square(points.side / 0.07), 0.0, 1.0) * front
    elif outfit.collar == "shirt":
        base = base + 0.014 - 0.045 * np.clip(1.0 - points.side / 0.030, 0.0, 1.0) * front
    return np.asarray(base, np.float32)


def cover(points: SurfacePoints, outfit: Outfit, anatomy: Anatomy) -> Cover:
    """Which garment covers each point."""
    side, y = points.side, points.y
    sleeve = (side > anatomy.shoulder[0] - 0.012 + 0.10 * (anatomy.shoulder[1] - y)) & (
        y > anatomy.chest[1] - 0.02
    )
    hem = hem_height(outfit, anatomy)
    on_trunk = ~sleeve & (y > hem) & (y < neckline(points, outfit, anatomy))
    top = on_trunk | (sleeve & (side < sleeve_end(outfit, anatomy)))
    rise = SHOE_OVER_ANKLE if not outfit.boots else BOOT_OVER_ANKLE
    # A low shoe is cut out around the ankle, higher behind.
    opening = (
        0.020 * smoothstep(points.z, anatomy.ankle[2] - 0.03, anatomy.ankle[2] + 0.03) * (not outfit.boots)
    )
    over_shoe = y < anatomy.ankle[1] + rise - opening
    legs = ~sleeve & (y <= hem) & (y > leg_end(outfit, anatomy))
    shoe = over_shoe & ~legs
    sock = (y < anatomy.ankle[1] + SOCK_OVER_ANKLE) & ~legs & ~shoe
    return Cover(top, sleeve & top, legs, shoe, sock)


def folds(points: SurfacePoints, outfit: Outfit) -> Floats:
    """Brightness (n,) around 1 of folds and weave."""
    wide = Waves(outfit.random("folds"), (11.0, 5.0, 11.0), count=4)
    fine = Waves(outfit.random("weave"), 45.0, count=4)
    return 1.0 + 0.055 * wide(points.place) + 0.02 * fine(points.place)


def paint_top(points: SurfacePoints, sleeve: Flags, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """Colours (n, 3) of points of the top."""
    share = second_colour(lay_cloth(points, sleeve, anatomy), outfit, anatomy)
    colours = mix(np.broadcast_to(outfit.colours[0], (len(points), 3)), outfit.colours[1], share)
    hem = np.abs(points.y - hem_height(outfit, anatomy)) < HEM
    cuff = sleeve & (np.abs(points.side - sleeve_end(outfit, anatomy)) < HEM)
    under_neck = neckline(points, outfit, anatomy) - points.y
    width = 0.030 if outfit.collar == "shirt" else 0.013
    collar = ~sleeve & (under_neck < width)
    colours = np.where((cuff | collar)[:, None], outfit.trim, colours)
    colours = colours * (1.0 - 0.16 * (hem & ~sleeve))[:, None].astype(np.float32)
    if outfit.fastening != "none":
        front = ~sleeve & (points.z > anatomy.chest[2] + 0.03)
        seam = smoothstep(points.side, 0.0060, 0.0035) * front
        colours = mix(colours, colours * np.float32(0.62), seam)
        if outfit.fastening == "buttons":
            row = ((points.y - anatomy.chest[1]) / 0.075 + 0.5) % 1.0 - 0.5
            colours = mix(
                colours, outfit.trim, smoothstep(np.hypot(points.side, 0.075 * row), 0.0095, 0.007) * front
            )
        else:
            colours = mix(
                colours, np.full(3, 205.0, np.float32), smoothstep(points.side, 0.003, 0.0015) * front
            )
    return colours * folds(points, outfit)[:, None]


def paint_legs(points: SurfacePoints, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """Colours (n, 3) of points of trousers or shorts."""
    colours = np.broadcast_to(outfit.legs, (len(points), 3))
    crotch = anatomy.hip[1] - 0.10
    if outfit.jeans:
        fade = bell((points.side - anatomy.knee[0]) / 0.05, (points.y - anatomy.knee[1] - 0.18) / 0.22) * (
            points.z > 0.03
        )
        colours = mix(colours, np.minimum(outfit.legs * np.float32(1.45), 255.0), 0.55 * fade)
        seam = smoothstep(np.abs(points.z - anatomy.knee[2]), 0.006, 0.004) * (points.side > anatomy.hip[0])
        colours = mix(colours, outfit.legs * np.float32(0.7), seam)
    if outfit.side_stripe:
        stripe = smoothstep(np.abs(points.z - anatomy.hip[2] - 0.01), 0.017, 0.013) * (
            points.side > anatomy.knee[0]
        )
        colours = mix(colours, outfit.colours[1], stripe)
    fly = smoothstep(points.side, 0.0045, 0.003) * (points.y > crotch) * (points.z > anatomy.hip[2])
    pocket = bell((points.side - 0.11 - 0.5 * (points.y - anatomy.hip[1] + 0.02)) / 0.005) * (points.z > 0.06)
    pocket = pocket * (np.abs(points.y - anatomy.hip[1] + 0.025) < 0.04)
    colours = mix(colours, colours * np.float32(0.68), np.maximum(fly, pocket).astype(np.float32))
    if outfit.belted:
        band = points.y > hem_height(outfit, anatomy) - 0.035
        buckle = band & (points.side < 0.020) & (points.z > anatomy.hip[2])
        colours = np.where(band[:, None], outfit.belt, colours)
        colours = np.where(buckle[:, None], np.array([190.0, 180.0, 150.0], np.float32), colours)
    hem = np.abs(points.y - leg_end(outfit, anatomy)) < HEM
    colours = colours * (1.0 - 0.18 * hem)[:, None].astype(np.float32)
    return colours * folds(points, outfit)[:, None]


def paint_shoes(points: SurfacePoints, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """Colours (n, 3) of points of shoes."""
    colours = np.broadcast_to(outfit.shoes, (len(points), 3))
    on_top = (points.z > anatomy.ankle[2] + 0.045) & (points.y > anatomy.floor_y + SOLE + 0.012)
    lace = soft_wave(points.z / np.float32(0.026)) * on_top * (points.z < anatomy.ankle[2] + 0.12)
    lace = (
        lace * smoothstep(np.abs(points.side - anatomy.ankle[0] - 0.004), 0.026, 0.022) * (not outfit.boots)
    )
    colours = mix(colours, np.full(3, 232.0, np.float32), lace.astype(np.float32))
    # A rubber cap takes in the toes; the sole runs on from it.
    cap = smoothstep(points.z, anatomy.ankle[2] + 0.150, anatomy.ankle[2] + 0.155)
    sole = smoothstep(points.y, anatomy.floor_y + SOLE + 0.002, anatomy.floor_y + SOLE - 0.002)
    if outfit.boots:
        return mix(mix(colours, outfit.sole, sole), outfit.shoes * np.float32(0.8), cap)
    return mix(colours, outfit.sole, np.maximum(cap, sole))


def cloth_height(points: SurfacePoints, outfit: Outfit, anatomy: Anatomy) -> Floats:
    """How far (n,) clothes stand off the body along its normal, metres."""
    worn = cover(points, outfit, anatomy)
    crease = Waves(outfit.random("crease"), 5.0, count=4)(points.place)
    hem = hem_height(outfit, anatomy)
    # The top hangs over the trousers; sleeves and legs open towards their ends.
    top = outfit.loose * (1.0 + 0.35 * crease) + 0.006 * smoothstep(points.y, hem + 0.10, hem)
    reach = np.float32(max(sleeve_end(outfit, anatomy) - anatomy.shoulder[0], 0.02))
    opening = smoothstep((points.side - anatomy.shoulder[0]) / reach, 0.3, 1.0)
    wide_sleeve = 0.006 if outfit.sleeve < 0.6 else -0.003
    arm = 0.85 * outfit.loose * (1.0 + 0.35 * crease) + wide_sleeve * opening
    end = leg_end(outfit, anatomy)
    legs = outfit.leg_loose * (1.0 + 0.35 * crease) + outfit.flare * smoothstep(points.y, end + 0.30, end)
    height = np.zeros(len(points), np.float32)
    height = np.where(worn.legs, legs, height)
    height = np.where(worn.top, top, height)
    height = np.where(worn.sleeve, arm, height)
    height = np.where(worn.shoe, np.float32(SHOE_WALL), height)
    return np.where(worn.sock, np.float32(0.003), height).astype(np.float32)
