"""Protocol files of strangers: nothing expands, nothing leaves the folder, every refusal is one line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.protocol.reading import read_protocol
from iper_bench.protocol.strict_json import read_json
from iper_bench.protocol.trials import build_trials
from iper_bench.protocol.validation import validate
from iper_bench.protocol.video_name import video_name
from tests.protocol.test_reading import LISTED, RULED, changed, refusal, write
from tests.run.toys import ToyDataset

LEAVING = ["../etc", "/etc/passwd", "a/../../b", "..", ".", "a/./b", "a//b", "a/", "a\\..\\b", "C:x", "c:/x"]
UNPRINTABLE = ["a\x00b", "a\nb", "a\tb", "\x1b[31m", "a\u202eb", "a\u2028b", "\ud800"]


@pytest.mark.parametrize("name", [*LEAVING, *UNPRINTABLE, "", " ", "x" * 256, "é" * 128, 7, None, ["a"]])
def test_names_that_are_no_videos(name: Any) -> None:
    with pytest.raises(UserError, match="here: found") as error:
        video_name(name, "here")
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    "name", ["001/9/1", "91M3UFSKn8S.mp4", "A1-Lv00GAzS.mp4", "A1F1j+kNaDS.mp4", "2rJvM52eOOc_1.mp4",
             "..a", "a..", "...", "a b", "ü/é", "x" * 255, "take:2", "a'b"],
)  # fmt: skip
def test_names_of_videos(name: str) -> None:
    assert video_name(name, "here") == name


@pytest.mark.parametrize("path", ["clips.0.video", "clips.0.self.video", "clips.0.cross.video"])
@pytest.mark.parametrize("name", ["../../etc", "/etc", "a\\b"])
def test_videos_cannot_leave_the_dataset(tmp_path: Path, path: str, name: str) -> None:
    line = refusal(write(tmp_path, changed(LISTED, path, name)))
    assert "inside the dataset's folder" in line
    assert path.replace(".0", "[0]") in line


@pytest.mark.parametrize(
    "name", ["../up", "/tmp/up", "..", ".", "a/b", "a\\b", "a\nb", "a\u202eb", " ", "x" * 201]
)
def test_names_of_protocols_cannot_leave_the_folder_of_runs(tmp_path: Path, name: str) -> None:
    """A run lies in ``runs/NAME-HASH`` unless it is told otherwise."""
    line = refusal(write(tmp_path, changed(LISTED, "name", name)))
    assert "the name of a protocol" in line
    assert line.isprintable()


@pytest.mark.parametrize("text", [r"\ud800", r"\x1b[31m", r"\0", r"\x7f", r"\x9b"])
@pytest.mark.parametrize("key", ["description", "split", "zzz"])
def test_texts_that_cannot_be_printed(tmp_path: Path, key: str, text: str) -> None:
    content = json.dumps(changed(LISTED, key, "TEXT")).replace("TEXT", text)
    assert "in line 1 has characters that cannot be printed" in refusal(write(tmp_path, content))


def test_bombs_are_refused_at_once(tmp_path: Path) -> None:
    """Nine levels of nine references would be 10 ** 9 words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    merge = "base: &b {name: x}\nother:\n  <<: *b\n"
    begun = time.perf_counter()
    for text, words in (
        ("\n".join(lines), "alias '*a0' in line 2 is not allowed"),
        (merge, "alias '*b'"),
        ("&a [*a]", "alias '*a'"),
        ("{" * 5000, "not valid YAML"),
        ("a: " * 5000, "not valid YAML"),
        ("- " * 5000, "not valid YAML"),
    ):
        assert words in refusal(write(tmp_path, text))
    assert time.perf_counter() - begun < 5.0


@pytest.mark.parametrize(
    "number",
    ["9" * 5000, "1" + "0" * 30, "0x" + "f" * 4000, "-0x" + "f" * 4000, "1e400", ".inf", ".nan", "-1"],
)
@pytest.mark.parametrize("path", ["rules.self.limit", "image_size", "rules.self.frames"])
def test_absurd_numbers(tmp_path: Path, number: str, path: str) -> None:
    text = json.dumps(changed(RULED, path, "NUMBER")).replace('"NUMBER"', number)
    line = refusal(write(tmp_path, text))
    assert len(line) < 600
    assert line.isprintable()


@pytest.mark.parametrize("number", ["0100", "010", "0x10", "1:30", "1_0", "+010"])
def test_numbers_that_yaml_reads_in_another_base(tmp_path: Path, number: str) -> None:
    """A frame that is written like its name without quotes would silently be another one."""
    text = json.dumps(changed(RULED, "rules.self.limit", "NUMBER")).replace('"NUMBER"', number)
    assert f"the number {number} in line 1 is not decimal" in refusal(write(tmp_path, text))


def test_a_range_is_not_expanded_before_it_is_checked(tmp_path: Path) -> None:
    """A million million frames would not fit into memory."""
    entry = {"video": "p0/c0", "sources": {1: [3], 2: [3, 5]}}
    entry["self"] = {"video": "p0/c0", "frames": [0, 10**12]}
    protocol = read_protocol(write(tmp_path, {**LISTED, "dataset": "toy", "clips": [entry]}))
    begun = time.perf_counter()
    with pytest.raises(UserError, match=r"self\.frames 0 to 1000000000000: clip 'p0/c0' ends at frame 13"):
        build_trials(protocol, ToyDataset())
    assert [one.kind for one in validate(protocol, ToyDataset())] == ["beyond_video"]
    assert time.perf_counter() - begun < 2.0


def test_devices_have_no_end(tmp_path: Path) -> None:
    endless = tmp_path / "endless.yaml"
    endless.symlink_to("/dev/zero")
    assert "at most 4194304 bytes" in refusal(endless)
    with pytest.raises(UserError, match="at most 4194304 bytes"):
        read_json(endless)


def test_long_frame_numbers(tmp_path: Path) -> None:
    names = ["9" * 10 + ".jpg", "1.jpg"]
    assert "expected a frame name" in refusal(write(tmp_path, changed(LISTED, "clips.0.candidates", names)))


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!!python/object/new:os.system [x]", "!!set {a}"])
def test_tags_make_no_objects(tmp_path: Path, tag: str) -> None:
    refusal(write(tmp_path, f"name: {tag}\n"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes("name: café\n".encode(encoding))
    assert "not valid YAML" in refusal(path)


def test_long_values_are_cut(tmp_path: Path) -> None:
    for path in ("clips.0.video", "clips.0.candidates", "task", "name", "clips.0.frames_sha256"):
        line = refusal(write(tmp_path, changed(LISTED, path, ["y" * 100_000])))
        assert len(line) < 1000, path
        line = refusal(write(tmp_path, changed(LISTED, path, {"z" * 100_000: 1})))
        assert len(line) < 1000, path
    for path in ("clips.0.candidates", "source_counts", "image_size"):
        assert len(refusal(write(tmp_path, changed(LISTED, path, [[1] * 10_000])))) < 1000, path
    for content in ({"k" * 100_000: 1}, changed(LISTED, f"clips.0.{'k' * 100_000}", 1)):
        assert len(refusal(write(tmp_path, content))) < 2000
