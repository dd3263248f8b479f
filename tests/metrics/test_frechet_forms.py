"""Both exact forms of the Frechet distance, and when each is used."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from iper_bench.metrics import frechet
from iper_bench.metrics.frechet import frechet_distance, frechet_of_gaussians
from iper_bench.metrics.kernel_distance import kernel_distance

EXACT = 1e-10  # relative; what the metric promises


def factors(*sets):
    return [frechet._centred_factor(one, one.mean(axis=0)) for one in sets]


def test_the_forms_agree_where_both_are_exact():
    generator = np.random.default_rng(0)
    for count, dimensions in ((60, 8), (500, 40), (300, 100)):
        ours = generator.standard_normal((count, dimensions))
        theirs = generator.standard_normal((count + 7, dimensions)) * np.linspace(0.5, 2, dimensions)
        first, second = factors(ours, theirs)
        by_eigenvalues = frechet._shared_of_eigenvalues(first, second)
        assert by_eigenvalues == pytest.approx(frechet._shared_of_factors(first, second), rel=EXACT)


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
    assert frechet._shared_of_eigenvalues(*factors(ours, theirs)) is None
    kept = np.delete(np.arange(12), 3)  # a dimension without spread on both sides adds nothing
    assert frechet_distance(ours, theirs) == pytest.approx(
        frechet_distance(ours[:, kept], theirs[:, kept]), rel=EXACT
    )
    assert frechet_distance(theirs, theirs) == pytest.approx(0, abs=1e-12)


def test_stored_statistics_give_the_same():
    generator = np.random.default_rng(3)
    ours, theirs = generator.standard_normal((2, 300, 10)) + np.array([[[0.0]], [[0.4]]])
    statistics = [part for one in (ours, theirs) for part in (one.mean(axis=0), np.cov(one.T))]
    assert frechet_of_gaussians(*statistics) == pytest.approx(frechet_distance(ours, theirs), rel=1e-9)


def test_kernels_once_give_the_subsets_values(monkeypatch):
    generator = np.random.default_rng(4)
    ours, theirs = generator.standard_normal((90, 20)), generator.standard_normal((130, 20)) + 0.2
    settings = {"subsets": 30, "subset_size": 40}
    once = kernel_distance(ours, theirs, **settings)
    monkeypatch.setattr("iper_bench.metrics.kernel_distance.MOST_ENTRIES", 0)
    assert once == pytest.approx(kernel_distance(ours, theirs, **settings), abs=1e-12)
