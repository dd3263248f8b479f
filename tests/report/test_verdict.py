"""Verdicts: known answers, laws, and how often a gate is wrong, by simulation."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from iper_bench.report.statistics import Paired
from iper_bench.report.verdict import (
    CANNOT_TELL,
    IMPROVED,
    REGRESSED,
    UNCHANGED,
    Sample,
    Verdict,
    count_verdicts,
    judge,
    who_guards,
)


def of_actors(values: npt.NDArray[np.float64], clips: int = 1) -> Paired:
    """Neighbouring ``clips`` values are those of one actor."""
    return Paired(tuple(values[start : start + clips] for start in range(0, values.size, clips)))


def sample(differences: object, clips: int = 1, **changes: object) -> Sample:
    """A higher-is-better number with tolerance 0.05 and limit 1; each actor has ``clips`` clips."""
    array = None if differences is None else np.asarray(differences, dtype=np.float64)
    shift = 0.0 if array is None else float(array.mean())
    paired = None if array is None else of_actors(array, clips)
    made = Sample("m", True, 0.05, 1.0, 20.0, 20.0 + shift, paired)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def one(differences: object, clips: int = 1, **changes: object) -> Verdict:
    return judge([sample(differences, clips, **changes)])[0]


@pytest.mark.parametrize(
    ("differences", "expected", "reason"),
    [
        ([0.0] * 3, UNCHANGED, "no clip moved"),
        ([0.04, -0.05, 0.01], UNCHANGED, "no clip moved"),
        ([-0.3, -0.2, -0.4, -0.3, -0.2, -0.3, -0.25], REGRESSED, "p ="),
        ([0.3, 0.2, 0.4, 0.3, 0.2, 0.3, 0.25], IMPROVED, "p ="),
        ([-5.0, -4.0], REGRESSED, "beyond the limit"),
        ([5.0], IMPROVED, "beyond the limit"),
        ([-0.3, -0.2, -0.4], CANNOT_TELL, "too few actors: 3, needs 6"),
        ([-0.9, 0.8, -0.7, 0.6, -0.9, 0.5, -0.8, 0.9], CANNOT_TELL, "not told from"),
        ([-0.06, 0.06, 0.03, -0.03, 0.01, -0.01, 0.0, 0.02], UNCHANGED, "interval within"),
    ],
)
def test_known_answers(differences: list[float], expected: str, reason: str) -> None:
    found = one(differences)
    assert found.verdict == expected
    assert reason in found.reason


def test_direction_turns_the_verdict() -> None:
    worse = [0.3, 0.2, 0.4, 0.3, 0.2, 0.3, 0.25]
    found = one(worse, higher_is_better=False)
    assert found.verdict == REGRESSED
    assert found.gain is not None
    assert found.gain < 0


def test_drop_of_exactly_the_tolerance_is_noise() -> None:
    assert one([-0.05] * 12).verdict == UNCHANGED


@pytest.mark.parametrize(
    ("now", "expected"),
    [(20.04, UNCHANGED), (19.5, CANNOT_TELL), (18.0, REGRESSED), (22.0, IMPROVED)],
)
def test_whole_set_values_go_by_thresholds(now: float, expected: str) -> None:
    assert one(None, now=now).verdict == expected


def test_missing_values() -> None:
    lost = one(None, now=None, reason="no face found")
    assert lost.verdict == REGRESSED
    assert "no face found" in lost.reason
    assert one(None, before=None).verdict == CANNOT_TELL
    assert one(None, before=None, now=None).verdict == UNCHANGED


def test_lost_coverage_is_a_regression_even_when_the_value_rose() -> None:
    found = one([0.5] * 8, coverage_before=0.9, coverage_now=0.6)
    assert found.verdict == REGRESSED
    assert found.reason == "coverage fell from 90% to 60% of the frames"
    assert one([0.5] * 8, coverage_before=0.9, coverage_now=0.88).verdict == IMPROVED


def test_not_comparable_cannot_be_told() -> None:
    found = one([-9.0], comparable=False, reason="not in this run")
    assert (found.verdict, found.reason) == (CANNOT_TELL, "not in this run")


def test_order_changes_nothing() -> None:
    generator = np.random.default_rng(1)

    def shuffled(paired: Paired | None) -> Paired:
        groups = [] if paired is None else [generator.permutation(group) for group in paired.groups]
        return Paired(tuple(groups[i] for i in generator.permutation(len(groups))))

    samples = [sample(generator.normal(-0.2, 0.3, 18), 2, name=f"m{i}") for i in range(6)]
    expected = {v.sample.name: (v.verdict, v.reason) for v in judge(samples)}
    mixed = [dataclasses.replace(s, differences=shuffled(s.differences)) for s in reversed(samples)]
    assert {v.sample.name: (v.verdict, v.reason) for v in judge(mixed)} == expected


def test_more_comparisons_ask_for_more_actors() -> None:
    """Six actors tell one number, but not one among many: 2/2**6 * 30 is more than 0.05."""
    drop = [-0.3, -0.2, -0.4, -0.3, -0.2, -0.3]
    assert one(drop).verdict == REGRESSED
    many = judge([sample(drop, name=str(i)) for i in range(30)])
    assert {v.verdict for v in many} == {CANNOT_TELL}
    assert "too few actors: 6, needs 11" in many[0].reason


def test_numbers_that_did_not_move_do_not_dilute() -> None:
    drop = [-0.3, -0.2, -0.4, -0.3, -0.2, -0.3]
    still = [sample([0.0] * 6, name=str(i)) for i in range(50)]
    assert judge([sample(drop), *still])[0].verdict == REGRESSED


def test_bad_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 or more"):
        one([0.0], tolerance=-1.0)


def test_counts_name_the_worst_first() -> None:
    found = count_verdicts(judge([sample([-5.0]), sample([0.0])]))
    assert list(found) == [REGRESSED, CANNOT_TELL, IMPROVED, UNCHANGED]
    assert (found[REGRESSED], found[UNCHANGED]) == (1, 1)


def gates(count: int, *, numbers: int, actors: int, drop: float, noise: float) -> float:
    """Share of gates that fail: noise per actor and number, the first number dropped by ``drop``."""
    generator = np.random.default_rng(11)
    failed = 0
    for _ in range(count):
        shift = np.zeros(numbers)
        shift[0] = -drop
        samples = [
            sample(s + noise * generator.normal(size=actors), name=str(i)) for i, s in enumerate(shift)
        ]
        failed += any(v.verdict == REGRESSED for v in judge(samples))
    return failed / count


def test_a_gate_over_many_numbers_rarely_cries_wolf() -> None:
    """30 numbers, 12 actors, noise six times the tolerance, no true change: at most 5 % of gates may fail.

    Without Holm's correction 17 % do (measured over 100). Of 60 gates 5 % are 3; three standard deviations
    more are 8.
    """
    assert gates(60, numbers=30, actors=12, drop=0.0, noise=0.3) <= 8 / 60


def test_a_gate_catches_a_clear_drop() -> None:
    """A drop below the limit, 2.3 times the noise of an actor, one number among 30: found in 97 % of 60
    gates.

    Of 20 gates at least 17 must find it (expected 19.4, three standard deviations are 2.3). The whole
    power table stands in docs/gate.md.
    """
    assert gates(20, numbers=30, actors=12, drop=0.7, noise=0.3) >= 17 / 20


class TestActors:
    """Clips of one actor are no independent witnesses."""

    DROP = (-0.3, -0.2, -0.4, -0.3, -0.2, -0.3)

    def test_many_clips_of_few_actors_tell_nothing(self) -> None:
        """24 clips that all dropped: told as 24 actors and as 6 actors with 4 clips, not as 4 with 6."""
        drop = self.DROP * 4
        assert one(drop).verdict == REGRESSED
        assert one(drop, 4).verdict == REGRESSED
        few = one(drop, 6)
        assert (few.verdict, few.actors, few.clips) == (CANNOT_TELL, 4, 24)
        assert "too few actors: 4, needs 6" in few.reason

    def test_the_limit_still_guards_few_actors_and_says_so(self) -> None:
        assert one([-1.5] * 24, 6).verdict == REGRESSED
        few, enough = sample(self.DROP, 2), sample(self.DROP)
        assert who_guards([few, few]) == (
            "only the limits guard: 3 actors, and with fewer than 6 no difference can be significant"
        )
        assert "1 actor," in str(who_guards([sample([-0.3])]))
        assert who_guards([few, enough]) is None
        assert who_guards([sample(None)]) is None

    def test_without_a_limit_only_the_test_decides(self) -> None:
        assert one([-5.0, -4.0], limit=None).verdict == CANNOT_TELL
        assert one(self.DROP, limit=None).verdict == REGRESSED
        assert one(None, now=10.0, limit=None).verdict == CANNOT_TELL

    def test_clips_of_an_actor_alike_count_once(self) -> None:
        """Known answer: repeating every clip four times within its actor changes neither p nor verdict."""
        values = np.array([-0.3, -0.1, -0.4, 0.1, -0.2, -0.3, -0.2])
        once, often = one(values), one(np.repeat(values, 4), 4)
        assert (once.p, once.verdict, once.gain) == (often.p, often.verdict, often.gain)

    def test_more_numbers_than_flips_can_separate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By a test that gives up at 40 numbers: the real one takes thousands."""

        def needed(comparisons: int) -> int:
            raise ValueError(comparisons)

        monkeypatch.setattr("iper_bench.report.verdict.actors_needed", needed)
        many = judge([sample([-0.3] * 3, name=str(i)) for i in range(40)])
        assert many[0].reason == "too few actors: 3, needs fewer numbers at once than 40"
