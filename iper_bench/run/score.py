"""``score``: new metrics for predictions that are there, without running any method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Subject
from iper_bench.methods.method_choice import Benchmarked, read_choices
from iper_bench.protocol.schema import Protocol
from iper_bench.run.benchmark import evaluate
from iper_bench.run.opened import open_data, plan_of
from iper_bench.run.plan import Plan
from iper_bench.run.request import RunReport, RunRequest
from iper_bench.run.scoring import Scorer, SuiteScorer, same_metrics
from iper_bench.store.plan_file import definition_hashes, difference
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import require_whole


def score(request: RunRequest, *, own: bool = False) -> RunReport:
    """Measure the predictions of a run, by the request's profiles: those of units that have no rows yet
    (``iper-bench predict`` made them), and again those of units whose rows are by other definitions.

    The request is that of the run with other ``profiles``, ``weights_dir`` or ``device``. Units that have
    neither rows nor predictions are left alone.

    ``own``: by the very metrics of the run's plan, where they are the same here; else by the request's.

    Raises
    ------
    UserError when the folder holds no run, a shard, one that differs in more than its profiles, or units that
    were measured by other definitions and whose predictions are gone (their rows would be lost). Nothing was
    changed then.
    """
    scorer = None
    if own and request.out is not None:
        plan = RunFolder.open(request.out).plan
        scorer = same_metrics(plan, request.weights_dir, request.device, request.person_detector)
    scorer = scorer or SuiteScorer(
        request.profiles,
        weights_dir=request.weights_dir,
        device=request.device,
        metrics=request.metrics,
        person_detector=request.person_detector,
    )
    return score_with(request, *open_data(request), scorer)


def score_with(request: RunRequest, protocol: Protocol, dataset: Dataset, scorer: Scorer) -> RunReport:
    """The same with everything named in the request already opened."""
    if request.out is None:
        raise UserError("no run folder", where="--out", expected="the folder of the run to measure again")
    folder = RunFolder.open(request.out)
    require_whole(request.out)
    methods = _recorded_methods(folder, request)
    plan = plan_of(request, protocol, dataset, methods, scorer)
    where = difference(_without_profiles(folder.plan), _without_profiles(plan.document))
    if where is not None:
        raise UserError(f"holds another plan: {where}", where=str(request.out), expected="the same plan")
    _require_predictions(folder, plan)
    if not request.dry_run and folder.plan != plan.document:
        with folder.locked():
            folder.replace_plan(plan.document)
    return evaluate(request, protocol, dataset, methods, scorer, render=False)


def _require_predictions(folder: RunFolder, plan: Plan) -> None:
    """Raise UserError when rows would become stale whose predictions cannot be measured again."""
    finished, wanted = set(folder.unit_ids()), definition_hashes(plan.document["profiles"])
    bare = [
        unit
        for unit in plan.units
        if unit.id in finished
        and folder.definitions(unit.id) != wanted
        and not folder.predictions(unit.id).sound(unit.frame_count)
    ]
    if bare:
        raise UserError(
            f"the predictions of {len(bare)} finished units are not there or damaged, first {bare[0].name}",
            where=str(folder.predictions(bare[0].id).path),
            expected="the frames of every unit that has rows, which would be lost; nothing was changed",
            hint="the command that made the run with predict in place of run makes them again",
        )


@dataclass
class RecordedMethod:
    """A method of which only name, identity and predictions are left.

    ``made_from``: of a reference. ``behind``: the method that the label ``name`` stands for.
    """

    name: str
    identity: str
    trains: bool
    made_from: str | None = None
    behind: str | None = None

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """Always raises UserError: scoring runs no method."""
        raise UserError(f"{self.name} cannot render here: only its predictions are", hint="iper-bench run")

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """Always raises UserError: scoring runs no method."""
        yield max(steps), self.personalize(sources, steps=max(steps), seed=seed)

    def appearance(
        self,
        people: Sequence[Sources],
        parts: Sequence[Sequence[str]],
        *,
        steps: int,
        seed: int,
        selected_flows: bool,
        background: int = 0,
    ) -> Subject:
        """Always raises UserError: scoring runs no method."""
        return self.personalize(people[0], steps=steps, seed=seed)


def _recorded_methods(folder: RunFolder, request: RunRequest) -> dict[str, Benchmarked]:
    recorded = {str(item["name"]): item for item in folder.plan["methods"]}
    asked = {choice.label for choice in read_choices(request.methods, request.references)}
    if asked != set(recorded):
        raise UserError(
            f"methods differ in {', '.join(sorted(asked ^ set(recorded)))}",
            where=str(folder.path),
            expected=f"--method {','.join(sorted(recorded))}",
        )
    return {
        name: RecordedMethod(
            *(name, str(item["identity"]), bool(item["trains"]), item.get("reference"), item.get("method"))
        )
        for name, item in recorded.items()
    }


def _without_profiles(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "profiles"}
