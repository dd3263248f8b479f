"""Holm's correction and intervals: known answers and laws. What takes actors: test_paired_statistics.py."""

from __future__ import annotations

import itertools

import pytest

from iper_bench.report.statistics import Interval, holm


def test_interval_without_ends_excludes_nothing_and_lies_nowhere() -> None:
    open_ended = Interval(2.0, None, None, 1)
    assert not open_ended.excludes(0.0)
    assert not open_ended.within(10.0)
    closed = Interval(0.0, -0.1, 0.2, 9)
    assert closed.excludes(0.5)
    assert not closed.excludes(0.2)
    assert closed.within(0.2)
    assert not closed.within(0.1)


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
