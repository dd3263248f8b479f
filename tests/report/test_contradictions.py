"""Disagreement of two metrics: ranks and correlations against scipy, frames against a plain loop, laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from iper_bench.report.contradictions import (
    NEIGHBOURS_APART,
    answers,
    correlations,
    differences_of,
    signed_ranks,
    standardised,
)
from iper_bench.report.frame_values import Cohort

TIGHT = 1e-9  # ranks are halves of whole numbers; sums of a few hundred of them are exact to this


def cohort(methods: int, lengths: list[int]) -> Cohort:
    names = tuple(f"m{place}" for place in range(methods))
    trials = tuple(f"self:t{place}" for place in range(len(lengths)))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Cohort("d", "p", "motion_imitation", "self", 2, names, trials, starts, {})


def random_values(shape: tuple[int, int, int], *, lacking: float = 0.1, ties: bool = False) -> np.ndarray:
    generator = np.random.default_rng(3)
    values = generator.normal(size=shape)
    if ties:
        values = np.round(values)
    values[generator.random(shape) < lacking] = np.nan
    return values


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_are_scipys(ties: bool) -> None:
    differences = random_values((4, 1, 300), ties=ties)[:, 0]
    plain, absolute = signed_ranks(differences)
    np.testing.assert_array_equal(plain, stats.rankdata(differences, axis=1, nan_policy="omit"))
    np.testing.assert_array_equal(absolute, stats.rankdata(np.abs(differences), axis=1, nan_policy="omit"))


def test_infinite_differences_have_the_outer_ranks() -> None:
    plain, absolute = signed_ranks(np.array([[np.inf, 1.0, -np.inf, np.nan, -2.0]]))
    np.testing.assert_array_equal(plain, [[4, 3, 1, np.nan, 2]])
    np.testing.assert_array_equal(absolute, [[3.5, 1, 3.5, np.nan, 2]])


@pytest.mark.parametrize("ties", [False, True])
def test_the_correlation_is_spearmans_where_both_metrics_have_the_same_frames(ties: bool) -> None:
    differences = random_values((3, 1, 200), lacking=0.0, ties=ties)[:, 0]
    differences[:, :20] = np.nan
    found = correlations(signed_ranks(differences)[0])
    expected = stats.spearmanr(differences[:, 20:].T).statistic
    np.testing.assert_allclose(found, expected, atol=TIGHT)


def test_a_correlation_over_shared_frames_is_that_of_the_ranks_there() -> None:
    ranks = signed_ranks(random_values((3, 1, 200), lacking=0.3)[:, 0])[0]
    found = correlations(ranks)
    for one, other in itertools.combinations(range(3), 2):
        both = ~np.isnan(ranks[one]) & ~np.isnan(ranks[other])
        expected = np.corrcoef(ranks[one][both], ranks[other][both])[0, 1]
        assert found[one, other] == pytest.approx(expected, abs=TIGHT)


def test_a_metric_that_does_not_vary_has_no_correlation() -> None:
    differences = np.stack([np.ones(30), np.arange(30.0)])
    assert np.isnan(correlations(signed_ranks(differences)[0])[0, 1])


def test_frames_and_shares_are_those_of_a_plain_loop() -> None:
    held = cohort(3, [40, 25, 60])
    values = random_values((3, 3, 125))
    higher = (True, False, True)
    found = list(answers(held, values, higher, count=5))
    assert len(found) == 9  # 3 pairs of methods by 3 pairs of metrics
    for answer in found:
        q = answer.question
        strengths, opposed, shared = _loop(values, higher, q.a, q.b, q.first, q.second)
        assert answer.frames == shared
        assert answer.opposed == pytest.approx(opposed / shared)
        taken: list[int] = []
        for column in sorted(strengths, key=lambda c: (-strengths[c], c)):
            trial, number = held.place(column)
            near = [held.place(c) for c in taken]
            if all(t != trial or abs(n - number) >= NEIGHBOURS_APART for t, n in near):
                taken.append(column)
        assert list(answer.columns) == taken[:5]
        np.testing.assert_allclose(answer.strengths, [strengths[c] for c in taken[:5]], rtol=1e-6)  # float32


def _loop(
    values: np.ndarray, higher: tuple[bool, ...], a: int, b: int, first: int, second: int
) -> tuple[dict[int, float], int, int]:
    u = {}
    for metric in (first, second):
        signed = {}
        for column in range(values.shape[2]):
            ours, theirs = values[metric, a, column], values[metric, b, column]
            if not np.isnan(ours) and not np.isnan(theirs):
                signed[column] = (ours - theirs) * (1 if higher[metric] else -1)
        u[metric] = {
            column: np.sign(d) * sum(abs(other) <= abs(d) for other in signed.values()) / len(signed)
            for column, d in signed.items()
        }
    both = sorted(u[first].keys() & u[second].keys())
    strengths = {c: min(abs(u[first][c]), abs(u[second][c])) for c in both if u[first][c] * u[second][c] < 0}
    return strengths, len(strengths), len(both)


def test_units_of_a_metric_do_not_matter() -> None:
    held, values = cohort(2, [60]), random_values((2, 2, 60))
    scaled = values * np.array([1000.0, 0.01])[:, None, None] + np.array([-7.0, 3.0])[:, None, None]
    found = list(answers(held, values, (True, True), count=3))
    other = list(answers(held, scaled, (True, True), count=3))
    assert [a.columns for a in found] == [a.columns for a in other]
    assert [a.opposed for a in found] == [a.opposed for a in other]


def test_a_metric_never_disagrees_with_itself_and_always_with_its_opposite() -> None:
    held, values = cohort(2, [60]), random_values((1, 2, 60), lacking=0.0)
    (agree,) = answers(held, np.concatenate([values, values]), (True, True), count=3)
    assert agree.opposed == 0.0
    assert agree.columns == ()
    assert agree.correlation == pytest.approx(1.0)
    (opposite,) = answers(held, np.concatenate([values, values]), (True, False), count=3)
    assert opposite.opposed == 1.0
    assert opposite.correlation == pytest.approx(-1.0)
    largest = int(np.argmax(np.abs(values[0, 0] - values[0, 1])))
    assert opposite.columns[0] == largest
    assert opposite.strengths[0] == 1.0


def test_two_infinite_values_are_no_difference() -> None:
    values = np.array([[[np.inf, np.inf, 1.0], [np.inf, 2.0, 2.0]]])
    np.testing.assert_array_equal(differences_of(values, np.array([1.0]), 0, 1), [[0.0, np.inf, -1.0]])


def test_the_standardised_difference_of_the_largest_is_one() -> None:
    differences = np.array([[0.5, -3.0, 0.0, np.nan]])
    u = standardised(differences, signed_ranks(differences)[1])
    np.testing.assert_allclose(u, [[2 / 3, -1.0, 0.0, np.nan]])


def test_methods_without_a_common_frame_give_no_answer() -> None:
    values = np.full((2, 2, 10), np.nan)
    values[:, 0, :5] = 1.0
    values[:, 1, 5:] = 1.0
    assert list(answers(cohort(2, [10]), values, (True, True), count=3)) == []
