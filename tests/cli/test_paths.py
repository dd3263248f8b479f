"""Folders and files that cannot be used, for every verb that writes: one line, status 2, nothing lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iper_bench import atomic
from tests.cli.command_line import Outcome, assert_one_line, gate_update, run_line
from tests.cli.toy_program import ToyProgram
from tests.report.made_up import rows_of, write_run

FILM = "--size 16 --train-actors 0 --test-actors 1 --outfits 1 --outfit-actors 0 --turn-frames 2"
#: nobody may make folders here: not the superuser, in whose tests no mode of a folder refuses anything
FORBIDDEN = Path("/sys")


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "IPER_BENCH_HOME": str(tmp_path / "home")})


class Writers:
    """The verbs that write, each told where."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.toy = ToyProgram(folder, patch)
        self.finished = write_run(folder / "finished", rows_of("warp", clips=2))
        self.capsys = capsys

    def arguments(self, verb: str, place: Path) -> list[str]:
        finished = str(self.finished)
        lines = {
            "run": self.toy.arguments(place),
            "sweep": ["sweep", *self.toy.arguments(place, steps="0,5")[1:]],
            "data make-synthetic": ["data", "make-synthetic", "--out", str(place), *FILM.split()],
            "report": ["report", finished, "--out", str(place)],
            "gate": gate_update(finished, place),
        }
        return lines[verb]

    def type(self, verb: str, place: Path) -> Outcome:
        """The outcome of a command, without the lines of progress."""
        outcome = run_line(self.capsys, *self.arguments(verb, place))
        lines = [line for line in outcome.err.splitlines() if not line.startswith(("report: ", "rendering "))]
        lines = [line for line in lines if not line.startswith("evaluating ")]
        return Outcome(outcome.status, outcome.out, "\n".join(lines))


def first_file(verb: str, place: Path) -> Path:
    """What a verb that is told to write to ``place`` writes first: of a baseline its history."""
    return place.parent / "history" if verb == "gate" else place


VERBS = ("run", "sweep", "data make-synthetic", "report", "gate")


@pytest.fixture
def writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Writers:
    return Writers(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("verb", VERBS)
def test_folder_without_permission(verb: str, writers: Writers) -> None:
    place = FORBIDDEN / "iper-bench-test"
    assert_one_line(
        writers.type(verb, place), str(first_file(verb, place)), "no permission to write", "try: --out FOLDER"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_place_below_a_file(verb: str, writers: Writers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear", encoding="utf-8")
    outcome = writers.type(verb, tmp_path / "file" / "below")
    assert_one_line(outcome, str(tmp_path / "file"), "a file stands where a folder is needed", "try: move it")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "dear"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "gate"])
def test_file_in_place_of_a_folder(verb: str, writers: Writers, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear", encoding="utf-8")
    assert_one_line(writers.type(verb, tmp_path / "file"), str(tmp_path / "file"), "file", "try: ")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "dear"


def test_folder_in_place_of_a_file(writers: Writers, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert_one_line(writers.type("gate", tmp_path / "folder"), str(tmp_path / "folder"), "try: move it")


@pytest.mark.parametrize("verb", VERBS)
def test_names_that_no_file_system_holds(verb: str, writers: Writers, tmp_path: Path) -> None:
    outcome = writers.type(verb, Path("n" * 300))
    assert_one_line(outcome, "nnnn", "File name too long", "try: ")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    outcome = writers.type(verb, loop / "below")
    assert_one_line(outcome, str(loop), "try: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "after"), [*((verb, after) for verb in VERBS for after in (0, 1)), ("run", 2), ("run", 9)]
)
def test_full_disk_and_the_same_command_after_it(
    verb: str, after: int, writers: Writers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [after]

    def full(real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any) -> Any:
            if left[0] == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left[0] -= 1
            return real(*arguments)

        return write

    place = tmp_path / "place"
    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full(os.fsync))
        patch.setattr(Path, "write_bytes", full(Path.write_bytes))
        outcome = writers.type(verb, place)
        named = place if verb in ("gate", "report") and after else first_file(verb, place)
        assert_one_line(without_progress(outcome), str(named), "free some space", "the same command again")
    assert not list(tmp_path.rglob("*.part"))
    assert writers.type(verb, place).status == 0
    assert writers.type(verb, tmp_path / "whole").status == 0
    assert results(place) == results(tmp_path / "whole")


def without_progress(outcome: Outcome) -> Outcome:
    """The same without the lines that say how far a command is."""
    lines = [line for line in outcome.err.splitlines() if not line.endswith(" items")]
    return replace(outcome, err="\n".join(lines))


def results(place: Path) -> dict[str, bytes]:
    """What the command wrote, without the record of the machine and the seconds that it took."""
    if place.is_file():
        return {"": place.read_bytes()}
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.name not in (".lock", "env.json") and path.parent.name != "timings"
    }


@pytest.mark.parametrize("typed", [".", "..", "/"])
def test_a_folder_that_has_no_name_of_its_own(
    typed: str,
    writers: Writers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    below = tmp_path / "held" / "below"
    below.mkdir(parents=True)
    (below / "thesis").write_text("dear", encoding="utf-8")
    monkeypatch.chdir(below)
    outcome = writers.type("run", Path(typed))
    assert_one_line(outcome, "holds other files", f"--out {Path(typed) / 'run'}")


@pytest.mark.parametrize(
    "arguments", [["report", "PLACE", "--out", "page"], ["gate", "PLACE", "--baseline", "BASELINE"]]
)
@pytest.mark.parametrize("kind", ["nothing", "a file", "an empty folder", "below a file"])
def test_run_folders_that_are_none(
    kind: str, arguments: list[str], writers: Writers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, baseline = tmp_path / "place", tmp_path / "baseline.json"
    assert writers.type("gate", baseline).status == 0
    if kind == "an empty folder":
        place.mkdir()
    elif kind != "nothing":
        place.write_text("dear", encoding="utf-8")
        place = place / "below" if kind == "below a file" else place
    names = {"PLACE": str(place), "BASELINE": str(baseline)}
    outcome = run_line(capsys, *(names.get(word, word) for word in arguments))
    assert_one_line(outcome, f"{place}: no run here", "plan.yaml", "try: iper-bench run")
    assert not Path("page").exists()


@pytest.mark.parametrize("kind", ["nothing", "a file", "an empty folder", "below a file"])
def test_data_folders_that_are_none(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "data"
    if kind == "an empty folder":
        place.mkdir()
    elif kind != "nothing":
        place.write_text("dear", encoding="utf-8")
        place = place / "below" if kind == "below a file" else place
    outcome = run_line(capsys, "data", "info", "synthetic", "--data-root", str(place))
    assert_one_line(
        outcome, f"{place}: no synthetic dataset", f"iper-bench data make-synthetic --out {place}"
    )


def test_data_folder_whose_manifest_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dataset.json").mkdir()
    outcome = run_line(capsys, "data", "info", "synthetic", "--data-root", str(tmp_path))
    assert_one_line(outcome, str(tmp_path / "dataset.json"), "expected a file", "try: another folder")


def test_units_that_may_not_be_read_are_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the system's answer, since tests may run as a user whom no mode stops."""
    run = write_run(tmp_path / "run", rows_of("warp", clips=2))
    listed = Path.iterdir

    def refused(path: Path) -> Any:
        if path.name == "units":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    outcome = run_line(capsys, "report", str(run), "--out", str(tmp_path / "report"))
    assert_one_line(outcome, str(run / "units"), "permission denied")
    assert not (tmp_path / "report").exists()
