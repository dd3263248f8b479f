"""Both exact forms of the Frechet distance, and when each is used."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from iper_bench.metrics import frechet
from iper_bench.metrics.frechet import frechet_distance, frechet_of_gaussians

EXACT = 1e-10  # relative; what the metric promises


def factors(*sets):
    return [frechet._centred_factor(one, one.mean(axis=0)) for one in sets]


def test_the_forms_agree_where_both_are_exact():
    generator = np.random.default_rng(0)
    for count, dimensions in ((60, 8), (500, 40), (300, 100)):
        ours = generator.standard_normal((count, dimensions))
        theirs = generator.standard_normal((count + 7, dimensions)) * np.linspace(0.5, 2, dimensions)
        first, second = factors(ours, theirs)
        by_factors = frechet._shared_of_factors(*map(frechet._triangle, (first, second)))
        by_eigenvalues, bound = frechet._shared_of_eigenvalues(first, second)
        assert abs(by_eigenvalues - by_factors) < max(bound, 1e-15 * by_factors)
        traces = np.square(first).sum() + np.square(second).sum()
        by_rotation = frechet._rotated_difference(*map(frechet._triangle, (first, second)))
        assert by_rotation == pytest.approx(traces - 2 * by_factors, rel=EXACT)


def test_in_long_double_by_a_closed_form():
    """Independent dimensions after a rotation: the distance is that of the standard deviations."""
    generator = np.random.default_rng(1)
    raw = generator.standard_normal((4000, 6))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T  # sample covariance 1 to rounding
    rotation = scipy.linalg.qr(generator.standard_normal((6, 6)))[0]
    first, second = np.linspace(0.2, 3, 6), np.linspace(1, 0.1, 6)
    ours, theirs = (white * first) @ rotation, (white * second) @ rotation + 1
    expected = float(np.longdouble(6) + np.square(np.longdouble(first) - np.longdouble(second)).sum())
    assert frechet_distance(ours, theirs) == pytest.approx(expected, rel=EXACT)


def test_near_zero_eigenvalues_take_the_other_form():
    """Dead features, as after a ReLU: roots of eigenvalues would keep 8 digits only."""
    generator = np.random.default_rng(2)
    ours, theirs = generator.standard_normal((2, 200, 12))
    ours[:, 3] = theirs[:, 3] = 0.0
    theirs[:, 5] = theirs[:, 4]
    assert frechet._shared_of_eigenvalues(*factors(ours, theirs))[1] == np.inf
    kept = np.delete(np.arange(12), 3)  # a dimension without spread on both sides adds nothing
    assert frechet_distance(ours, theirs) == pytest.approx(
        frechet_distance(ours[:, kept], theirs[:, kept]), rel=EXACT
    )
    assert frechet_distance(theirs, theirs) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [7, 13, 60])
@pytest.mark.parametrize("smallest", [1.0, 1e-3, 1e-8])
def test_nearly_equal_sets_keep_their_digits(count, smallest):
    """Closed form: of Y = (1 + e) X the distance is e^2 tr S + |e mean|^2; the traces are 1e8 times it."""
    generator = np.random.default_rng(5)
    ours = generator.standard_normal((count, 12)) * np.sqrt(np.geomspace(1, smallest, 12))
    ours = ours @ scipy.linalg.qr(generator.standard_normal((12, 12)))[0]
    grown = 2.0**-13  # exact in float64, and so is the rest of the sum below to rounding
    expected = grown**2 * float(np.trace(np.cov(ours.T)) + np.square(ours.mean(axis=0)).sum())
    assert frechet_distance(ours * (1 + grown), ours) == pytest.approx(expected, rel=EXACT)
    assert frechet_distance(ours, ours[::-1]) < 1e-28


def test_ill_conditioned_sets_by_the_closed_form():
    """Spectra from 1 to 1e-12 on commuting covariances: sum of squared differences of deviations."""
    generator = np.random.default_rng(6)
    first = np.geomspace(1, 1e-6, 9)
    second = first * np.linspace(0.5, 1.5, 9)
    raw = generator.standard_normal((500, 9))
    white = scipy.linalg.qr(raw - raw.mean(axis=0), mode="economic")[0] * np.sqrt(499)  # mean 0, covariance 1
    white -= white.mean(axis=0)
    expected = float(np.square(np.longdouble(first) - np.longdouble(second)).sum())
    assert frechet_distance(white * first, white * second) == pytest.approx(expected, rel=EXACT)


def test_stored_statistics_give_the_same():
    generator = np.random.default_rng(3)
    ours, theirs = generator.standard_normal((2, 300, 10)) + np.array([[[0.0]], [[0.4]]])
    statistics = [part for one in (ours, theirs) for part in (one.mean(axis=0), np.cov(one.T))]
    assert frechet_of_gaussians(*statistics) == pytest.approx(frechet_distance(ours, theirs), rel=1e-9)
