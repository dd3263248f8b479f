"""Protocol files with mistakes, as the verbs that read one report them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import assert_one_line, run_line
from tests.cli.toy_program import ToyProgram
from tests.run.toys import PROTOCOL


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


def swapped(before: str, after: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(PROTOCOL.replace(before, after), encoding="utf-8")


MISTAKES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing": (lambda path: None, ["cannot be read: No such file"]),
    "a folder": (lambda path: path.mkdir(), ["cannot be read: Is a directory"]),
    "a loop of links": (lambda path: path.symlink_to(path), ["Too many levels of symbolic links"]),
    "empty": (lambda path: path.write_bytes(b""), ["found nothing", "expected a mapping"]),
    "Latin-1": (lambda path: path.write_bytes(b"name: caf\xe9\n"), ["not valid YAML", "0xe9 in position 9"]),
    "UTF-16": (lambda path: path.write_bytes(PROTOCOL.encode("utf-16")), ["not valid YAML", "0xff"]),
    "cut off": (swapped("limit: 4}", ""), ["not valid YAML", "line"]),
    "misspelt key": (
        swapped("source_counts", "source_count"),
        ["unknown key 'source_count'", "did you mean source_counts?"],
    ),
    "misspelt key below": (
        swapped("choose", "chose"),
        ["rules.sources: unknown key 'chose'", "did you mean choose?"],
    ),
    "misspelt value": (
        swapped("motion_imitation", "motion"),
        ["task: unknown value 'motion'", "expected one"],
    ),
    "reversed range": (swapped("[8, 13]", "[13, 8]"), ["rules.self.frames: found [13, 8]", "[first, last]"]),
    "negative frame": (swapped("[8, 13]", "[-8, 13]"), ["rules.self.frames: found -8", "0 or more"]),
}


@pytest.mark.parametrize("verb", ["protocol show", "run", "sweep"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_with_file_and_field(
    mistake: str,
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    make, words = MISTAKES[mistake]
    toy.protocol.unlink()
    make(toy.protocol)
    typed = toy.arguments(tmp_path / "run")
    commands = {
        "run": typed,
        "sweep": ["sweep", *typed[1:]],
        "protocol show": ["protocol", "show", str(toy.protocol)],
    }
    assert_one_line(run_line(capsys, *commands[verb]), str(toy.protocol), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("split: test", "split: tset", ["unknown split 'tset'", "did you mean test"]),
        ("[8, 13]", "[8, 99]", ["self.frames 8 to 99", "ends at frame 13"]),
        ("dataset: toy", "dataset: synthetic", ["is for dataset 'synthetic'", "try: --dataset synthetic"]),
    ],
)
def test_protocols_that_the_dataset_cannot_serve(
    before: str,
    after: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    toy.protocol.write_text(PROTOCOL.replace(before, after), encoding="utf-8")
    assert_one_line(toy.run(capsys, tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("sn", ["3", "16", "9" * 30])
def test_more_sources_than_the_protocol_has(
    sn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    outcome = toy.run(capsys, tmp_path / "run", sn=f"1,{sn}")
    assert_one_line(outcome, f"no sources for sn={sn}", "expected sn among 1, 2, 4, 8")
    assert not (tmp_path / "run").exists()
