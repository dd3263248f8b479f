"""``run_benchmark`` and ``sweep``: from a request to a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.methods.method_choice import Benchmarked, parse_choices
from iper_bench.progress import track
from iper_bench.protocol.load import load_edition
from iper_bench.protocol.schema import Protocol
from iper_bench.run.conclude import conclude
from iper_bench.run.environment import environment, joined, provenance
from iper_bench.run.execute import Executor
from iper_bench.run.plan import Grid, Plan, make_plan
from iper_bench.run.request import RunReport, RunRequest
from iper_bench.run.scoring import Scorer, SuiteScorer
from iper_bench.run.unit import Unit
from iper_bench.store.failure import Failure
from iper_bench.store.newest import RUNS
from iper_bench.store.run_folder import RunFolder

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
    # all names are checked before anything heavy is imported
    choices = parse_choices(request.methods, request.references)
    protocol, dataset = open_data(request)
    methods = {choice.label: choice.open_any() for choice in choices}
    scorer = SuiteScorer(
        request.profiles,
        weights_dir=request.weights_dir,
        device=request.device,
        metrics=request.metrics,
        person_detector=request.person_detector,
    )
    return evaluate(request, protocol, dataset, methods, scorer)


def sweep(request: RunRequest) -> RunReport:
    """The same over the grid ``request.sn`` x ``request.steps``.

    One personalisation per method, person and sn serves every T: it is evaluated at each T along the way, not
    begun anew. In appearance transfer every T has its own.
    """
    return run_benchmark(request)


def evaluate(
    request: RunRequest,
    protocol: Protocol,
    dataset: Dataset,
    methods: Mapping[str, Benchmarked],
    scorer: Scorer,
    *,
    render: bool = True,
) -> RunReport:
    """The run itself, with everything named in the request already opened. Raises as :func:`run_benchmark`.

    ``render``: false leaves alone the units whose predictions do not lie in the folder.
    """
    plan = plan_of(request, protocol, dataset, methods, scorer)
    out = request.out or RUNS / f"{protocol.name}-{plan.hash[:SHOWN_HASH]}"
    report = RunReport(out, plan.hash, plan.describe(), len(plan.units))
    if request.dry_run:
        return report
    folder = RunFolder.create(out, plan.document)
    with folder.locked():
        here = environment(request.device, request.seed)
        folder.write_environment(joined(folder.environment(), here))
        facts = provenance(here, plan.protocol_hash, dataset.fingerprint)
        executor = Executor(
            plan, folder, dataset, methods, scorer, facts, keep_predictions=request.keep_predictions
        )
        work = executor.work(retry_failed=request.retry_failed)
        waiting = [unit for unit in work.waiting if render or executor.has_predictions(unit)]
        done, failures = [], _recorded(folder, {unit.id for unit in work.failed})
        for unit, reason in _tracked(executor, waiting):
            if reason is None:
                done.append(unit)
            else:
                failures.append(Failure(unit.id, unit.name, reason))
        path = conclude(plan, folder, dataset.name, [*work.kept, *done], failures, scorer, facts)
    return replace(
        report,
        kept=len(work.kept),
        done=len(done),
        left=len(work.waiting) - len(waiting),
        failures=tuple(failures),
        aggregates=path,
    )


def _tracked(executor: Executor, waiting: list[Unit]) -> Iterator[tuple[Unit, str | None]]:
    if not waiting:
        return iter(())
    return track(executor.run(waiting), "evaluating units", total=len(waiting))


def plan_of(
    request: RunRequest,
    protocol: Protocol,
    dataset: Dataset,
    methods: Mapping[str, Benchmarked],
    scorer: Scorer,
) -> Plan:
    """The resolved plan of a request. Raises UserError for a grid that the protocol does not have."""
    grid = Grid.of(request.sn, request.steps, request.settings, request.seed, request.limit)
    return make_plan(methods, dataset, protocol, grid, scorer.definitions())


def open_data(request: RunRequest) -> tuple[Protocol, Dataset]:
    """Protocol and dataset of a request. Raises UserError for unknown names and data that is not there."""
    DATASETS.get_entry(request.dataset)
    protocol = load_edition(request.protocol or f"{request.dataset}-imitation")
    protocol = protocol.as_published() if request.as_published else protocol
    size = request.size if request.size is not None else protocol.image_size
    return protocol, DATASETS.get(request.dataset)(root=request.data_root, size=size)


def _recorded(folder: RunFolder, units: set[str]) -> list[Failure]:
    return [failure for failure in folder.failures() if failure.unit in units]
