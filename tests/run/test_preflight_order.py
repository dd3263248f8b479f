"""Shifts and reversals are found, and nothing is found where nothing is wrong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.run.preflight_order import FEWEST, REVERSED, SHIFTS, Misorder, find_misorder
from iper_bench.run.preflight_signature import SIDE
from tests.run.drawn_clips import Frames, noisy, wanderer

COUNT = 24


def small(frames: Frames) -> list[np.ndarray]:
    return [cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames]


def moved(frames: Frames, shift: int) -> Frames:
    """Prediction k shows frame k + shift; the ends are held."""
    return frames[np.clip(np.arange(len(frames)) + shift, 0, len(frames) - 1)]


def found(ours: Frames, theirs: Frames, *, same_person: bool = True) -> int | str | None:
    fault = find_misorder(small(ours), small(theirs), same_person=same_person)
    return None if fault is None else fault.shift


@pytest.mark.parametrize("shift", [one for one in range(-SHIFTS, SHIFTS + 1) if one])
@pytest.mark.parametrize("sigma", [0.0, 12.0])
def test_every_shift_is_named(shift: int, sigma: float) -> None:
    truth = wanderer(COUNT)
    assert found(noisy(moved(truth, shift), sigma), truth) == shift


@pytest.mark.parametrize("same_person", [True, False])
def test_reversal_is_named(same_person: bool) -> None:
    theirs = wanderer(COUNT)
    ours = wanderer(COUNT, look=0 if same_person else 1)
    assert found(ours[::-1], theirs, same_person=same_person) == REVERSED


@pytest.mark.parametrize("shift", [-4, -2, 2, 3])
def test_a_shift_is_seen_on_somebody_else(shift: int) -> None:
    assert found(moved(wanderer(COUNT, look=1), shift), wanderer(COUNT), same_person=False) == shift


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    pace=st.floats(0.0, 4.0),
    sigma=st.floats(0.0, 60.0),
    count=st.integers(1, 30),
    same_person=st.booleans(),
)
def test_no_alarm_in_the_right_order(
    seed: int, pace: float, sigma: float, count: int, same_person: bool
) -> None:
    theirs = wanderer(count, seed=seed, pace=pace)
    ours = noisy(wanderer(count, seed=seed, pace=pace, look=0 if same_person else 1), sigma, seed)
    assert found(ours, theirs, same_person=same_person) is None


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), same_person=st.booleans(), still=st.sampled_from(["ours", "theirs", "both"])
)
def test_no_alarm_where_nothing_moves(seed: int, same_person: bool, still: str) -> None:
    walk = wanderer(COUNT, seed=seed)
    stand = noisy(np.repeat(walk[:1], COUNT, axis=0), 3.0, seed)
    ours, theirs = (stand if still in (side, "both") else walk for side in ("ours", "theirs"))
    assert found(ours, theirs, same_person=same_person) is None


@settings(max_examples=40, deadline=None)
@given(first=st.integers(0, 10**6), second=st.integers(0, 10**6))
def test_no_alarm_on_other_motion_that_fits_at_no_shift(first: int, second: int) -> None:
    """Pure noise fits nowhere, whatever is expected."""
    rng = np.random.default_rng(first)
    ours = rng.integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
    assert found(ours, wanderer(COUNT, seed=second)) is None


def test_no_alarm_on_a_motion_that_repeats() -> None:
    """A walk of four frames a cycle looks the same four frames later, and a pendulum the same backwards."""
    cycle = np.concatenate([wanderer(4)] * 6)
    assert found(noisy(cycle, 8.0), cycle) is None
    there = wanderer(12)
    pendulum = np.concatenate([there, there[::-1]])
    assert found(noisy(pendulum, 8.0), pendulum) is None


def test_frames_that_are_not_there_do_not_matter() -> None:
    truth = wanderer(COUNT)
    ours: list[np.ndarray | None] = list(small(moved(truth, 2)))
    theirs: list[np.ndarray | None] = list(small(truth))
    for place in (0, 5, 6, 17):
        ours[place] = None
    theirs[9] = None
    fault = find_misorder(ours, theirs, same_person=True)
    assert fault is not None
    assert fault.shift == 2


def test_too_few_frames_say_nothing() -> None:
    truth = wanderer(FEWEST - 1)
    assert found(truth[::-1], truth) is None
    assert find_misorder([None] * 20, small(wanderer(20)), same_person=True) is None
    assert find_misorder([], [], same_person=False) is None


def test_colours_and_room_do_not_matter() -> None:
    truth = wanderer(COUNT)
    ours = (truth[..., ::-1] // 2 + 60).astype(np.uint8)
    assert found(ours, truth) is None
    assert found(moved(ours, 1), truth) == 1


def test_words() -> None:
    assert "1 later" in Misorder(1, 0.9, 0.5).text
    assert "3 earlier" in Misorder(-3, 0.9, 0.5).text
    assert "backwards" in Misorder(REVERSED, 0.9, -0.5).text
    assert "0.90 instead of 0.50" in Misorder(1, 0.9, 0.5).text
