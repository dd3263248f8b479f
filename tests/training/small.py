"""A small set-up of every part of training: two presets, a state, a sampler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from iper_bench.body import load_body
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.discriminator import DiscriminatorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputBuilder
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.adversary import adversary_for
from iper_bench.training.generator_trainee import optimiser_for
from iper_bench.training.mix import MixClip
from iper_bench.training.presets import PRESETS, DiscriminatorSettings, Preset
from iper_bench.training.samples import Sampler
from iper_bench.training.state import TrainingState
from tests.turning_clip import TurningClip

SMALL = replace(
    PRESETS["tiny"],
    generator=GeneratorConfig(
        bg_filters=(4, 6, 6, 8), bg_res_blocks=1, filters=(4, 6, 8), res_blocks=1, spade_hidden=8
    ),
    losses=replace(PRESETS["tiny"].losses, perceptual=0.0),
    source_counts=(1, 2),
    ema=0.9,
)

GAN = replace(
    SMALL,
    losses=replace(SMALL.losses, adversarial=1.0),
    discriminator=DiscriminatorSettings("patch_global_body_head", DiscriminatorConfig(ndf=4, n_layers=2)),
)


def new_state(settings: Preset = SMALL) -> TrainingState:
    """A fresh state of ``settings``, always the same."""
    torch.manual_seed(3)
    generator = build_generator(settings.generator, settings.deviations)
    averaged = {key: value.detach().clone() for key, value in generator.state_dict().items()}
    return TrainingState(
        generator, averaged, optimiser_for(generator, settings), adversary=adversary_for(settings)
    )


def new_sampler(seed: int = 5, kind: type[Sampler] = Sampler, **options: int) -> Sampler:
    """A sampler of two turning clips at 64 px, with boxes."""
    builder = InputBuilder(load_body("open-coarse"), 64, SMALL.inputs)
    clips = [TurningClip(), TurningClip(name="other", plain=60)]
    return kind(
        [MixClip(clip, builder, tuple(range(8))) for clip in clips],
        auxiliary=lambda rng: np.full((64, 64, 3), 90, np.uint8),
        seed=seed,
        boxes=True,
        **options,
    )


class InterruptedSampler(Sampler):
    """Ctrl-C arrives while step 3 is drawn."""

    def batch(self, step: int, **options: Any) -> StepBatch:
        if step == 3:
            raise KeyboardInterrupt
        return super().batch(step, **options)
