"""``track``: a finished run told to the trackers that were named. They get copies; nothing is read from them.

Each module of the table below has ``check()``, which raises UserError where the tracker cannot work here, and
``log(folder, runs)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.run.trackers.logged import logged_runs
from iper_bench.store.run_folder import RunFolder

TRACKERS = {
    "mlflow": "iper_bench.run.trackers.mlflow_tracker",
    "tensorboard": "iper_bench.run.trackers.tensorboard_tracker",
}


def check_trackers(names: Sequence[str]) -> None:
    """Raise UserError for an unknown name, one given twice, or a tracker that is not installed: called before
    a run begins, so that no result waits for it.
    """
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS, where="--trackers")
        if list(names).count(name) > 1:
            raise UserError(f"'{name}' is named twice", where="--trackers", expected="each once")
        _module(name).check()


def track(folder: RunFolder, trackers: Sequence[str]) -> None:
    """Log a run that has ended. Logging it again changes nothing but times.

    Raises
    ------
    UserError as :func:`check_trackers`, for a run that has not ended, and where a tracker does not answer;
    the run folder is complete all the same.
    """
    check_trackers(trackers)
    if not trackers:
        return
    runs = logged_runs(folder)
    for name in trackers:
        _module(name).log(folder, runs)


def _module(name: str) -> Any:
    return importlib.import_module(TRACKERS[name])
