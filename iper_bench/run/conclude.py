"""The end of a run: set metrics over all units, means with intervals, the list of what is missing.

Everything is computed again from the files each time and sorted, so the same units give the same bytes in
whatever order, on whatever machines and in however many attempts they were finished. It needs the run folder
and what pools features, neither dataset nor methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from iper_bench.metrics.scores import features_of_arrays
from iper_bench.run.scoring import Scorer, rows_of_planned
from iper_bench.store.aggregate import Group, aggregate
from iper_bench.store.failure import Failure
from iper_bench.store.intervals import INTERVAL_FACTS
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.row import Row
from iper_bench.store.rows import row_order, unit_rows
from iper_bench.store.run_folder import Features, RunFolder


def conclude(
    folder: RunFolder,
    done: Collection[str],
    failures: Sequence[Failure],
    scorer: Scorer,
    provenance: Mapping[str, str],
) -> Path:
    """Write ``pooled.json`` and ``aggregates.json``; returns the path of the latter.

    Parameters
    ----------
    done: ids of units of the plan whose rows are in the folder. failures: those that have none, with reasons.
    scorer: what pools features.

    Raises UserError for a damaged file, StoreError when the disk refuses.
    """
    plan, dataset = folder.plan, str(folder.plan["dataset"]["name"])
    identities = {str(method["name"]): str(method["identity"]) for method in plan["methods"]}
    units = planned_units(plan)
    groups: dict[Group, list[PlannedUnit]] = {}
    for unit in units:
        groups.setdefault(_group(unit, dataset), []).append(unit)
    finished = {unit.id for unit in units}.intersection(done)
    pooled: list[Row] = []
    for group in sorted(groups):
        present = sorted((unit for unit in groups[group] if unit.id in finished), key=lambda unit: unit.trial)
        arrays = [folder.features(unit.id) for unit in present]
        if arrays:
            facts = {**provenance, "method": identities[present[0].method]}
            rows = _pool(present, arrays, dataset, scorer, facts)
            pooled += [_noted(row, len(groups[group]) - len(present), len(groups[group])) for row in rows]
    clips = {group: len({unit.source_clip for unit in groups[group]}) for group in groups}
    trials = {group: len(members) for group, members in groups.items()}
    rows = sorted([*unit_rows(folder, sorted(finished)), *pooled], key=row_order)
    content = {
        "plan": plan_hash(plan),
        "interval": INTERVAL_FACTS,
        "units": {
            "planned": len(units),
            "done": len(finished),
            "failed": [{"name": f.name, "reason": f.reason} for f in sorted(failures, key=lambda f: f.name)],
        },
        "entries": aggregate(rows, clips, trials),
    }
    return folder.write_results(pooled, content)


def _group(unit: PlannedUnit, dataset: str) -> Group:
    return (
        *(dataset, unit.protocol, unit.task, unit.setting, unit.method),
        *(unit.sn, unit.steps, unit.seed),
    )


def _pool(
    present: Sequence[PlannedUnit],
    arrays: Sequence[Features],
    dataset: str,
    scorer: Scorer,
    provenance: Mapping[str, str],
) -> list[Row]:
    """Rows of the set metrics over the finished units of one group."""
    values = scorer.pool([features_of_arrays(one) for one in arrays], present[0].setting)
    return rows_of_planned(present, dataset, values, provenance)


def _noted(row: Row, missing: int, planned: int) -> Row:
    if not missing:
        return row
    note = f"{missing} of {planned} units are missing"
    return replace(row, reason=f"{row.reason}; {note}" if row.reason else note)
