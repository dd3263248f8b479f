"""``data verify`` and ``data info`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import assert_one_line, run_line
from tests.data.layouts import trees


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(trees.make_folder(tmp_path / "mine"))


def test_a_whole_folder_ends_with_0(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "data", "verify", "folder", "--data-root", root, "--deep", "--jobs", "1")
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == f"folder in {root}, folder (every picture decoded)"
    assert "clips                   2         2  all" in lines
    assert lines[-1] == "nothing is wrong"


def test_findings_end_with_1_and_stand_in_the_json(
    root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(root) / "anna/0002.png").write_bytes(b"")
    (Path(root) / "anna/track.npz").unlink()
    file = tmp_path / "report.json"
    outcome = run_line(capsys, "data", "verify", "folder", "--data-root", root, "--json", str(file))
    assert outcome.status == 1
    assert "  anna  anna/0002.png: an empty file; try: get the files again" in outcome.out.splitlines()
    assert f"try: iper-bench data prepare folder --data-root {root} --body-weights FILE" in outcome.out
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [one["kind"] for one in content["findings"]] == ["missing_track", "broken_picture"]
    assert {"what": "frames", "found": 8, "expected": None} in content["counts"]


def test_a_json_that_cannot_be_written_loses_nothing(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(root) / "anna/0002.png").write_bytes(b"")
    outcome = run_line(capsys, "data", "verify", "folder", "--data-root", root, "--json", "/proc/x/y.json")
    assert outcome.status == 2
    assert "anna/0002.png: an empty file" in outcome.out
    assert "/proc/x/y.json: cannot write" in outcome.err.splitlines()[-1]


def test_a_manifest_is_written_once_and_compared(
    root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "files.json")
    line = ("data", "verify", "folder", "--data-root", root)
    assert run_line(capsys, *line, "--write-manifest", file).status == 0
    assert_one_line(run_line(capsys, *line, "--write-manifest", file), file, "is there already")
    (Path(root) / "anna/0000.png").unlink()
    outcome = run_line(capsys, *line, "--manifest", file)
    assert outcome.status == 1
    assert "  anna/0000.png: is not there; try: get the file again" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["iperr"], ["unknown dataset 'iperr'", "did you mean iper?"]),
        (["iper", "--data-root", "nowhere"], ["nowhere", "there is no such folder"]),
        (["folder", "--jobs", "0"], ["--jobs", "0"]),
        (["folder", "--data-root", ".", "--manifest", "none.json"], ["none.json", "cannot read the file"]),
    ],
)
def test_mistakes_end_with_2(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run_line(capsys, "data", "verify", *arguments), *words)


def test_info_of_a_folder(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "data", "info", "folder", "--data-root", root, "--fingerprint")
    assert outcome.status == 0, outcome.err
    rows = dict(line.split("  ", 1) for line in outcome.out.splitlines())
    assert rows["split all"].strip() == "2 clips, 8 frames, 2 subjects"
    assert rows["protocols"].strip() == "none"
    assert len(rows["fingerprint"].strip()) == 16


def test_info_without_a_name_lists_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.make_iper(tmp_path)
    monkeypatch.setenv("IPER_BENCH_DATA", str(tmp_path))
    outcome = run_line(capsys, "data", "info")
    assert outcome.status == 0, outcome.err
    lines = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert "4 clips, images_HD with smpls" in lines["iper"]
    assert "not found" in lines["fashionvideo"]
    assert_one_line(run_line(capsys, "data", "info", "--data-root", "x"), "options without a dataset")
