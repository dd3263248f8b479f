"""``iper-bench check``: exit statuses, what is printed, the JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from iper_bench.data.image_io import encode_png
from tests.cli.command_line import assert_one_line, run_line
from tests.cli.toy_program import ToyProgram
from tests.run.drawn_clips import Frames, wanderer


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["COLUMNS"] = "200"


def write(folder: Path, frames: Frames) -> str:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        (folder / f"{number}.png").write_bytes(encode_png(frame))
    return str(folder)


def test_status_0_and_a_summary_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = (write(tmp_path / name, wanderer(8)) for name in ("mine", "truth"))
    outcome = run_line(capsys, "check", ours, "--references", theirs)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("mine: 8 of 8 frames usable in 1 clip; 0 errors, 0 warnings, 0 notes\n")
    assert "fine" in outcome.out


def test_status_1_with_findings_in_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = wanderer(8)
    ours, theirs = (write(tmp_path / name, frames) for name in ("mine/a", "truth/a"))
    (Path(ours) / "3.png").unlink()
    (Path(ours) / "[red]4.png").write_bytes(b"")
    (Path(ours) / "4.png").unlink()
    odd = Path(ours).parent / os.fsdecode(b"b\xff[bold]")
    write(odd, frames)
    outcome = run_line(
        capsys,
        *("check", str(tmp_path / "mine"), "--references", str(Path(theirs).parent)),
        *("--json", str(tmp_path / "out.json"), "--method-name", "ours"),
    )
    assert (outcome.status, outcome.err) == (1, "")
    assert outcome.out.startswith("ours: 6 of 8 frames usable in 1 clip; 2 errors, 1 warning, 0 notes\n")
    for words in ("1 of 8 frames missing", "[red]4.png: an empty file", "b\\xff[bold]"):
        assert words in outcome.out
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [finding["kind"] for finding in content["clips"][0]["findings"]] == ["missing", "unreadable"]
    assert content["exit_status"] == 1


def test_status_2_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = write(tmp_path / "mine", wanderer(2))
    assert_one_line(run_line(capsys, "check", ours), "neither --references nor --dataset")
    assert_one_line(run_line(capsys, "check", ours, "--references", str(tmp_path / "x")), "no such file")
    assert_one_line(run_line(capsys, "check", str(tmp_path / "x"), "--references", ours), "no such file")
    assert_one_line(run_line(capsys, "check", "--references", ours), "PREDICTIONS", "check --help")
    assert_one_line(run_line(capsys, "check", ours, "--dataset", "syntetic"), "synthetic")
    assert_one_line(run_line(capsys, "check", ours, "--dataset", "synthetic", "--setting", "x"), "self")


def test_predictions_of_a_run_are_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``iper-bench run`` writes is understood: positions, one folder per unit."""
    program = ToyProgram(tmp_path, monkeypatch)
    assert program.run(capsys, tmp_path / "run", settings="self").status == 0
    units = sorted((tmp_path / "run/predictions").iterdir())
    assert len(units) == 3
    outcome = run_line(
        capsys,
        *("check", str(units[0]), "--dataset", "toy", "--protocol", str(program.protocol), "--clip", "p0/c0"),
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert "6 of 6 frames usable" in outcome.out
    assert "by position" in outcome.out


def test_a_long_clip_is_told_in_ranges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = np.repeat(wanderer(2), 60, axis=0)
    ours, theirs = write(tmp_path / "mine", frames[:1]), write(tmp_path / "truth", frames)
    outcome = run_line(capsys, "check", ours, "--references", theirs)
    assert outcome.status == 1
    assert "119 of 120 frames missing" in outcome.out
    assert "1-119" in outcome.out
