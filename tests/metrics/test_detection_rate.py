"""Detection rate: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.detection_rate import detection_rate
from iper_bench.metrics.metric import UndefinedError


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_reference(count):
    found = np.random.default_rng(count).random(count) < 0.7
    assert detection_rate(found.tolist()) == np.mean(found)


def test_known_answers():
    assert detection_rate([True, False, False, True, True]) == 0.6
    assert detection_rate([True]) == 1
    assert detection_rate([False] * 3) == 0
    with pytest.raises(UndefinedError, match="no frames"):
        detection_rate([])


def test_law_order_free_additive_and_rising():
    found = (np.random.default_rng(0).random(50) < 0.5).tolist()
    assert detection_rate(found[::-1]) == detection_rate(found)
    parts = detection_rate(found[:20]) * 20 + detection_rate(found[20:]) * 30
    assert detection_rate(found) == pytest.approx(parts / 50, rel=1e-15)
    missing = found.index(False)
    assert detection_rate([*found[:missing], True, *found[missing + 1 :]]) == detection_rate(found) + 1 / 50
