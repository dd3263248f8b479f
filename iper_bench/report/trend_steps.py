"""Steps in a series of measurements: where its level changed, and where it only wavers.

The series is taken for piecewise constant with noise, the model by which airspeed velocity (asv) looks for
regressions in histories of benchmarks. Here: least squares with a fixed price per further level, solved
exactly by dynamic programming over all ways of cutting the series; the noise is estimated from the
differences of neighbours, of which a step spoils only one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 4  # of three values no step can be told from noise: two differences say nothing about noise
#: the median absolute deviation of normal values is this share of their standard deviation
_MAD = 0.6744897501960817
#: of the spread of the series; below it differences are rounding
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Level:
    """A stretch without a step: ``values[start:stop]`` with their mean ``value``."""

    start: int
    stop: int
    value: float


def noise_of(values: Sequence[float] | Floats) -> float:
    """Standard deviation of the noise around unknown levels: the median absolute difference of neighbours,
    scaled as for normal noise (a difference has the square root of two times its deviation). 0 for fewer than
    two values.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.size < 2:
        return 0.0
    return float(np.median(np.abs(np.diff(series)))) / (_MAD * math.sqrt(2.0))


def price(count: int) -> float:
    """What one more level costs in a series of ``count`` values, in squared deviations of the noise.

    Chosen by simulation such that at most 5 in 100 series of pure normal noise get any step (``python
    benchmarks/step_alarms.py`` prints the rates). Short series pay more, because their noise is estimated
    from few differences; long ones, because they offer more places.
    """
    return max(12.0 + 60.0 / count, 2.6 * math.log(count))


def find_levels(values: Sequence[float] | Floats, *, floor: float = 0.0) -> tuple[Level, ...]:
    """The best cut of a series into levels, in order; one level where nothing stands out.

    Parameters
    ----------
    values: (n,) finite numbers in order of time, n >= 1.
    floor: least standard deviation of the noise that is believed, in the unit of the values.

    Adding a constant moves the levels by it, a factor (also on ``floor``) scales them, and neither moves a
    step. Raises ValueError for an empty series, values that are not finite, and a negative floor.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or series.size == 0 or not np.isfinite(series).all():
        raise ValueError(f"expected finite numbers, at least one; got shape {series.shape}")
    if not 0.0 <= floor < math.inf:
        raise ValueError(f"floor {floor}; expected 0 or more")
    moved = series - series[0]  # squares of small differences, not of large values
    spread = float(np.abs(moved).max())
    if series.size < FEWEST or spread == 0.0:
        return (_level(series, 0, series.size),)
    noise = max(noise_of(moved), floor, _ROUNDING * spread)
    cuts = _best_cuts(moved, price(series.size) * noise**2)
    return tuple(_level(series, start, stop) for start, stop in cuts)


def _level(series: Floats, start: int, stop: int) -> Level:
    return Level(start, stop, float(series[start:stop].mean()))


def _best_cuts(series: Floats, cost: float) -> list[tuple[int, int]]:
    """Stretches whose squared residuals plus ``cost`` per stretch are least; among equals the longer last
    one.
    """
    count = series.size
    sums = np.concatenate([[0.0], np.cumsum(series)])
    squares = np.concatenate([[0.0], np.cumsum(series**2)])
    best = np.zeros(count + 1)
    origin = np.zeros(count + 1, dtype=np.int64)
    for stop in range(1, count + 1):
        starts = np.arange(stop)
        total = sums[stop] - sums[:stop]
        residual = squares[stop] - squares[:stop] - total**2 / (stop - starts)
        costs = best[:stop] + np.maximum(residual, 0.0) + cost
        origin[stop] = int(np.argmin(costs))
        best[stop] = costs[origin[stop]]
    cuts, stop = [], count
    while stop > 0:
        cuts.append((int(origin[stop]), stop))
        stop = int(origin[stop])
    return cuts[::-1]
