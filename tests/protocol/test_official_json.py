"""Import of published JSON files: back to the packaged protocols, defects named, everything else refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.import_file import imported_files
from iper_bench.protocol.official_json import Imported, import_official
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.schema import FrameRange, Protocol
from iper_bench.protocol.writing import protocol_yaml
from tests.protocol.official import official, packaged, published, write_official

# two videos in the spelling and layout of the public files
TRANSFER = """{
  "video_infos": {
    "001/9/1": {
      "source": ["000.jpg", "035.jpg"], "view angle": [0, 45],
      "s_n": {"1": ["000.jpg"], "2": ["000.jpg", "035.jpg"], "3": ["000.jpg", "035.jpg", "120.jpg"]},
      "flag": [0, 300]
    },
    "001/11/1": {
      "source": ["0000.jpg", "0077.jpg"], "view angle": [0, 45],
      "s_n": {"1": ["0000.jpg"], "2": ["0000.jpg", "0077.jpg"], "3": ["0000.jpg", "0077.jpg", "0195.jpg"]},
      "flag": [0, 500]
    }
  },
  "vid_name_pairs": [["001/11/1", "001/9/1"]]
}"""
IMITATION = """{
  "val": {
    "001/9/1": {
      "source": ["000.jpg", "035.jpg"], "view angle": [0, 45],
      "s_n" : {"1": ["000.jpg"], "2": ["000.jpg", "035.jpg"]},
      "mask": [], "novel view": false,
      "self_imitation": {"target": "001/9/1", "range": [0, 300]},
      "cross_imitation": {"target": "007/1/2", "range": [180, 255]},
      "flag": [10, 85]
    }
  }
}"""


def same_but_words(protocol: Protocol, other: Protocol) -> bool:
    return replace(protocol, description="", name="") == replace(other, description="", name="")


def kinds(found: Imported) -> Counter[str]:
    return Counter(problem.kind for problem in found.problems)


def test_the_spelling_of_the_public_files(tmp_path: Path) -> None:
    found = import_official(write_official(tmp_path, IMITATION)).protocol
    (entry,) = found.clips
    assert (found.name, found.dataset, found.split, found.image_size) == (
        "iper-imitation",
        "iper",
        "val",
        512,
    )
    assert (entry.candidates, entry.view_angles, entry.sources) == ((0, 35), (0, 45), {1: (0,), 2: (0, 35)})
    assert entry.self_drive is not None
    assert entry.self_drive.frames == FrameRange(0, 300)
    assert entry.cross_drive is not None
    assert (entry.cross_drive.video, entry.cross_drive.frames) == ("007/1/2", FrameRange(180, 255))
    assert entry.cross_drive.real == FrameRange(10, 85)
    transfer = import_official(write_official(tmp_path, TRANSFER)).protocol
    assert transfer.task == "appearance_transfer"
    (pair,) = transfer.pairs
    assert (pair.source, pair.reference, pair.target.video) == ("001/11/1", "001/9/1", "001/9/1")
    assert pair.target.frames == FrameRange(0, 300)
    assert transfer.source_counts == (1, 2)


@pytest.mark.parametrize(
    "name",
    [
        *("iper-imitation", "iper-appearance-transfer", "fashionvideo-imitation"),
        *("motionsynthetic-imitation", "motionsynthetic-novel-view", "iper-novel-view"),
    ],
)
def test_round_trip(name: str, tmp_path: Path) -> None:
    """Published JSON -> import -> YAML -> read: the published form; with repairs: the packaged protocol."""
    path = write_official(tmp_path, official(published(name)))
    found = import_official(path)
    assert same_but_words(found.protocol, published(name))
    assert found.protocol.name == name
    assert same_but_words(import_official(path, repair=True).protocol, packaged(name))
    text = tmp_path / "written.yaml"
    text.write_text(protocol_yaml(found.protocol), encoding="utf-8")
    assert read_protocol(text) == found.protocol


def test_flags_alone_do_not_make_novel_views(tmp_path: Path) -> None:
    """The published MotionSynthetic file flags all its entries and drives all by themselves; only that some
    cross ranges are shorter than the clip tells it from its novel views.
    """
    content = official(published("motionsynthetic-imitation"))
    for info in content["val"].values():
        info |= {"novel view": True, "mask": info["source"]}
    path = write_official(tmp_path, content)
    found = import_official(path)
    assert same_but_words(found.protocol, published("motionsynthetic-imitation"))
    assert kinds(found)["cross_is_self"] == 28
    views = import_official(path, novel_view=True).protocol
    assert (views.task, len(views.clips), sum(len(one.targets) for one in views.clips)) == (
        *("novel_view", 28, 224),
    )


def test_single_sources_become_a_second_file(tmp_path: Path) -> None:
    shots = published("iper-imitation-iccv")
    path = write_official(tmp_path, official(published("iper-imitation"), shots))
    out = tmp_path / "mine.yaml"
    found = imported_files(path, out=out, iccv=True, repair=True)
    assert found.written == (out, tmp_path / "mine-iccv.yaml")
    assert same_but_words(read_protocol(out), packaged("iper-imitation"))
    assert same_but_words(read_protocol(found.written[1]), packaged("iper-imitation-iccv"))
    plain = imported_files(path, out=tmp_path / "other.yaml", iccv=True)
    assert same_but_words(read_protocol(plain.written[1]), shots)


def test_candidates_of_another_clip_are_not_taken(tmp_path: Path) -> None:
    """As in FashionVideo: one list of candidates in all entries, of which only one uses it."""
    content = official(published("fashionvideo-imitation"))
    for info in content["val"].values():
        info["source"] = content["val"]["91BjuE6irxS.mp4"]["s_n"]["8"]
    found = import_official(write_official(tmp_path, content))
    assert same_but_words(found.protocol, published("fashionvideo-imitation"))
    assert kinds(found)["candidates_of_another_clip"] == 1
    # MotionSynthetic has one list as well, and it is the sources' own
    rendered = official(published("motionsynthetic-imitation"))
    assert kinds(import_official(write_official(tmp_path, rendered)))["candidates_of_another_clip"] == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iper-imitation", {"repeated_source": 1, "name_width": 3, "real_outside_self_range": 2}),
        ("motionsynthetic-imitation", {"cross_is_self": 28}),
        ("iper-novel-view", {"targets_not_candidates": 4, "first_view_missing": 1}),
        ("fashionvideo-imitation", {"repeated_source": 20}),
    ],
)
def test_known_defects_are_found_by_rule(name: str, expected: dict[str, int], tmp_path: Path) -> None:
    found = kinds(import_official(write_official(tmp_path, official(published(name)))))
    assert {kind: found[kind] for kind in expected} == expected


def test_a_repair_needs_the_published_value(tmp_path: Path) -> None:
    content = official(published("iper-imitation"))
    content["val"]["001/9/2"]["s_n"]["4"][0] = "0001.jpg"
    entry = next(
        entry
        for entry in import_official(write_official(tmp_path, content), repair=True).protocol.clips
        if entry.video == "001/9/2"
    )
    assert entry.sources[4][0] == 1
    assert entry.repairs == ()


def test_novel_views_of_a_file_of_imitation(tmp_path: Path) -> None:
    """Flagged entries only, their cross drive left out."""
    content = official(published("iper-imitation"))
    views = official(published("iper-novel-view"))["val"]
    for video, info in views.items():
        content["val"][video] |= {"mask": info["mask"], "novel view": True}
    path = write_official(tmp_path, content)
    found = import_official(path, novel_view=True).protocol
    assert same_but_words(found, published("iper-novel-view"))
    assert import_official(path).protocol.task == "motion_imitation"


def edited(text: str, *path: str, value: Any) -> dict[str, Any]:
    """The content with one value set; ``...`` removes it."""
    content = json.loads(text)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


ENTRY = ("val", "001/9/1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "found list"),
        ('{"val": {}, "val": {}}', "key 'val' is repeated"),
        ('{"val": NaN}', "'NaN' is not a number"),
        ("[" * 100_000, "not valid JSON"),
        ('{"val": ' + "1" * 5000 + "}", "not valid JSON"),
        ('{"valid": {}}', "unknown key 'valid'; expected one of test, train, val; try: did you mean val"),
        ("{}", "has no split"),
        ('{"val": {}}', "val: found {}; expected one entry per video"),
        (edited(IMITATION, *ENTRY, "sources", value=[]), "val.001/9/1: unknown key 'sources'; expected"),
        (edited(IMITATION, *ENTRY, "s_n", value=...), "key 's_n' is missing"),
        (edited(IMITATION, *ENTRY, "s_n", value={"1": []}), "s_n.1: found []"),
        (edited(IMITATION, *ENTRY, "s_n", value={"2": ["000.jpg"]}), "s_n.2: 1 frames; expected 2 frames"),
        (edited(IMITATION, *ENTRY, "s_n", value={"two": ["000.jpg"]}), "found key 'two'"),
        (edited(IMITATION, *ENTRY, "s_n", value={"-1": ["000.jpg"]}), "found key '-1'"),
        (edited(IMITATION, *ENTRY, "flag", value=[85, 10]), "flag: found [85, 10]; expected [first, last]"),
        (edited(IMITATION, *ENTRY, "flag", value=...), "key 'flag' is missing"),
        (edited(IMITATION, *ENTRY, "novel view", value="yes"), "novel view: found 'yes'"),
        (edited(IMITATION, *ENTRY, "mask", value=["../x.jpg"]), "mask: found '../x.jpg'"),
        (edited(IMITATION, *ENTRY, "cross_imitation", value={"target": "../x", "range": [0, 1]}), "inside"),
        (edited(IMITATION, *ENTRY, "cross_imitation", "rang", value=[0]), "did you mean range"),
        (edited(IMITATION, *ENTRY, "view angle", value=[0]), "1 values; expected one for each of the 2"),
        (edited(IMITATION, "val", "/etc/passwd", value={}), "inside the dataset's folder"),
        (edited(TRANSFER, "vid_name_pairs", value=[["001/9/1"]]), "vid_name_pairs[0]: found ['001/9/1']"),
        (edited(TRANSFER, "vid_name_pairs", value=[["001/9/1", "9"]]), "video '9' has no entry"),
        (edited(TRANSFER, "vid_name_pairs", value=...), "key 'vid_name_pairs' is missing"),
        (edited(TRANSFER, "video_infos", "001/9/1", "flag", value=...), "video '001/9/1' has no entry"),
        (edited(TRANSFER, "more", value=1), "unknown key 'more'; expected one of vid_name_pairs"),
    ],
)  # fmt: skip
def test_refusals_name_the_key(content: Any, words: str, tmp_path: Path) -> None:
    path = write_official(tmp_path, content)
    with pytest.raises(UserError) as error:
        import_official(path)
    line = str(error.value)
    assert words in line
    assert line.startswith(str(path))
    assert "\n" not in line


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    for make, words in (
        (lambda: None, "cannot be read"),
        (lambda: path.write_bytes(b'{"val": "\xff"}'), "not valid JSON"),
        (lambda: path.write_bytes(b" " * (17 << 20)), "at most"),
        (lambda: path.write_bytes(b'{"\\ud800": 1}'), "not valid JSON"),
        (lambda: path.write_bytes(b'{"val": 1000000000001}'), "the number 1000000000001... is too large"),
    ):
        make()
        with pytest.raises(UserError, match=words):
            import_official(path)


def test_videos_of_no_known_dataset(tmp_path: Path) -> None:
    content = json.loads(IMITATION.replace("001/9/1", "mine"))
    path = write_official(tmp_path, content)
    with pytest.raises(UserError, match="--dataset NAME"):
        import_official(path)
    found = import_official(path, dataset="folder", name="mine", split="all").protocol
    assert (found.dataset, found.name, found.split) == ("folder", "mine", "all")


def test_several_splits_and_uneven_lists(tmp_path: Path) -> None:
    one = json.loads(IMITATION)["val"]
    path = write_official(tmp_path, {"train": one, "val": one})
    with pytest.raises(UserError, match="has the splits train, val"):
        import_official(path)
    assert import_official(path, split="train").protocol.split == "train"
    other = json.loads(json.dumps(one).replace('"2": ["000.jpg", "035.jpg"]', '"4": [1, 2, 3, 4]'))
    path = write_official(tmp_path, {"val": {**one, "001/9/2": other["001/9/1"]}})
    with pytest.raises(UserError, match="expected those of the first entry: 1, 2"):
        import_official(path)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = write_official(tmp_path, IMITATION)
    with pytest.raises(UserError, match="has no single sources"):
        imported_files(path, out=tmp_path / "a.yaml", iccv=True)
    with pytest.raises(UserError, match="--iccv refers"):
        imported_files(path, iccv=True)
    with pytest.raises(UserError, match="another ending"):
        imported_files(path, out=tmp_path / "a.json")
    for name in ("a.yml", "a b.yaml", "a.b.yaml"):  # the second file finds the first as NAME.yaml beside it
        with pytest.raises(UserError, match="letters, digits"):
            imported_files(path, out=tmp_path / name, iccv=True)
    for words, options in {
        "unknown dataset 'ipr'; .* did you mean iper": {"dataset": "ipr"},
        "unknown dataset ''": {"dataset": ""},
        "the name of a split": {"split": "a\nb"},
        "the name of a protocol": {"name": "../up"},
    }.items():
        with pytest.raises(UserError, match=words):
            imported_files(path, out=tmp_path / "a.yaml", **options)
    assert not list(tmp_path.glob("*.y*ml"))
    imported_files(path, out=tmp_path / "a.yaml")
    before = (tmp_path / "a.yaml").read_bytes()
    with pytest.raises(UserError, match="is there already"):
        imported_files(path, out=tmp_path / "a.yaml")
    assert (tmp_path / "a.yaml").read_bytes() == before
    with pytest.raises(UserError, match="no --novel-view"):
        import_official(write_official(tmp_path, TRANSFER), novel_view=True)
