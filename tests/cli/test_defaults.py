"""What a command means when less is typed: run folder, newest run, tracked baseline, rasteriser."""

from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.rasteriser import BACKEND_VARIABLE, BACKENDS, chosen_backend, rasterise
from iper_bench.cli.main import program
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import InputBuilder, InputOptions
from iper_bench.report.tracked import tracked_baseline
from iper_bench.store.newest import newest_run
from tests.cli.command_line import assert_one_line, run_line

RUN = (
    "run",
    "--method",
    "copy-source",
    "--dataset",
    "synthetic",
    "--protocol",
    "synthetic-demo",
    "--size=32",
    "--references=none",
)


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sets variables; they must not leak into other tests."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_a_run_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command finds its run again and leaves the same bytes; another plan has another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path / "home"))
    arguments = (*RUN, "--limit", "1", "--settings", "self")
    first = run_line(capsys, *arguments)
    assert first.status == 0, first.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("synthetic-demo-")
    assert "1 computed" in first.out
    assert f"runs/{folder.name}" in first.out
    before = (folder / "aggregates.json").read_bytes()
    assert "0 computed, 1 kept" in run_line(capsys, *arguments).out
    assert (folder / "aggregates.json").read_bytes() == before
    other = run_line(capsys, *arguments, "--sn", "1")
    assert other.status == 0, other.err
    assert len(list((tmp_path / "runs").iterdir())) == 2

    report = run_line(capsys, "report")
    assert report.status == 0, report.err
    newest = newest_run(tmp_path / "runs")
    assert newest != folder
    assert (tmp_path / "runs" / f"{newest.name}-report" / "index.html").is_file()


def test_newest_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run folder here.*iper-bench run"):
        newest_run(tmp_path / "runs")
    for age, name in ((3, "a"), (1, "b"), (2, "c")):
        plan = tmp_path / "runs" / name / "plan.yaml"
        plan.parent.mkdir(parents=True)
        plan.write_text("")
        os.utime(plan, (1000 - age, 1000 - age))
    (tmp_path / "runs" / "z-report").mkdir()
    assert newest_run(tmp_path / "runs").name == "b"


@pytest.mark.parametrize("verb", ["report", "gate"])
def test_no_run_to_speak_of(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run_line(capsys, verb), "runs: no run folder here", "iper-bench run")


def test_tracked_baseline_is_that_of_the_protocol(tmp_path: Path) -> None:
    from iper_bench.store.plan_file import write_plan

    for name in ("synthetic-demo", "of-nobody"):
        write_plan(tmp_path / name, {"protocol": {"name": name}, "profiles": {}})
    assert tracked_baseline(tmp_path / "synthetic-demo").name == "synthetic-demo.json"
    with pytest.raises(UserError, match=r"no numbers are tracked for the protocol 'of-nobody'.*--baseline"):
        tracked_baseline(tmp_path / "of-nobody")


def test_update_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "gate", "update", "runs/x", "--reason=new"), "'--baseline'")
    assert_one_line(run_line(capsys, "gate", "update", "runs/x", "--baseline=b.json"), "'--reason'")
    assert_one_line(
        run_line(capsys, "gate", "runs/x", "--update"), "gate update RUN --baseline FILE --reason"
    )


def test_the_rasteriser_is_chosen_by_option_or_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    option = next(one for one in program.params if one.name == "rasteriser")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == BACKENDS
    assert chosen_backend() == "torch"
    assert run_line(capsys, "--rasteriser", "warp", "method", "list").status == 0
    assert os.environ[BACKEND_VARIABLE] == "warp"
    assert chosen_backend() == "warp"
    monkeypatch.setenv(BACKEND_VARIABLE, "wrap")
    corners = torch.tensor([[[-0.5, -0.5, 1.0], [0.5, -0.5, 1.0], [0.0, 0.5, 1.0]]])
    with pytest.raises(UserError, match=r"IPER_BENCH_RASTERISER: unknown rasteriser 'wrap'.*warp"):
        rasterise(corners, torch.tensor([[0, 1, 2]]), 8)


def test_the_environment_decides_which_kernel_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    class DrawnError(Exception):
        """The Warp kernel was asked for."""

    def kernel(*arguments: object, **options: object) -> None:
        raise DrawnError

    monkeypatch.setattr("iper_bench.body.rasteriser._warp_keys", lambda: kernel)
    corners = torch.tensor([[[-0.5, -0.5, 1.0], [0.5, -0.5, 1.0], [0.0, 0.5, 1.0]]])
    rasterise(corners, torch.tensor([[0, 1, 2]]), 8)
    monkeypatch.setenv(BACKEND_VARIABLE, "warp")
    with pytest.raises(DrawnError):
        rasterise(corners, torch.tensor([[0, 1, 2]]), 8)


def test_the_choice_reaches_the_raster_of_visibility(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest raster of all, at 512 px, is drawn inside the flow composition."""

    class DrawnError(Exception):
        """The Warp kernel was asked for."""

    def kernel(*arguments: object, **options: object) -> None:
        raise DrawnError

    builder = InputBuilder(load_body("open-coarse"), 32, InputOptions())
    pose = np.zeros((1, 72), np.float32)
    pose[0, 0] = np.pi
    arguments = (np.zeros((1, 10), np.float32), pose, np.array([[0.9, 0.0, 0.0]], np.float32))
    seen = builder.maps(*arguments, visibility=True)
    assert seen.visible is not None
    monkeypatch.setattr("iper_bench.body.rasteriser._warp_keys", lambda: kernel)
    monkeypatch.setenv(BACKEND_VARIABLE, "warp")
    with pytest.raises(DrawnError):
        builder._composer.visible(seen.projected, builder._composer.faces, seen.fim)
