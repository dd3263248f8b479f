"""Inception score: reference, known answer, law."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.inception_score import (
    SHUFFLE_SEED,
    SPLITS,
    inception_score,
    inception_score_splits,
)
from iper_bench.metrics.metric import UndefinedError
from tests.oracles import cases, load, oracle_files

PAPER = 1e-5  # the official score is float32
STANDARD = 1e-9  # the same float64 sums in another order
DEVIATION = 1e-7  # of ten scores: their differences lose two digits
FILES = oracle_files("metrics/inception_score*.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reference(path):
    arrays = load(path)
    for name in cases(arrays, "logits_"):
        logits = arrays[f"logits_{name}"]
        assert inception_score(logits) == pytest.approx(float(arrays[f"score_{name}"]), rel=PAPER)
        assert inception_score(logits) == pytest.approx(float(arrays[f"std_splits1_{name}"]), rel=STANDARD)
        if len(logits) >= SPLITS:
            mean, deviation = inception_score_splits(logits)
            key = f"std_splits{SPLITS}_seed{SHUFFLE_SEED}"
            assert mean == pytest.approx(float(arrays[f"{key}_mean_{name}"]), rel=STANDARD)
            assert deviation == pytest.approx(float(arrays[f"{key}_std_{name}"]), rel=DEVIATION)


def test_certain_and_evenly_spread_classes_give_their_number():
    logits = np.full((12, 4), -200.0)
    logits[np.arange(12), np.arange(12) % 4] = 200.0
    assert inception_score(logits) == pytest.approx(4, rel=1e-12)
    assert inception_score(np.zeros((5, 7))) == pytest.approx(1, abs=1e-12)


def test_law_order_and_offset_free():
    logits = np.random.default_rng(0).standard_normal((20, 9)) * 3
    value = inception_score(logits)
    assert 1 <= value <= 9
    assert inception_score(logits[::-1] + 5) == pytest.approx(value, rel=1e-12)
    with pytest.raises(UndefinedError):
        inception_score(logits[:0])
    with pytest.raises(UndefinedError):
        inception_score_splits(logits[:5])
