"""Which units of a plan are done (``--only``, ``--tasks``, methods without the task), and the estimate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.run import benchmark
from iper_bench.run.benchmark import evaluate
from iper_bench.run.estimate import estimate
from iper_bench.run.opened import plan_of
from iper_bench.run.request import RunReport, RunRequest
from iper_bench.run.tasks import chosen_protocols, run_tasks
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request


def go(tmp_path: Path, out: str = "run", **changed: Any) -> RunReport:
    request = replace(toy_request(tmp_path / out), **changed)
    return evaluate(request, toy_protocol(tmp_path), ToyDataset(), {"toy": ToyMethod()}, ToyScorer())


def test_only_does_what_was_named_and_the_rest_later(tmp_path: Path) -> None:
    whole = go(tmp_path, out="whole")
    first = sorted(RunFolder.open(whole.out).unit_ids())[0]
    some = go(tmp_path, only=(first[:8],))
    assert (some.done, some.left) == (1, whole.total - 1)
    assert RunFolder.open(some.out).unit_ids() == [first]
    rest = go(tmp_path)
    assert (rest.kept, rest.done) == (1, whole.total - 1)
    assert rest.aggregates is not None
    assert whole.aggregates is not None
    assert rest.aggregates.read_bytes() == whole.aggregates.read_bytes()


def test_only_by_a_part_of_the_name(tmp_path: Path) -> None:
    report = go(tmp_path, only=("self:",))
    names = [json.loads(path.read_text())["unit"]["setting"] for path in (report.out / "units").iterdir()]
    assert set(names) == {"self"}


def test_only_that_fits_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no unit fits 'sefl:'"):
        go(tmp_path, only=("self:", "sefl:"))
    assert not (tmp_path / "run").exists()


def test_the_estimate_grows_with_the_work_and_names_what_was_never_timed(tmp_path: Path) -> None:
    request = toy_request(tmp_path / "run")
    protocol, dataset, methods = toy_protocol(tmp_path), ToyDataset(), {"toy": ToyMethod()}
    plan = plan_of(request, protocol, dataset, methods, ToyScorer())
    assert "never timed here" in estimate(plan, plan.units, tmp_path / "run")[0]
    evaluate(request, protocol, dataset, methods, ToyScorer())
    for path in (tmp_path / "run" / "timings").iterdir():
        path.write_text(json.dumps({"personalise": 2.0, "render": 3.0, "measure": 1.0}))
    lines = estimate(plan, plan.units, tmp_path / "run")
    groups = len(plan.groups())
    seconds = len(plan.units) * 4.0 + groups * 2.0
    assert seconds > 90
    assert f"about {seconds / 60:.0f} min" in lines[0]
    half = estimate(plan, plan.units[: len(plan.units) // 2], tmp_path / "run")
    assert half != lines
    assert estimate(plan, [], tmp_path / "run") == ["nothing is left to compute"]


def test_a_dry_run_writes_nothing_and_estimates_what_is_left(tmp_path: Path) -> None:
    dry = go(tmp_path, dry_run=True)
    assert "no estimate for toy" in dry.description
    assert dry.summary.startswith("dry run")
    assert not dry.out.exists()
    go(tmp_path)
    assert "nothing is left to compute" in go(tmp_path, dry_run=True).description


def test_tasks_of_a_dataset() -> None:
    assert chosen_protocols("synthetic", ("all",)) == {
        "imitation": "synthetic-imitation",
        "transfer": "synthetic-appearance-transfer",
        "view": "synthetic-novel-view",
    }
    assert chosen_protocols("synthetic", ("novel_view", "imitation")) == {
        "imitation": "synthetic-imitation",
        "view": "synthetic-novel-view",
    }


@pytest.mark.parametrize(
    ("dataset", "tasks", "words"),
    [
        ("synthetic", ("imitaton",), "did you mean imitation"),
        ("fashionvideo", ("view",), "no protocol of dataset 'fashionvideo' for the task view"),
        ("nowhere", ("all",), "no protocol of dataset 'nowhere'"),
    ],
)
def test_tasks_that_there_are_not(dataset: str, tasks: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        chosen_protocols(dataset, tasks)


def test_one_folder_per_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunRequest] = []

    def note(request: RunRequest) -> RunReport:
        asked.append(request)
        return RunReport(request.out or Path(), "", "", 0)

    monkeypatch.setattr(benchmark, "run_benchmark", note)
    request = RunRequest(["warp"], "synthetic", out=tmp_path / "all")
    list(run_tasks(request, ("all",)))
    assert [(one.protocol, one.out) for one in asked] == [
        ("synthetic-imitation", tmp_path / "all" / "imitation"),
        ("synthetic-appearance-transfer", tmp_path / "all" / "transfer"),
        ("synthetic-novel-view", tmp_path / "all" / "view"),
    ]
    assert all(one.leave_out_unfit for one in asked)
    asked.clear()
    list(run_tasks(request, ("view",)))
    assert [one.out for one in asked] == [tmp_path / "all"]
    with pytest.raises(UserError, match="--tasks"):
        list(run_tasks(replace(request, protocol="synthetic-demo"), ("view",)))


class Mover(ToyMethod):
    """Does one task."""

    tasks = ("novel_view",)


def test_methods_that_do_not_do_the_task_are_left_out_or_refused(tmp_path: Path) -> None:
    methods = {"toy": ToyMethod(), "mover": Mover("mover")}
    protocol = toy_protocol(tmp_path)
    request = replace(toy_request(tmp_path / "run"), leave_out_unfit=True)
    report = evaluate(request, protocol, ToyDataset(), methods, ToyScorer())
    assert report.left_out == ("mover",)
    assert "left out: mover" in report.summary
    assert {m["name"] for m in RunFolder.open(report.out).plan["methods"]} == {"toy"}
    with pytest.raises(UserError, match="none of the methods does motion_imitation"):
        evaluate(request, protocol, ToyDataset(), {"mover": Mover("mover")}, ToyScorer())
    with pytest.raises(UserError, match="'mover' does no motion_imitation"):
        evaluate(toy_request(tmp_path / "other"), protocol, ToyDataset(), methods, ToyScorer())
