"""Personalization: a few optimisation steps on the sources of one person (paper section 3.4; iPERCore's
personalization trainer).

Each step takes one of the sources as the target and all of them as sources. The optimiser is Adam at 1e-4
with betas (0.9, 0.999), constant, over all generator parameters, as released; the released discriminator
branch is left out here, because with weights of this size it lowered the held-out quality (the embedded
dataset's measurements).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from iper_bench.lwg.inputs import BodyMaps, InputBuilder, SourceInputs
from iper_bench.lwg.objective import LossWeights, Perceptual, StepBatch, TermKinds, objective

RATE = 1e-4  # iPERCore personalization, Adam learning rate
BETAS = (0.9, 0.999)  # iPERCore personalization


def personalization_batches(
    builder: InputBuilder, sources: SourceInputs, maps: BodyMaps, images: Tensor, masks: Tensor, seed: int
) -> Iterator[StepBatch]:
    """Endless step batches: every source in turn as the target, in an order drawn anew for each pass.

    Parameters
    ----------
    images: (ns, 3, S, S) source frames in [-1, 1]. masks: (ns, 1, S, S), 1 = background.
    """
    rng = np.random.default_rng(seed)
    count = len(images)
    own = sources.bg_input
    while True:
        for row in rng.permutation(count):
            target = builder.targets(sources, maps.take([int(row)]))
            yield StepBatch(
                src_inputs=sources.src_inputs[None],
                bg_inputs=own[None],
                tsf_inputs=target.tsf_inputs[None],
                flows=target.flows[None],
                source_images=images[None],
                source_masks=masks[None],
                target_images=images[None, int(row) : int(row) + 1],
                target_masks=masks[None, int(row) : int(row) + 1],
                backgrounds=images[None, :1],
                background_known=own[None, :, 3:],
            )


def personalize(
    generator: nn.Module,
    batches: Iterator[StepBatch],
    steps: tuple[int, ...],
    losses: LossWeights,
    perceptual: Perceptual | None,
    kinds: TermKinds | None = None,
) -> Iterator[tuple[int, nn.Module]]:
    """Yield ``(T, generator)`` for every T of ``steps`` in rising order, along one optimisation.

    The yielded generator is a copy that later steps do not change; the generator passed in is never changed.
    """
    tuned = copy.deepcopy(generator)
    tuned.train().requires_grad_(True)
    optimiser = torch.optim.Adam(tuned.parameters(), lr=RATE, betas=BETAS)
    done = 0
    for wanted in sorted(set(steps)):
        while done < wanted:
            batch = next(batches)
            optimiser.zero_grad(set_to_none=True)
            outputs = tuned(batch.bg_inputs, batch.src_inputs, batch.tsf_inputs, batch.flows, only_tsf=False)
            total, _ = objective(outputs, batch, losses, perceptual, kinds=kinds)
            torch.autograd.backward(total)
            optimiser.step()
            done += 1
        frozen = copy.deepcopy(tuned)
        frozen.eval().requires_grad_(False)
        yield wanted, frozen
