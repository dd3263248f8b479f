"""``merge``: the shards of one plan, put together as one run.

Needs neither dataset nor methods: the plan tells the units (``store/planned.py``), the features that set
metrics pool lie in the folders. What has to be here are the metrics' weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.progress import track
from iper_bench.run.conclude import conclude
from iper_bench.run.environment import environment, joined, provenance
from iper_bench.run.request import RunReport
from iper_bench.run.scoring import Scorer, SuiteScorer, same_metrics
from iper_bench.store.failure import Failure
from iper_bench.store.gathering import gather
from iper_bench.store.plan_file import definition_hashes, difference, plan_hash
from iper_bench.store.planned import PlannedUnit, planned_units
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import Shard, read_shard, settle_shard


@dataclass(frozen=True)
class _Part:
    folder: RunFolder
    shard: Shard


#: from a plan, what pools its features
ScorerOpener = Callable[[Mapping[str, Any]], Scorer]


def merge(
    shards: Sequence[Path],
    out: Path,
    *,
    weights_dir: Path | None = None,
    device: str = "cpu",
    person_detector: str | None = None,
    open_scorer: ScorerOpener | None = None,
) -> RunReport:
    """Put the run folders of all shards of a plan together in ``out`` and conclude the run there.

    Files are linked where the file system allows it, else copied. Killing it loses nothing; the same command
    goes on. The order of ``shards`` changes nothing.

    Parameters
    ----------
    weights_dir, device, person_detector: of the metrics, as for ``iper-bench run``. open_scorer: in their
        place what pools features.

    Raises
    ------
    UserError when the shards are not of one plan, one is missing or has units that are neither done nor
    failed, two hold different results of one unit, or the metrics here are not those of the plan.
    """
    parts = _opened(shards)
    plan = parts[0].folder.plan
    units = planned_units(plan)
    _require_all(parts, units)
    wanted = definition_hashes(plan["profiles"])
    scorer = open_scorer(plan) if open_scorer else scorer_of_plan(plan, weights_dir, device, person_detector)
    folder = RunFolder.create(out, plan)
    with folder.locked():
        settle_shard(out, None)
        sources = [part.folder for part in parts]
        holders = _holders([*sources, folder], units, wanted)
        failed = _failures(sources, units, holders)
        _require_finished(parts, holders, failed)
        here = environment(device, plan["seeds"])
        for one in sources:
            for found in one.environment().get("environments", []):
                folder.write_environment(joined(folder.environment(), found))
        for unit in track(units, "gathering units"):
            if unit.id in holders:
                gather(holders[unit.id][0].path, out, unit.id, unit.trial_id)
            else:
                source, _ = failed[unit.id]
                gather(source.path, out, unit.id, unit.trial_id, failed=True)
        failures = [failure for _, failure in failed.values()]
        facts = provenance(here, str(plan["protocol"]["hash"]), str(plan["dataset"]["fingerprint"]))
        path = conclude(folder, sorted(holders), failures, scorer, facts)
    description = f"{len(parts)} shards of plan {plan_hash(plan)}"
    return RunReport(
        *(out, plan_hash(plan), description, len(units)),
        kept=len(holders),
        failures=tuple(failures),
        aggregates=path,
    )


def scorer_of_plan(
    plan: Mapping[str, Any], weights_dir: Path | None, device: str, person_detector: str | None
) -> Scorer:
    """The metrics of a plan, opened here. Raises UserError when they are not the same to the last weight."""
    scorer = same_metrics(plan, weights_dir, device, person_detector)
    if scorer is not None:
        return scorer
    profiles = sorted(plan["profiles"])
    here = SuiteScorer(profiles, weights_dir=weights_dir, device=device, person_detector=person_detector)
    differing = _differing(plan["profiles"], here.definitions())
    raise UserError(
        f"the metrics of this machine are not those of the plan: {differing}",
        where="merge",
        expected="the same weights and iper-bench as where the shards were computed",
        hint="--weights-dir FOLDER, or merge on a machine that has them",
    )


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    for profile in sorted(there):
        mine = here.get(profile, {}).get("metrics", {})
        for name, metric in sorted(there[profile]["metrics"].items()):
            if mine.get(name, {}).get("definitions") != metric["definitions"]:
                return f"{profile} {name} has other weights or is not here"
    return "their definitions differ"


def _opened(paths: Sequence[Path]) -> list[_Part]:
    """The shards by number, each folder once."""
    parts = []
    for path in sorted({path.absolute() for path in paths}):
        folder = RunFolder.open(path)
        shard = read_shard(path)
        if shard is None:
            raise UserError(
                "is a whole run",
                where=str(path),
                expected="a shard, made by iper-bench run --shard I/N",
            )
        parts.append(_Part(folder, shard))
    if not parts:
        raise UserError("no shard", where="merge", expected="the folders of all shards of a run")
    first = parts[0]
    for part in parts:
        where = difference(first.folder.plan, part.folder.plan)
        if where is not None or part.shard.plan != plan_hash(part.folder.plan):
            raise UserError(
                f"holds another plan than {first.folder.path}: {where or 'shard.json names another one'}",
                where=str(part.folder.path),
                expected="shards of one plan",
            )
        if part.shard.count != first.shard.count:
            raise UserError(
                f"is shard {part.shard.name}, but {first.folder.path} is {first.shard.name}",
                where=str(part.folder.path),
                expected="parts of one division",
            )
    return sorted(parts, key=lambda part: (part.shard.number, part.folder.path))


def _require_all(parts: Sequence[_Part], units: Sequence[PlannedUnit]) -> None:
    count = parts[0].shard.count
    missing = sorted(set(range(1, count + 1)) - {part.shard.number for part in parts})
    if missing:
        named = ", ".join(f"{number}/{count}" for number in missing[:8])
        raise UserError(
            f"{len(missing)} of {count} shards are missing: {named}{' ...' if len(missing) > 8 else ''}",
            where="merge",
            expected=f"all {count}",
            hint=f"iper-bench run --shard {missing[0]}/{count} with the other options as before",
        )
    held = {unit for part in parts for unit in part.shard.units}
    lost = [unit for unit in units if unit.id not in held]
    if lost:
        raise UserError(
            f"{len(lost)} units of the plan are in no shard, the first: {lost[0].name}",
            where="merge",
            expected="shards made by one version of iper-bench",
        )


def _holders(
    folders: Sequence[RunFolder], units: Sequence[PlannedUnit], wanted: Mapping[str, str]
) -> dict[str, list[RunFolder]]:
    """Finished unit -> the folders that hold it. Raises UserError when two hold different results."""
    listed = [(folder, set(folder.unit_ids())) for folder in folders]
    found: dict[str, list[RunFolder]] = {}
    for unit in units:
        holders = [
            folder for folder, ids in listed if unit.id in ids and folder.definitions(unit.id) == wanted
        ]
        for other in holders[1:]:
            for kind in (f"units/{unit.id}.json", f"features/{unit.id}.npz"):
                if _bytes(holders[0].path / kind) != _bytes(other.path / kind):
                    raise UserError(
                        f"{unit.name} has another result than in {holders[0].path}",
                        where=str(other.path / kind),
                        expected="the same bytes",
                        hint="delete the wrong one and type its iper-bench run command again",
                    )
        if holders:
            found[unit.id] = holders
    return found


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _failures(
    folders: Sequence[RunFolder], units: Sequence[PlannedUnit], done: Mapping[str, Any]
) -> dict[str, tuple[RunFolder, Failure]]:
    """Unit that failed and is done nowhere -> where that is on record."""
    planned = {unit.id for unit in units}
    found: dict[str, tuple[RunFolder, Failure]] = {}
    for folder in folders:
        for failure in folder.failures():
            if failure.unit in planned and failure.unit not in done:
                found.setdefault(failure.unit, (folder, failure))
    return found


def _require_finished(parts: Sequence[_Part], done: Mapping[str, Any], failed: Mapping[str, Any]) -> None:
    for part in parts:
        open_ = [unit for unit in part.shard.units if unit not in done and unit not in failed]
        if open_:
            raise UserError(
                f"{len(open_)} of {len(part.shard.units)} units of shard {part.shard.name} are neither done "
                f"nor failed, the first: {open_[0]}",
                where=str(part.folder.path),
                expected="a shard that has ended",
                hint="type its iper-bench run command again; it resumes",
            )
