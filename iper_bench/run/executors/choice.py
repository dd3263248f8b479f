"""``choose_executor``: from the words of a request to what does its units."""

from __future__ import annotations

import os
from pathlib import Path

from iper_bench.errors import unknown_name
from iper_bench.run.executors.placement import gpus_for
from iper_bench.run.executors.pool import Pool
from iper_bench.run.executors.ray_cluster import RayExecutor, require_ray
from iper_bench.run.executors.slurm import SlurmExecutor, require_submitit
from iper_bench.run.executors.unit_executor import InProcess, UnitExecutor
from iper_bench.run.request import EXECUTORS, LOCAL, RAY, SLURM, RunRequest
from iper_bench.run.worker import Setup, Worker
from iper_bench.store.run_folder import RunFolder


def check_executor(request: RunRequest) -> None:
    """Raise UserError for what would stop the executor, before anything is computed: an unknown name or
    option, an extra that is not installed.
    """
    if request.executor not in EXECUTORS:
        raise unknown_name("executor", request.executor, EXECUTORS, where="--executor")
    options = dict(request.executor_options)
    if request.executor == RAY:
        require_ray(options)
    elif request.executor == SLURM:
        require_submitit(options)
    elif options:
        name = next(iter(options))
        raise unknown_name("option of the local executor", name, (), where="--executor-option")


def choose_executor(request: RunRequest, worker: Worker, out: Path, setup: Setup | None) -> UnitExecutor:
    """What does the units of ``request`` into the folder ``out``.

    Parameters
    ----------
    worker: of this process, with everything open. setup: from which other processes open the same; ``None``
        when that cannot be: then all is done here.

    Raises UserError as :func:`check_executor`.
    """
    check_executor(request)
    if setup is None or (request.executor == LOCAL and request.jobs == 1):
        return InProcess(worker)
    folder = RunFolder.open(out)
    options = dict(request.executor_options)
    if request.executor == RAY:
        return RayExecutor(setup, folder, request.jobs, options)
    if request.executor == SLURM:
        return SlurmExecutor(setup, folder, request.jobs, options)
    gpus = gpus_for(request.device)
    return Pool(setup, folder, request.jobs or default_jobs(setup.threads, len(gpus)), gpus=gpus)


def default_jobs(threads: int, gpus: int) -> int:
    """Workers that ``--jobs auto`` means: one per GPU, else as many as keep the cores busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return gpus or max(1, cores // threads)
