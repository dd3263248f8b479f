"""``run_tasks``: one command over several tasks of a dataset, one run folder for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from iper_bench.errors import UserError, unknown_name
from iper_bench.protocol.load import list_protocols
from iper_bench.protocol.schema import IMITATION, NOVEL_VIEW, TRANSFER
from iper_bench.run.request import RunReport, RunRequest

#: what is typed -> the task, and the ending of the packaged protocols' names
TASKS = {
    "imitation": (IMITATION, "imitation"),
    "transfer": (TRANSFER, "appearance-transfer"),
    "view": (NOVEL_VIEW, "novel-view"),
}
ALL = "all"


def run_tasks(request: RunRequest, tasks: Sequence[str]) -> Iterator[RunReport]:
    """Do ``request`` once per task, in the order of :data:`TASKS`; without tasks, as it stands.

    With several tasks a method takes part in those that it does. Raises UserError for an unknown task, a
    task that the dataset has no packaged protocol for, and tasks beside a protocol; otherwise as
    ``run_benchmark``.
    """
    from iper_bench.run.benchmark import run_benchmark

    if not tasks:
        yield run_benchmark(request)
        return
    if request.protocol is not None:
        raise UserError("given with --protocol", where="--tasks", expected="one of the two")
    for name, protocol in chosen_protocols(request.dataset, tasks).items():
        alone = len(tasks) == 1 and tasks[0] != ALL
        out = request.out if request.out is None or alone else request.out / name
        yield run_benchmark(replace(request, protocol=protocol, out=out, leave_out_unfit=True))


def chosen_protocols(dataset: str, tasks: Sequence[str]) -> dict[str, str]:
    """Task -> packaged protocol of ``dataset``. ``all`` means those that there are."""
    known = {name: f"{dataset}-{ending}" for name, (_, ending) in TASKS.items()}
    words = {task: name for name, (task, _) in TASKS.items()}
    packaged = set(list_protocols())
    if tuple(tasks) == (ALL,):
        found = {name: protocol for name, protocol in known.items() if protocol in packaged}
        if not found:
            raise UserError(
                f"no protocol of dataset '{dataset}' comes with the package",
                where="--tasks",
                hint="--protocol FILE.yaml",
            )
        return found
    chosen = [words.get(task, task) for task in tasks]
    for task in chosen:
        if task not in known:
            raise unknown_name("task", task, (*known, ALL), where="--tasks")
        if known[task] not in packaged:
            raise UserError(
                f"no protocol of dataset '{dataset}' for the task {task}",
                where="--tasks",
                expected=f"'{known[task]}' among the packaged protocols",
                hint="iper-bench protocol list, then --protocol NAME",
            )
    return {name: protocol for name, protocol in known.items() if name in chosen}
