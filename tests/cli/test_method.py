"""``iper-bench method`` as typed, and the option ``--references`` of runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iper_bench.methods import contract_kinds
from iper_bench.methods.method import METHODS
from iper_bench.methods.reference_names import DEFAULT_REFERENCES
from tests.cli.command_line import assert_one_line, run_line
from tests.cli.toy_program import ToyProgram
from tests.methods.broken_methods import GOOD
from tests.methods.test_contract import CASES


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; clips that need no rendering."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(contract_kinds.check_choice, "__defaults__", (lambda: CASES,))
    return tmp_path


def test_list_says_what_everything_is(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "method", "list")
    assert outcome.status == 0
    lines = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert set(METHODS.names()) < set(lines)
    assert lines["attlwb"].endswith("weights of the package, or attlwb@FILE")
    assert lines["lwb"].endswith("needs weights: lwb@FILE")
    assert lines["warp"].endswith("reference made from the sources")
    assert lines["truth-blur"].endswith("reference made from the truth; truth-blur[SIGMA], default 1")
    assert "outside" in lines["process:SPEC.yaml"]


def test_check_says_what_is_right_and_what_is_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "outsider.py").write_text(GOOD)
    (here / "worse.py").write_text(GOOD.replace('"good-1"', "str(id(self))").replace("level(pose)", "9"))
    good = run_line(capsys, "method", "check", "python:outsider:Good")
    assert (good.status, good.out.splitlines()[-1]) == (0, "outsider.Good: keeps the contract")
    worse = run_line(capsys, "method", "check", "python:worse:Good")
    assert (worse.status, worse.out.splitlines()[-1]) == (1, "worse.Good: 1 wrong, 1 warnings")
    assert any(line.startswith("wrong") and "identities" in line for line in worse.out.splitlines())
    gone = run_line(capsys, "method", "check", "python:gone:Good")
    assert (gone.status, "No module named 'gone'" in gone.out) == (1, True)


def test_check_of_what_cannot_be_meant(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "method", "check", "wrap"), "unknown method 'wrap'", "did you mean warp")
    line = run_line(capsys, "method", "check", "warp", "--weights", "w.pt")
    assert_one_line(line, "method 'warp' takes no weights")
    assert_one_line(
        run_line(capsys, "method", "check", "warp@a", "--weights", "b"), "two weights files: a and b"
    )
    gone = run_line(capsys, "method", "check", "folder:gone")
    assert (gone.status, "folder:gone: not a folder" in gone.out) == (1, True)


def test_new_writes_what_check_accepts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_line(capsys, "method", "new", "my-own")
    assert outcome.status == 0
    assert outcome.out.splitlines()[0] == "my-own/README.md"
    assert "pip install -e my-own" in outcome.out
    sys.path.insert(0, str(here / "my-own"))
    check = run_line(capsys, "method", "check", "python:my_own.method:create")
    assert check.out.splitlines()[-1] == "my_own.method.create: keeps the contract"
    assert_one_line(run_line(capsys, "method", "new", "my-own"), "my-own: is there and not empty", "--out")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", set(DEFAULT_REFERENCES)),
        ("all", set(DEFAULT_REFERENCES)),
        ("none", set()),
        ("truth-shift[3], warp", {"truth-shift[3]", "warp"}),
    ],
)
def test_a_run_adds_references(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    expected: set[str],
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    for verb in ("run", "sweep"):
        arguments = [*toy.arguments(tmp_path / "run", references=typed)[1:], "--dry-run"]
        outcome = run_line(capsys, verb, *arguments)
        assert outcome.status == 0, outcome.err
        lines = outcome.out.partition("methods\n")[2].partition("\n1")[0].splitlines()
        named = {line.split(" (identity")[0].strip() for line in lines if " (identity" in line}
        assert named == {"toy", *expected}


def test_references_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    assert_one_line(
        toy.run(capsys, tmp_path / "run", references="truth-shfit"),
        "--references",
        "did you mean truth-shift",
    )
    assert_one_line(toy.run(capsys, tmp_path / "run", references="truth-shift[0]"), "whole number from 1")
    assert not (tmp_path / "run").exists()
