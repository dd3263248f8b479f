"""Swapped channels, offsets, ranges and gammas are told apart; a method's own errors are none of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.run.preflight_colour import find_shift, find_swap
from iper_bench.run.preflight_signature import SIDE
from tests.run.drawn_clips import Frames, noisy, wanderer


def small(frames: Frames) -> np.ndarray:
    return np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])


def levels(frames: Frames, gain: float = 1.0, level: float = 0.0, gamma: float = 1.0) -> Frames:
    changed = 255 * (frames / 255) ** gamma * gain + level
    return np.clip(changed, 0, 255).round().astype(np.uint8)


TRUTH = small(wanderer(12))


@pytest.mark.parametrize("sigma", [0.0, 15.0])
def test_swapped_channels_are_found(sigma: float) -> None:
    fault = find_swap(small(noisy(wanderer(12)[..., ::-1], sigma)), TRUTH)
    assert fault is not None
    assert fault.kind == "swapped_channels"


def test_swap_is_seen_on_mean_pictures() -> None:
    mean = TRUTH.mean(axis=0, keepdims=True).astype(np.uint8)
    assert find_swap(mean[..., ::-1], mean) is not None
    assert find_swap(mean, mean) is None


def test_grey_clips_tell_nothing_about_channels() -> None:
    grey = np.repeat(TRUTH[..., :1], 3, axis=-1)
    for one, other in ((grey, grey), (grey[..., ::-1], TRUTH), (TRUTH, grey)):
        assert find_swap(one, other) is None


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"level": 12}, "levels", "off by R +12, G +12, B +12"),
        ({"level": -9}, "levels", "off by R -8"),
        ({"gain": 0.5, "level": 30}, "levels", "scaled by R 0.50, G 0.50, B 0.50 and off by R +30"),
        ({"gain": 219 / 255, "level": 16}, "video_range", "squeezed"),
        ({"gain": 255 / 219, "level": -16 * 255 / 219}, "video_range", "stretched"),
        ({"gamma": 2.2}, "gamma", "power of 2.2"),
        ({"gamma": 1 / 2.2}, "gamma", "power of 0.4"),
    ],
)
def test_curves_of_levels_are_named(changes: dict[str, float], kind: str, words: str) -> None:
    fault = find_shift(small(noisy(levels(wanderer(12), **changes), 4.0, blur=0.0)), TRUTH)
    assert fault is not None
    assert fault.kind == kind
    assert words in fault.text
    assert fault.advice


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), look=st.integers(0, 50), sigma=st.floats(0, 60))
def test_no_alarm_on_noise_and_blur(seed: int, look: int, sigma: float) -> None:
    truth = wanderer(8, seed=seed, look=look)
    ours = small(noisy(truth, sigma, seed))
    assert find_swap(ours, small(truth)) is None
    assert find_shift(ours, small(truth)) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), look=st.integers(0, 50))
def test_no_alarm_when_the_person_stands_elsewhere(seed: int, look: int) -> None:
    ours, theirs = small(wanderer(8, seed=seed, look=look)), small(wanderer(8, seed=seed + 1, look=look))
    assert find_swap(ours, theirs) is None
    assert find_shift(ours, theirs) is None


def test_a_clip_of_one_level_is_no_division_by_zero() -> None:
    flat = np.full((2, SIDE, SIDE, 3), 90, np.uint8)
    assert find_swap(flat, flat) is None
    assert find_shift(flat, flat) is None
    fault = find_shift(flat + np.uint8(20), flat)
    assert fault is not None
    assert "+20" in fault.text
