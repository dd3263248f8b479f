"""Smooth random fields as sums of plane waves: band-limited, seamless, cheap, and the same at every image
size.
"""

from __future__ import annotations

import numpy as np

from iper_bench.data.synthetic.blending import Floats


class Waves:
    """A scalar field in ``dimensions`` dimensions with values mostly in [-1, 1].

    Parameters
    ----------
    random: draws directions and phases.
    frequency: cycles per unit, or one per axis.
    count: plane waves; more look less regular.
    """

    def __init__(
        self,
        random: np.random.Generator,
        frequency: float | tuple[float, ...],
        count: int = 5,
        dimensions: int = 3,
    ) -> None:
        directions = random.normal(size=(count, dimensions))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        spread = random.uniform(0.6, 1.4, size=(count, 1))
        vectors = 2.0 * np.pi * directions * spread * np.asarray(frequency)
        self._vectors = np.ascontiguousarray(vectors.T, dtype=np.float32)
        self._phases = random.uniform(0.0, 2.0 * np.pi, count).astype(np.float32)
        self._gain = np.float32(np.sqrt(1.0 / count))

    def __call__(self, places: Floats) -> Floats:
        """Values (n,) at ``places`` (n, dimensions)."""
        total = np.zeros(len(places), np.float32)
        for wave, phase in enumerate(self._phases):
            angle = np.full(len(places), phase)
            for axis in range(places.shape[1]):
                angle += places[:, axis] * self._vectors[axis, wave]
            total += np.sin(angle)
        return total * self._gain
