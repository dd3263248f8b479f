"""Which run folders a command line means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.store.newest import newest_run
from iper_bench.store.plan_file import PLAN_FILE


def run_list(paths: Sequence[Path]) -> list[Path]:
    """The runs that ``paths`` stand for: a run folder for itself, a folder of run folders for those directly
    in it, by name; nothing for the newest run below ``runs/``. None twice.

    Raises UserError for a path that is neither.
    """
    if not paths:
        return [newest_run()]
    found: dict[Path, Path] = {}
    for path in paths:
        for run in _runs_of(path):
            found.setdefault(run.resolve(), run)
    return list(found.values())


def _runs_of(path: Path) -> list[Path]:
    if (path / PLAN_FILE).is_file():
        return [path]
    held = sorted(plan.parent for plan in path.glob(f"*/{PLAN_FILE}")) if path.is_dir() else []
    if not held:
        raise UserError(
            "no run here",
            where=str(path),
            expected=f"a folder with {PLAN_FILE}, made by iper-bench run, or a folder of such folders",
            hint="iper-bench run --out FOLDER",
        )
    return held
