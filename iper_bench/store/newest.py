"""The run folder that a command means when none is named: the newest below ``runs/``."""

from __future__ import annotations

from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.store.plan_file import PLAN_FILE

#: where runs go when no folder is named, in the folder where the command is typed
RUNS = Path("runs")


def newest_run(folder: Path = RUNS) -> Path:
    """The run folder directly below ``folder`` whose plan was written last; the later name among equals.

    Raises UserError when there is none.
    """
    plans = sorted(folder.glob(f"*/{PLAN_FILE}"), key=lambda plan: (plan.stat().st_mtime_ns, plan))
    if not plans:
        raise UserError(
            "no run folder here",
            where=str(folder),
            expected="a run, or the folder of one as argument",
            hint="iper-bench run --method attlwb --dataset synthetic",
        )
    return plans[-1].parent
