"""FD against n: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.frechet_curve import frechet_curve
from iper_bench.metrics.metric import UndefinedError


def samples(seed, count, dimensions=16, shift=0.0):
    return np.random.default_rng(seed).standard_normal((count, dimensions)) + shift


def test_the_last_point_is_the_distance_itself():
    ours, theirs = samples(0, 200), samples(1, 300, shift=0.3)
    curve = frechet_curve(ours, theirs)
    assert curve.sizes[-1] == 200
    assert curve.values[-1] == pytest.approx(frechet_distance(ours, theirs), rel=1e-9)


def test_known_answer():
    """Two Gaussians with means 0.5 apart in each of 16 dimensions: 16 x 0.25 = 4 for infinitely many."""
    ours, theirs = samples(2, 1500), samples(3, 1500, shift=0.5)
    curve = frechet_curve(ours, theirs)
    assert curve.extrapolated == pytest.approx(4, abs=0.25)
    assert abs(curve.extrapolated - 4) < abs(curve.values[0] - 4) / 4


@pytest.mark.parametrize("seed", range(3))
def test_the_bias_of_one_distribution_goes(seed):
    ours, theirs = samples(10 + seed, 400, 64), samples(20 + seed, 400, 64)
    curve = frechet_curve(ours, theirs)
    assert abs(curve.extrapolated) < curve.values[-1] / 2
    assert curve.slope > 0
    assert frechet_curve(ours, theirs) == curve  # by its seed


def test_too_few():
    with pytest.raises(UndefinedError, match="9 predictions"):
        frechet_curve(samples(0, 9), samples(1, 50))
    with pytest.raises(ValueError, match="1 point"):
        frechet_curve(samples(0, 20), samples(1, 50), points=1)


def test_reference_of_the_line():
    """The intercept and slope of least squares over 1 / n, by the normal equations."""
    curve = frechet_curve(samples(4, 120), samples(5, 90, shift=0.2), points=6, seed=1)
    assert len(curve.sizes) == len(curve.values) == 6
    assert (curve.sizes[0], curve.sizes[-1]) == (9, 90)
    x, y = 1 / np.array(curve.sizes), np.array(curve.values)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert curve.slope == pytest.approx(slope, rel=1e-9)
    assert curve.extrapolated == pytest.approx(y.mean() - slope * x.mean(), rel=1e-9)
    assert frechet_curve(samples(4, 120), samples(5, 90, shift=0.2), points=6, seed=2) != curve
