"""The generator and, where the preset has one, the discriminator, as they take turns.

From: iPERCore's trainers: one forward pass of the generator, its step, then the discriminator's step on the
same images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from iper_bench.lwg.forward import forward_batch
from iper_bench.lwg.objective import FaceTerm, Outputs, Perceptual, StepBatch, composed, objective
from iper_bench.lwg.released_objective import Fakes, Reals
from iper_bench.training.finite import check_finite
from iper_bench.training.presets import Preset, discriminator_rate, learning_rate
from iper_bench.training.state import TrainingState
from iper_bench.training.team import Team


class Players:
    """The networks of a training on a team's devices.

    Attributes
    ----------
    settled: whether all weights belong to the same number of steps. A step clears it when it begins to change
        weights; who averages the weights sets it again.
    """

    def __init__(
        self,
        state: TrainingState,
        settings: Preset,
        perceptual: Perceptual | None,
        face: FaceTerm | None,
        team: Team,
    ) -> None:
        self.settled = True
        self._team = team
        self._generator = team.place(state.generator)
        self._generator.train()
        self._call = team.lowered(self._generator)
        self._optimiser = team.optimiser(state.optimiser)
        self._adversary = None if state.adversary is None else state.adversary.prepared(team)
        self._settings = settings
        self._perceptual = perceptual
        self._face = face
        for network in (perceptual, None if face is None else face.distance):
            if isinstance(network, nn.Module):
                network.to(team.device)

    def step(self, batches: Sequence[StepBatch], step: int, steps: int) -> dict[str, float]:
        """One step of each player on the mean gradient of ``batches`` over all processes (released order:
        generator first). Returns the means of the terms for the log.

        Raises UserError when the loss is no number; the weights are then still those of before.
        """
        rate = learning_rate(self._settings, step, steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        seen: list[tuple[Fakes, Reals]] = []
        means: dict[str, float] = {}
        for batch in batches:
            placed = batch.to(self._team.device)
            outputs, terms = self._backward(placed, len(batches))
            for name, value in terms.items():
                means[name] = means.get(name, 0.0) + value / len(batches)
            if self._adversary is not None:
                with torch.no_grad():
                    seen.append((composed(outputs), placed.reals()))
        means = self._team.mean(means)
        check_finite(means, step)
        parameters = list(self._generator.parameters())
        self._team.average_gradients(parameters)
        if self._settings.clip_norm > 0:
            self._team.clip(self._optimiser, parameters, self._settings.clip_norm)
        self.settled = False
        self._optimiser.step()
        if self._adversary is None:
            return means
        slow = discriminator_rate(self._settings, step, steps)
        return {**means, **self._team.mean(self._adversary.learn(self._team, seen, slow))}

    def _backward(self, batch: StepBatch, parts: int) -> tuple[Outputs, dict[str, float]]:
        """Add one part's share of the gradient; its outputs and terms."""
        settings = self._settings
        critic = None if self._adversary is None else partial(self._adversary.term, reals=batch.reals())
        outputs = forward_batch(self._call, settings.generator, batch)
        total, terms = objective(
            outputs, batch, settings.losses, self._perceptual, critic, settings.kinds, self._face
        )
        self._team.backward(total if parts == 1 else total / parts)
        means = {name: float(value.detach()) for name, value in terms.items()}
        return outputs, {"total": float(total.detach()), **means}

    def predict(self, batch: StepBatch, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """Composed target frames (bs, nt, 3, S, S) in [-1, 1] of the present weights or of ``weights``; no
        gradient, and nothing changes.
        """

        def call(*arguments: object, **options: object) -> object:
            if weights is None:
                return self._generator(*arguments, **options)
            return functional_call(self._generator, dict(weights), arguments, options)

        self._generator.eval()
        try:
            with torch.no_grad():
                placed = batch.to(self._team.device)
                return composed(forward_batch(call, self._settings.generator, placed)).targets
        finally:
            self._generator.train()
