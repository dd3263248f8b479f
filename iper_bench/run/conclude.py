"""The end of a run: set metrics over all units, means with intervals, the list of what is missing.

Everything is computed again from the files each time and sorted, so the same units give the same bytes in
whatever order and in however many attempts they were finished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from iper_bench.metrics.scores import features_of_arrays
from iper_bench.run.plan import Plan
from iper_bench.run.scoring import Scorer, rows_of_group
from iper_bench.run.unit import Unit
from iper_bench.store.aggregate import Group, aggregate
from iper_bench.store.failure import Failure
from iper_bench.store.intervals import BOOTSTRAP_SEED, CONFIDENCE, RESAMPLES
from iper_bench.store.row import Row
from iper_bench.store.rows import row_order, unit_rows
from iper_bench.store.run_folder import RunFolder


def conclude(
    plan: Plan,
    folder: RunFolder,
    dataset: str,
    done: Sequence[Unit],
    failures: Sequence[Failure],
    scorer: Scorer,
    provenance: Mapping[str, str],
) -> Path:
    """Write ``pooled.json`` and ``aggregates.json``; returns the path of the latter.

    Parameters
    ----------
    done: units of the plan whose rows are in the folder. failures: those that have none, with reasons.
    """
    finished = {unit.id for unit in done}
    groups: dict[Group, list[Unit]] = {}
    for unit in plan.units:
        groups.setdefault(_group(unit, dataset), []).append(unit)
    pooled = [
        row
        for group in sorted(groups)
        for row in _pool(groups[group], finished, folder, dataset, scorer, provenance)
    ]
    clips = {group: len({unit.trial.source_clip for unit in groups[group]}) for group in groups}
    trials = {group: len(units) for group, units in groups.items()}
    rows = sorted([*unit_rows(folder, sorted(finished)), *pooled], key=row_order)
    content = {
        "plan": plan.hash,
        "interval": {
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": BOOTSTRAP_SEED,
            "unit": "clip",
            "beside": "actor",
        },
        "units": {
            "planned": len(plan.units),
            "done": len(finished),
            "failed": [{"name": f.name, "reason": f.reason} for f in sorted(failures, key=lambda f: f.name)],
        },
        "entries": aggregate(rows, clips, trials),
    }
    return folder.write_results(pooled, content)


def _group(unit: Unit, dataset: str) -> Group:
    trial = unit.trial
    return (
        *(dataset, trial.protocol, trial.task, trial.setting, unit.method),
        *(unit.sn, unit.steps, unit.seed),
    )


def _pool(
    units: Sequence[Unit],
    finished: set[str],
    folder: RunFolder,
    dataset: str,
    scorer: Scorer,
    provenance: Mapping[str, str],
) -> list[Row]:
    """Rows of the set metrics over the finished ones of ``units``; none when no unit has features."""
    present = sorted((unit for unit in units if unit.id in finished), key=lambda unit: unit.trial.name)
    arrays = [folder.features(unit.id) for unit in present]
    if not arrays:
        return []
    values = scorer.pool([features_of_arrays(one) for one in arrays], units[0].trial.setting)
    rows = rows_of_group(present, dataset, values, provenance)
    missing = len(units) - len(present)
    if missing:
        rows = [_noted(row, f"{missing} of {len(units)} units are missing") for row in rows]
    return rows


def _noted(row: Row, note: str) -> Row:
    return replace(row, reason=f"{row.reason}; {note}" if row.reason else note)
