"""``Outfit``: what an actor wears, drawn from a seed: garments, lengths, patterns and colours."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.seeding import stream

PATTERNS = (
    "plain", "hstripe", "vstripe", "check", "plaid", "dots", "print", "colour_block", "logo", "glyph",
    "raglan",
)  # fmt: skip
SLEEVES = (-0.02, 0.26, 0.34, 0.55, 0.93, 1.0)  # share of the way from shoulder (0) to wrist (1)
LEGS = (0.36, 0.46, 0.62, 0.95, 0.97, 1.0)  # share of the way from hip (0) to ankle (1)
COLLARS = ("round", "v", "boat", "shirt")
FASTENINGS = ("none", "none", "none", "buttons", "zip")
CONTRAST = 55.0  # least difference of luma between two colours of one pattern, of 255
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Outfit:
    """Clothes. Colours are (3,) float32 0..255, lengths metres, shares in [0, 1].

    Attributes
    ----------
    key: names the random textures.
    pattern: one of ``PATTERNS``, in ``colours`` (2, 3); ``trim``: collar, cuffs and sleeves of a raglan.
    period: of stripes and cells, metres; ``stripes``: the same around the trunk, an integer.
    glyph: (5, 5) bool, a figure on the chest; ``logo``: number of the plain figure.
    sleeve, leg: where sleeves and legs end, see ``SLEEVES`` and ``LEGS``.
    hem: of the top over the pelvis joint; ``collar``, ``neck``: shape and extra width of the neckline;
        ``fastening`` in front.
    loose: of the top, ``leg_loose`` of the trousers, ``flare`` at their hem.
    legs, belt, shoes, sole, socks: colours; ``side_stripe``, ``belted``, ``boots``, ``jeans``: switches.
    """

    key: tuple[int, int, str]
    pattern: str
    colours: Floats
    trim: Floats
    period: float
    stripes: int
    glyph: Floats
    logo: int
    sleeve: float
    leg: float
    hem: float
    collar: str
    neck: float
    fastening: str
    loose: float
    leg_loose: float
    flare: float
    legs: Floats
    belt: Floats
    shoes: Floats
    sole: Floats
    socks: Floats
    side_stripe: bool
    belted: bool
    boots: bool
    jeans: bool

    def random(self, texture: str) -> np.random.Generator:
        """The stream of one texture of this outfit."""
        seed, actor, name = self.key
        return stream(seed, "outfit", actor, name, texture)


def _colour(random: np.random.Generator, dark: float, light: float) -> Floats:
    hue, saturation, value = random.random(), random.uniform(0.05, 0.85), random.uniform(dark, light)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32) * 255.0


def _pair(random: np.random.Generator) -> Floats:
    """Two colours that can be told apart."""
    first = _colour(random, 0.25, 0.95)
    second = _colour(random, 0.2, 1.0)
    while abs(float((first - second) @ LUMA)) < CONTRAST:
        second = _colour(random, 0.2, 1.0)
    return np.stack([first, second])


def _glyph(random: np.random.Generator) -> Floats:
    """A figure of 5 x 5 cells, mirrored half of the time, with about half of the cells set."""
    cells = random.random((5, 5)) < 0.52
    if random.random() < 0.5:
        cells[:, 3:] = cells[:, 1::-1]
    cells[2, 2] = True
    return cells.astype(np.float32)


def draw_outfit(seed: int, actor: int, name: str) -> Outfit:
    """Outfit ``name`` (for example ``"outfit0"``) of actor ``actor``."""
    random = stream(seed, "outfit", actor, name)
    jeans = bool(random.random() < 0.3)
    denim = (
        np.array(colorsys.hsv_to_rgb(0.6, random.uniform(0.3, 0.55), random.uniform(0.3, 0.62)), np.float32)
        * 255.0
    )
    legs = denim if jeans else _colour(random, 0.12, 0.8)
    return Outfit(
        key=(seed, actor, name),
        pattern=PATTERNS[random.integers(len(PATTERNS))],
        colours=_pair(random),
        trim=_colour(random, 0.15, 0.95),
        period=float(random.uniform(0.055, 0.120)),
        stripes=int(random.integers(8, 17)),
        glyph=_glyph(random),
        logo=int(random.integers(4)),
        sleeve=SLEEVES[random.integers(len(SLEEVES))],
        leg=LEGS[random.integers(len(LEGS))],
        hem=float(random.uniform(-0.035, 0.050)),
        collar=COLLARS[random.integers(len(COLLARS))],
        neck=float(random.uniform(0.0, 0.014)),
        fastening=FASTENINGS[random.integers(len(FASTENINGS))],
        loose=float(random.uniform(0.007, 0.017)),
        leg_loose=float(random.uniform(0.006, 0.015)),
        flare=float(random.choice([0.0, 0.006, 0.016])),
        legs=legs,
        belt=_colour(random, 0.1, 0.4),
        shoes=_colour(random, 0.08, 0.72),
        sole=np.full(3, random.uniform(90.0, 240.0), np.float32),
        socks=_colour(random, 0.2, 1.0),
        side_stripe=bool(random.random() < 0.2),
        belted=bool(random.random() < 0.35),
        boots=bool(random.random() < 0.2),
        jeans=jeans,
    )
