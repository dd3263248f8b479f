"""The training loop: draw, forward, objective, step; logs, checkpoints, resume. One loop for every generator.

A step's samples depend on (seed, step) alone and the network holds no random layers, so a run that was
killed and resumed equals the uninterrupted one bit for bit on a CPU.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from iper_bench.lwg.objective import Perceptual, StepBatch, objective
from iper_bench.progress import track
from iper_bench.training.presets import Preset, learning_rate
from iper_bench.training.samples import Sampler
from iper_bench.training.state import TrainingState

LOG_FILE = "log.jsonl"


@dataclass(frozen=True)
class LoopOptions:
    """Where and how long.

    Attributes
    ----------
    folder: training folder. identity: hash of the set-up, checked on resume.
    steps: length of the schedule. seconds: stop after this much wall-clock time (the schedule is not
        shortened), or ``None``.
    log_every, save_every: steps between log lines and checkpoints.
    """

    folder: Path
    identity: str
    steps: int
    seconds: float | None = None
    log_every: int = 25
    save_every: int = 250


def optimiser_for(generator: nn.Module, settings: Preset) -> torch.optim.Adam:
    """Adam with the preset's betas; its rate is set before every step."""
    return torch.optim.Adam(generator.parameters(), lr=settings.rate, betas=settings.betas)


def run_loop(
    state: TrainingState,
    sampler: Sampler,
    settings: Preset,
    perceptual: Perceptual | None,
    options: LoopOptions,
) -> None:
    """Train from ``state.step`` to ``options.steps``; saves at intervals, at the end and when stopped."""
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    generator, optimiser = accelerator.prepare(state.generator, state.optimiser)
    generator.train()
    started, first = time.monotonic(), state.step
    log = _Log(options.folder / LOG_FILE)
    try:
        for step in track(_steps(state, options, started), "training", total=options.steps - first):
            batch = sampler.batch(
                step, people=settings.people, source_counts=settings.source_counts, targets=settings.targets
            )
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(settings, step, options.steps)
            terms = _step(accelerator, generator, optimiser, batch, settings, perceptual)
            state.step = step + 1
            state.average(settings.ema)
            log.add(terms)
            if state.step % options.log_every == 0:
                log.write(state.step, optimiser.param_groups[0]["lr"], time.monotonic() - started)
            if state.step % options.save_every == 0:
                state.save(options.folder, options.identity)
    finally:
        if state.step > first:
            state.save(options.folder, options.identity)


def _steps(state: TrainingState, options: LoopOptions, started: float) -> Iterator[int]:
    while state.step < options.steps:
        if options.seconds is not None and time.monotonic() - started > options.seconds:
            return
        yield state.step


def _step(
    accelerator: Accelerator,
    generator: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: StepBatch,
    settings: Preset,
    perceptual: Perceptual | None,
) -> dict[str, float]:
    batch = StepBatch(
        **{name: getattr(batch, name).to(accelerator.device) for name in batch.__dataclass_fields__}
    )
    optimiser.zero_grad(set_to_none=True)
    outputs = generator(batch.bg_inputs, batch.src_inputs, batch.tsf_inputs, batch.flows, only_tsf=False)
    total, terms = objective(outputs, batch, settings.losses, perceptual)
    accelerator.backward(total)
    if settings.clip_norm > 0:
        accelerator.clip_grad_norm_(generator.parameters(), settings.clip_norm)
    optimiser.step()
    return {"total": float(total.detach()), **{name: float(value.detach()) for name, value in terms.items()}}


class _Log:
    """Means of the terms since the last line, appended as JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, terms: dict[str, float]) -> None:
        self._count += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def write(self, step: int, rate: float, seconds: float) -> None:
        means = {name: round(value / max(1, self._count), 6) for name, value in self._sums.items()}
        line = {"step": step, "rate": rate, "seconds": round(seconds, 2), **means}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        self._sums, self._count = {}, 0
