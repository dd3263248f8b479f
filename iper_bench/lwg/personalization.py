"""Personalization: a few optimisation steps on the sources of one person (paper section 3.4; iPERCore's
personalization trainer).

Each step takes one of the sources as the target and all of them as sources. In every recipe the optimiser is
Adam at 1e-4 with betas (0.9, 0.999), constant, over all generator parameters; T counts its steps (paper:
100).

============  ===========================================================================================
recipe        what it adds
============  ===========================================================================================
embedded      nothing: no discriminator, because with weights of this size it lowered the held-out quality
              of the embedded dataset; every source is the target equally often
paper         a fresh discriminator of the whole image; the target is drawn among the sources
released      the same, and the background stream is held to a pseudo background: source 0 with its person
              inpainted. Differs from iPERCore: inpainted by OpenCV (Telea) instead of DeepFillv2 with
              ESRGAN, and targets are drawn among the sources instead of all frames of the person's video,
              which a protocol does not show to a method
============  ===========================================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from iper_bench.errors import unknown_name
from iper_bench.lwg.config import IMAGE_CHANNELS, GeneratorConfig
from iper_bench.lwg.crops import body_boxes, box_joints, head_boxes
from iper_bench.lwg.discriminator import DiscriminatorConfig, build_discriminator
from iper_bench.lwg.forward import forward_batch
from iper_bench.lwg.inputs import BodyMaps, InputBuilder, SourceInputs
from iper_bench.lwg.objective import (
    FaceTerm,
    LossWeights,
    Perceptual,
    StepBatch,
    TermKinds,
    composed,
    objective,
)
from iper_bench.lwg.released_objective import Fakes, Lambdas, Reals, discriminator_loss, generator_term

RATE = 1e-4  # iPERCore personalization, Adam learning rate of both players
BETAS = (0.9, 0.999)  # iPERCore personalization
DISCRIMINATOR = "patch_global"  # iPERCore personalization: neither crops nor a background branch


@dataclass(frozen=True)
class Recipe:
    """One way to personalize; see the module's table.

    Attributes
    ----------
    adversarial: weight of the discriminator's term, 0 = there is none.
    drawn: targets are drawn one by one; ``False`` = every source once in each pass.
    pseudo_background: the background stream is held to the inpainted source 0; ``False`` = to the pixels of
        source 0 that are known.
    """

    name: str
    adversarial: float = 0.0
    drawn: bool = False
    pseudo_background: bool = False


RECIPES: Mapping[str, Recipe] = {
    each.name: each
    for each in (
        Recipe("embedded"),
        Recipe("paper", adversarial=1.0, drawn=True),
        Recipe("released", adversarial=1.0, drawn=True, pseudo_background=True),
    )
}


def recipe(name: str) -> Recipe:
    """The recipe called ``name``. Raises UserError with the nearest names when unknown."""
    if name not in RECIPES:
        raise unknown_name("personalization recipe", name, RECIPES)
    return RECIPES[name]


@dataclass(frozen=True)
class Terms:
    """The generator's losses during personalization: weights, how they are written, and their networks.

    ``losses.adversarial`` is not read: the recipe says whether there is a discriminator.
    """

    losses: LossWeights
    kinds: TermKinds
    perceptual: Perceptual | None = None
    face: FaceTerm | None = None


def personalization_batches(
    builder: InputBuilder,
    sources: SourceInputs,
    maps: BodyMaps,
    images: Tensor,
    masks: Tensor,
    seed: int,
    recipe: Recipe = RECIPES["embedded"],
    pseudo_background: Tensor | None = None,
) -> Iterator[StepBatch]:
    """Endless step batches, each with one source as the target.

    Parameters
    ----------
    images: (ns, 3, S, S) source frames in [-1, 1]. masks: (ns, 1, S, S), 1 = background.
    seed: of the order of targets. recipe: see :class:`Recipe`.
    pseudo_background: (1, 3, S, S) source 0 without its person, which the recipe may ask for.

    Raises
    ------
    ValueError when the recipe asks for a pseudo background and there is none.
    """
    if recipe.pseudo_background and pseudo_background is None:
        raise ValueError(f"recipe '{recipe.name}' needs a pseudo background")
    rng = np.random.default_rng(seed)
    own = sources.bg_input
    background, known = images[None, :1], own[None, :, IMAGE_CHANNELS:]
    if recipe.pseudo_background and pseudo_background is not None:
        background, known = pseudo_background[None], torch.ones_like(known)
    joints = box_joints(builder.body, maps.projected) if builder.body.landmarks else None
    while True:
        for row in _targets(rng, len(images), drawn=recipe.drawn):
            target = builder.targets(sources, maps.take([row]))
            one = None if joints is None else joints[row : row + 1]
            yield StepBatch(
                src_inputs=sources.src_inputs[None],
                bg_inputs=own[None],
                tsf_inputs=target.tsf_inputs[None],
                flows=target.flows[None],
                source_images=images[None],
                source_masks=masks[None],
                target_images=images[None, row : row + 1],
                target_masks=masks[None, row : row + 1],
                backgrounds=background,
                background_known=known,
                body_boxes=None if one is None else body_boxes(one, builder.size)[None],
                head_boxes=None if one is None else head_boxes(one, builder.size)[None],
            )


def _targets(rng: np.random.Generator, count: int, *, drawn: bool) -> NDArray[np.int64] | list[int]:
    return [int(rng.integers(count))] if drawn else rng.permutation(count).tolist()


def personalize(
    generator: nn.Module,
    config: GeneratorConfig,
    batches: Iterator[StepBatch],
    steps: tuple[int, ...],
    terms: Terms,
    *,
    recipe: Recipe = RECIPES["embedded"],
    seed: int = 0,
    discriminator: DiscriminatorConfig | None = None,
) -> Iterator[tuple[int, nn.Module]]:
    """Yield ``(T, generator)`` for every T of ``steps`` in rising order, along one optimisation.

    The yielded generator is a copy that later steps do not change; the generator passed in is never changed.

    Parameters
    ----------
    config: of ``generator``. seed: of the fresh discriminator's weights, where the recipe has one.
    discriminator: its sizes; ``None`` = the released ones.
    """
    tuned = copy.deepcopy(generator)
    tuned.train().requires_grad_(True)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=RATE, betas=BETAS)
    losses = replace(terms.losses, adversarial=recipe.adversarial)
    judge: _Judge | None = None
    done = 0
    for wanted in sorted(set(steps)):
        while done < wanted:
            batch = next(batches)
            if recipe.adversarial and judge is None:
                judge = _Judge(discriminator, seed, recipe.adversarial, batch.target_images.device)
            optimiser.zero_grad(set_to_none=True)
            outputs = forward_batch(tuned, config, batch)
            critic = None if judge is None else partial(judge.term, reals=batch.reals())
            total, _ = objective(outputs, batch, losses, terms.perceptual, critic, terms.kinds, terms.face)
            torch.autograd.backward(total)
            optimiser.step()
            if judge is not None:
                with torch.no_grad():
                    fakes = composed(outputs)
                judge.learn(fakes, batch.reals())
            done += 1
        frozen = copy.deepcopy(tuned)
        frozen.eval().requires_grad_(False)
        yield wanted, frozen


class _Judge:
    """The fresh discriminator and its optimiser; its weights are drawn without touching torch's seed."""

    def __init__(
        self, sizes: DiscriminatorConfig | None, seed: int, weight: float, device: torch.device
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = build_discriminator(DISCRIMINATOR, sizes or DiscriminatorConfig())
        self._network.to(device)
        self._optimiser = torch.optim.Adam(self._network.parameters(), lr=RATE, betas=BETAS)
        self._weights = Lambdas(lambda_D_prob=weight)

    def term(self, fakes: Fakes, reals: Reals) -> Tensor:
        """The generator's adversarial term; the discriminator's parameters get no gradient from it."""
        self._network.requires_grad_(False)
        try:
            return generator_term(fakes, reals, self._network)
        finally:
            self._network.requires_grad_(True)

    def learn(self, fakes: Fakes, reals: Reals) -> None:
        """One step on detached images."""
        self._optimiser.zero_grad(set_to_none=True)
        total, _ = discriminator_loss(fakes, reals, self._network, weights=self._weights)
        torch.autograd.backward(total)
        self._optimiser.step()
