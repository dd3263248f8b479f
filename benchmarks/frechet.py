"""The Frechet distance against the route by ``scipy.linalg.sqrtm``, in one run on this machine.

    python benchmarks/frechet.py

Prints seconds (median of several calls, the slow route once), the ratio, and how far both values lie apart.
Features are those of the recipe of the numeric references: non-negative, float32, d = 2048.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.linalg

from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.kernel_distance import kernel_distance

DIMENSIONS = 2048
SIZES = (300, 2000, 3110)  # a small set, one below d, and cross-imitation on iPER
SHIFT = 0.05
Features = npt.NDArray[np.float32]


def features(seed: int, count: int, shift: float) -> Features:
    """The recipe's (count, 2048) features."""
    noise = np.random.RandomState(seed).standard_normal((count, DIMENSIONS))
    scale = 0.5 + (np.arange(DIMENSIONS) % 7) / 7
    return np.maximum(0.5 * noise * scale + 0.3 + shift, 0).astype(np.float32)


def by_square_root(ours: Features, theirs: Features) -> float:
    """Means, covariances and the matrix square root of their product, as most packages have it."""
    mean1, mean2 = ours.mean(axis=0), theirs.mean(axis=0)
    first, second = np.cov(ours, rowvar=False), np.cov(theirs, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = scipy.linalg.sqrtm(first @ second)
    traces = np.trace(first) + np.trace(second) - 2 * np.trace(root.real)
    return float(np.square(mean1 - mean2).sum() + traces)


def seconds(work: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Median time of a call, and what it gave."""
    taken = []
    value = 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        value = work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken), value


def main() -> None:
    """Print the table."""
    print("| n | here, s | sqrtm, s | ratio | relative difference | kernel distance, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in SIZES:
        ours, theirs = features(1, count, 0.0), features(2, count, SHIFT)
        fast, value = seconds(lambda a=ours, b=theirs: frechet_distance(a, b), 5 if count < 1000 else 1)
        slow, other = seconds(lambda a=ours, b=theirs: by_square_root(a, b), 1)
        kernel, _ = seconds(lambda a=ours, b=theirs: kernel_distance(a, b), 1)
        apart = abs(value - other) / value
        print(
            f"| {count} | {fast:.3f} | {slow:.1f} | {slow / fast:.0f} | {apart:.1e} | {kernel:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
