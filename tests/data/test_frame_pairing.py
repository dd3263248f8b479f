"""Pairing by id: laws, both ways of numbering, and every case in which a guess would be needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.data.frame_list import FrameList, open_frames
from iper_bench.data.frame_name import Id
from iper_bench.data.frame_pairing import FRAMES, NAMES, POSITIONS, pair
from iper_bench.data.image_io import encode_png
from iper_bench.data.picture_file import Picture
from iper_bench.errors import UserError

TARGETS = tuple(range(16, 48))
GREY = np.full((4, 4, 3), 9, np.uint8)


class Ids(FrameList):
    """Frames without pixels."""

    source = "ids"

    def __init__(self, ids: Sequence[Id]) -> None:
        self._ids = tuple(ids)

    @property
    def ids(self) -> Sequence[Id]:
        return self._ids

    def inspect(self, index: int) -> Picture:
        return Picture(GREY)


def files(folder: Path, *names: str) -> FrameList:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(encode_png(GREY))
    return open_frames(folder)


@pytest.mark.parametrize(
    ("given_ids", "numbering"), [(TARGETS, FRAMES), (range(32), POSITIONS), (range(20), POSITIONS)]
)
def test_both_numberings_are_understood(given_ids: Sequence[int], numbering: str) -> None:
    pairing = pair(Ids(given_ids), TARGETS)
    assert pairing.numbering == numbering
    assert numbering[:-1] in pairing.sentence
    assert [(m.id, m.prediction, m.reference) for m in pairing.matched] == [
        (16 + place, place, place) for place in range(len(given_ids))
    ]
    assert pairing.missing == TARGETS[len(given_ids) :]
    assert pairing.extra == ()
    assert pairing.duplicates == {}


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), max_size=6))
def test_order_of_the_listing_does_not_matter(order: list[int], lost: set[int]) -> None:
    kept = [100 + place for place in order if place not in lost]
    pairing = pair(Ids(kept), range(100, 112))
    assert {(m.id, kept[m.prediction], 100 + m.reference) for m in pairing.matched} == {
        (one, one, one) for one in kept
    }
    assert set(pairing.missing) == {100 + place for place in lost}


@given(st.lists(st.integers(0, 30), max_size=30), st.sets(st.integers(0, 30), min_size=1))
def test_every_frame_is_accounted_for_once(ids: list[int], expected: set[int]) -> None:
    pairing = pair(Ids(ids), sorted(expected), numbering=FRAMES)
    matched = {m.id for m in pairing.matched}
    assert matched | set(pairing.missing) | (set(pairing.duplicates) & expected) == expected
    assert len(matched) + len(pairing.missing) + len(set(pairing.duplicates) & expected) == len(expected)
    assert matched | set(pairing.extra) | set(pairing.duplicates) == set(ids)
    used = [m.prediction for m in pairing.matched]
    assert len(set(used)) == len(used)
    for one, places in pairing.duplicates.items():
        assert [ids[place] for place in places] == [one] * len(places)
        assert len(places) > 1


@pytest.mark.parametrize("given_ids", [range(16, 32), range(48), (20,)])
def test_numbers_that_fit_both_are_refused_until_told(given_ids: Sequence[int]) -> None:
    with pytest.raises(UserError, match="--numbering frames or --numbering positions"):
        pair(Ids(given_ids), TARGETS)
    by_frames = pair(Ids(given_ids), TARGETS, numbering=FRAMES)
    by_positions = pair(Ids(given_ids), TARGETS, numbering=POSITIONS)
    assert all(given_ids[m.prediction] == m.id for m in by_frames.matched)
    assert all(given_ids[m.prediction] == m.reference for m in by_positions.matched)


def test_numbering_from_one_leaves_the_first_missing() -> None:
    pairing = pair(Ids(range(1, 33)), TARGETS)
    assert pairing.numbering == POSITIONS
    assert pairing.missing == (16,)
    assert pairing.extra == (32,)


def test_one_frame_too_many_does_not_change_the_numbering() -> None:
    assert pair(Ids(range(16, 49)), TARGETS).numbering == FRAMES
    assert pair(Ids(range(33)), TARGETS).numbering == POSITIONS


def test_duplicates_are_never_chosen_from(tmp_path: Path) -> None:
    pairing = pair(files(tmp_path / "in", "0.png", "1.png", "01.png", "2.png"), (0, 1, 2))
    assert [m.id for m in pairing.matched] == [0, 2]
    assert set(pairing.duplicates) == {1}
    assert len(pairing.duplicates[1]) == 2
    assert pairing.missing == ()


def test_two_folders_without_numbers_are_paired_by_name(tmp_path: Path) -> None:
    ours = files(tmp_path / "a", "left.png", "right.png", "more.png")
    theirs = files(tmp_path / "b", "right.png", "left.png", "top.png")
    pairing = pair(ours, theirs)
    assert pairing.numbering == NAMES
    assert {m.id for m in pairing.matched} == {"left", "right"}
    assert pairing.missing == ("top",)
    assert pairing.extra == ("more",)


def test_names_serve_where_numbers_repeat(tmp_path: Path) -> None:
    ours, theirs = (files(tmp_path / name, "a1.png", "b1.png") for name in "ab")
    pairing = pair(ours, theirs)
    assert pairing.numbering == NAMES
    assert [m.id for m in pairing.matched] == ["a1", "b1"]


def test_two_folders_are_paired_by_number_whatever_the_names(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path / "a", "f2.png", "f1.png"), files(tmp_path / "b", "0001.png", "0002.png")
    assert [m.id for m in pair(ours, theirs).matched] == [1, 2]


def test_expected_frames_stand_once() -> None:
    with pytest.raises(UserError, match="frame 3 stands 2 times"):
        pair(Ids((3,)), (3, 4, 3))


def test_unknown_numbering_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="numbering 'x'"):
        pair(Ids(()), (), numbering="x")


def test_nothing_in_common_is_all_missing() -> None:
    pairing = pair(Ids((900, 901)), TARGETS)
    assert pairing.matched == ()
    assert pairing.missing == TARGETS
    assert pairing.extra == (900, 901)
