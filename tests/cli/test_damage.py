"""Files harmed or lost between two commands: one line that says what to do, and doing it mends everything."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from iper_bench.store.run_folder import RunFolder
from tests.cli.command_line import Outcome, assert_one_line, gate_update, run_line
from tests.cli.toy_program import ToyProgram
from tests.report.made_up import rows_of, write_run
from tests.run.toys import ToyMethod

RESULTS = ("aggregates.json", "pooled.json", "plan.yaml", "units/*.json", "features/*.npz")

HELD = (
    *("plan.yaml", "env.json", "pooled.json", "aggregates.json"),
    *("units/*.json", "features/*.npz", "timings/*.json"),
    *("predictions/*/*.png", "exhibits/*/source_*.png", "exhibits/*/reference_*.png"),
)
HARMS: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "gone": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "garbled": lambda path: path.write_bytes(b"\xff\x00" + path.read_bytes()[2:]),
}
MOST_LINES = 20  # of one command in a folder in which several files are harmed


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "IPER_BENCH_HOME": str(tmp_path / "home")})


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyProgram:
    return ToyProgram(tmp_path, monkeypatch)


def results(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in RESULTS
        for path in folder.glob(pattern)
    }


def complaint(outcome: Outcome) -> str:
    """The one line of a refusal, without the lines of progress before it."""
    lines = [
        line for line in outcome.err.splitlines() if not re.fullmatch(r"[a-z ]+: (start|done), .*", line)
    ]
    assert_one_line(Outcome(outcome.status, outcome.out, "\n".join(lines)))
    return lines[0]


def obey(line: str, run: Path) -> None:
    """Delete what the line says should be deleted."""
    place, hint = line.removeprefix("iper-bench: error: ").partition(": ")[0], line.partition("try: ")[2]
    wanted = re.search(r"delete (it|this file|units/\S+\.json)\b", hint)
    assert wanted is not None, line
    (run / wanted[1] if wanted[1].startswith("units/") else Path(place)).unlink()


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        *((pattern, harm) for pattern in HELD for harm in ("cut", "gone")),
        *((pattern, harm) for pattern in ("plan.yaml", "units/*.json") for harm in ("emptied", "garbled")),
    ],
)
def test_what_the_line_says_mends_a_run_folder(
    pattern: str, harm: str, toy: ToyProgram, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """``capfd`` sees what libraries in C print as well."""
    run = tmp_path / "run"
    again = toy.arguments(run, limit="1")
    report = ["report", str(run), "--out", str(tmp_path / "report")]

    def insist(arguments: list[str]) -> None:
        for _ in range(MOST_LINES):
            outcome = run_line(capfd, *arguments)
            if outcome.status == 0:
                return
            line = complaint(outcome)
            if "no run here" in line:
                assert (pattern, harm) == ("plan.yaml", "gone")
            else:
                obey(line, run)
            if arguments != again:
                insist(again)
        raise AssertionError(line)

    insist(again)
    before = results(run)
    for path in run.glob(pattern):
        HARMS[harm](path)
    insist(report)
    insist(again)
    assert results(run) == before


def test_lost_features_are_computed_again_not_left_out(
    toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the set metrics of the same units would silently be other numbers."""
    run = tmp_path / "run"
    assert toy.run(capsys, run, predictions="png").status == 0
    before = results(run)
    shutil.rmtree(run / "features")
    shutil.rmtree(run / "predictions")
    toy.method = ToyMethod()
    outcome = toy.run(capsys, run)
    assert "3 computed, 3 kept" in outcome.out  # the cross units, which alone have features
    assert results(run) == before


