"""Differences of two definitions in words, mixtures between them, and attributions as pure values."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.metrics.definition import Passport
from iper_bench.metrics.explanation import attribution, differences, mixtures
from iper_bench.metrics.metric import SETTINGS
from iper_bench.metrics.outcome import Outcome, missing
from iper_bench.metrics.profiles import PROFILES

STANDARD = PROFILES.get("standard").definition("SSIM")
PAPER = PROFILES.get("paper").definition("SSIM")
EVERY = [one for name in PROFILES for setting in SETTINGS for one in PROFILES.get(name).every(setting)]
PAIRS = [(a, b) for a, b in itertools.product(EVERY, EVERY) if a.kind is b.kind]


def stored(definition, profile="standard", setting="self", **weights):
    return Passport(profile, setting, definition, weights).to_json()


def value_of(value):
    return Outcome(value, None, None, 1, 1)


def test_ssim_of_paper_and_standard_in_words_and_in_order():
    found = differences(stored(PAPER, "paper"), stored(STANDARD))
    assert [one.field for one in found] == ["frame", "values", "window", "covariance", "average"]
    first = found[0]
    assert (first.first, first.second) == ("linear-512", "native")
    assert (
        first.first_words
        == "uint8 RGB, OpenCV bilinear without antialiasing to 512x512 (aspect ratio not kept)"
    )
    assert first.second_words == "uint8 RGB at native size"


def test_names_and_sources_are_no_difference():
    other = STANDARD.named("ssim/mine", source="elsewhere")
    assert differences(stored(STANDARD), stored(other, "mine")) == []


def test_the_order_is_that_of_the_computation_whatever_the_order_in_the_file():
    shuffled = stored(PAPER, "paper")
    shuffled["choices"] = dict(sorted(shuffled["choices"].items()))
    assert differences(shuffled, stored(STANDARD)) == differences(stored(PAPER, "paper"), stored(STANDARD))


def test_weights_versions_and_settings_are_differences():
    lpips = PROFILES.get("standard").definition("LPIPS")
    ours, theirs = stored(lpips, network="alex@1"), {**stored(lpips, network="alex@2"), "version": 9}
    theirs["setting"] = "cross"
    found = differences(ours, theirs)
    assert [(one.field, one.first, one.second) for one in found] == [
        ("version of the computation", "1", "9"),
        ("setting", "self", "cross"),
        ("weights of network", "alex@1", "alex@2"),
    ]
    (unknown,) = differences(ours, stored(lpips))
    assert (unknown.first, unknown.second) == ("alex@1", "not on record")
    (absent,) = differences(stored(lpips, network="a", detector="d"), stored(lpips, network="a"))
    assert (absent.field, absent.second) == ("weights of detector", "none")


def test_choices_that_were_changed_by_hand_are_shown_where_their_words_are_stale():
    changed = stored(STANDARD)
    changed["choices"]["window"] = "uniform-7"
    (found,) = differences(stored(STANDARD), changed)
    assert (found.first_words, found.second_words) == ("gaussian-11", "uniform-7")


def test_definitions_of_older_plans_and_of_other_kinds_are_compared_by_their_entries():
    (found,) = differences({"profile": "a", "window": "x"}, {"profile": "b", "window": "y"})
    assert (found.field, found.first_words, found.second_words) == ("window", "x", "y")
    psnr = stored(PROFILES.get("standard").definition("PSNR"))
    fields = [one.field for one in differences(stored(STANDARD), psnr)]
    assert fields[0] == "kind"
    assert {"window", "arithmetic"} <= set(fields)


@given(st.sampled_from(PAIRS))
def test_mixtures_go_from_one_definition_to_the_other_one_field_at_a_time(pair):
    first, second = pair
    found = mixtures(first, second)
    differing = [name for name in first.kind.fields if first[name] != second[name]]
    assert [one.switched for one in found] == differing
    chain = [first, *(one.definition for one in found)]
    assert chain[-1].choices == second.choices
    for before, after, name in zip(chain, chain[1:], differing, strict=False):
        assert {field for field in before.choices if before[field] != after[field]} == {name}


def test_mixtures_of_two_kinds_do_not_exist():
    with pytest.raises(ValueError, match="kind ssim, PSNR psnr"):
        mixtures(STANDARD, PROFILES.get("standard").definition("PSNR"))


finite = st.floats(-1e9, 1e9)
measured = st.one_of(finite.map(value_of), st.just(missing("no face", 3)), st.just("does not exist"))


@given(finite, st.tuples(measured, measured, measured, measured), finite)
def test_steps_sum_to_the_gap_whatever_is_missing_between(start, middle, end):
    steps = mixtures(PAPER, STANDARD)
    outcomes = [*middle, value_of(end)]
    found = attribution(PAPER, value_of(start), list(zip(steps, outcomes, strict=True)))
    there = [step for step in found.steps if step.change is not None]
    parts = [Fraction(step.outcome.value) - Fraction(step.before) for step in there]
    assert sum(parts, Fraction(0)) == Fraction(end) - Fraction(start)
    assert found.total == end - start
    switched = [switch.field for step in found.steps for switch in step.switches]
    assert switched == [step.switched for step in steps]
    assert len(found.steps) == len(outcomes) - outcomes.count("does not exist")


def test_what_does_not_go_together_is_switched_with_the_next():
    steps = mixtures(PAPER, STANDARD)
    outcomes = [value_of(1.0), "impossible", value_of(4.0), missing("no weights", 2), value_of(2.0)]
    found = attribution(PAPER, value_of(0.0), list(zip(steps, outcomes, strict=True)))
    assert [tuple(s.field for s in step.switches) for step in found.steps] == [
        ("frame",),
        ("values", "window"),
        ("covariance",),
        ("average",),
    ]
    assert [step.together for step in found.steps] == ["", "impossible", "", ""]
    assert [step.change for step in found.steps] == [1.0, 3.0, None, -2.0]
    assert found.total == 2.0


def test_a_gap_needs_both_ends():
    steps = mixtures(PAPER, STANDARD)[-1:]
    assert attribution(PAPER, missing("no weights", 1), [(steps[0], value_of(1.0))]).total is None
    assert attribution(PAPER, value_of(1.0), [(steps[0], missing("no weights", 1))]).total is None
    with pytest.raises(ValueError, match="SSIM: impossible"):
        attribution(PAPER, value_of(1.0), [(steps[0], "impossible")])


def test_one_definition_has_no_steps():
    assert mixtures(PAPER, PAPER) == []
    same = attribution(PAPER, value_of(0.5), [])
    assert (same.steps, same.total) == ((), 0.0)
