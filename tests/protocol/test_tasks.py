"""Trials of appearance transfer, of novel views and of single sources."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.trials import build_trials
from tests.protocol.official import packaged, published
from tests.protocol.reels import Reel, Reels, turning
from tests.protocol.test_reading import changed, refusal, write

RULED: dict[str, Any] = {
    "name": "mine",
    "task": "appearance_transfer",
    "dataset": "reels",
    "split": "all",
    "source_counts": [1, 2],
    "take": ["torso", "left_leg"],
    "background": "reference",
    "rules": {
        "sources": {"frames": [0, 7], "choose": "yaw"},
        "transfer": {"frames": [8, 11], "limit": 3},
    },
}
ENTRY = {"sources": {1: [0], 2: [0, 4]}, "candidates": [0, 4], "view_angles": [0, 180]}
LISTED: dict[str, Any] = {
    **{key: value for key, value in RULED.items() if key != "rules"},
    "clips": [{"video": video, **deepcopy(ENTRY)} for video in ("p/a", "p/b")],
    "pairs": [{"source": "p/a", "reference": "p/b", "target": {"video": "p/b", "frames": [8, 10]}}],
}
VIEWS: dict[str, Any] = {
    **{key: RULED[key] for key in ("name", "dataset", "split", "source_counts")},
    "task": "novel_view",
    "clips": [{"video": "p/a", "targets": [4, 0, 5], **ENTRY}],
}


def dataset() -> Reels:
    """Two people, one with two outfits."""
    return Reels([Reel(name, turning(12)) for name in ("p/a", "p/b", "q/a")])


def read(folder: Path, content: dict[str, Any]) -> Protocol:
    return read_protocol(write(folder, content))


def test_transfer_by_rules(tmp_path: Path) -> None:
    """The other clip of the same person is the reference; who has none is left out."""
    trials = build_trials(read(tmp_path, RULED), dataset())
    assert [trial.name for trial in trials] == ["transfer:p/a<-p/b", "transfer:p/b<-p/a"]
    first = trials[0]
    assert (first.setting, first.target_clip) == ("self", "p/b")
    assert first.target_frames == first.truth_frames == (8, 9, 10)
    assert first.reference is not None
    assert first.reference.sources == {1: (0,), 2: (0, 4)}
    assert (first.reference.take, first.reference.background) == (("torso", "left_leg"), "reference")
    assert first.folder == "p_a-to-p_b"


def test_transfer_by_pairs(tmp_path: Path) -> None:
    (trial,) = build_trials(read(tmp_path, LISTED), dataset())
    (same, *_) = build_trials(read(tmp_path, RULED), dataset())
    assert trial.target_frames == same.target_frames
    assert trial.reference == same.reference
    assert build_trials(read(tmp_path, LISTED), dataset(), limit=0) == []


def test_take_and_background_enter_the_hash(tmp_path: Path) -> None:
    first = read(tmp_path, LISTED).hash
    for key, value in (("take", ["body"]), ("background", "source")):
        assert read(tmp_path, {**LISTED, key: value}).hash != first
    without = {key: value for key, value in LISTED.items() if key not in ("take", "background")}
    assert read(tmp_path, without).take == ("body",)
    assert read(tmp_path, without).background == "source"


def test_reversed_pairs_drive_over_the_former_source() -> None:
    forth, back = packaged("iper-appearance-transfer"), packaged("iper-appearance-transfer-reversed")
    own = {entry.video: entry.self_drive.frames for entry in forth.clips if entry.self_drive}
    for one, other in zip(forth.pairs, back.pairs, strict=True):
        assert (one.source, one.reference) == (other.reference, other.source)
        assert other.target.video == one.source
        assert other.target.frames == own[one.source]


def test_novel_views(tmp_path: Path) -> None:
    (trial,) = build_trials(read(tmp_path, VIEWS), dataset())
    assert trial.name == "view:p/a"
    assert trial.target_frames == trial.truth_frames == (4, 0, 5)
    assert trial.target_angles == (180.0, 0.0, None)
    ruled = {**{key: value for key, value in VIEWS.items() if key != "clips"}}
    ruled["rules"] = {"sources": {"frames": [0, 9], "choose": "yaw"}, "views": {"frames": [0, 9]}}
    trial = build_trials(read(tmp_path, ruled), dataset())[0]
    assert trial.target_frames == (8, 9)  # 0 to 7 are the candidates
    assert trial.target_angles == pytest.approx((0.0, 45.0), abs=1e-4)


def test_single_sources_are_trials_of_their_own() -> None:
    """42 videos three times; each with one source, all else as in the base."""
    shots, base = packaged("iper-imitation-iccv"), packaged("iper-imitation")
    assert [entry.label for entry in shots.clips[:4]] == [
        *("001/9/1#0", "001/9/1#1", "001/9/1#2", "001/9/2#0")
    ]
    assert [entry.sources for entry in shots.clips[:3]] == [{1: (0,)}, {1: (35,)}, {1: (120,)}]
    assert {entry.self_drive for entry in shots.clips} == {entry.self_drive for entry in base.clips}
    assert len({entry.label for entry in shots.clips}) == 126
    assert shots.hash != published("iper-imitation-iccv").hash


def test_folders_of_single_sources_do_not_collide(tmp_path: Path) -> None:
    base = {key: value for key, value in VIEWS.items() if key not in ("task", "clips")}
    clip = {"video": "p/a", **ENTRY, "self": {"video": "p/a", "frames": [8, 9]}}
    (tmp_path / "base.yaml").write_text(
        write(tmp_path, {**base, "name": "base", "task": "motion_imitation", "clips": [clip]}).read_text()
    )
    variation = {"name": "mine", "base": "base", "one_shot_sources": {"p/a": [1, 6]}}
    trials = build_trials(read(tmp_path, variation), dataset())
    assert [(trial.folder, trial.sources) for trial in trials] == [
        ("p/a#0", {1: (1,)}),
        ("p/a#1", {1: (6,)}),
    ]
    assert build_trials(read(tmp_path, variation), dataset(), limit=1) == trials  # one video


@pytest.mark.parametrize(
    ("content", "path", "value", "words"),
    [
        (LISTED, "pairs.0.source", "p/z", "video 'p/z' is not listed"),
        (LISTED, "pairs.0.sauce", "p/a", "did you mean source"),
        (LISTED, "pairs", [LISTED["pairs"][0], deepcopy(LISTED["pairs"][0])], "pairs[1]: is listed twice"),
        (LISTED, "background", "room", "expected one of reference, source"),
        (LISTED, "take", [1], "names such as body"),
        (RULED, "rules.transfer", None, "has no 'transfer'"),
        (RULED, "rules.self", {"frames": [0, 1]}, "unknown key 'self'"),
        (VIEWS, "clips.0.targets", None, "key 'targets' is missing"),
        (VIEWS, "clips.0.cross", {"video": "p/b", "frames": [0, 1], "real": [0, 1]}, "unknown key 'cross'"),
        (VIEWS, "pairs", [{}], "with the task appearance_transfer only"),
        ({**RULED, "pairs": LISTED["pairs"]}, "name", "x", "both 'rules' and 'pairs'"),
        (RULED, "rules.train_percent", 85, "'frames: train' or 'frames: test' in a rule"),
    ],
)
def test_refusals(tmp_path: Path, content: dict[str, Any], path: str, value: Any, words: str) -> None:
    assert words in refusal(write(tmp_path, changed(content, path, value)))


def test_pairs_beyond_the_dataset(tmp_path: Path) -> None:
    long = changed(LISTED, "pairs.0.target.frames", [8, 12])
    with pytest.raises(UserError, match=r"target.frames 8 to 12: clip 'p/b' ends at frame 11"):
        build_trials(read(tmp_path, long), dataset())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"name": "x", "base": "../up", "reverse_pairs": True}, "the name of a protocol"),
        ({"name": "x", "base": "nothing-there", "reverse_pairs": True}, "no protocol 'nothing-there'"),
        ({"name": "x", "base": "mine", "reverse_pairs": True}, "too many in a row"),
        ({"name": "x", "base": "iper-imitation", "reverse_pairs": True}, "lists no pairs"),
        ({"name": "x", "base": "iper-imitation"}, "changes nothing"),
        (
            {"name": "x", "base": "iper-appearance-transfer", "one_shot_sources": {"001/9/1": [1]}},
            "lists pairs; expected a protocol of motion imitation",
        ),
        ({"name": "x", "base": "iper-imitation", "one_shot_sources": {"9": [1]}}, "unknown video '9'"),
        ({"name": "x", "base": "synthetic-demo", "one_shot_sources": {"9": [1]}}, "a base that lists clips"),
    ],
)
def test_variations_of_nothing(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    assert words in refusal(write(tmp_path, content))
