"""Protocol files: what is understood, and what is refused with a line naming file, field and nearest key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from iper_bench.errors import UserError
from iper_bench.protocol.load import list_protocols, load_protocol
from iper_bench.protocol.reading import frame_number, read_protocol
from iper_bench.protocol.schema import FrameRange

RULED: dict[str, Any] = {
    "format": 1,
    "name": "mine",
    "task": "motion_imitation",
    "dataset": "synthetic",
    "split": "test",
    "source_counts": [1, 2],
    "rules": {
        "clips": {"limit": 3},
        "sources": {"frames": [0, 15], "choose": "yaw"},
        "self": {"frames": [16, 20], "limit": 2},
        "cross": {"target": "next_subject", "frames": [16, 20], "real": [16, 20]},
    },
}
# the form of the official files
LISTED: dict[str, Any] = {
    **{key: RULED[key] for key in ("name", "task", "dataset", "split", "source_counts")},
    "image_size": 512,
    "clips": [
        {
            "video": "001/9/1",
            "candidates": ["000.jpg", "155.jpg"],
            "view_angles": [0, 180],
            "sources": {1: ["000.jpg"], 2: ["000.jpg", "frame_00000155.png"]},
            "self": {"video": "001/9/1", "frames": [0, 300]},
            "cross": {"video": "007/1/2", "frames": [180, 255], "real": [10, 85]},
        }
    ],
}


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at ``path`` (keys and list positions between dots) replaced."""
    copy = yaml.safe_load(yaml.safe_dump(content))
    *way, last = path.split(".")
    place: Any = copy
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[last] = value
    return copy


def write(folder: Path, content: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_protocol(path)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(path))
    return line


def test_packaged_protocols_can_be_read_and_are_named_as_their_files() -> None:
    assert {"synthetic-imitation", "synthetic-demo"} <= set(list_protocols())
    for name in list_protocols():
        assert load_protocol(name).name == name


def test_rules(tmp_path: Path) -> None:
    protocol = read_protocol(write(tmp_path, RULED))
    assert protocol.rules is not None
    assert protocol.rules.clip_limit == 3
    assert protocol.rules.self_rule is not None
    assert protocol.rules.self_rule.frames == FrameRange(16, 20)
    assert protocol.clips == ()


def test_listed_clips_with_frame_names(tmp_path: Path) -> None:
    (entry,) = read_protocol(write(tmp_path, LISTED)).clips
    assert entry.sources == {1: (0,), 2: (0, 155)}
    assert entry.candidates == (0, 155)
    assert entry.cross_drive is not None
    assert entry.cross_drive.real == FrameRange(10, 85)


def test_hash_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    first = read_protocol(write(tmp_path, RULED)).hash
    assert read_protocol(write(tmp_path, {**RULED, "description": "for people"})).hash == first
    commented = "# a comment\n" + yaml.safe_dump(dict(reversed(RULED.items())), sort_keys=False)
    assert read_protocol(write(tmp_path, commented)).hash == first
    for path, value in (("rules.self.limit", 3), ("rules.cross.real", [15, 20]), ("source_counts", [1])):
        assert read_protocol(write(tmp_path, changed(RULED, path, value))).hash != first


