"""Intervals and tests: known answers, laws, and error rates by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.report.statistics import (
    ALPHA,
    EXACT_CLIPS,
    FEWEST_CLIPS,
    bootstrap,
    clips_needed,
    holm,
    paired,
    separable,
    sign_flip_p,
    smallest_p,
    two_sided_p,
)

VALUES = st.lists(st.floats(-100, 100, allow_nan=False), min_size=1, max_size=12)


def test_sign_flip_is_the_share_of_sign_patterns() -> None:
    values = [0.3, -0.1, 0.7, 0.2]
    patterns = [
        sum(s * v for s, v in zip(p, values, strict=True)) for p in itertools.product((1, -1), repeat=4)
    ]
    expected = sum(total >= sum(values) - 1e-12 for total in patterns) / 16
    assert sign_flip_p(values) == expected


def test_all_clips_better_gives_the_smallest_p() -> None:
    for count in (1, 5, 6, 10):
        assert sign_flip_p([1.0] * count) == 0.5**count
        assert two_sided_p([1.0] * count) == smallest_p(count)


def test_monte_carlo_agrees_with_the_exact_test() -> None:
    """Standard error of a p near 0.1 from 10,000 draws is 0.003; five of them are allowed."""
    values = np.random.default_rng(3).normal(0.35, 1.0, EXACT_CLIPS)
    longer = np.concatenate([values, [0.0]])  # a zero changes no sum, but leaves the exact path
    assert sign_flip_p(longer) == pytest.approx(sign_flip_p(values), abs=0.015)


def test_fewest_clips_is_where_significance_begins() -> None:
    assert smallest_p(FEWEST_CLIPS) <= ALPHA < smallest_p(FEWEST_CLIPS - 1)
    assert clips_needed(1) == FEWEST_CLIPS
    assert smallest_p(clips_needed(60)) * 60 <= ALPHA < smallest_p(clips_needed(60) - 1) * 60
    with pytest.raises(ValueError, match="draws can separate"):
        clips_needed(10_000)


def test_bootstrap_of_known_data() -> None:
    found = bootstrap(np.linspace(-1.0, 1.0, 101))
    assert found.mean == pytest.approx(0.0, abs=1e-12)
    # normal theory: 1.96 * std / sqrt(n); the percentile interval of 10,000 draws is within 5 % of it
    half = 1.96 * np.linspace(-1.0, 1.0, 101).std() / np.sqrt(101)
    assert found.high == pytest.approx(half, rel=0.05)
    assert found.low == pytest.approx(-half, rel=0.05)
    assert not found.excludes(0.0)
    assert found.excludes(0.5)
    assert found.within(0.2)
    assert not found.within(0.05)


def test_one_value_has_no_interval() -> None:
    found = bootstrap([2.0])
    assert (found.mean, found.low, found.high) == (2.0, None, None)
    assert not found.excludes(0.0)
    assert not found.within(10.0)


@given(VALUES, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_order_of_clips_changes_nothing(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert bootstrap(values, draws=200) == bootstrap(shuffled, draws=200)
    assert sign_flip_p(values) == sign_flip_p(shuffled)


@given(VALUES)
@settings(max_examples=25, deadline=None)
def test_signs_mirror(values: list[float]) -> None:
    """The share of patterns at or above the sum and at or below it cover everything."""
    assert sign_flip_p(values) + sign_flip_p([-v for v in values]) >= 1.0


@pytest.mark.parametrize("bad", [[], [float("nan")], [float("inf")]])
def test_bad_values_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        bootstrap(bad)
    with pytest.raises(ValueError, match="expected"):
        sign_flip_p(bad)


def test_holm_known_answer() -> None:
    """Holm (1979): 0.01, 0.04, 0.03 among three become 0.03, 0.06, 0.06."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_holm_ignores_the_order() -> None:
    values = [0.2, 0.001, 0.04, 0.04, 0.9]
    expected = dict(zip(values, holm(values), strict=True))
    for order in itertools.permutations(values):
        assert holm(order) == [expected[value] for value in order]


def test_pairs_are_clips_of_one_name() -> None:
    ours, theirs = {"b": 3.0, "a": 1.0, "x": 9.0}, {"a": 0.5, "b": 1.0, "y": 7.0}
    assert paired(ours, theirs).tolist() == [0.5, 2.0]


def test_false_alarms_stay_below_alpha() -> None:
    """Symmetric noise, 300 trials: 5 % false alarms give at most 27 (mean 15, three standard deviations
    11.3).
    """
    generator = np.random.default_rng(5)
    alarms = sum(two_sided_p(generator.standard_t(4, size=9)) <= ALPHA for _ in range(300))
    assert alarms <= 27


def test_percentile_interval_is_too_narrow_for_few_clips() -> None:
    """Why verdicts also ask the sign-flip test: of 6 clips, a '95 %' interval misses the mean about 1 time
    in 8.
    """
    generator = np.random.default_rng(6)
    missed = sum(bootstrap(generator.normal(size=6), draws=500).excludes(0.0) for _ in range(400)) / 400
    assert 0.07 < missed < 0.20


def test_separable_needs_clips_and_a_difference() -> None:
    generator = np.random.default_rng(8)
    assert separable(1.0 + 0.1 * generator.normal(size=8))
    assert not separable(1.0 + 0.1 * generator.normal(size=FEWEST_CLIPS - 1))
    assert not separable(generator.normal(size=8))
    assert not separable(np.zeros(8))
