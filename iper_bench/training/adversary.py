"""The discriminator's side of training: the term it adds to the generator's objective, and its own step.

From: iPERCore's LWGTrainer and LWGAugBGTrainer: one forward pass of the generator, its step, then the
discriminator's step on the same images, detached; Adam with the generator's betas.
Agrees with: the released losses, which are called here (``iper_bench.lwg.released_objective``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from iper_bench.lwg.discriminator import build_discriminator
from iper_bench.lwg.losses import ScoreJoin
from iper_bench.lwg.released_objective import Fakes, Lambdas, Reals, discriminator_loss, generator_term
from iper_bench.training.presets import Preset
from iper_bench.training.team import Team


@dataclass
class Adversary:
    """A discriminator and its optimiser.

    Attributes
    ----------
    weight: of the adversarial terms of both players (released: lambda_D_prob).
    joined: how the scores of its patch networks are joined: released "mean", paper "sum".
    call: the discriminator in the team's precision, ``None`` = as it is.
    """

    discriminator: nn.Module
    optimiser: torch.optim.Optimizer
    weight: float
    joined: ScoreJoin = "mean"
    call: Callable[..., list[Tensor]] | None = None

    def prepared(self, team: Team) -> Adversary:
        """The same networks on the team's device and in its precision, in training mode."""
        network = team.place(self.discriminator)
        network.train()
        return replace(self, optimiser=team.optimiser(self.optimiser), call=team.lowered(network))

    @property
    def _judge(self) -> Callable[..., list[Tensor]]:
        return self.discriminator if self.call is None else self.call

    def term(self, fakes: Fakes, reals: Reals) -> Tensor:
        """The generator's unweighted adversarial term, a scalar; the discriminator's parameters get no
        gradient from it.
        """
        with frozen(self.discriminator):
            return generator_term(fakes, reals, self._judge, joined=self.joined)

    def learn(self, team: Team, seen: Sequence[tuple[Fakes, Reals]], rate: float) -> dict[str, float]:
        """One step of the discriminator at ``rate`` on the mean gradient of the pairs ``seen`` over all
        processes; returns this process's mean scores ``d_real_avg``, ``d_fake_avg`` before it.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        weights = Lambdas(lambda_D_prob=self.weight)
        means: dict[str, float] = {}
        for fakes, reals in seen:
            total, averages = discriminator_loss(
                fakes, reals, self._judge, weights=weights, joined=self.joined
            )
            team.backward(total if len(seen) == 1 else total / len(seen))
            for name, value in averages.items():
                means[name] = means.get(name, 0.0) + float(value) / len(seen)
        team.average_gradients(self.discriminator.parameters())
        self.optimiser.step()
        return means

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimiser."""
        return {"discriminator": self.discriminator.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, content: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.discriminator.load_state_dict(content["discriminator"])
        self.optimiser.load_state_dict(content["optimiser"])


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within it, ``network`` passes gradients on to its inputs but records none for its parameters."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def adversary_for(settings: Preset) -> Adversary | None:
    """The preset's discriminator with fresh weights from torch's global seed, or ``None``."""
    chosen = settings.discriminator
    if chosen is None:
        return None
    network = build_discriminator(chosen.name, chosen.sizes, use_aug_bg=settings.auxiliary_backgrounds)
    optimiser = torch.optim.Adam(network.parameters(), lr=chosen.rate, betas=settings.betas)
    joined: ScoreJoin = "sum" if settings.discriminator_scores == "sum" else "mean"
    return Adversary(network, optimiser, settings.losses.adversarial, joined)