def test_a_lost_plan_is_not_replaced_by_another(
    toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert toy.run(capsys, run).status == 0
    (run / "plan.yaml").unlink()
    assert_one_line(toy.run(capsys, run, seed="1"), str(run), "no plan.yaml", f"try: --out {run}-2")
    assert not (run / "plan.yaml").exists()


CACHED = """\
name: cached
task: motion_imitation
dataset: synthetic
split: test
source_counts: [1]
rules:
  sources: {frames: [0, 15], choose: yaw}
  self: {frames: [16, 18]}
"""


@pytest.mark.parametrize("fate", ["deleted", "corrupted", "a file"])
def test_cache_between_a_run_and_its_resumption(
    fate: str, toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = tmp_path / "cached.yaml"
    protocol.write_text(CACHED, encoding="utf-8")
    changes = {"protocol": str(protocol), "method": "copy-source", "dataset": "synthetic"}
    small = {"size": "16", "limit": "1", "settings": "self"}
    run, home = tmp_path / "run", tmp_path / "home"
    assert toy.run(capsys, run, **changes, **small).status == 0
    before = results(run)
    assert before["aggregates.json"]
    for folder in ("units", "predictions", "exhibits"):
        shutil.rmtree(run / folder)
    cached = [path for path in home.rglob("*") if path.is_file()]
    assert cached
    if fate == "corrupted":
        for path in cached:
            path.write_bytes(path.read_bytes()[:-9])
    else:
        shutil.rmtree(home)
        if fate == "a file":
            home.write_text("in the way", encoding="utf-8")
    outcome = toy.run(capsys, run, **changes, **small)
    assert outcome.status == 0
    assert results(run) == before
    said = [line for line in outcome.err.splitlines() if line.startswith("iper-bench: ")]
    assert (len(said) > 0) == (fate != "deleted"), said
    assert all("rendered" in line for line in said)


def test_report_and_gate_of_a_run_with_failed_units(
    toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, page = tmp_path / "run", tmp_path / "report"
    toy.method = ToyMethod(fails_at=(5,))
    outcome = toy.run(capsys, run, steps="0,5")
    assert outcome.status == 3
    assert "6 failed" in outcome.out
    assert "--retry-failed" in outcome.out
    assert run_line(capsys, "report", str(run), "--out", str(page)).status == 0
    assert "RuntimeError: cannot render at T=5" in (page / "report.md").read_text(encoding="utf-8")
    gate = run_line(capsys, *gate_update(run, tmp_path / "b.json"))
    assert_one_line(gate, "6 failed units, the first: toy", "cannot render at T=5", "--retry-failed")
    assert not (tmp_path / "b.json").exists()


def test_report_and_gate_of_a_run_whose_units_all_failed(
    toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, page = tmp_path / "run", tmp_path / "report"
    toy.method = ToyMethod(fails_at=(0,))
    assert toy.run(capsys, run).status == 3
    assert run_line(capsys, "report", str(run), "--out", str(page)).status == 0
    assert "**Failed units:** 6" in (page / "report.md").read_text(encoding="utf-8")
    outcome = run_line(capsys, *gate_update(run, tmp_path / "b.json"))
    assert_one_line(outcome, "6 failed units", "--retry-failed")


def test_gate_against_the_numbers_of_another_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, baseline = write_run(tmp_path / "run", rows_of("warp", clips=2)), tmp_path / "baseline.json"
    assert run_line(capsys, *gate_update(run, baseline)).status == 0
    text = baseline.read_text(encoding="utf-8")
    baseline.write_text(text.replace("aa00", "bb11"), encoding="utf-8")
    outcome = run_line(capsys, "gate", str(run), "--baseline", str(baseline))
    assert_one_line(outcome, "not comparable", "protocol 'synthetic-imitation' is bb11 there and aa00 here")
    baseline.write_text(text.replace("synthetic-imitation", "other-imitation"), encoding="utf-8")
    outcome = run_line(capsys, "gate", str(run), "--baseline", str(baseline))
    assert_one_line(outcome, "no number in common", str(baseline), "gate update")


@pytest.mark.parametrize("harm", HARMS)
def test_harmed_baseline(harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, baseline = write_run(tmp_path / "run", rows_of("warp", clips=2)), tmp_path / "baseline.json"
    assert run_line(capsys, *gate_update(run, baseline)).status == 0
    HARMS[harm](baseline)
    assert_one_line(run_line(capsys, "gate", str(run), "--baseline", str(baseline)), str(baseline))


def test_two_processes_in_one_run_folder(
    toy: ToyProgram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert toy.run(capsys, run).status == 0
    with RunFolder.open(run).locked():
        assert_one_line(toy.run(capsys, run), "another iper-bench is running", str(run), "--out")
