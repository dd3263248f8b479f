"""``run_benchmark``: from a request to a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.methods.method_choice import Benchmarked
from iper_bench.progress import track
from iper_bench.protocol.schema import Protocol
from iper_bench.run.conclude import conclude
from iper_bench.run.environment import environment, joined, provenance
from iper_bench.run.estimate import estimate
from iper_bench.run.execute import Executor
from iper_bench.run.executors.choice import check_executor, choose_executor
from iper_bench.run.executors.sharding import in_shards
from iper_bench.run.executors.unit_executor import UnitExecutor
from iper_bench.run.opened import Opener, fit_methods, open_request, plan_of
from iper_bench.run.plan import Plan
from iper_bench.run.request import LOCAL, NOT_KEPT, RunReport, RunRequest
from iper_bench.run.scoring import Scorer
from iper_bench.run.trackers.tracking import check_trackers
from iper_bench.run.trackers.tracking import track as tell_trackers
from iper_bench.run.unit import Unit
from iper_bench.run.worker import Setup, Worker
from iper_bench.store.failure import Failure
from iper_bench.store.newest import RUNS
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import Shard, settle_shard

SHOWN_HASH = 8  # hexadecimal digits of the plan's hash in the name of a folder; 32 bits among one's own runs


def run_benchmark(request: RunRequest) -> RunReport:
    """Evaluate every unit of the request that its run folder does not hold yet.

    Killing the process at any moment loses the unit in work only; the same request goes on from there and
    ends in byte-identical aggregates. A failed unit is recorded with its reason and the others go on.

    Raises
    ------
    UserError, one line, for what the user can mend: unknown names, a folder of another plan, a folder without
    permission, a full disk (what is finished is kept). KeyboardInterrupt passes through; the folder can be
    resumed.
    """
    import torch

    check_executor(request)
    check_trackers(request.trackers)
    # said outright, as workers do: left to itself MKL may take fewer, and sums come out in another order
    torch.set_num_threads(torch.get_num_threads())
    opened = open_request(request)
    report = evaluate(
        request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=open_request
    )
    if report.aggregates is not None:
        tell_trackers(RunFolder.open(report.out), request.trackers)
    return report


def evaluate(
    request: RunRequest,
    protocol: Protocol,
    dataset: Dataset,
    methods: Mapping[str, Benchmarked],
    scorer: Scorer,
    *,
    render: bool = True,
    opener: Opener | None = None,
) -> RunReport:
    """The run itself, with everything named in the request already opened. Raises as :func:`run_benchmark`.

    ``render``: false leaves alone the units whose predictions do not lie in the folder. ``opener``: how other
    processes open the same; without one, everything is done in this process.
    """
    _require_kept(request)
    methods, left_out = fit_methods(request, methods, protocol)
    plan = plan_of(request, protocol, dataset, methods, scorer)
    part = shard_of(plan, request.shard)
    chosen = chosen_units(plan, request.only)
    out = request.out or RUNS / default_name(protocol.name, plan.hash, part)
    mine = {unit.id for unit in plan.units} if part is None else set(part.units)
    report = RunReport(out, plan.hash, plan.describe(), len(mine), left_out=left_out)
    if request.dry_run:
        lines = estimate(plan, [unit for unit in _undone(chosen, out) if unit.id in mine], out)
        return replace(report, dry=True, description="\n".join([report.description, *lines]))
    folder = RunFolder.create(out, plan.document)
    with folder.locked():
        settle_shard(out, part)
        here = environment(request.device, request.seeds)
        folder.write_environment(joined(folder.environment(), here))
        facts = provenance(here, plan.protocol_hash, dataset.fingerprint)
        executor = Executor(
            *(plan, folder, dataset, methods, scorer, facts),
            kept=request.predictions,
            measures=request.measure,
            in_company=request.executor != LOCAL or request.jobs != 1,
        )
        work = executor.work(mine, retry_failed=request.retry_failed)
        asked = {unit.id for unit in chosen}
        waiting = [unit for unit in work.waiting if unit.id in asked]
        if not render:
            waiting = [unit for unit in waiting if executor.has_predictions(unit)]
        failures = _recorded(folder, {unit.id for unit in work.failed})
        setup = Setup.of(request, out, plan.hash, facts, opener) if opener else None
        hands = choose_executor(request, Worker(plan, executor), out, setup)
        done, failed = _tracked(hands, executor.groups(waiting))
        failures += failed
        path = None
        if request.measure and part is None:
            path = conclude(folder, [unit.id for unit in [*work.kept, *done]], failures, scorer, facts)
    return replace(
        report,
        kept=len(work.kept),
        done=len(done),
        left=len(work.waiting) - len(waiting),
        failures=tuple(failures),
        aggregates=path,
        predicted=not request.measure,
    )


def _tracked(hands: UnitExecutor, groups: Sequence[Sequence[Unit]]) -> tuple[list[Unit], list[Failure]]:
    """Do the units under a progress bar; those that are done, and those that failed."""
    done: list[Unit] = []
    failed: list[Failure] = []
    count = sum(len(group) for group in groups)
    for unit, reason in track(hands.run(groups), "evaluating units", total=count) if count else ():
        if reason is None:
            done.append(unit)
        else:
            failed.append(Failure(unit.id, unit.name, reason))
    return done, failed


def _require_kept(request: RunRequest) -> None:
    """Raise UserError where frames are made only to be thrown away."""
    if not request.measure and request.predictions == NOT_KEPT:
        raise UserError(
            "frames that are neither measured nor kept",
            where=f"--predictions {NOT_KEPT}",
            expected="png or ffv1, with iper-bench predict",
        )


def shard_of(plan: Plan, shard: tuple[int, int] | None) -> Shard | None:
    """Part i of n of a plan: whole personalisations, about equally many frames; ``None`` for all of it.

    Raises UserError when i is not from 1 to n.
    """
    if shard is None:
        return None
    number, count = shard
    if not 1 <= number <= count:
        raise UserError(f"found {number}/{count}", where="--shard", expected="I/N with I from 1 to N")
    groups = in_shards(plan.groups(), count)[number - 1]
    units = sorted(unit.id for group in groups for unit in group)
    return Shard(number, count, plan.hash, tuple(units))


def default_name(protocol: str, plan_hash: str, part: Shard | None) -> str:
    """Name of the run folder of a request that names none."""
    name = f"{protocol}-{plan_hash[:SHOWN_HASH]}"
    return name if part is None else f"{name}-shard-{part.number}-of-{part.count}"


def chosen_units(plan: Plan, only: Sequence[str]) -> list[Unit]:
    """Units whose id begins with one of the words ``only`` or whose name holds one; all without words. Raises
    UserError for a word that fits none.
    """
    if not only:
        return list(plan.units)
    found: dict[str, Unit] = {}
    for word in only:
        fitting = [unit for unit in plan.units if unit.id.startswith(word) or word in unit.name]
        if not fitting:
            raise UserError(
                f"no unit fits '{word}'",
                where="--only",
                expected="the beginning of an id, or a part of a name",
                hint="iper-bench run --dry-run ... lists them",
            )
        found |= {unit.id: unit for unit in fitting}
    return [unit for unit in plan.units if unit.id in found]


def _undone(units: Sequence[Unit], out: Path) -> list[Unit]:
    """Those of ``units`` that no file of the folder shows as finished."""
    finished = {path.stem for path in (out / "units").glob("*.json")}
    return [unit for unit in units if unit.id not in finished]


def _recorded(folder: RunFolder, units: set[str]) -> list[Failure]:
    return [failure for failure in folder.failures() if failure.unit in units]
