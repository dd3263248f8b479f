"""Units in several processes: the same bytes, dead workers, memory, GPUs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.run.benchmark import evaluate
from iper_bench.run.executors import pool
from iper_bench.run.executors.backlog import Backlog
from iper_bench.run.executors.choice import check_executor, default_jobs
from iper_bench.run.executors.memory import MIB, Room, cgroup_limits, held_by, own_peak, room
from iper_bench.run.executors.placement import CONTEXT, RESERVE, Gpu, place
from iper_bench.run.request import UNITS_FAILED, RunReport, RunRequest
from iper_bench.run.worker import Setup
from iper_bench.store.run_folder import RunFolder
from tests.run.forked import forked as forked
from tests.run.run_bytes import compared
from tests.run.toys import ToyMethod, ToyOpener, toy_request

UNITS = 24  # 3 clips x 2 settings x 2 sn x 2 T


def go(folder: Path, name: str, method: ToyMethod | None = None, **changes: Any) -> RunReport:
    """A run of the toys, in worker processes where ``jobs`` is more than one."""
    method = method or ToyMethod()
    request = toy_request(folder / name, methods=[method.name], **changes)
    opener = ToyOpener(folder, (method,))
    opened = opener(request)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)


@pytest.mark.usefixtures("forked")
def test_four_workers_give_the_same_bytes(tmp_path: Path) -> None:
    alone = go(tmp_path, "one")
    report = go(tmp_path, "four", jobs=4)
    assert (report.done, report.exit_status) == (alone.done, 0) == (UNITS, 0)
    assert compared(tmp_path / "four") == compared(tmp_path / "one")
    assert not [path for path in (tmp_path / "four").rglob(".*") if path.name != ".lock"]
    again = go(tmp_path, "four", jobs=4)
    assert (again.done, again.kept) == (0, UNITS)


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(("jobs", "kept"), [(1, "ffv1"), (2, "png")])
def test_frames_first_and_numbers_later(tmp_path: Path, jobs: int, kept: str) -> None:
    grid: dict[str, Any] = {"sn": (1,), "jobs": jobs, "predictions": kept}
    first = go(tmp_path, "run", measure=False, **grid)
    assert (first.done, first.predicted, first.aggregates, first.exit_status) == (UNITS // 2, True, None, 0)
    assert not (tmp_path / "run" / "units").exists()
    again = go(tmp_path, "run", measure=False, **grid)
    assert (again.kept, again.done) == (UNITS // 2, 0)
    method = ToyMethod(log=tmp_path / "log")
    assert go(tmp_path, "run", method, **grid).done == UNITS // 2
    assert not (tmp_path / "log").exists()  # no method was asked
    go(tmp_path, "whole", **grid)
    assert compared(tmp_path / "run") == compared(tmp_path / "whole")
    with pytest.raises(UserError, match="neither measured nor kept"):
        go(tmp_path, "none", measure=False, predictions="none")


@pytest.mark.usefixtures("forked")
def test_an_interrupt_ends_the_workers_and_can_be_resumed(tmp_path: Path) -> None:
    request = toy_request(tmp_path / "run", jobs=3)
    opener = ToyOpener(tmp_path, (ToyMethod(pause=0.15),))
    opened = opener(request)

    def interrupt(process: int) -> None:
        time.sleep(0.7)
        os.kill(process, signal.SIGINT)

    thread = threading.Thread(target=interrupt, args=(os.getpid(),))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)
    thread.join()
    assert not list((tmp_path / "run").rglob("*.part"))
    assert multiprocessing.active_children() == []
    go(tmp_path, "run", jobs=3)
    go(tmp_path, "whole")
    assert compared(tmp_path / "run") == compared(tmp_path / "whole")


@pytest.mark.usefixtures("forked")
def test_a_failed_unit_in_a_worker_is_recorded(tmp_path: Path) -> None:
    report = go(tmp_path, "run", ToyMethod(fails_at=(5,)), jobs=2)
    assert (report.done, len(report.failures), report.exit_status) == (UNITS // 2, UNITS // 2, UNITS_FAILED)
    assert {failure.reason for failure in report.failures} == {"RuntimeError: cannot render at T=5"}
    mended = go(tmp_path, "run", jobs=2, retry_failed=True)
    assert (mended.kept, mended.done, mended.exit_status) == (UNITS // 2, UNITS // 2, 0)


@pytest.mark.usefixtures("forked")
def test_a_killed_worker_costs_one_try(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    log = tmp_path / "log"
    method = ToyMethod(dies_at=5, deaths=1, marks=tmp_path / "marks", log=log)
    report = go(tmp_path, "run", method, jobs=3)
    assert (report.done, report.exit_status) == (UNITS, 0)
    renders = [line for line in log.read_text().splitlines() if line.startswith("render")]
    assert len(renders) == UNITS + 1  # what was finished before the death was not done again
    go(tmp_path, "whole")
    assert compared(tmp_path / "run") == compared(tmp_path / "whole")


@pytest.mark.usefixtures("forked")
def test_a_unit_that_kills_twice_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    method = ToyMethod(dies_at=5, deaths=2, marks=tmp_path / "marks")
    report = go(tmp_path, "run", method, jobs=2, sn=(1,), settings=("self",))
    marks = len(list((tmp_path / "marks").iterdir()))
    assert marks == 2
    # two deaths may have been two units' first tries, or one unit's both
    assert report.done + len(report.failures) == report.total
    deadly = ToyMethod(dies_at=5, deaths=100, marks=tmp_path / "marks")
    report = go(tmp_path, "deadly", deadly, jobs=2, sn=(1,), settings=("self",))
    assert (report.done, len(report.failures), report.exit_status) == (3, 3, UNITS_FAILED)
    reason = report.failures[0].reason
    assert "died 2 times at this unit (killed by SIGKILL" in reason
    assert "\n" not in reason
    assert "--retry-failed" in reason
    mended = go(tmp_path, "deadly", jobs=2, retry_failed=True, sn=(1,), settings=("self",))
    assert (mended.kept, mended.done, mended.exit_status) == (3, 3, 0)


@pytest.mark.usefixtures("forked")
def test_workers_that_see_another_plan_are_refused(tmp_path: Path) -> None:
    request = toy_request(tmp_path / "run", jobs=2)
    here, there = ToyOpener(tmp_path), ToyOpener(tmp_path, version=2)
    opened = here(request)
    with pytest.raises(
        UserError, match=r"this worker would do another plan: profiles\.toy differs"
    ) as caught:
        evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=there)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").rglob("*.part"))


def test_memory_admits_what_fits() -> None:
    machine = Room(total=16_000 * MIB, free=5000 * MIB, reserve=1000 * MIB)
    assert machine.admits(4000 * MIB)
    assert not machine.admits(4001 * MIB)
    assert not machine.admits(4000 * MIB, [1])  # one at work may still grow
    assert machine.admits(4000 * MIB, [-500 * MIB])  # one that holds more than its share gives nothing back


@pytest.mark.usefixtures("forked")
def test_too_little_memory_means_fewer_workers_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = toy_request(tmp_path / "run", jobs=4)
    go(tmp_path, "run", sn=(1, 2), settings=("self", "cross"), only=("self:p0",))
    opened = ToyOpener(tmp_path)(request)
    folder = RunFolder.open(tmp_path / "run")
    from iper_bench.run.opened import plan_of

    plan = plan_of(request, opened.protocol, opened.dataset, opened.methods, opened.scorer)
    lines: list[str] = []
    setup = Setup.of(request, folder.path, plan.hash, {"device": "cpu"}, ToyOpener(tmp_path))
    hands = pool.Pool(
        setup, folder, 4, measure_room=lambda: Room(8000 * MIB, 600 * MIB, 550 * MIB), say=lines.append
    )
    most = 0
    for _, reason in hands.run(plan.groups()):
        assert reason is None
        most = max(most, len(hands._hands))
    assert most == 1
    assert len(lines) == 1
    assert lines[0].startswith("4 workers asked for, 1 at work: each takes up to ")
    assert "600 MiB of 7.8 GiB are free and 550 MiB are kept in reserve" in lines[0]


def test_room_of_this_machine() -> None:
    import psutil

    here = room()
    assert 0 < here.free <= here.total <= psutil.virtual_memory().total
    assert here.reserve >= 512 * MIB
    assert own_peak() >= held_by(os.getpid()) // 2 > 0
    assert held_by(2**22 + 1) == 0  # above the largest process id of Linux


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups(tmp_path: Path, version: int) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    top = root if version == 2 else root / "memory"
    inner = top / "batch" / "job7"
    inner.mkdir(parents=True)
    limit, used = (
        ("memory.max", "memory.current")
        if version == 2
        else (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
        )
    )
    own.write_text("0::/batch/job7\n" if version == 2 else "4:cpu,memory:/batch/job7\n2:pids:/x\n")
    (inner / limit).write_text("1000\n")
    (inner / used).write_text("700\n")
    (inner / "memory.stat").write_text("anon 400\ninactive_file 300\n")
    (top / "batch" / limit).write_text("max\n" if version == 2 else f"{2**63 - 4096}\n")
    (top / "batch" / used).write_text("700\n")
    assert cgroup_limits(root, own) == [(1000, 400)]
    assert cgroup_limits(root, tmp_path / "absent") == []


GIB = 1024 * MIB


def test_every_gpu_takes_one_worker_first() -> None:
    gpus = [Gpu(0, 16 * GIB, 15 * GIB), Gpu(1, 24 * GIB, 23 * GIB), Gpu(2, 8 * GIB, 7 * GIB)]
    running: dict[int, int] = {}
    order = []
    while (gpu := place(gpus, running, None)) is not None:
        order.append(gpu.name)
        running[gpu.index] = running.get(gpu.index, 0) + 1
    assert order == ["cuda:1", "cuda:0", "cuda:2"]  # nothing known of the need: one each
    assert place([], {}, None) is None


def test_several_workers_share_a_gpu_when_they_fit() -> None:
    peak = 3 * GIB
    gpus = [Gpu(0, 16 * GIB, 15 * GIB), Gpu(1, 8 * GIB, 7 * GIB)]
    running: dict[int, int] = {}
    while (gpu := place(gpus, running, peak)) is not None:
        running[gpu.index] = running.get(gpu.index, 0) + 1
    for one in gpus:  # law: what is placed fits, one more would not
        fitting = (one.free - RESERVE) // (peak + CONTEXT)
        assert running[one.index] == max(1, fitting)


def test_a_worker_gets_its_gpu_by_variable_and_request(tmp_path: Path) -> None:
    request = RunRequest(["toy"], "toy", device="cuda")
    setup = Setup.of(request, tmp_path, "hash", {"device": "cuda"}, None)
    placed = setup.on("cuda:1")
    assert placed.request.device == "cuda:1"
    assert dict(placed.environment)["IPER_BENCH_DEVICE"] == "cuda:1"
    assert placed.provenance == setup.provenance == (("device", "cuda"),)  # rows name no single GPU
    measured_on_cpu = Setup.of(RunRequest(["toy"], "toy"), tmp_path, "hash", {}, None).on("cuda:1")
    assert measured_on_cpu.request.device == "cpu"
    assert setup.on(None) == setup


def test_backlog_keeps_order_and_counts_deaths() -> None:
    class One:
        def __init__(self, name: str) -> None:
            self.id = name

    a, b, c = (One(name) for name in "abc")
    backlog: Any = Backlog([[a, b], [], [c]])  # type: ignore[list-item]
    assert len(backlog) == 2
    group = backlog.take()
    assert not backlog.died(group[1:], b)
    assert [unit.id for unit in backlog.take()] == ["b"]
    assert backlog.died([b, c], b)
    assert [unit.id for unit in backlog.take()] == ["c"]


def test_auto_fills_the_cores_or_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert [default_jobs(threads, 0) for threads in (1, 3, 16)] == [8, 2, 1]
    assert default_jobs(4, 3) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": "rai"}, "unknown executor 'rai'.*did you mean ray"),
        ({"executor": "ray", "executor_options": (("adress", "x"),)}, "unknown option 'adress' of ray"),
        ({"executor": "slurm", "executor_options": (("time", "soon"),)}, "found 'soon'.*of minutes"),
        ({"executor": "slurm", "executor_options": (("part", "x"),)}, "unknown option 'part' of slurm"),
        ({"executor_options": (("partition", "x"),)}, "unknown option of the local executor 'partition'"),
    ],
)
def test_unknown_words_are_one_line(changes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_executor(RunRequest(["toy"], "toy", **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("executor", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_without_the_extra_a_line_names_the_command(
    executor: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f"needs the package {package}.*pip install") as caught:
        check_executor(RunRequest(["toy"], "toy", executor=executor))
    assert "iper-bench[distributed]" in str(caught.value)
