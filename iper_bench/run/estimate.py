"""How long a plan will take and how much it will write, from what earlier runs on this machine took.

Nothing is guessed: a method that no run here has timed is named as such.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.run.plan import Plan
from iper_bench.run.unit import Unit
from iper_bench.store.newest import RUNS
from iper_bench.store.plan_file import PLAN_FILE, read_plan
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.run_folder import RunFolder

READ_RUNS = 20  # newest run folders that are looked at
READ_UNITS = 200  # timings of a method that are read: a median needs no more
MEGABYTE = 1e6


@dataclass
class _Cost:
    """What units of one method took. ``opening``: seconds at T = 0; ``step``: seconds per step; ``frame``:
    seconds per frame, drawn and measured; ``size``: bytes of a frame on disk.
    """

    opening: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    units: int = 0


def estimate(plan: Plan, waiting: Sequence[Unit], beside: Path) -> list[str]:
    """Lines for the dry run: seconds and megabytes of ``waiting``, and which methods nothing is known of.

    ``beside``: the run folder; it and its neighbours, and those below ``runs/``, are looked at.
    """
    identities = {str(method["name"]): str(method["identity"]) for method in plan.document["methods"]}
    costs = _costs(_run_folders(beside), set(identities.values()), plan.document["dataset"]["image_size"])
    known = [unit for unit in waiting if costs.get(unit.identity, _Cost()).frame]
    lacking = sorted({unit.method for unit in waiting if unit not in known})
    lines = []
    if known:
        seconds = _seconds(known, costs)
        bytes_ = sum(unit.frame_count * _median(costs[unit.identity].size) for unit in known)
        timed = sum(cost.units for cost in costs.values())
        lines.append(
            f"estimate: about {_duration(seconds)} on one process and {bytes_ / MEGABYTE:.0f} MB of "
            f"predictions for {len(known)} units, from {timed} units that were timed here"
        )
    if lacking:
        lines.append(
            f"no estimate for {', '.join(lacking)}: never timed here at this size (try --limit 1 first)"
        )
    if not waiting:
        lines.append("nothing is left to compute")
    return lines


def _seconds(units: Iterable[Unit], costs: Mapping[str, _Cost]) -> float:
    longest: dict[Any, Unit] = {}
    total = 0.0
    for unit in units:
        cost = costs[unit.identity]
        total += unit.frame_count * _median(cost.frame)
        held = longest.setdefault(unit.personalisation, unit)
        if unit.steps > held.steps:
            longest[unit.personalisation] = unit
    for unit in longest.values():
        cost = costs[unit.identity]
        total += _median(cost.opening) + unit.steps * _median(cost.step)
    return total


def _run_folders(beside: Path) -> list[Path]:
    found = {path.parent.resolve() for root in (beside.parent, RUNS) for path in root.glob(f"*/{PLAN_FILE}")}
    newest = sorted(found, key=lambda path: ((path / PLAN_FILE).stat().st_mtime_ns, path), reverse=True)
    return newest[:READ_RUNS]


def _costs(folders: Iterable[Path], identities: set[str], size: int) -> dict[str, _Cost]:
    costs: dict[str, _Cost] = {}
    for folder in folders:
        try:
            held = read_plan(folder)
        except UserError:
            continue  # an older or damaged run tells nothing; it is no mistake of this command
        methods = {str(method["name"]): str(method["identity"]) for method in held["methods"]}
        if held["dataset"]["image_size"] != size or not identities & set(methods.values()):
            continue
        for unit in planned_units(held):
            identity = methods[unit.method]
            cost = costs.setdefault(identity, _Cost())
            if identity in identities and cost.units < READ_UNITS:
                _add(cost, RunFolder(folder, held), unit)
    return costs


def _add(cost: _Cost, folder: RunFolder, unit: PlannedUnit) -> None:
    timing = folder.timing(unit.id)
    if not timing:
        return
    drawn = timing.get("render", 0.0) + timing.get("measure", 0.0) + timing.get("render and measure", 0.0)
    cost.units += 1
    cost.frame.append(drawn / max(unit.frames, 1))
    if unit.steps:
        cost.step.append(timing.get("personalise", 0.0) / unit.steps)
    else:
        cost.opening.append(timing.get("personalise", 0.0))
    if cost.units == 1:
        files = list((folder.path / "predictions").glob(f"{unit.id}*/*.png"))
        files += list((folder.path / "predictions").glob(f"{unit.id}.mkv"))
        if files:
            cost.size.append(sum(file.stat().st_size for file in files) / max(unit.frames, 1))


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _duration(seconds: float) -> str:
    """``"40 s"``, ``"12 min"``, ``"3.5 h"``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
