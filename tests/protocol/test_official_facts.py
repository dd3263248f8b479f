"""The packaged protocols against what was published: counts that are known, and every field of every clip."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from iper_bench.protocol.written import plain, written_entry, written_pair
from tests.oracles import REPOSITORY
from tests.protocol.official import packaged, published

FACTS = REPOSITORY.parent / "shared" / "facts" / "protocols"
LISTED = (
    *("iper-imitation", "iper-novel-view", "iper-appearance-transfer"),
    *("motionsynthetic-imitation", "motionsynthetic-novel-view", "fashionvideo-imitation"),
)


def facts(name: str) -> Any:
    path = FACTS / f"{name.replace('-', '_')}.yaml"
    if not path.is_file():
        pytest.skip(f"no facts {path}")
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def frames(name: str, setting: str) -> int:
    drives = [getattr(entry, f"{setting}_drive") for entry in packaged(name).clips]
    return sum(len(drive.frames) for drive in drives)


@pytest.mark.parametrize(
    ("name", "clips", "own", "cross"),
    [
        ("iper-imitation", 42, 40_940, 3_110),
        ("motionsynthetic-imitation", 28, 9_525, 6_302),
        ("fashionvideo-imitation", 100, 38_551, 35_947),
        ("iper-imitation-iccv", 126, 3 * 40_940, 3 * 3_110),
    ],
)
def test_imitation_has_the_published_number_of_frames(name: str, clips: int, own: int, cross: int) -> None:
    assert len(packaged(name).clips) == clips
    assert frames(name, "self") == own
    assert frames(name, "cross") == cross


def test_counts_of_appearance_transfer() -> None:
    forth, back = packaged("iper-appearance-transfer"), packaged("iper-appearance-transfer-reversed")
    assert len(forth.clips) == 20
    assert len(forth.pairs) == len(back.pairs) == 28
    assert sum(len(pair.target.frames) for pair in forth.pairs) == 25_954
    assert sum(len(pair.target.frames) for pair in back.pairs) == 8_008
    assert [(pair.source, pair.reference) for pair in forth.pairs] == [
        (pair.reference, pair.source) for pair in back.pairs
    ]


def test_counts_of_novel_views() -> None:
    rendered = packaged("motionsynthetic-novel-view").clips
    assert [len(entry.targets) for entry in rendered] == [8] * 28
    assert sum(len(entry.self_drive.frames) for entry in rendered if entry.self_drive) == 5_040
    assert len(packaged("iper-novel-view").clips) == 15
    assert sum(len(entry.targets) for entry in published("iper-novel-view").clips) == 120


def test_iper_shows_14_actors_in_21_clothes() -> None:
    clips = packaged("iper-imitation").clips
    assert len({entry.video.split("/")[0] for entry in clips}) == 14
    assert len({entry.video.rpartition("/")[0] for entry in clips}) == 21


def test_number_of_repairs() -> None:
    counts = {name: len(packaged(name).repairs) for name in (*LISTED, "iper-imitation-iccv")}
    own = {name: count for name, count in counts.items() if name != "iper-imitation-iccv"}
    assert own == {
        "iper-imitation": 9,
        "iper-novel-view": 3,
        "iper-appearance-transfer": 7,
        "motionsynthetic-imitation": 28,
        "motionsynthetic-novel-view": 0,
        "fashionvideo-imitation": 20,
    }


@pytest.mark.parametrize("name", LISTED)
def test_every_field_is_the_published_one(name: str) -> None:
    theirs, ours = facts(name), packaged(name)
    assert [written_entry(entry, published=True) for entry in ours.clips] == theirs["clips"]
    assert [written_pair(pair) for pair in ours.pairs] == theirs.get("pairs", [])
    for key in ("task", "split", "image_size"):
        assert getattr(ours, key) == theirs[key]
    assert ours.dataset == theirs["dataset"].lower()
    assert list(ours.source_counts) == theirs["source_counts"]


def test_single_sources_are_the_published_ones() -> None:
    theirs, ours = facts("iper-imitation-iccv"), packaged("iper-imitation-iccv")
    shots: dict[str, list[Any]] = {}
    for entry in ours.clips:
        shots.setdefault(entry.video, []).append(written_entry(entry, published=True)["sources"][1][0])
    assert shots == theirs["one_shot_sources"]
    assert ours.image_size == theirs["image_size"]


def standing(name: str, video: str, path: str) -> Any:
    """The value that a packaged protocol holds, as written."""
    entries = [written_entry(entry) for entry in packaged(name).clips if entry.video == video]
    if path == "one_shot_sources":
        return [entry["sources"][1][0] for entry in entries]
    value: Any = entries[0]
    for key in path.split("."):
        value = value[int(key) if key.isdecimal() else key]
    return value


def test_every_repair_is_the_proposed_one() -> None:
    seen = 0
    for one in facts("repairs")["repairs"]:
        name = one["protocol"].replace("_", "-")
        (repair,) = {
            repair
            for video, repair in packaged(name).repairs
            if (video, repair.path) == (one["video"], one["path"])
        }
        assert plain(repair.published) == one["official"]
        assert standing(name, one["video"], one["path"]) == one["proposed"]
        assert repair.kind == one["kind"]
        condition = re.fullmatch(r"use only when the video has fewer than (\d+) frames", one["basis"])
        if condition is not None:
            assert repair.shorter_than == int(condition.group(1))
        else:
            assert (repair.basis, repair.shorter_than) == (one["basis"], None)
        seen += 1
    inherited = len(packaged("iper-imitation-iccv").repairs) - 2  # of cross.real, from the base
    assert seen == sum(len(packaged(name).repairs) for name in (*LISTED, "iper-imitation-iccv")) - inherited


def test_facts_are_where_this_file_looks() -> None:
    if not (REPOSITORY.parent / "shared").is_dir():
        pytest.skip("no shared folder beside the repository")
    assert Path(FACTS).is_dir()
