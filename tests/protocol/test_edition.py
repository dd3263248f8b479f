"""Repairs: what stands in a mended place, published or repaired, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.edition import chosen_edition, published_form
from iper_bench.protocol.entry_reading import with_published
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Entry, FrameRange, Protocol
from iper_bench.protocol.trials import build_trials, held_repairs
from tests.protocol.official import packaged, published
from tests.protocol.test_reading import LISTED, changed, refusal, write
from tests.run.toys import ToyDataset


def mended(folder: Path, path: str, repair: dict[str, Any], **entry: Any) -> Protocol:
    """A toy protocol with one repaired field."""
    content = {
        "video": "p0/c0",
        "candidates": [3, 5],
        "sources": {1: [3], 2: [3, 5]},
        "self": {"video": "p0/c0", "frames": [8, 9]},
        "cross": {"video": "p1/c0", "frames": [10, 11], "real": [8, 9]},
        "repaired": {path: {"kind": "k", "why": "w", **repair}},
        **entry,
    }
    return read_protocol(write(folder, {**LISTED, "dataset": "toy", "clips": [content]}))


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("sources.2", [4, 4], lambda trials: trials[0].sources[2] == (4, 4)),
        ("cross.video", "p2/c0", lambda trials: trials[1].target_clip == "p2/c0"),
        ("cross.real", [2, 3], lambda trials: trials[1].real_frames == (2, 3)),
        ("cross.frames", [2, 3], lambda trials: trials[1].target_frames == (2, 3)),
        ("candidates", [5, 3], lambda trials: [view.frame for view in trials[0].views] == [5, 3]),
    ],
)
def test_the_published_edition_puts_one_field_back(tmp_path: Path, path: str, value: Any, read: Any) -> None:
    protocol = mended(tmp_path, path, {"from": value})
    repaired, back = (build_trials(one, ToyDataset()) for one in (protocol, protocol.as_published()))
    assert not read(repaired)
    assert read(back)
    assert protocol.as_published().hash != protocol.hash
    assert [video for video, _ in held_repairs(protocol, ToyDataset())] == ["p0/c0"]
    assert held_repairs(protocol.as_published(), ToyDataset()) == []


def test_published_frames_that_do_not_exist_stay_repaired(tmp_path: Path) -> None:
    protocol = mended(tmp_path, "cross.real", {"from": [90, 91]})
    for one in (protocol, protocol.as_published()):
        assert build_trials(one, ToyDataset())[1].real_frames == (8, 9)
        assert len(held_repairs(one, ToyDataset())) == 1


@pytest.mark.parametrize(("least", "real"), [(14, (12, 13)), (15, (8, 9))])
def test_a_repair_for_shorter_videos_only(tmp_path: Path, least: int, real: tuple[int, ...]) -> None:
    """The toy clip has 14 frames: the repair is needed under 15, not under 14."""
    protocol = mended(tmp_path, "cross.real", {"from": [12, 13], "shorter_than": least})
    assert build_trials(protocol, ToyDataset())[1].real_frames == real


def test_published_form_is_idempotent_and_has_no_repairs() -> None:
    back = published("iper-imitation")
    assert published_form(back) == back
    assert back.repairs == []
    changed_clips = {
        entry.video
        for entry, other in zip(packaged("iper-imitation").clips, back.clips, strict=True)
        if entry.sources != other.sources or entry.cross_drive != other.cross_drive
    }
    assert changed_clips == {"001/9/2", "010/3/1", "012/2/1"}


def test_names_follow_the_published_field() -> None:
    names = {
        entry.video: {name.place: name.name for name in entry.names}
        for entry in published("iper-imitation").clips
    }
    assert names["024/7/1"]["candidates[1]"] == "0335.jpg"
    assert names["024/7/1"]["sources.4[1]"] == "0290.jpg"
    assert names["024/7/1"]["sources.2[1]"] == "200.jpg"
    shots = [entry for entry in published("iper-imitation-iccv").clips if entry.video == "024/8/2"]
    assert [[name.name for name in entry.names] for entry in shots] == [
        ["0000.jpg"],
        ["0050.jpg"],
        ["00505.jpg"],
    ]


def test_the_edition_needs_lengths_only() -> None:
    """A length for every video is all that is asked; the two short videos decide."""
    clips = packaged("iper-imitation").clips

    def held(length: int) -> list[str]:
        return [
            repair.path
            for entry in clips
            for repair in chosen_edition(entry, lambda video: length, published=False)[1]
            if repair.shorter_than
        ]

    assert held(5000) == []
    assert held(400) == ["cross.real"]  # 012/2/1 needs 596 frames, 010/3/1 only 361
    assert held(300) == ["cross.real", "cross.real"]


@pytest.mark.parametrize(
    ("repaired", "words"),
    [
        ({}, "expected fields such as cross.real"),
        ({"nothing": {"from": [1], "kind": "k", "why": "w"}}, "cannot put (1,) at 'nothing'"),
        ({"sources.3": {"from": [1, 2, 3], "kind": "k", "why": "w"}}, "cannot put"),
        ({"sources.2": {"from": [1], "kind": "k", "why": "w"}}, "cannot put"),
        ({"cross.real": {"from": [9, 2], "kind": "k", "why": "w"}}, "expected [first, last]"),
        ({"cross.video": {"from": "../up", "kind": "k", "why": "w"}}, "inside the dataset's folder"),
        ({"cross.real": {"kind": "k", "why": "w"}}, "'from' is missing"),
        ({"cross.real": {"from": [1, 2], "kind": "k", "whi": "w"}}, "did you mean why"),
    ],
)
def test_refusals(tmp_path: Path, repaired: Any, words: str) -> None:
    line = refusal(write(tmp_path, changed(LISTED, "clips.0.repaired", repaired)))
    assert words in line
    assert "clips[0].repaired" in line


def test_a_repair_of_a_drive_that_is_not_there() -> None:
    (_, repair) = packaged("motionsynthetic-imitation").repairs[0]
    entry = Entry("x", (), (), {1: (0,)}, None, None)
    with pytest.raises(UserError, match="cannot put"):
        with_published(entry, repair)
    assert FrameRange(0, 3).frames() == (0, 1, 2, 3)
