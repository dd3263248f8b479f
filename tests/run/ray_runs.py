"""Runs on a real Ray cluster that this script starts: ``python -m tests.run.ray_runs FOLDER REQUEST``.

A script of its own, because Ray leaves processes behind that the suite would take for our mistakes.
``REQUEST``: JSON, a run of real methods into FOLDER/ray. A run of the toys goes to FOLDER/toys, in which one
worker kills itself. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ray

from iper_bench.run.benchmark import evaluate, run_benchmark
from iper_bench.run.request import RunReport, RunRequest
from tests.run.toys import ToyMethod, ToyOpener, toy_request

RAY: dict[str, Any] = {"executor": "ray", "jobs": 2}


def toys(folder: Path) -> RunReport:
    """A run in which a worker dies once, at T = 5."""
    (folder / "marks").mkdir()
    method = ToyMethod(dies_at=5, deaths=1, marks=folder / "marks", log=folder / "log")
    request = toy_request(folder / "toys", methods=[method.name], sn=(1,), settings=("self",), **RAY)
    opener = ToyOpener(folder, (method,))
    opened = opener(request)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)


def main(folder: Path, words: dict[str, Any]) -> dict[str, Any]:
    """Both runs on one cluster."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in words.items()}
    real = run_benchmark(RunRequest(out=folder / "ray", **{**lists, "methods": words["methods"]}, **RAY))
    toy = toys(folder)
    return {
        "real": [real.done, real.exit_status],
        "toys": [toy.done, toy.exit_status],
        "still there": bool(ray.is_initialized()),  # a cluster that we did not start is left alone
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), json.loads(sys.argv[2])), sys.stdout)
