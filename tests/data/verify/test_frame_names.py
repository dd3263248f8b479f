"""What the names of frames show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.data.verify.frame_names import gap_text, missing_numbers, name_findings


def _kinds(*names: str) -> list[str]:
    return [finding.kind for finding in name_findings("c", names)]


@pytest.mark.parametrize(
    "pattern", ["{:03d}.jpg", "frame_{:08d}.png", "img_{:08d}.png", "take2_{:04d}.png", "{:d}"]
)
@pytest.mark.parametrize("first", [0, 1])
def test_published_names_are_fine(pattern: str, first: int) -> None:
    assert name_findings("c", [pattern.format(first + number) for number in range(8)]) == []


@pytest.mark.parametrize(
    "form", ["{:04d}_rgb.png", "{:04d}_v2.png", "2024-01-05_{:02d}.jpg", "cam1_{:d}_left.png"]
)
def test_the_number_is_what_varies(form: str) -> None:
    """As pairing and preparing understand the names: other digits in them say nothing."""
    assert name_findings("c", [form.format(number) for number in range(9)]) == []
    (found,) = name_findings("c", [form.format(number) for number in (0, 1, 2, 4)])
    assert (found.kind, found.text) == ("missing_frames", "number 3 is missing")


def test_names_without_numbers_are_fine() -> None:
    assert name_findings("c", ["a.png", "b.png"]) == []


def test_a_gap_names_the_numbers_and_says_how_many() -> None:
    names = [f"{number:03d}.jpg" for number in range(30) if number not in (13, 20, 21, 22)]
    (finding,) = name_findings("001/9/1", names, "images/001/9/1", hint="unpack it again")
    assert finding.kind == "missing_frames"
    assert str(finding) == (
        "001/9/1  images/001/9/1: numbers 13, 20 to 22 are missing, 4 frames in all; try: unpack it again"
    )


def test_frames_that_begin_late_are_missing_frames() -> None:
    (finding,) = name_findings("c", ["005.jpg", "006.jpg"])
    assert "numbers 0 to 4 are missing, 5 frames in all" in finding.text


def test_another_width_is_named_once_and_is_no_gap() -> None:
    (finding,) = name_findings("c", ["000.jpg", "001.jpg", "0002.jpg", "003.jpg"])
    assert finding.kind == "frame_name"
    assert "'0002.jpg'" in finding.text
    assert "'000.jpg'" in finding.text


def test_another_ending_and_a_name_without_number() -> None:
    findings = name_findings("c", ["000.jpg", "001.jpg", "002.png", "cover.jpg"])
    assert [finding.kind for finding in findings] == ["frame_name", "frame_name"]
    assert "'002.png'" in findings[0].text
    assert "'cover.jpg'" in findings[1].text


def test_one_number_under_two_names() -> None:
    findings = name_findings("c", ["011.jpg", "012.jpg", "12.jpg", *(f"{n:03d}.jpg" for n in range(11))])
    assert [finding.kind for finding in findings] == ["frame_name", "frame_name"]
    assert "frame 12 is there 2 times, as 012.jpg, 12.jpg" in findings[0].text


def test_numbers_without_leading_zeros_are_out_of_order_as_text() -> None:
    (finding,) = name_findings("c", [f"{number}.png" for number in range(12)])
    assert "10 stands before 2" in finding.text


@given(st.sets(st.integers(0, 60), min_size=1))
def test_missing_numbers_fill_the_range(numbers: set[int]) -> None:
    missing = missing_numbers(numbers)
    filled = [number for first, last in missing for number in range(first, last + 1)]
    assert set(filled).isdisjoint(numbers)
    assert set(filled) | numbers | {0} == set(range(max(numbers) + 1)) | numbers | {0}
    assert filled == sorted(set(filled))


def test_long_lists_of_gaps_are_cut_but_counted() -> None:
    text = gap_text([(2 * n + 1, 2 * n + 1) for n in range(9)])
    assert text == "numbers 1, 3, 5, 7, ... are missing, 9 frames in all"


def test_order_of_the_listing_does_not_matter() -> None:
    names = ["000.jpg", "001.jpg", "0002.jpg", "7.jpg", "x.png"]
    assert _kinds(*names) == _kinds(*reversed(names))
