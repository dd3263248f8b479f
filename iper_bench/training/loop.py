"""The training loop: draw, step, record; resume and stop. One loop for every generator.

A step's samples depend on (seed, step, part) alone and the networks hold no random layers, so a run that was
killed and resumed equals the uninterrupted one bit for bit on a CPU, whatever is logged, validated or kept on
the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import torch
from torch import nn

from iper_bench.device import compute_device
from iper_bench.lwg.objective import FaceTerm, Perceptual, StepBatch
from iper_bench.progress import track
from iper_bench.training.interrupts import StopRequest
from iper_bench.training.memory import explained_memory
from iper_bench.training.options import LoopOptions
from iper_bench.training.players import Players
from iper_bench.training.prefetch import prefetched
from iper_bench.training.presets import Preset, learning_rate
from iper_bench.training.records import Records
from iper_bench.training.samples import Sampler
from iper_bench.training.state import TrainingState
from iper_bench.training.team import Team
from iper_bench.training.validation import Validator


def optimiser_for(generator: nn.Module, settings: Preset) -> torch.optim.Adam:
    """Adam with the preset's betas; its rate is set before every step."""
    return torch.optim.Adam(generator.parameters(), lr=settings.rate, betas=settings.betas)


def run_loop(
    state: TrainingState,
    sampler: Sampler,
    settings: Preset,
    perceptual: Perceptual | None,
    options: LoopOptions,
    face: FaceTerm | None = None,
    *,
    validator: Validator | None = None,
    export: Callable[[Path], object] | None = None,
) -> None:
    """Train from ``state.step`` to ``options.steps``; saves at intervals, at the end and when stopped.

    Parameters
    ----------
    validator: scores held-out clips where the options ask for it. export: writes the averaged weights to a
        path; without it no weights are kept on the way.

    Raises
    ------
    UserError when memory runs out or the loss is no number. KeyboardInterrupt after SIGINT or SIGTERM; the
    step that was under way is finished and saved first.
    """
    with explained_memory(), StopRequest() as stop, ExitStack() as closed:
        team = Team(compute_device(), options.precision)
        players = Players(state, settings, perceptual, face, team)
        state.averaged = {key: value.to(team.device) for key, value in state.averaged.items()}
        team.restore_scaler(state.scaler)
        records = None
        if team.leads:
            records = Records(state, players, options, validator=validator, export=export)
            closed.enter_context(records)
        turns = _turns(state, sampler, settings, options, team, stop)
        try:
            for batches in _shown(turns, options.steps - state.step, records):
                terms = players.step(batches, state.step, options.steps)
                rate = learning_rate(settings, state.step, options.steps)
                state.step += 1
                state.average(settings.ema)
                state.scaler = team.scaler_state()
                players.settled = True
                if records is not None:
                    records.after_step(terms, rate, batches[0], last=state.step == options.steps)
        finally:
            turns.close()
            if records is not None and players.settled:
                records.save()
        if state.step < options.steps and team.any(stop.seen):
            raise KeyboardInterrupt


def _shown(
    turns: Iterable[list[StepBatch]], total: int, records: Records | None
) -> Iterable[list[StepBatch]]:
    """``turns`` behind a progress bar in the process that keeps records."""
    if records is None:
        return turns
    return track(turns, "training", total=total, status=records.status)


def _turns(
    state: TrainingState,
    sampler: Sampler,
    settings: Preset,
    options: LoopOptions,
    team: Team,
    stop: StopRequest,
) -> Generator[list[StepBatch], None, None]:
    """This process's batches of every step, until the end, the time limit or a signal."""
    started = time.monotonic()
    parts = range(team.rank * options.accumulate, (team.rank + 1) * options.accumulate)
    draw = partial(
        sampler.batch,
        people=settings.people,
        source_counts=settings.source_counts,
        targets=settings.targets,
    )

    def batches(step: int) -> list[StepBatch]:
        return [draw(step, part=part) for part in parts]

    def over() -> bool:
        late = options.seconds is not None and time.monotonic() - started > options.seconds
        return team.any(stop.seen or late)

    with closing(prefetched(batches, range(state.step, options.steps), options.workers)) as coming:
        while state.step < options.steps and not over():
            yield next(coming)
