"""One independent random stream per thing that is drawn, so that adding one never changes another."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on ``seed`` and ``names`` only, for example ``stream(0, "outfit", 3,
    "unseen0")``.
    """
    words = [name if isinstance(name, int) else zlib.crc32(name.encode("utf-8")) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
