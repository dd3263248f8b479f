"""Bootstrap intervals: known answers, laws, and the quick rule of batches against the plain one."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.averages import OVER_ALL_TRIALS, averaged
from iper_bench.store.intervals import batch_interval, batch_means, bootstrap_interval, group_interval


def test_interval_against_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20.0
    # 2000 resamples fix a 95 % end to about 5 % of the half width
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_laws() -> None:
    values = np.random.default_rng(4).normal(size=12)
    low, high = bootstrap_interval(values)
    assert low is not None
    assert high is not None
    assert values.min() <= low <= values.mean() <= high <= values.max()
    assert bootstrap_interval(values) == (low, high)
    shifted = bootstrap_interval(values + 100.0)
    assert shifted == pytest.approx((low + 100.0, high + 100.0), abs=1e-9)
    assert bootstrap_interval(np.full(5, 7.0)) == (7.0, 7.0)
    assert bootstrap_interval(values[:1]) == (None, None)


def test_clips_of_one_actor_are_not_independent() -> None:
    """Ten clips that say the same ten times are one observation: the interval over actors is the wider."""
    values = np.random.default_rng(5).normal(size=8)
    over_actors = group_interval([[value] * 10 for value in values])
    over_clips = bootstrap_interval(np.repeat(values, 10))
    assert over_actors == pytest.approx(bootstrap_interval(values), abs=1e-12)
    assert None not in (*over_actors, *over_clips)
    assert over_actors[1] - over_actors[0] > 2 * (over_clips[1] - over_clips[0])  # type: ignore[operator]
    assert group_interval([[1.0, 2.0]]) == (None, None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(-10, 10, allow_nan=False)), max_size=50),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(OVER_ALL_TRIALS),
    st.data(),
)
def test_batches_of_resamples_are_those_of_the_plain_rule(
    blocks: list[list[float | None]], rule: str, data: st.DataObject
) -> None:
    pick = st.lists(st.integers(0, len(blocks) - 1), min_size=4, max_size=4)
    drawn = np.array(data.draw(st.lists(pick, min_size=1, max_size=6)), dtype=np.int64)
    found = batch_means(blocks, rule, drawn)
    for picks, value in zip(drawn, found, strict=True):
        wanted = averaged([frame for index in picks for frame in blocks[index]], rule)
        assert (wanted is None) == bool(np.isnan(value))
        assert wanted is None or value == pytest.approx(wanted, abs=1e-12)


def test_interval_of_batches() -> None:
    numbers = np.random.default_rng(6)
    blocks = [list(numbers.normal(index % 5, 0.1, 32)) for index in range(20)]  # whole batches
    found = batch_interval(blocks, "batches-16")
    assert found == pytest.approx(bootstrap_interval(np.array([np.mean(b) for b in blocks])), abs=0.05)
    assert batch_interval(blocks[:1], "batches-16") == (None, None)
    assert batch_interval([[None], [None]], "batches-16") == (None, None)
    assert batch_interval([[None], [None]], "batches-16-zero") == (0.0, 0.0)


def test_the_whole_test_split_takes_seconds() -> None:
    numbers = np.random.default_rng(7)
    blocks = [numbers.normal(size=975).tolist() for _ in range(42)]  # 40,950 frames
    started = time.perf_counter()
    assert None not in batch_interval(blocks, "batches-16")
    assert time.perf_counter() - started < 10.0
