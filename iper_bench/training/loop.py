"""The training loop: draw, step, record; resume and stop. One loop for everything that is trained.

A step's samples depend on (seed, step, part) alone, so a run that was killed and resumed equals the
uninterrupted one bit for bit on a CPU, whatever is logged, validated or kept on the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from iper_bench.progress import track
from iper_bench.training.interrupts import StopRequest
from iper_bench.training.memory import explained_memory
from iper_bench.training.options import LoopOptions
from iper_bench.training.prefetch import prefetched
from iper_bench.training.records import Records
from iper_bench.training.team import Team
from iper_bench.training.trainee import Trainee

B = TypeVar("B")


def run_loop(
    trainee: Trainee[B],
    options: LoopOptions,
    team: Team,
    *,
    export: Callable[[Path], object] | None = None,
) -> None:
    """Train from ``trainee.step`` to ``options.steps``; saves at intervals, at the end and when stopped.

    Parameters
    ----------
    team: the processes that train together, this one among them.
    export: writes the trained weights to a path; without it no weights are kept on the way.

    Raises
    ------
    UserError when memory runs out or the loss is no number. KeyboardInterrupt after SIGINT or SIGTERM; the
    step that was under way is finished and saved first.
    """
    with explained_memory(), StopRequest() as stop, ExitStack() as closed:
        records = None
        if team.leads:
            records = Records(trainee, options, export=export)
            closed.enter_context(records)
        turns = _turns(trainee, options, team, stop)
        try:
            for batches in _shown(turns, options.steps - trainee.step, records):
                learned = trainee.learn(batches, options.steps)
                if records is not None:
                    records.after_step(learned, batches[0], last=trainee.step == options.steps)
        finally:
            turns.close()
            if records is not None and trainee.settled:
                records.save()
        if trainee.step < options.steps and team.any(stop.seen):
            raise KeyboardInterrupt


def _shown(turns: Iterable[list[B]], total: int, records: Records | None) -> Iterable[list[B]]:
    """``turns`` behind a progress bar in the process that keeps records."""
    if records is None:
        return turns
    return track(turns, "training", total=total, status=records.status)


def _turns(
    trainee: Trainee[B], options: LoopOptions, team: Team, stop: StopRequest
) -> Generator[list[B], None, None]:
    """This process's batches of every step, until the end, the time limit or a signal."""
    started = time.monotonic()
    parts = range(team.rank * options.accumulate, (team.rank + 1) * options.accumulate)

    def batches(step: int) -> list[B]:
        return [trainee.draw(step, part) for part in parts]

    def over() -> bool:
        late = options.seconds is not None and time.monotonic() - started > options.seconds
        return team.any(stop.seen or late)

    with closing(prefetched(batches, range(trainee.step, options.steps), options.workers)) as coming:
        while trainee.step < options.steps and not over():
            yield next(coming)