@pytest.mark.parametrize(
    ("content", "path", "value", "place", "words"),
    [
        (RULED, "splitt", "test", "", "unknown key 'splitt'"),
        (RULED, "rules.sorces", {}, "rules", "did you mean sources"),
        (RULED, "rules.self.limits", 3, "rules.self", "did you mean limit"),
        (RULED, "rules.sources.choose", "jaw", "rules.sources.choose", "did you mean yaw"),
        (RULED, "task", "motion_imitaton", "task", "did you mean motion_imitation"),
        (RULED, "rules.self.frames", [20, 16], "rules.self.frames", "expected [first, last]"),
        (RULED, "rules.self.frames", [16], "rules.self.frames", "expected [first, last]"),
        (RULED, "rules.self.frames", [-1, 3], "rules.self.frames", "expected an integer, 0 or more"),
        (RULED, "rules.self.limit", 0, "rules.self.limit", "expected an integer, 1 or more"),
        (RULED, "rules.self.limit", True, "rules.self.limit", "expected an integer"),
        (RULED, "source_counts", [1, 3], "source_counts", "the yaw rule knows no others"),
        (RULED, "source_counts", [2, 1], "source_counts", "expected rising numbers"),
        (RULED, "source_counts", [], "source_counts", "expected a list"),
        (RULED, "name", 7, "name", "expected the name of a protocol"),
        (RULED, "image_size", 10**6, "image_size", "at most 8192"),
        (RULED, "clips", [{"video": "x"}], "", "both 'rules' and 'clips'"),
        (RULED, "rules", None, "", "neither 'rules' nor 'clips'"),
        (RULED, "rules", "all", "rules", "expected a mapping"),
        (RULED, "rules.sources", None, "rules", "key 'sources' is missing"),
        (RULED, "format", 2, "", "format 2 is newer"),
        (LISTED, "clips.0.selff", {}, "clips[0]", "did you mean self"),
        (LISTED, "clips.0.sources", {1: [0]}, "clips[0].sources", "one list for each of [1, 2]"),
        (LISTED, "clips.0.sources", {1: [0], 2: [0]}, "clips[0].sources.2", "expected 2 frames"),
        (LISTED, "clips.0.view_angles", [0], "clips[0].view_angles", "one for each of the 2 candidates"),
        (LISTED, "clips.0.candidates", ["../x.jpg"], "clips[0].candidates", "expected a frame name"),
        (LISTED, "clips.0.cross", {"video": "x", "frames": [0, 1]}, "clips[0].cross", "'real' is missing"),
    ],
)  # fmt: skip
def test_refusals_name_the_place(
    tmp_path: Path, content: dict[str, Any], path: str, value: Any, place: str, words: str
) -> None:
    file = write(tmp_path, changed(content, path, value))
    line = refusal(file)
    assert words in line
    assert line.startswith(f"{file}: {place}: " if place else f"{file}: ")


def test_a_video_listed_twice(tmp_path: Path) -> None:
    again = changed(LISTED, "name", "copy")["clips"]
    assert "listed twice" in refusal(write(tmp_path, {**LISTED, "clips": [*LISTED["clips"], *again]}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\n", "not valid YAML"),
        ("name: x\nname: y\n", "key 'name' in line 2 is repeated"),
        ("a: &x [1]\nb: [*x, *x]\n", "alias '*x' in line 2 is not allowed"),
        ("? [1, 2]\n: 3\n", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("", "found nothing"),
        ("- 1\n", "found list"),
        ("[" * 100_000, "not valid YAML"),
    ],
)
def test_files_that_are_no_strict_yaml(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(write(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert "cannot be read" in refusal(path)
    path.write_bytes(b"name: \xff\xfe\n")
    assert "not valid YAML" in refusal(path)
    path.write_bytes(b"#" * (17 << 20))
    assert "at most" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "cannot be read" in refusal(path)


def test_unknown_protocol_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean synthetic-imitation"):
        load_protocol("synthetic-imitatoin")


@pytest.mark.parametrize(
    ("name", "index"), [("035.jpg", 35), ("0000.jpg", 0), ("frame_00000311.png", 311), ("12", 12), (7, 7)]
)
def test_frame_names(name: Any, index: int) -> None:
    assert frame_number(name, "here") == index


@pytest.mark.parametrize("name", ["", "x.jpg", "a/035.jpg", "035.jpg.", "-3", "1e3", -1, 2.0, None, True])
def test_no_frame_names(name: Any) -> None:
    with pytest.raises(UserError, match="here: found"):
        frame_number(name, "here")
