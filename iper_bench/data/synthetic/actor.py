"""``Actor``: who is filmed. Body shape, facial features, skin, hair and beard, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iper_bench.data.synthetic.blending import Floats
from iper_bench.data.synthetic.seeding import stream

# sRGB 0..255, light to dark and black to grey.
SKINS = ((245, 214, 192), (232, 190, 160), (214, 168, 134), (190, 140, 104), (150, 104, 74), (112, 76, 54))
HAIRS = (
    (28, 22, 20),
    (58, 38, 27),
    (100, 68, 40),
    (148, 108, 60),
    (196, 164, 104),
    (124, 56, 32),
    (148, 146, 144),
)
IRISES = ((74, 48, 28), (62, 94, 134), (72, 104, 64), (42, 32, 27))
LIP = (182, 92, 88)
HAIR_STYLES = ("short", "crop", "bob", "receding", "tall")
BEARDS = ("none", "none", "none", "stubble", "full", "moustache")


@dataclass(frozen=True)
class Actor:
    """One person.

    Attributes
    ----------
    number: of the actor; ``seed``: of the textures.
    betas: (10,) float32 shape coefficients, within [-2, 2].
    skin, hair, iris, lip: (3,) float32 colours, 0..255.
    hair_style: one of ``HAIR_STYLES``; ``hair_volume``: metres of hair over the scalp; ``hairline``: shift
        upwards, metres.
    beard: one of ``BEARDS``; ``brow``: thickness relative to the mean.
    features: (6,) facial features in [-1, 1]: nose length, nose width, chin, jaw width, cheeks, brow ridge.
    """

    number: int
    seed: int
    betas: Floats
    skin: Floats
    hair: Floats
    iris: Floats
    lip: Floats
    hair_style: str
    hair_volume: float
    hairline: float
    beard: str
    brow: float
    features: Floats


def draw_actor(seed: int, number: int) -> Actor:
    """Actor ``number`` of the dataset seed ``seed``."""
    random = stream(seed, "actor", number)
    betas = np.clip(random.normal(0.0, 1.0, 10), -2.0, 2.0)
    betas[0] *= 0.7  # the first component is stature: 1.63 to 1.91 m
    skin = np.array(SKINS[random.integers(len(SKINS))]) * random.uniform(0.96, 1.04, 3)
    hair = np.array(HAIRS[random.integers(len(HAIRS))]) * random.uniform(0.9, 1.1)
    tint = np.sqrt(skin / np.array(SKINS[1]))
    return Actor(
        number=number,
        seed=seed,
        betas=betas.astype(np.float32),
        skin=skin.astype(np.float32),
        hair=hair.astype(np.float32),
        iris=np.array(IRISES[random.integers(len(IRISES))], np.float32),
        lip=(np.array(LIP) * tint * random.uniform(0.85, 1.1)).astype(np.float32),
        hair_style=HAIR_STYLES[random.integers(len(HAIR_STYLES))],
        hair_volume=float(random.uniform(0.008, 0.018)),
        hairline=float(random.uniform(-0.006, 0.008)),
        beard=BEARDS[random.integers(len(BEARDS))],
        brow=float(random.uniform(0.75, 1.25)),
        features=random.uniform(-1.0, 1.0, 6).astype(np.float32),
    )
