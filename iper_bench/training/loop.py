"""The training loop: draw, forward, objective, step, and the discriminator's step where the preset has one;
logs, checkpoints, resume. One loop for every generator.

A step's samples depend on (seed, step) alone and the networks hold no random layers, so a run that was
killed and resumed equals the uninterrupted one bit for bit on a CPU.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from iper_bench.lwg.objective import Critic, Outputs, Perceptual, StepBatch, composed, objective
from iper_bench.progress import track
from iper_bench.training.presets import Preset, discriminator_rate, learning_rate
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
    players = _Players(state, settings, perceptual)
    started, first = time.monotonic(), state.step
    log = _Log(options.folder / LOG_FILE)
    try:
        for step in track(_steps(state, options, started), "training", total=options.steps - first):
            batch = sampler.batch(
                step, people=settings.people, source_counts=settings.source_counts, targets=settings.targets
            )
            log.add(players.step(batch, step, options.steps))
            state.step = step + 1
            state.average(settings.ema)
            if state.step % options.log_every == 0:
                rate = learning_rate(settings, step, options.steps)
                log.write(state.step, rate, time.monotonic() - started)
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


class _Players:
    """The generator and, where the preset has one, the discriminator, as they take turns."""

    def __init__(self, state: TrainingState, settings: Preset, perceptual: Perceptual | None) -> None:
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self._generator, self._optimiser = self._accelerator.prepare(state.generator, state.optimiser)
        self._generator.train()
        self._adversary = None if state.adversary is None else state.adversary.prepared(self._accelerator)
        self._settings = settings
        self._perceptual = perceptual
        if isinstance(perceptual, nn.Module):
            perceptual.to(self._accelerator.device)

    def step(self, batch: StepBatch, step: int, steps: int) -> dict[str, float]:
        """One step of each player on one forward pass (the released order: generator first); means for the
        log.
        """
        batch = batch.to(self._accelerator.device)
        rate = learning_rate(self._settings, step, steps)
        if self._adversary is None:
            return self._generator_step(batch, rate, None)[1]
        reals = batch.reals()
        outputs, means = self._generator_step(batch, rate, partial(self._adversary.term, reals=reals))
        with torch.no_grad():
            fakes = composed(outputs)
        slow = discriminator_rate(self._settings, step, steps)
        return {**means, **self._adversary.learn(self._accelerator, fakes, reals, slow)}

    def _generator_step(
        self, batch: StepBatch, rate: float, critic: Critic | None
    ) -> tuple[Outputs, dict[str, float]]:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        outputs: Outputs = self._generator(
            batch.bg_inputs, batch.src_inputs, batch.tsf_inputs, batch.flows, only_tsf=False
        )
        losses, kinds = self._settings.losses, self._settings.kinds
        total, terms = objective(outputs, batch, losses, self._perceptual, critic, kinds)
        self._accelerator.backward(total)
        if self._settings.clip_norm > 0:
            self._accelerator.clip_grad_norm_(self._generator.parameters(), self._settings.clip_norm)
        self._optimiser.step()
        means = {name: float(value.detach()) for name, value in terms.items()}
        return outputs, {"total": float(total.detach()), **means}


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
