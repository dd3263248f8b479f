"""Every problem of a protocol on a dataset is named, not only the first; and a right one has none."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.problem import ERROR, NOTE, Problem
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import Protocol
from iper_bench.protocol.validation import validate
from tests.protocol.official import packaged
from tests.protocol.reels import LYING, Reel, Reels, turning
from tests.protocol.test_reading import changed, write

FRAMES = 400


def content() -> dict[str, Any]:
    """A protocol without a problem on :func:`dataset`."""
    candidates = [f"{at:04d}.jpg" for at in range(8)]
    sources = {1: candidates[:1], 2: candidates[:5:4]}
    common = {"candidates": candidates, "view_angles": [45 * at for at in range(8)], "sources": sources}
    return {
        "name": "mine",
        "task": "motion_imitation",
        "dataset": "reels",
        "split": "val",
        "source_counts": [1, 2],
        "clips": [
            {
                "video": video,
                **common,
                "self": {"video": video, "frames": [0, 300]},
                "cross": {"video": other, "frames": [10, 80], "real": [20, 90]},
            }
            for video, other in (("a/1", "b/1"), ("b/1", "a/1"))
        ],
    }


def dataset(**changes: Any) -> Reels:
    return Reels(
        **{
            "clips": [Reel(name, turning(FRAMES)) for name in ("a/1", "a/2", "b/1")],
            "splits": {"val": ["a/1", "b/1"], "train": ["a/2"], "none": []},
            **changes,
        }
    )


def read(folder: Path, *edits: tuple[str, Any]) -> Protocol:
    whole = content()
    path = folder / "mine.yaml"
    for place, value in edits:
        whole = changed_plain(whole, place, value)
    path.write_text(_dump(whole), encoding="utf-8")
    return read_protocol(path)


def _dump(whole: dict[str, Any]) -> str:
    return json.dumps(_texts(whole))  # JSON is YAML, and has no aliases


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(item) for key, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else value


def changed_plain(whole: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """:func:`changed` for contents whose parts repeat."""
    copy = json.loads(json.dumps(_texts(whole)))
    *way, last = place.split(".")
    inner: Any = copy
    for key in way:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[last] = value
    return copy


def test_a_right_protocol_has_no_problems(tmp_path: Path) -> None:
    assert validate(read(tmp_path), dataset()) == []
    assert validate(read(tmp_path), None) == []


@pytest.mark.parametrize(
    ("names", "strange"),
    [
        (["0.png", "9.png", "10.png", "123.png"], None),  # not filled with zeros
        (["7.png", "10.png"], None),
        (["000.png", "120.png", "1000.png"], None),  # more frames than the width foresaw
        (["a_01.png", "a_99.png", "a_100.png"], None),
        (["0000.png", "0010.png", "120.png"], "120.png"),
        (["000.png", "0100.png", "200.png"], "0100.png"),
        (["01.png", "02.png", "03.png", "0.png"], "0.png"),
        (["01.png", "02.png", "03.jpg"], "03.jpg"),
        (["01.png", "02.png", "a_03.png"], "a_03.png"),
    ],
)
def test_which_names_are_written_in_one_way(names: list[str], strange: str | None, tmp_path: Path) -> None:
    entry = {"video": "a/1", "candidates": names, "sources": {1: names[:1]}, "self": OWN}
    protocol = read(tmp_path, ("clips", [entry]), ("source_counts", [1]))
    found = [one for one in validate(protocol, None) if one.kind == "name_width"]
    assert [one.text.partition(" is ")[0] for one in found] == ([] if strange is None else [strange])


OWN = {"video": "a/1", "frames": [0, 9]}
ENTRY = "clips.0."
NAMES = [f"{at:04d}.jpg" for at in range(8)]
CASES: dict[str, tuple[tuple[str, Any], str, str]] = {
    # kind: (what is changed, severity, words)
    "unknown_split": (("split", "vall"), ERROR, "no split 'vall', only val, train, none; nearest: val"),
    "empty_split": (("split", "none"), ERROR, "has no clips"),
    "other_split": (("split", "train"), NOTE, "is not in split 'train'"),
    "other_dataset": (("dataset", "iper"), ERROR, "for dataset 'iper', not for 'reels'"),
    "unknown_video": ((ENTRY + "cross.video", "b/11"), ERROR, "no video 'b/11'; nearest: b/1"),
    "beyond_video": ((ENTRY + "cross.frames", [380, 450]), ERROR, "380 to 450: the video ends at frame 399"),
    "repeated_source": ((ENTRY + "sources.2", NAMES[:1] * 2), ERROR, "frame 0 stands more than once"),
    "source_not_candidate": ((ENTRY + "sources.1", ["0300.jpg"]), ERROR, "frame 300 is no candidate"),
    "candidate_count": ((ENTRY + "candidates", [*NAMES, "0009.jpg"]), NOTE, "9 candidates, usual are 8"),
    "repeated_angle": ((ENTRY + "view_angles", [0] * 8), NOTE, "angle 0 stands more than once"),
    "name_width": ((ENTRY + "sources.1", ["000.jpg"]), ERROR, "000.jpg is written in another way"),
    "self_is_other": ((ENTRY + "self.video", "b/1"), ERROR, "'b/1' is not the clip itself"),
    "cross_is_self": ((ENTRY + "cross.video", "a/1"), ERROR, "drives itself"),
    "uneven_ranges": ((ENTRY + "cross.real", [20, 91]), ERROR, "72 frames, but cross.frames has 71"),
    "real_outside_self_range": ((ENTRY + "cross.real", [300, 370]), NOTE, "300 to 370 reaches beyond"),
    "cross_outside_self_range": ((ENTRY + "cross.frames", [300, 370]), NOTE, "beyond the range of 'b/1'"),
    "same_person": ((ENTRY + "cross.video", "a/2"), NOTE, "'a/2' shows the same person"),
    "other_frames": ((ENTRY + "frames_sha256", "0" * 64), ERROR, "not 0000000000000000..."),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_problem_is_named(kind: str, tmp_path: Path) -> None:
    (place, value), severity, words = CASES[kind]
    edits = [(place, value)]
    if kind == "candidate_count":
        edits.append((ENTRY + "view_angles", [45 * at for at in range(9)]))
    problems = validate(read(tmp_path, *edits), dataset())
    (found,) = [problem for problem in problems if problem.kind == kind][:1] or [None]
    assert found is not None, problems
    assert found.severity == severity
    assert words in found.text
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        ("self.frames", [0, 400], "self.frames"),
        ("cross.real", [340, 410], "cross.real"),
        ("sources.1", [400], "sources.1"),
        ("candidates", [*range(7), 999], "candidates"),
        ("removed", [[5, 6], [400, 401]], "removed"),
    ],
)
def test_frames_beyond_the_video(place: str, value: Any, field: str, tmp_path: Path) -> None:
    problems = validate(read(tmp_path, (ENTRY + place, value)), dataset())
    beyond = [problem for problem in problems if problem.kind == "beyond_video"]
    assert [(problem.video, problem.field, problem.severity) for problem in beyond] == [("a/1", field, ERROR)]


def test_all_problems_are_found_at_once_in_the_order_of_the_clips(tmp_path: Path) -> None:
    protocol = read(
        tmp_path,
        ("clips.1.cross.video", "x/9"),
        ("clips.0.self.frames", [0, 999]),
        ("clips.0.sources.2", ["0000.jpg", "0000.jpg"]),
        ("split", "nothing"),
    )
    found = [(problem.kind, problem.video) for problem in validate(protocol, dataset())]
    assert found == [
        *(("unknown_split", ""), ("repeated_source", "a/1"), ("beyond_video", "a/1")),
        ("unknown_video", "b/1"),
    ]


@pytest.mark.parametrize(
    ("names", "kind", "severity", "words"),
    [
        ("{:04d}.png", "name_differs", NOTE, "'0000.jpg' is '0000.png' in the dataset (another ending)"),
        ("{:05d}.jpg", "name_differs", NOTE, "(another width)"),
        ("f_{:02d}.jpg", "name_differs", NOTE, "'0000.jpg' is 'f_00.jpg'"),
    ],
)
def test_names_that_are_written_otherwise(
    names: str, kind: str, severity: str, words: str, tmp_path: Path
) -> None:
    clips = [
        Reel(name, turning(FRAMES), [names.format(at) for at in range(FRAMES)]) for name in ("a/1", "b/1")
    ]
    problems = validate(read(tmp_path), dataset(clips=clips, splits={"val": ["a/1", "b/1"]}))
    assert {(problem.kind, problem.severity) for problem in problems} == {(kind, severity)}
    assert words in problems[0].text


def test_names_that_mean_another_frame(tmp_path: Path) -> None:
    """Names counted from 1: ``0001.jpg`` is the first frame, and the number 1 the second."""
    counted = [f"{at:04d}.jpg" for at in range(1, FRAMES + 1)]
    clips = [Reel("a/1", turning(FRAMES), counted), Reel("b/1", turning(FRAMES))]
    problems = validate(read(tmp_path), dataset(clips=clips, splits={"val": ["a/1", "b/1"]}))
    kinds = {problem.kind: problem for problem in problems}
    assert "'0001.jpg' is frame 0 of the video, but stands for 1" in kinds["name_of_another_frame"].text
    assert kinds["name_of_another_frame"].severity == ERROR
    beside = [
        ("candidates", list(range(8))),
        ("sources", {"1": [0], "2": [0, 4]}),
        ("frame_names", counted[:8]),
    ]
    right = read(tmp_path, *((ENTRY + key, value) for key, value in beside))
    assert validate(right, dataset(clips=clips, splits={"val": ["a/1", "b/1"]})) == []
    wrong = read(tmp_path, *((ENTRY + key, value) for key, value in (*beside, ("frame_names", counted[1:9]))))
    (one,) = validate(wrong, dataset(clips=clips, splits={"val": ["a/1", "b/1"]}))
    assert (one.kind, one.field) == ("name_of_another_frame", "frame_names")


def test_missing_tracks_and_what_the_dataset_says(tmp_path: Path) -> None:
    class Gap(Reel):
        def findings(self) -> list[str]:
            return ["0012.jpg, then 0014.jpg: a gap"]

    clips = [Reel("a/1", FRAMES), Gap("b/1", turning(FRAMES))]
    problems = validate(read(tmp_path), dataset(clips=clips, splits={"val": ["a/1", "b/1"]}))
    assert [(one.kind, one.video, one.severity) for one in problems] == [
        ("missing_track", "a/1", NOTE),
        ("dataset", "b/1", NOTE),
    ]


def test_a_clip_that_cannot_be_opened(tmp_path: Path) -> None:
    class Broken(Reels):
        def clip(self, name: str) -> Any:
            if name == "b/1":
                raise UserError("no folder for clip 'b/1'")
            return super().clip(name)

    clips = [Reel(name, turning(FRAMES)) for name in ("a/1", "b/1")]
    problems = validate(read(tmp_path), Broken(clips, splits={"val": ["a/1", "b/1"]}))
    assert {one.kind for one in problems} == {"unreadable_video"}
    assert {one.video for one in problems} == {"a/1", "b/1"}  # as driver, and as itself


def test_pairs_and_novel_views(tmp_path: Path) -> None:
    whole = content()
    clips = [{key: value for key, value in clip.items() if key != "cross"} for clip in whole["clips"]]
    pair = {"source": "a/1", "reference": "b/1", "target": {"video": "b/1", "frames": [0, 400]}}
    transfer = {**whole, "task": "appearance_transfer", "clips": clips, "pairs": [pair]}
    path = tmp_path / "mine.yaml"
    path.write_text(_dump(transfer), encoding="utf-8")
    found = {one.kind: one for one in validate(read_protocol(path), dataset())}
    assert set(found) == {"other_person", "beyond_video"}
    assert found["beyond_video"].field == "pairs[0].target.frames"
    path.write_text(_dump({**transfer, "pairs": [pair, {**pair, "source": "b/1"}]}), encoding="utf-8")
    (own,) = (one for one in validate(read_protocol(path), None) if one.severity == ERROR)
    assert (own.kind, own.video, own.field) == ("pair_is_self", "b/1", "pairs[1]")
    views = [{**clip, "self": {**clip["self"], "frames": [0, 999]}, "targets": [1, 2, 200]} for clip in clips]
    path.write_text(_dump({**whole, "task": "novel_view", "clips": views}), encoding="utf-8")
    problems = [one for one in validate(read_protocol(path), dataset()) if one.video == "a/1"]
    assert [(one.kind, one.field, one.severity) for one in problems] == [
        ("targets_not_candidates", "targets", NOTE),
        ("first_view_missing", "targets", NOTE),
        ("beyond_video", "self.frames", NOTE),
    ]


def test_rules_are_resolved_clip_by_clip(tmp_path: Path) -> None:
    rules = {
        "sources": {"frames": "train", "choose": "yaw"},
        "self": {"frames": "test"},
        "cross": {"target": "next_clip", "frames": "test", "real": "test"},
    }
    whole = {key: value for key, value in content().items() if key != "clips"}
    protocol = read_protocol(write(tmp_path, {**whole, "split": "all", "rules": rules}))
    clips = [Reel("a", turning(40)), Reel("b", turning(9)), Reel("c", [LYING] * 40), Reel("d", 40)]
    found = validate(protocol, Reels(clips))
    assert [(one.kind, one.video, one.severity) for one in found] == [
        *(("no_entry", "b", ERROR), ("no_entry", "c", ERROR), ("missing_track", "d", NOTE)),
    ]
    views = {"sources": {"frames": [0, 7], "choose": "yaw"}, "views": {"frames": [0, 11]}}
    turn = read_protocol(write(tmp_path, {**whole, "split": "all", "task": "novel_view", "rules": views}))
    assert validate(turn, Reels(clips[:1])) == []  # the angles of the targets are measured
    missing = validate(read_protocol(write(tmp_path, {**whole, "split": "x", "rules": rules})), Reels(clips))
    assert [one.kind for one in missing] == ["unknown_split"]


def test_published_editions_show_their_defects() -> None:
    """The packaged protocols are free of errors; as published four of them are not."""
    errors = {}
    for name in ("iper-imitation", "iper-novel-view", "motionsynthetic-imitation", "fashionvideo-imitation"):
        assert [one for one in validate(packaged(name), None) if one.severity == ERROR] == []
        found = validate(packaged(name).as_published(), None)
        errors[name] = sum(one.severity == ERROR for one in found)
    assert errors == {
        "iper-imitation": 4,
        "iper-novel-view": 0,
        "motionsynthetic-imitation": 28,
        "fashionvideo-imitation": 20,
    }


def test_the_dataset_decides_which_edition_stands(tmp_path: Path) -> None:
    repair = {"from": [900, 970], "kind": "k", "why": "w"}
    protocol = read(tmp_path, (ENTRY + "repaired", {"cross.real": repair}))
    assert validate(protocol, dataset()) == []
    (one,) = validate(protocol.as_published(), dataset())
    assert (one.kind, one.field, one.severity) == ("repair_stands", "cross.real", NOTE)


def test_iper_is_checked_in_seconds() -> None:
    """42 clips of 5,752 frames: as many names as iPER has in all, in names of its width."""
    clips = []
    for entry in packaged("iper-imitation").clips:
        ending = entry.names[0].name if entry.names else "0000.jpg"
        width = len(ending.partition(".")[0])
        names = [f"{at:0{width}d}.jpg" for at in range(5752)]
        clips.append(Reel(entry.video, 5752, names))
    iper = Reels(clips, "iper", splits={"val": [clip.name for clip in clips]})
    begun = time.perf_counter()
    problems = validate(packaged("iper-imitation"), iper)
    assert time.perf_counter() - begun < 2.0  # 0.1 s on an idle core
    assert {one.kind for one in problems} == {
        *("repeated_angle", "missing_track"),
        "real_outside_self_range",  # long enough: the published real sets of two clips stand
    }


def test_a_problem_in_words() -> None:
    problem = Problem("repeated_source", "001/9/2", "sources.4", "frame 0 stands twice")
    assert str(problem) == "error  001/9/2  sources.4: frame 0 stands twice"
    assert Problem("k", "\udcff", "", "t").content()["video"] == "\\xff"
    assert changed({"a": 1}, "a", 2) == {"a": 2}
