"""Standings: order, tie groups, what is told from the best, Holm over a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from iper_bench.report.evidence import Measurement
from iper_bench.report.ranking import Standing, pairs, standings, standings_of_table, too_few
from iper_bench.report.statistics import (
    ALPHA,
    actor_sign_flip_p,
    holm,
    nested_bootstrap,
    paired_by_actor,
    smallest_actor_p,
)

CLIPS = [f"a{i:02d}/c{j}" for i in range(10) for j in range(2)]
ACTORS = {clip: clip.split("/")[0] for clip in CLIPS}


def measured(method: str, values: Mapping[str, float], *, value: float | None = None) -> Measurement:
    mean = float(np.mean(list(values.values()))) if values else None
    return Measurement(
        method,
        "synthetic",
        "p",
        "self",
        1,
        0,
        "standard",
        "PSNR",
        mean if value is None else value,
        clip_values=values,
        clip_actors={clip: ACTORS[clip] for clip in values},
    )


def column(gains: Mapping[str, float], noise: float = 0.2, clips: int = 20) -> list[Measurement]:
    """Methods whose clips share an effect and have noise of their own."""
    random = np.random.default_rng(3)
    shared = random.normal(size=clips)
    return [
        measured(
            name, dict(zip(CLIPS[:clips], shared + gain + noise * random.normal(size=clips), strict=True))
        )
        for name, gain in gains.items()
    ]


def groups(found: Mapping[str, Standing]) -> list[int]:
    return [one.tie_group for one in sorted(found.values(), key=lambda one: one.place)]


def test_clear_differences_are_an_order_with_a_best_and_a_second() -> None:
    found = standings(column({"c": 0.0, "a": 2.0, "b": 1.0}), True)
    assert [found[name].place for name in "abc"] == [1, 2, 3]
    assert [found[name].tie_group for name in "abc"] == [1, 2, 3]
    assert [found[name].best for name in "abc"] == [True, False, False]
    assert [found[name].second for name in "abc"] == [False, True, False]
    assert [found[name].told_from_best for name in "abc"] == [None, True, True]
    assert found["a"].p is None
    assert found["b"].difference is not None
    assert found["b"].difference.mean == pytest.approx(-1.0, abs=0.15)
    assert (found["b"].actors, found["b"].clips, found["a"].actors) == (10, 20, 10)


def test_lower_is_better_turns_the_order_round() -> None:
    up = standings(column({"a": 2.0, "b": 1.0, "c": 0.0}), True)
    down = standings(column({"a": -2.0, "b": -1.0, "c": 0.0}), False)
    for name in "abc":
        assert (up[name].place, up[name].tie_group, up[name].best) == (
            down[name].place,
            down[name].tie_group,
            down[name].best,
        )


def test_equal_methods_are_one_group_without_a_best() -> None:
    found = standings(column({"a": 0.0, "b": 0.01, "c": 0.02}, noise=1.0), True)
    assert groups(found) == [1, 1, 1]
    assert not any(one.best or one.second for one in found.values())
    assert [one.told_from_best for one in found.values()].count(False) == 2


def test_a_tie_at_the_top_has_no_bold_and_the_loser_is_told() -> None:
    found = standings(column({"a": 1.0, "b": 1.01, "c": -1.0}, noise=0.4), True)
    assert groups(found) == [1, 1, 2]
    assert not any(one.best or one.second for one in found.values())
    assert found["c"].told_from_best


def test_second_needs_to_be_told_from_the_third() -> None:
    found = standings(column({"a": 3.0, "b": 1.0, "c": 1.01}, noise=0.4), True)
    assert groups(found) == [1, 2, 2]
    assert found["a"].best
    assert not any(one.second for one in found.values())


def test_a_group_is_compared_with_its_first_and_is_an_interval_of_the_order() -> None:
    """Steps so small that neighbours are never told apart: the chain breaks where a method is told from the
    first of its group, and the next group begins there, however near its neighbour above is.
    """
    steps = {f"m{i}": -0.15 * i for i in range(6)}
    ordered = sorted(column(steps, noise=0.15), key=lambda one: -(one.value or 0.0))
    found = standings(ordered, True)
    family = pairs([ordered])
    first, group = ordered[0], 1
    for one in ordered[1:]:
        paired = paired_by_actor(one.clip_values, first.clip_values, ACTORS)
        told = nested_bootstrap(paired).excludes(0.0) and actor_sign_flip_p(paired) * family < ALPHA
        if found[one.method].told_from_best if group == 1 else told:
            first, group = one, group + 1
        assert found[one.method].tie_group == group
    assert 1 < group < len(ordered)
    assert groups(found) == sorted(groups(found))


def test_fewer_than_six_actors_tell_nothing() -> None:
    found = standings(column({"a": 9.0, "b": 0.0}, clips=10), True)  # ten clips, five actors
    assert found["b"].told_from_best is False
    assert found["b"].p == smallest_actor_p(5)
    assert groups(found) == [1, 1]
    assert not found["a"].best


def test_more_comparisons_take_more_actors() -> None:
    """10 actors: smallest p 2/1024, so 25 comparisons can be told (0.049) and 26 not (0.051)."""
    two = column({"a": 5.0, "b": 0.0})
    assert standings(two, True, comparisons=25)["b"].told_from_best
    assert standings(two, True, comparisons=26)["b"].told_from_best is False
    assert standings(two, True, comparisons=26)["b"].p == pytest.approx(26 * 2 / 1024)


def test_too_few_names_the_number_that_is_needed() -> None:
    assert too_few(6, 1) is None
    assert too_few(5, 1) == "5 actors; nothing can be told with fewer than 6"
    assert too_few(10, 26) == "10 actors; nothing can be told with fewer than 11 for 26 comparisons"
    assert too_few(1, 1) == "1 actor; nothing can be told with fewer than 6"
    assert "random flips" in (too_few(40, 5000) or "")


def test_values_over_a_set_have_an_order_and_are_never_told_apart() -> None:
    found = standings([measured("a", {}, value=30.0), measured("b", {}, value=40.0)], False)
    assert [found[name].place for name in "ab"] == [1, 2]
    assert groups(found) == [1, 1]
    assert found["b"].told_from_best is None
    assert found["b"].p is None
    assert found["b"].difference is None
    assert not found["a"].best


def test_one_method_and_methods_without_a_value() -> None:
    lone = standings([*column({"a": 1.0}), measured("gone", {})], True)
    assert set(lone) == {"a"}
    assert not lone["a"].best
    assert standings([measured("gone", {})], True) == {}


def test_a_method_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        standings(column({"a": 1.0}) * 2, True)


def test_equal_values_share_a_place() -> None:
    same = dict.fromkeys(CLIPS, 1.0)
    found = standings(
        [measured("a", same), measured("b", same), measured("c", dict.fromkeys(CLIPS, 0.0))], True
    )
    assert [found[name].place for name in "abc"] == [1, 1, 3]
    assert found["b"].p == 1.0


def test_other_clips_that_turn_the_difference_round_tell_nothing() -> None:
    """'a' leads by its value over all its clips, but over the clips that both have 'b' does."""
    common = dict.fromkeys(CLIPS[:14], 1.0)
    ahead = {clip: 1.0 + 0.01 * i for i, clip in enumerate(CLIPS[:14])}
    found = standings([measured("a", common, value=9.0), measured("b", ahead, value=5.0)], True)
    assert found["b"].place == 2
    assert found["b"].told_from_best is False


def test_a_table_is_corrected_over_all_its_pairs() -> None:
    columns = {
        "PSNR": column({"a": 0.5, "b": 0.0, "c": -0.2}, noise=0.4),
        "SSIM": column({"a": 0.0, "b": 0.4, "c": 0.3}, noise=0.5),
        "other": column({"a": 0.0, "b": 1.0}),
    }
    found = standings_of_table(columns, {"PSNR": True, "SSIM": True})
    assert set(found) == {"PSNR", "SSIM"}  # no direction, no standing
    raw, places = [], []
    for key in found:
        ordered = sorted(columns[key], key=lambda one: -(one.value or 0.0))
        for one in ordered[1:]:
            paired = paired_by_actor(one.clip_values, ordered[0].clip_values, ACTORS)
            raw.append(actor_sign_flip_p(paired))
            places.append((key, one.method))
    expected = holm([*raw, 1.0, 1.0])  # three pairs a column, two of them with the best
    for (key, name), p in zip(places, expected[: len(places)], strict=True):
        assert found[key][name].p == pytest.approx(p)


def test_the_order_in_which_methods_come_changes_nothing() -> None:
    ones = column({"a": 0.3, "b": 0.0, "c": 0.1, "d": 1.0}, noise=0.5)
    assert standings(ones, True) == standings(ones[::-1], True)


def test_equal_methods_are_rarely_told_apart_although_the_best_is_chosen() -> None:
    """60 tables of 8 equal methods: at most 5 % may show any difference; standard error 0.028, two of them
    allowed. Corrected for the seven comparisons with the best alone, three times as many would.
    """
    random = np.random.default_rng(5)
    shown = 0
    for _ in range(60):
        ones = [
            measured(f"m{i}", dict(zip(CLIPS, random.normal(size=len(CLIPS)), strict=True))) for i in range(8)
        ]
        shown += any(one.told_from_best for one in standings(ones, True).values())
    assert shown / 60 <= 0.05 + 0.056
