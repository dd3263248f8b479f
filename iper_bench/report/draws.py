"""The random draws of the statistics: weights of the nested bootstrap and signs of the flips.

They depend on the number of actors and clips and on a seed alone, never on the values, so that the draws of
one metric serve all others over the same clips: a table of 20 methods and 15 metrics draws once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_BLOCK = 2_000_000  # numbers drawn at once, so that memory does not grow with the number of clips
_KEPT = 4 * _BLOCK  # 64 MB: larger draws are not kept for the next metric


@lru_cache(maxsize=4)
def _kept_weights(sizes: tuple[int, ...], seed: int, draws: int) -> tuple[Floats, ...]:
    return tuple(_drawn_weights(sizes, seed, draws))


def bootstrap_weights(sizes: tuple[int, ...], seed: int, draws: int) -> Iterable[Floats]:
    """Weights of ``draws`` nested bootstrap draws: actors with replacement, then of each drawn actor as many
    of his clips as he has.

    ``sizes``: clips of each actor. Yields blocks (n, clips) float64, each row summing to 1.
    """
    small = sum(sizes) * draws <= _KEPT
    return _kept_weights(sizes, seed, draws) if small else _drawn_weights(sizes, seed, draws)


def _drawn_weights(sizes: tuple[int, ...], seed: int, draws: int) -> Iterable[Floats]:
    """How often each clip is drawn, over the number of clips drawn. An actor who is drawn k times gives k
    draws of n out of his n clips, which together are one multinomial draw of k * n.
    """
    generator = np.random.default_rng(seed)
    actors, clips = len(sizes), sum(sizes)
    step = max(1, _BLOCK // clips)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        picked = generator.multinomial(actors, np.full(actors, 1.0 / actors), size=count)
        parts = [
            generator.multinomial(picked[:, actor] * size, np.full(size, 1.0 / size))
            for actor, size in enumerate(sizes)
        ]
        drawn = np.concatenate(parts, axis=1).astype(np.float64)
        yield drawn / drawn.sum(axis=1, keepdims=True)


def flip_signs(actors: int, flips: int | None, seed: int) -> Iterable[Floats]:
    """Sign patterns of ``actors`` as blocks (n, actors) float64 of -1 and 1: all 2**actors where ``flips`` is
    ``None``, else that many random ones.
    """
    small = actors * (2**actors if flips is None else flips) <= _KEPT
    return _kept_signs(actors, flips, seed) if small else _drawn_signs(actors, flips, seed)


@lru_cache(maxsize=4)
def _kept_signs(actors: int, flips: int | None, seed: int) -> tuple[Floats, ...]:
    return tuple(_drawn_signs(actors, flips, seed))


def _drawn_signs(actors: int, flips: int | None, seed: int) -> Iterable[Floats]:
    generator = np.random.default_rng(seed)
    total = 2**actors if flips is None else flips
    step = max(1, _BLOCK // actors)
    for start in range(0, total, step):
        count = min(step, total - start)
        if flips is None:
            patterns = np.arange(start, start + count, dtype=np.int64)[:, None] >> np.arange(actors) & 1
        else:
            patterns = generator.integers(0, 2, size=(count, actors))
        yield 1.0 - 2.0 * patterns.astype(np.float64)
