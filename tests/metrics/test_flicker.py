"""Temporal metrics: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iper_bench.metrics.flicker import flicker, flicker_excess, flicker_ratio
from iper_bench.metrics.metric import UndefinedError

DISTANCES = arrays(np.float64, st.integers(1, 20), elements=st.floats(0.001, 2))


def test_reference():
    ours, theirs = np.random.default_rng(0).random((2, 50))
    assert flicker(ours) == pytest.approx(np.mean(ours), rel=1e-14)
    assert flicker_excess(ours, theirs) == pytest.approx(np.mean(ours) - np.mean(theirs), abs=1e-14)
    assert flicker_ratio(ours, theirs) == pytest.approx(np.mean(ours) / np.mean(theirs), rel=1e-14)


def test_known_answer():
    truth, shaking, frozen = np.array([0.1, 0.1, 0.1]), np.array([0.4, 0.1, 0.4]), np.zeros(3)
    assert flicker_excess(shaking, truth) == pytest.approx(0.2)
    assert flicker_ratio(shaking, truth) == pytest.approx(3.0)
    assert flicker_excess(frozen, truth) == pytest.approx(-0.1)
    assert flicker_ratio(frozen, truth) == 0


@given(DISTANCES)
def test_the_truth_neither_flickers_nor_stands(distances):
    assert flicker_excess(distances, distances) == 0
    assert flicker_ratio(distances, distances) == 1
    assert flicker_ratio(2 * distances, distances) == pytest.approx(2, rel=1e-12)


def test_what_does_not_exist():
    with pytest.raises(UndefinedError, match="none before it"):
        flicker(np.zeros(0))
    with pytest.raises(UndefinedError, match="does not move"):
        flicker_ratio(np.ones(2), np.zeros(2))
    with pytest.raises(ValueError, match="2 distances"):
        flicker_excess(np.ones(2), np.ones(3))
