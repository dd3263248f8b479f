"""One result whatever the executor: real processes, shards, a real Ray cluster, submitit's local jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.run.benchmark import evaluate, run_benchmark
from iper_bench.run.executors.ray_cluster import TOKEN_FILE, require_token
from iper_bench.run.executors.slurm import SlurmExecutor, require_submitit
from iper_bench.run.merge import merge
from iper_bench.run.request import RunReport, RunRequest
from iper_bench.store.run_folder import RunFolder
from tests.packaging.repository import ROOT
from tests.run.run_bytes import compared
from tests.run.toys import ToyMethod, ToyOpener, toy_request

QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}
SLURM: dict[str, Any] = {"executor": "slurm", "jobs": 2, "executor_options": (("cluster", "local"),)}


def go(folder: Path, name: str, method: ToyMethod | None = None, **changes: Any) -> RunReport:
    method = method or ToyMethod()
    request = toy_request(folder / name, methods=[method.name], **changes)
    opener = ToyOpener(folder, (method,))
    opened = opener(request)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As many threads as the processes that these tests start have: sums depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> dict[str, Any]:
    """A request with real methods and metrics over a tiny synthetic dataset, and its run in one process."""
    folder = tmp_path_factory.mktemp("real")
    request: dict[str, Any] = {
        "methods": ["copy-source", "warp"],
        "dataset": "synthetic",
        "size": 32,
        "limit": 2,
        "metrics": ("PSNR", "SSIM", "Body-FD"),
        "references": ("other-person",),
        "sn": (1,),
    }
    report = run_benchmark(RunRequest(out=folder / "one", **request))
    assert report.exit_status == 0
    assert report.done >= 8
    return {"folder": folder, "request": request, "bytes": compared(folder / "one"), "total": report.total}


@pytest.mark.slow
def test_real_workers_give_the_same_bytes(real: dict[str, Any]) -> None:
    report = run_benchmark(RunRequest(out=real["folder"] / "four", **real["request"], jobs=4))
    assert (report.done, report.exit_status) == (real["total"], 0)
    assert compared(real["folder"] / "four") == real["bytes"]
    assert RunFolder.open(real["folder"] / "four").pooled_rows()


@pytest.mark.slow
def test_a_real_ray_cluster_gives_the_same_bytes(real: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("ray")
    command = [sys.executable, "-m", "tests.run.ray_runs", str(tmp_path), json.dumps(real["request"])]
    done = subprocess.run(command, cwd=ROOT, env=QUIET, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer == {"real": [real["total"], 0], "toys": [6, 0], "still there": True}
    assert compared(tmp_path / "ray") == real["bytes"]
    # a killed worker cost one more try of its unit, and nothing of what was finished
    renders = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("render")]
    assert len(renders) == 6 + 1
    go(tmp_path, "whole", sn=(1,), settings=("self",))
    assert compared(tmp_path / "toys") == compared(tmp_path / "whole")
    assert not list((tmp_path / "toys").rglob("*.part"))


@pytest.mark.slow
def test_real_shards_give_the_same_bytes(real: dict[str, Any]) -> None:
    parts = []
    for number in (1, 2, 3):
        parts.append(real["folder"] / f"part{number}")
        run_benchmark(RunRequest(out=parts[-1], **real["request"], shard=(number, 3)))
    report = merge([parts[1], parts[2], parts[0]], real["folder"] / "merged")
    assert (report.kept, report.exit_status) == (real["total"], 0)
    assert compared(real["folder"] / "merged") == real["bytes"]


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).write_text("this run")
    require_token(tmp_path, "this run")
    for folder, token in ((tmp_path / "elsewhere", "this run"), (tmp_path, "another run")):
        with pytest.raises(UserError, match=r"Ray worker on .*does not see the run folder.*share") as caught:
            require_token(folder, token)
        assert "\n" not in str(caught.value)


def test_no_cluster_at_the_address(tmp_path: Path) -> None:
    options = (("address", "127.0.0.1:1"),)
    with pytest.raises(UserError, match="no Ray cluster") as caught:
        go(tmp_path, "run", sn=(1,), steps=(0,), executor="ray", executor_options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_jobs_of_submitit_give_the_same_bytes_and_survive_a_death(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    log = tmp_path / "log"
    method = ToyMethod(dies_at=5, deaths=1, marks=tmp_path / "marks", log=log)
    report = go(tmp_path, "run", method, sn=(1,), settings=("self",), **SLURM)
    assert (report.done, report.exit_status) == (6, 0)
    renders = [line for line in log.read_text().splitlines() if line.startswith("render")]
    assert len(renders) == 6 + 1
    go(tmp_path, "whole", sn=(1,), settings=("self",))
    assert compared(tmp_path / "run") == compared(tmp_path / "whole")


def test_without_slurm_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no srun there
    with pytest.raises(UserError, match=r"no job could be submitted.*sbatch") as caught:
        go(tmp_path, "run", executor="slurm", sn=(1,), steps=(0,))
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run" / "failures").glob("*"))
    assert go(tmp_path, "run", sn=(1,), steps=(0,)).exit_status == 0  # the folder can be used


def test_options_reach_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitit = require_submitit({})
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    monkeypatch.setattr("shutil.which", lambda name, *rest: f"/usr/bin/{name}")
    go(tmp_path, "run", sn=(1,), steps=(0,))
    from iper_bench.run.worker import Setup

    setup = Setup.of(toy_request(tmp_path), tmp_path / "run", "hash", {}, None)
    options = {"partition": "gpu", "time": "90", "mem_gb": "16", "gpus": "1"}
    executor = SlurmExecutor(setup, RunFolder.open(tmp_path / "run"), 3, options)._executor()
    made = executor._executor._make_submission_file_text("true", "7")
    for line in ("--partition=gpu", "--time=90", "--mem=16GB", f"--cpus-per-task={setup.threads}"):
        assert f"#SBATCH {line}" in made
    assert "gpus-per-node=1" in made


@pytest.mark.slow
def test_as_typed_with_two_jobs(tmp_path: Path) -> None:
    """``--jobs 2`` from a shell, where workers are spawned and import everything anew."""
    command = [
        *(sys.executable, "-m", "iper_bench.cli.main", "run", "--method", "copy-source", "--dataset"),
        *("synthetic", "--size", "32", "--limit", "2", "--metrics", "PSNR", "--references", "none"),
        *("--sn", "1", "--jobs", "2", "--out", str(tmp_path / "run")),
    ]
    done = subprocess.run(command, cwd=ROOT, env=QUIET, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "4 units, 4 computed" in done.stdout
