"""A Liquid Warping generator as the loop trains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.data.clip import Images
from iper_bench.device import compute_device
from iper_bench.lwg.config import IMAGE_CHANNELS
from iper_bench.lwg.objective import FaceTerm, Perceptual, StepBatch
from iper_bench.training.loop import run_loop
from iper_bench.training.memory import explained_memory
from iper_bench.training.options import LoopOptions
from iper_bench.training.picture import step_picture
from iper_bench.training.players import Players
from iper_bench.training.presets import Preset, learning_rate
from iper_bench.training.samples import Sampler
from iper_bench.training.state import TrainingState
from iper_bench.training.team import Team
from iper_bench.training.trainee import Learned, Validation
from iper_bench.training.validation import Validator


def optimiser_for(generator: nn.Module, settings: Preset) -> torch.optim.Adam:
    """Adam with the preset's betas; its rate is set before every step."""
    return torch.optim.Adam(generator.parameters(), lr=settings.rate, betas=settings.betas)


class GeneratorTrainee:
    """See :class:`iper_bench.training.trainee.Trainee`.

    Parameters
    ----------
    state: weights and optimisers, moved to the team's device. sampler: of its samples.
    validator: scores held-out clips, or ``None``.
    """

    def __init__(
        self,
        state: TrainingState,
        sampler: Sampler,
        settings: Preset,
        perceptual: Perceptual | None,
        face: FaceTerm | None,
        team: Team,
        validator: Validator | None = None,
    ) -> None:
        self._state, self._sampler, self._settings, self._team = state, sampler, settings, team
        self._validator = validator
        self._players = Players(state, settings, perceptual, face, team)
        state.averaged = {key: value.to(team.device) for key, value in state.averaged.items()}
        team.restore_scaler(state.scaler)
        self.validates = validator is not None

    @property
    def settled(self) -> bool:
        return self._players.settled

    @property
    def step(self) -> int:
        return self._state.step

    @property
    def pending(self) -> dict[str, Any] | None:
        return self._state.pending

    @pending.setter
    def pending(self, terms: dict[str, Any] | None) -> None:
        self._state.pending = terms

    def draw(self, step: int, part: int) -> StepBatch:
        """People of the preset's number of sources and targets."""
        settings = self._settings
        return self._sampler.batch(
            step,
            part=part,
            people=settings.people,
            source_counts=settings.source_counts,
            targets=settings.targets,
        )

    def learn(self, batches: Sequence[StepBatch], steps: int) -> Learned:
        """One step of each player, then the averaged weights."""
        state, settings = self._state, self._settings
        rate = learning_rate(settings, state.step, steps)
        terms = self._players.step(batches, state.step, steps)
        state.step += 1
        state.average(settings.ema)
        state.scaler = self._team.scaler_state()
        self._players.settled = True
        return Learned(terms, rate)

    def picture(self, batch: StepBatch) -> Images:
        """Sources, initial images, predictions and truths."""
        return _picture(batch, self._players.predict(batch))

    def validate(self) -> Validation:
        """The averaged weights on the held-out trials."""
        if self._validator is None:
            raise ValueError("no validator")
        validator = self._validator
        scores, frames = validator.measure(lambda b: self._players.predict(b, self._state.averaged))
        return Validation(scores, validator.notes, _picture(validator.batches[0], frames))

    def save(self, folder: Path, identity: str) -> None:
        """See :meth:`TrainingState.save`."""
        self._state.save(folder, identity)


def _picture(batch: StepBatch, made: Tensor) -> Images:
    initial = batch.tsf_inputs[:, :, :IMAGE_CHANNELS]
    return step_picture(batch.source_images, initial, made, batch.target_images)


def train_generator(
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
    """Train ``state`` in the shared loop, see :func:`iper_bench.training.loop.run_loop`."""
    with explained_memory():
        team = Team(compute_device(), options.precision)
        trainee = GeneratorTrainee(state, sampler, settings, perceptual, face, team, validator)
        run_loop(trainee, options, team, export=export)
