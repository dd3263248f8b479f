"""Rules that turn per-frame values into one number: known answers and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.averages import OVER_ALL_TRIALS, averaged, frame_mean, mean_of_batch_means

FRAMES = st.lists(st.one_of(st.none(), st.floats(-100, 100, allow_nan=False)), max_size=70)


def test_known_answers() -> None:
    assert frame_mean([1.0, None, 3.0]) == 2.0
    assert frame_mean([None]) is None
    values: list[float | None] = [0.0] * 16 + [1.0]
    assert averaged(values, "frames") == pytest.approx(1 / 17)
    assert averaged(values, "batches-16") == 0.5
    empty: list[float | None] = [None] * 16 + [1.0]
    assert averaged(empty, "batches-16") == 1.0
    assert averaged(empty, "batches-16-zero") == 0.5
    assert mean_of_batch_means([1.0, 2.0, 6.0], batch=2) == 3.75
    for rule in ("frames", *OVER_ALL_TRIALS):
        assert averaged([], rule) is None


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="no rule of averaging is called 'median'"):
        averaged([1.0], "median")
    with pytest.raises(ValueError, match="batch is 0"):
        mean_of_batch_means([1.0], batch=0)


@given(FRAMES)
def test_whole_batches_weigh_as_frames(values: list[float | None]) -> None:
    whole = [value for value in values if value is not None]
    whole = whole[: len(whole) // 16 * 16]
    if whole:
        for rule in OVER_ALL_TRIALS:
            assert averaged(whole, rule) == pytest.approx(float(np.mean(whole)), abs=1e-10)


@given(FRAMES, st.sampled_from(("frames", "batches-16")))
def test_a_mean_lies_between_its_frames(values: list[float | None], rule: str) -> None:
    present = [value for value in values if value is not None]
    mean = averaged(values, rule)
    assert (mean is None) == (not present)
    if mean is not None:
        assert min(present) - 1e-9 <= mean <= max(present) + 1e-9
