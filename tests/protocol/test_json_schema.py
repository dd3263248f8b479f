"""The JSON Schema: it is the committed one, admits what is packaged, and refuses what the reader refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.entry_reading import keys_of
from iper_bench.protocol.fields import read_yaml
from iper_bench.protocol.json_schema import protocol_schema, schema_text
from iper_bench.protocol.packaged import packaged_files
from iper_bench.protocol.reading import TOP_KEYS, read_protocol
from iper_bench.protocol.schema import TASKS
from tests.oracles import REPOSITORY
from tests.protocol.test_reading import LISTED, RULED, changed
from tests.protocol.test_tasks import LISTED as TRANSFER
from tests.protocol.test_tasks import RULED as RULED_TRANSFER
from tests.protocol.test_tasks import VIEWS

jsonschema = pytest.importorskip("jsonschema")
FILE = REPOSITORY / "protocols" / "protocol.schema.json"
VARIED: dict[str, Any] = {"name": "mine", "base": "iper-imitation", "one_shot_sources": {"001/9/1": [0]}}
MADE: dict[str, Any] = changed(LISTED, "name", "made")
MADE["clips"][0] |= {"headings": [0.5, 180], "own_bin": [True, False], "frame_names": ["a.jpg", "b.jpg"]}
MADE["clips"][0] |= {"removed": [[3, 4]], "frames_sha256": "0" * 64}
MADE["clips"][0]["repaired"] = {"cross.real": {"from": [1, 2], "kind": "k", "why": "w", "shorter_than": 9}}
WHOLE = {
    "ruled": RULED,
    "listed": LISTED,
    "made": MADE,
    "transfer": TRANSFER,
    "ruled transfer": RULED_TRANSFER,
    "views": VIEWS,
    "varied": VARIED,
}


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(protocol_schema())
    return jsonschema.Draft202012Validator(protocol_schema())


def as_json(content: Any) -> Any:
    """Keys as JSON has them: texts."""
    return json.loads(json.dumps(content))


def read(folder: Path, content: Any) -> None:
    path = folder / "mine.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    read_protocol(path)


def test_the_committed_schema_is_the_exported_one() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), "iper-bench protocol schema > protocols/..."


@pytest.mark.parametrize("name", [name for name in packaged_files() if not name.startswith("fashionvideo")])
def test_packaged_protocols_fit(name: str, validator: Any) -> None:
    """All but the longest file, whose 100 clips are like those of MotionSynthetic."""
    assert list(validator.iter_errors(as_json(read_yaml(packaged_files()[name])))) == []


@pytest.mark.parametrize("kind", WHOLE)
def test_every_form_is_read_and_fits(kind: str, validator: Any, tmp_path: Path) -> None:
    read(tmp_path, WHOLE[kind])
    assert list(validator.iter_errors(as_json(WHOLE[kind]))) == []


def places(content: Any) -> list[tuple[Any, ...]]:
    """The way to every mapping with fixed keys."""
    found: list[tuple[Any, ...]] = []
    if isinstance(content, dict):
        found.append(())
        for key, value in content.items():
            found += [(key, *rest) for rest in places(value)]
    if isinstance(content, list):
        for at, value in enumerate(content[:1]):
            found += [(at, *rest) for rest in places(value)]
    return found


@pytest.mark.parametrize("kind", WHOLE)
def test_unknown_keys_are_refused_everywhere(kind: str, validator: Any, tmp_path: Path) -> None:
    """In every mapping of the file, by the reader and by the schema alike."""
    seen = 0
    for way in places(WHOLE[kind]):
        if way and way[-1] in ("one_shot_sources",):
            continue  # its keys are videos: only the base can say which
        broken = copy.deepcopy(as_json(WHOLE[kind]))
        inner = broken
        for key in way:
            inner = inner[str(key) if isinstance(inner, dict) else key]
        inner["surprise"] = 1
        assert not validator.is_valid(broken), way
        with pytest.raises(UserError):
            read(tmp_path, broken)
        seen += 1
    assert seen >= 1


BROKEN: list[tuple[str, str, Any]] = [
    *(("listed", key, None) for key in ("name", "task", "dataset", "split", "source_counts", "clips")),
    *(("listed", "image_size", value) for value in (0, -1, 1.5, "512", True, 8193)),
    *(("listed", "name", value) for value in (7, "", "  ", [], "../up", "/tmp/up", "a\\b", "..")),
    *(("listed", "task", value) for value in ("motion", 1)),
    *(("listed", "format", value) for value in (0, 2, "1")),
    *(("listed", "source_counts", value) for value in ([], [0], [1, 1], "1", [True], {})),
    *(("listed", "clips", value) for value in ([], {}, "all", [1])),
    ("listed", "pairs", TRANSFER["pairs"]),
    ("listed", "background", "source"),
    ("listed", "take", ["body"]),
    ("listed", "rules", RULED["rules"]),
    *(("listed", "clips.0.video", value) for value in (None, 7, "", "../etc", "/etc", "a//b", "a\\b", "C:x")),
    *(("listed", "clips.0.video", value) for value in ("..", ".", "a/../b", "a/.", "a\nb", "a/")),
    *(("listed", "clips.0.candidates", value) for value in ([], ["x.jpg"], [-1], [1.5], ["a/1.jpg"], [True])),
    *(("listed", "clips.0.sources", value) for value in (None, {}, [], {"0": [0]}, {"a": [0]})),
    *(("listed", "clips.0.sources", value) for value in ({"1": [], "2": [0, 1]}, {"1": [0], "2": [0]})),
    *(("listed", "clips.0.self", value) for value in ([], {"video": "x"}, {"frames": [0, 1]})),
    *(("listed", "clips.0.self.frames", value) for value in ([0], [0, 1, 2], "train", [-1, 2], 3, ["0", 1])),
    ("listed", "clips.0.cross", {"video": "x", "frames": [0, 1]}),
    ("listed", "clips.0.targets", [1]),
    *(("made", "clips.0.headings", value) for value in ([360, 1], ["a", 1], [-1, 0], 5)),
    *(("made", "clips.0.own_bin", value) for value in ([1, 0], ["yes", "no"])),
    *(("made", "clips.0.frame_names", value) for value in ([1, 2], ["", "a"])),
    *(("made", "clips.0.frames_sha256", value) for value in ("abc", "G" * 64, 5)),
    *(("made", "clips.0.removed", value) for value in ([[1]], [3], [[1, 2, 3]], [["1", 2]])),
    *(("made", "clips.0.repaired", value) for value in ({}, [], {"cross.real": {"from": [1, 2]}})),
    ("made", "clips.0.repaired", {"cross.video": {"from": "../x", "kind": "k", "why": "w"}}),
    ("made", "clips.0.repaired", {"cross.real": {"from": [], "kind": "k", "why": "w"}}),
    *(("ruled", "rules.sources", value) for value in (None, {}, {"frames": [0, 1]}, {"choose": "yaw"})),
    *(("ruled", "rules.sources.choose", value) for value in ("jaw", 1)),
    *(("ruled", "rules.sources.frames", value) for value in ("tset", [1], 5)),
    *(("ruled", "rules.self.limit", value) for value in (0, 1.5, True, "3")),
    *(("ruled", "rules.cross.target", value) for value in ("nobody", None)),
    ("ruled", "rules.cross.real", None),
    *(("ruled", "rules.train_percent", value) for value in (0, 100, "85")),
    ("ruled", "rules.transfer", {"frames": [0, 1]}),
    ("ruled", "source_counts", [1, 3]),
    ("ruled", "rules", {"sources": {"frames": [0, 1], "choose": "yaw"}}),
    ("ruled transfer", "rules.self", {"frames": [0, 1]}),
    ("ruled transfer", "pairs", TRANSFER["pairs"]),
    ("transfer", "pairs", None),
    ("transfer", "background", "room"),
    *(("transfer", "take", value) for value in ([], [1], "body")),
    *(("transfer", "pairs.0.target", value) for value in (None, {"video": "p/b"}, [])),
    ("transfer", "pairs.0.source", "../p"),
    ("views", "clips.0.targets", None),
    ("views", "clips.0.cross", {"video": "p/b", "frames": [0, 1], "real": [0, 1]}),
    *(("varied", "base", value) for value in ("../up", "", 5)),
    ("varied", "reverse_pairs", True),
    ("varied", "one_shot_sources", None),
    ("varied", "one_shot_sources", {}),
    *(("varied", "one_shot_sources", {"001/9/1": value}) for value in ([], 5, ["x"])),
]  # fmt: skip


@pytest.mark.parametrize("at", range(len(BROKEN)))
def test_what_the_reader_refuses_the_schema_refuses(at: int, validator: Any, tmp_path: Path) -> None:
    kind, path, value = BROKEN[at]
    broken = changed(as_json(WHOLE[kind]), path, value)
    inner = broken
    *way, last = path.split(".")
    for key in way:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    if value is None:
        del inner[last]  # the schema knows no null
    with pytest.raises(UserError):
        read(tmp_path, broken)
    assert not validator.is_valid(as_json(broken)), (kind, path, value)


def test_the_forms_above_use_every_key_of_the_reader() -> None:
    """Or a key could have a schema that admits nothing."""
    used = {key for content in WHOLE.values() for key in content}
    assert set(TOP_KEYS) - used <= {"format", "description"}
    entries = {key for content in WHOLE.values() for clip in content.get("clips", ()) for key in clip}
    assert entries == {key for task in TASKS for key in keys_of(task)}
