"""The discriminator's side of training: the term it adds to the generator's objective, and its own step.

From: iPERCore's LWGTrainer and LWGAugBGTrainer: one forward pass of the generator, its step, then the
discriminator's step on the same images, detached; Adam with the generator's betas.
Agrees with: the released losses, which are called here (``iper_bench.lwg.released_objective``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from iper_bench.lwg.discriminator import build_discriminator
from iper_bench.lwg.released_objective import Fakes, Lambdas, Reals, discriminator_loss, generator_loss
from iper_bench.training.presets import Preset


@dataclass
class Adversary:
    """A discriminator and its optimiser.

    Attributes
    ----------
    weight: of the adversarial terms of both players (released: lambda_D_prob).
    """

    discriminator: nn.Module
    optimiser: torch.optim.Optimizer
    weight: float

    def prepared(self, accelerator: Accelerator) -> Adversary:
        """The same networks, placed and wrapped by ``accelerator``, in training mode."""
        discriminator, optimiser = accelerator.prepare(self.discriminator, self.optimiser)
        discriminator.train()
        return replace(self, discriminator=discriminator, optimiser=optimiser)

    def term(self, fakes: Fakes, reals: Reals) -> Tensor:
        """The generator's unweighted adversarial term, a scalar; the discriminator's parameters get no
        gradient from it.
        """
        with frozen(self.discriminator):
            # The other released terms are computed and dropped: they cost nothing beside a network, and what
            # a discriminator sees stays written in one place.
            return generator_loss(fakes, reals, self.discriminator)[1]["g_adv"]

    def learn(self, accelerator: Accelerator, fakes: Fakes, reals: Reals, rate: float) -> dict[str, float]:
        """One step of the discriminator at ``rate``; returns the mean scores ``d_real_avg``, ``d_fake_avg``
        before it.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        weights = Lambdas(lambda_D_prob=self.weight)
        total, averages = discriminator_loss(fakes, reals, self.discriminator, weights=weights)
        accelerator.backward(total)
        self.optimiser.step()
        return {name: float(value) for name, value in averages.items()}

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
    return Adversary(network, optimiser, settings.losses.adversarial)
