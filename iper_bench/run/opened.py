"""``Opened``: everything that the names in a request stand for, opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.errors import UserError
from iper_bench.methods.method_choice import Benchmarked, parse_choices, read_choices
from iper_bench.methods.reference import made_from
from iper_bench.protocol.load import load_edition
from iper_bench.protocol.schema import Protocol
from iper_bench.run.plan import Grid, Plan, does_task, make_plan
from iper_bench.run.request import RunRequest
from iper_bench.run.scoring import Scorer, SuiteScorer


@dataclass(frozen=True)
class Opened:
    """Attributes
    ----------
    methods: by label, those of the plan.
    """

    protocol: Protocol
    dataset: Dataset
    methods: Mapping[str, Benchmarked]
    scorer: Scorer


#: How another process opens the same. A function of a module, by whose name the process finds it.
Opener = Callable[[RunRequest], Opened]


def open_request(request: RunRequest) -> Opened:
    """Open what a request names.

    Raises UserError for unknown names, before anything heavy is imported, and for data or weights that are
    not there.
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
    return Opened(protocol, dataset, methods, scorer)


def plan_of(
    request: RunRequest,
    protocol: Protocol,
    dataset: Dataset,
    methods: Mapping[str, Benchmarked],
    scorer: Scorer,
) -> Plan:
    """The resolved plan of a request. Raises UserError for a grid that the protocol does not have."""
    grid = Grid.of(request.sn, request.steps, request.settings, request.seeds, request.limit)
    return make_plan(methods, dataset, protocol, grid, scorer.definitions(), _behind(request, methods))


def _behind(request: RunRequest, methods: Mapping[str, Benchmarked]) -> dict[str, str]:
    """Label -> the method that it stands for, with options, where the label does not say it."""
    recorded = {name: getattr(method, "behind", None) for name, method in methods.items()}
    found = {name: str(behind) for name, behind in recorded.items() if behind}
    for choice in read_choices(request.methods, request.references):
        options = ",".join(f"{key}={value}" for key, value in choice.options.items())
        plain = choice.label == choice.method or choice.label.startswith(f"{choice.method}[")
        if choice.label in methods and not plain:
            found.setdefault(choice.label, choice.method + (f"[{options}]" if options else ""))
    return found


def open_data(request: RunRequest) -> tuple[Protocol, Dataset]:
    """Protocol and dataset of a request. Raises UserError for unknown names and data that is not there."""
    DATASETS.get_entry(request.dataset)
    protocol = load_edition(request.protocol or f"{request.dataset}-imitation")
    protocol = protocol.as_published() if request.as_published else protocol
    size = request.size if request.size is not None else protocol.image_size
    return protocol, DATASETS.get(request.dataset)(root=request.data_root, size=size)


def fit_methods(
    request: RunRequest, methods: Mapping[str, Benchmarked], protocol: Protocol
) -> tuple[dict[str, Benchmarked], tuple[str, ...]]:
    """The methods that are evaluated, and the labels of those that do not do the protocol's task where the
    request leaves them out. Raises UserError when none is left.
    """
    if not request.leave_out_unfit:
        return dict(methods), ()
    fit = {name: method for name, method in methods.items() if does_task(method, protocol)}
    unfit = tuple(sorted(set(methods) - set(fit)))
    # references are evaluated beside methods, or alone where nothing else was named
    own = [name for name, method in methods.items() if made_from(method) is None] or list(methods)
    if not any(name in fit for name in own):
        raise UserError(
            f"none of the methods does {protocol.task}",
            where=f"protocol '{protocol.name}'",
            expected="at least one that does",
            hint="iper-bench method list",
        )
    return fit, unfit
