"""Ctrl-C in every step of every verb that writes: one line, status 130, and the same command ends as if
nothing had happened.

The signal is a real one, raised inside the step. Processes that are killed outright:
``tests/run/test_resume.py``; training: ``tests/training``.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iper_bench import atomic
from iper_bench.store.run_folder import RunFolder
from tests.cli.command_line import Outcome, assert_one_line, gate_update, run_line
from tests.cli.toy_program import UNITS, ToyProgram
from tests.report.made_up import rows_of, write_run
from tests.run.toys import ToyMethod, ToyScorer

#: the smallest embedded dataset whose clips have two blocks in the cache: two people, 17 frames
FILM = (
    "--size 16 --train-actors 0 --test-actors 2 --outfits 1 --outfit-actors 0 "
    "--turn-frames 8 --action-frames 9"
)


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "IPER_BENCH_HOME": str(tmp_path / "home")})


def at_call(patch: pytest.MonkeyPatch, holder: Any, name: str, count: int) -> None:
    """Ctrl-C at the ``count``-th call of ``holder.name`` from now on."""
    real, calls = getattr(holder, name), [0]

    def counted(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == count:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    patch.setattr(holder, name, counted)


def contents(folder: Path) -> dict[str, bytes]:
    """Files by path; the lock and the record of the machine are no results."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "env.json") and path.parent.name != "timings"
    }


def assert_interrupted(outcome: Outcome, arguments: list[str]) -> None:
    words = ["interrupted", f"the same command resumes: {shlex.join(['iper-bench', *arguments])}"]
    progress = [line for line in outcome.err.splitlines() if line and not line.startswith("iper-bench: ")]
    assert all(": start" in line or ": done" in line for line in progress), outcome.err
    lines = [line for line in outcome.err.splitlines() if line.startswith("iper-bench: ")]
    assert_one_line(Outcome(outcome.status, outcome.out, "\n".join(lines)), *words, status=130)


MOMENTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the plan": lambda patch: at_call(patch, ToyScorer, "definitions", 1),
    "personalising": lambda patch: at_call(patch, ToyMethod, "checkpoints", 2),
    "rendering": lambda patch: at_call(patch, ToyMethod, "note", 4),
    "writing a frame": lambda patch: at_call(patch, Path, "write_bytes", 9),
    "measuring": lambda patch: at_call(patch, ToyScorer, "measure", 3),
    "writing a unit": lambda patch: at_call(patch, os, "fsync", 9),
    "pooling": lambda patch: at_call(patch, ToyScorer, "pool", 1),
    "writing the results": lambda patch: at_call(patch, RunFolder, "write_results", 1),
}


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "verb"), [*((one, "run") for one in MOMENTS), ("rendering", "sweep")])
def test_run_and_sweep(
    moment: str,
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toy = ToyProgram(tmp_path, monkeypatch)
    out = tmp_path / "run"
    arguments = [verb, *toy.arguments(out, steps="0,5")[1:]]
    with monkeypatch.context() as patch:
        MOMENTS[moment](patch)
        assert_interrupted(run_line(capsys, *arguments), arguments)
    assert not list(tmp_path.rglob("*.part"))
    again = run_line(capsys, *arguments)
    assert again.status == 0, again.err
    assert f"{2 * UNITS} units" in again.out
    whole = tmp_path / "whole"
    assert run_line(capsys, verb, *toy.arguments(whole, steps="0,5")[1:]).status == 0
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_make_synthetic_into_a_folder(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["data", "make-synthetic", "--out", str(tmp_path / "film"), *FILM.split()]
    with monkeypatch.context() as patch:
        at_call(patch, Path, "write_bytes", count)
        assert_interrupted(run_line(capsys, *arguments), arguments)
    assert run_line(capsys, *arguments).status == 0
    assert run_line(capsys, *arguments[:3], str(tmp_path / "whole"), *FILM.split()).status == 0
    assert contents(tmp_path / "film") == contents(tmp_path / "whole")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_make_synthetic_into_the_cache(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["data", "make-synthetic", *FILM.split()]
    with monkeypatch.context() as patch:
        at_call(patch, os, "fsync", count)
        assert_interrupted(run_line(capsys, *arguments), arguments)
    assert run_line(capsys, *arguments).status == 0
    home = tmp_path / "home"
    os.environ["IPER_BENCH_HOME"] = str(tmp_path / "other")
    assert run_line(capsys, *arguments).status == 0
    assert contents(home) == contents(tmp_path / "other")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_report(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows_of("warp", clips=2), pictures=16)
    arguments = ["report", str(run), "--out", str(tmp_path / "report")]
    with monkeypatch.context() as patch:
        at_call(patch, atomic.os, "fsync", count)
        assert_interrupted(run_line(capsys, *arguments), arguments)
    assert not list(tmp_path.rglob("*.part"))
    assert run_line(capsys, *arguments).status == 0
    assert run_line(capsys, *arguments[:-1], str(tmp_path / "whole")).status == 0
    assert contents(tmp_path / "report") == contents(tmp_path / "whole")


def test_gate_update_keeps_the_former_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline.json"
    for count in (0, 1):
        run = write_run(tmp_path / f"run{count}", rows_of("warp", clips=2, gain=count))
        arguments = gate_update(run, baseline)
        if count == 0:
            assert run_line(capsys, *arguments).status == 0
            before = baseline.read_bytes()
            continue
        with monkeypatch.context() as patch:
            at_call(patch, atomic.os, "fsync", 1)
            assert_interrupted(run_line(capsys, *arguments), arguments)
        assert baseline.read_bytes() == before
        assert run_line(capsys, *arguments).status == 0
        assert baseline.read_bytes() != before
