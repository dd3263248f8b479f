"""Kernel distance: reference (explicit double loop), known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.kernel_distance import kernel_distance
from iper_bench.metrics.metric import UndefinedError


def test_reference_by_explicit_sums():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 4)) + 0.5

    def k(a, b):
        return (a @ b / 4 + 1) ** 3

    pairs = [(i, j) for i in range(6) for j in range(6)]
    same = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs if i != j) / 30
    across = sum(k(x[i], y[j]) for i, j in pairs) / 36
    assert kernel_distance(x, y) == pytest.approx(same - 2 * across, rel=1e-12)


def test_known_answer_of_one_repeated_point_each():
    # every kernel value is constant: k(x,x) + k(y,y) - 2 k(x,y)
    x, y = np.ones((5, 2)), np.zeros((5, 2))
    assert kernel_distance(x, y) == pytest.approx(8 + 1 - 2, rel=1e-12)


def test_law_unbiased_seeded_and_monotone():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((400, 16)), rng.standard_normal((300, 16))
    assert abs(kernel_distance(x, y, subset_size=100)) < 0.02  # same distribution: zero within sampling error
    assert kernel_distance(x, y, subset_size=50) == kernel_distance(x, y, subset_size=50)
    distances = [kernel_distance(x, y + shift, subset_size=100) for shift in (0.2, 0.6, 1.5)]
    assert distances[0] < distances[1] < distances[2]
    with pytest.raises(UndefinedError):
        kernel_distance(x[:1], y)


@pytest.mark.parametrize("block", [7, 64, 1024])
def test_kernels_of_all_samples_give_the_subsets_values(monkeypatch, block):
    """Both routes: kernels of all samples once, and each subset's own."""
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((90, 20)), rng.standard_normal((130, 20)) + 0.2
    monkeypatch.setattr("iper_bench.metrics.kernel_distance.BLOCK", block)
    for subsets, size in ((30, 40), (3, 5)):  # the second takes fewer products subset by subset
        generator = np.random.default_rng(9)
        expected = []
        for _ in range(subsets):
            rows, columns = (generator.choice(n, size, replace=False) for n in (90, 130))
            expected.append(kernel_distance(x[rows], y[columns], subset_size=size))
        found = kernel_distance(x, y, subsets=subsets, subset_size=size, seed=9)
        assert found == pytest.approx(np.mean(expected), abs=1e-12)
