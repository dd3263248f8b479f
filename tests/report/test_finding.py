"""Findings about values of which frames equal their truth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iper_bench.report.finding import Pair, find
from iper_bench.report.verdict import CANNOT_TELL, REGRESSED, UNCHANGED
from tests.report.claims_made_up import measurement

BEFORE = replace(measurement("warp"), count=100, total=100)


def verdict(**changes: object) -> str:
    now = replace(BEFORE, **changes)  # type: ignore[arg-type]
    return find([Pair(BEFORE, now, True, 0.05, 0.5, "PSNR")])[0].verdict.verdict


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            "14 of 14 trials without a value: every prediction is identical to its truth: infinite",
            CANNOT_TELL,
        ),
        ("the value is +inf: 3 of 100 predictions equal their truth", CANNOT_TELL),
        ("no face found", REGRESSED),
    ],
)
def test_a_value_that_became_infinite_is_no_regression(reason: str, expected: str) -> None:
    assert verdict(value=None, clip_values={}, clip_actors={}, count=0, reason=reason) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("30 predictions identical to their truth are left out", UNCHANGED), (None, REGRESSED)],
)
def test_frames_that_became_perfect_are_not_lost(reason: str | None, expected: str) -> None:
    assert verdict(count=70, reason=reason) == expected
