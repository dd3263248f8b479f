"""``iper-bench score``: what is printed, exit statuses, runs that are measured again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from iper_bench.run import score as run_score
from iper_bench.run import scoring
from tests.cli.command_line import assert_one_line, run_line
from tests.cli.toy_program import UNITS, ToyProgram
from tests.run.drawn_clips import noisy, wanderer
from tests.run.test_evaluate import write
from tests.run.toys import ToyScorer


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    frames = wanderer(6)
    return str(write(tmp_path / "mine", noisy(frames, 5))), str(write(tmp_path / "truth", frames))


def test_the_table_and_the_files(
    sides: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(sides[0]) / "003.png").write_bytes(b"")
    out = tmp_path / "out"
    outcome = run_line(
        capsys,
        *("score", sides[0], "--references", sides[1], "--metrics", "PSNR,SSIM", "--out", str(out)),
        *("--method-name", "ours", "--num-workers", "2", "--batch-size", "4"),
    )
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].split()[:3] == ["profile", "metric", "value"]
    assert [line.split()[1] for line in lines[1:3]] == ["PSNR", "SSIM"]
    for line in lines[1:3]:
        assert "5 of 6" in line
        assert "003.png: an empty file" in line
    assert lines[3] == f"rows and definitions: {out / 'rows.json'}"
    rows = json.loads((out / "rows.json").read_text(encoding="utf-8"))["rows"]
    assert {(row["method"], row["dataset"], row["clip"]) for row in rows} == {("ours", "truth", "mine")}


def test_mistakes_are_one_line(
    sides: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, truth = sides

    def fails(*words: str, arguments: tuple[str, ...]) -> None:
        assert_one_line(run_line(capsys, "score", *arguments), *words)

    both = (mine, "--references", truth)
    fails("neither --references nor --dataset", arguments=(mine,))
    fails("no such file", arguments=(mine, "--references", str(tmp_path / "x")))
    fails("no such file", arguments=(str(tmp_path / "x"), "--references", truth))
    fails("did you mean PSNR", arguments=(*both, "--metrics", "PNSR"))
    fails("did you mean offline", arguments=(*both, "--profile", "ofline"))
    fails("self", arguments=(*both, "--setting", "x"))
    fails("HEIGHTxWIDTH", arguments=(*both, "--resize", "256"))
    fails("HEIGHTxWIDTH", arguments=(*both, "--resize", "0x16"))
    fails("HEIGHTxWIDTH", arguments=(*both, "--resize", "9999x16"))
    fails("--num-workers", arguments=(*both, "--num-workers", "-1"))
    fails("--batch-size", arguments=(*both, "--batch-size", "0"))
    fails("no such file", arguments=(*both, "--boxes", str(tmp_path / "x.csv")))
    fails("unknown clip 'x'", arguments=(*both, "--clip", "x"))
    fails("did you mean fasterrcnn", arguments=(*both, "--person-detector", "fasterrcn"))
    fails("is empty", arguments=(*both, "--out", ""))
    fails("--fd-curve", "--setting cross", arguments=(*both, "--fd-curve", str(tmp_path / "c.json")))
    (Path(mine) / "002.png").unlink()
    fails("1 of 6 frames are missing: 2", "--partial", arguments=(*both, "--metrics", "PSNR"))
    outcome = run_line(capsys, "score", *both, "--metrics", "PSNR", "--partial")
    assert (outcome.status, "5 of 6" in outcome.out) == (0, True)


def test_a_file_is_in_the_way(
    sides: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    both = ("score", sides[0], "--references", sides[1], "--metrics", "PSNR")
    assert_one_line(run_line(capsys, *both, "--out", str(tmp_path / "file")), "is a file")
    assert_one_line(run_line(capsys, *both, "--out", sides[1]), "holds other files")


def test_a_run_is_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request comes from its plan, its predictions from its folder; no method is run."""
    program = ToyProgram(tmp_path, monkeypatch)
    run = tmp_path / "run"
    assert program.run(capsys, run).status == 0
    rendered = list(program.method.calls)
    asked: list[tuple[Iterable[str], dict[str, object]]] = []
    scorer = ToyScorer(version=2)

    def make(profiles: Iterable[str], **options: object) -> ToyScorer:
        asked.append((profiles, options))
        return scorer

    monkeypatch.setattr(run_score, "SuiteScorer", make)
    monkeypatch.setattr(scoring, "SuiteScorer", make)
    line = ("score", str(run), "--profile", "standard,offline", "--metrics", "PSNR")
    assert_one_line(run_line(capsys, *line), "does not come with the package", "--protocol")
    outcome = run_line(capsys, *line, "--protocol", str(program.protocol))
    assert outcome.status == 0, outcome.err
    assert f"{UNITS} units, {UNITS} computed" in outcome.out
    assert scorer.measured == UNITS
    assert program.method.calls == rendered
    assert tuple(asked[-1][0]) == ("standard", "offline")
    assert asked[-1][1]["metrics"] == ("PSNR",)
    assert run_line(capsys, "score", str(run), "--protocol", str(program.protocol)).status == 0
    assert tuple(asked[-1][0]) == ("toy",)  # what the plan says
    again = run_line(capsys, *line, "--protocol", str(program.protocol))
    assert f"0 computed, {UNITS} kept from before" in again.out
    for option, value in (("--references", str(run)), ("--out", str(tmp_path / "x")), ("--sn", "1")):
        assert_one_line(run_line(capsys, *line, option, value), option, "is a run, whose plan says it")


def test_metrics_of_a_run_by_the_suite_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run's folder says, and what its frames say when they are scored as somebody else's."""
    program = ToyProgram(tmp_path, monkeypatch)
    run = tmp_path / "run"
    assert program.run(capsys, run, settings="self").status == 0
    measured = ("--profile", "offline", "--metrics", "PSNR", "--protocol", str(program.protocol))
    assert run_line(capsys, "score", str(run), *measured).status == 0
    mine = tmp_path / "mine"
    mine.mkdir()
    known = {}
    for file in sorted((run / "units").iterdir()):
        (row,) = json.loads(file.read_text(encoding="utf-8"))["rows"]
        known[row["clip"]] = (row["value"], row["per_frame"], row["definition"])
        (run / "predictions" / file.stem).rename(mine / row["clip"].replace("/", "_"))
    out = tmp_path / "out"
    outcome = run_line(
        capsys, "score", str(mine), "--dataset", "toy", *measured, "--sn", "1", "--out", str(out)
    )
    assert outcome.status == 0, outcome.err
    rows = json.loads((out / "rows.json").read_text(encoding="utf-8"))["rows"]
    assert {row["clip"]: (row["value"], row["per_frame"], row["definition"]) for row in rows} == known
