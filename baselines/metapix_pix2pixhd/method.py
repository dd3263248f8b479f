"""MetaPix on pix2pixHD: weights from which a few steps on a few frames make a person-specific network.

From: Lee et al. (ICLR 2020), section 3, and the loops of the released code. The network and its losses are
pix2pixHD's; only the outer loop is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from iper_bench.baseline_kit.baseline import BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.baseline_kit.reptile import (
    cyclic_batch,
    inner_rate,
    linear_epsilon,
    meta_iteration,
)
from iper_bench.body import load_body
from iper_bench.conditions.part_labels import part_labels
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Method

from ..pix2pixhd.method import LabelToImage, LabelToImageSettings
from ..pix2pixhd.network import MultiscaleDiscriminator

#: the discriminator with which every task begins, where only the generator is meta-learnt
START = "netD_start"


@dataclass(frozen=True, kw_only=True)
class MetaPixSettings(LabelToImageSettings):
    """Settings beside pix2pixHD's; the defaults are the released experiment's.

    Attributes
    ----------
    frames: of one task (k). inner_batch: of an inner step, k at least; the frames come round again.
    inner_constant, inner_decay: inner steps at the first rate, and those in which it falls.
    epsilon: of the first meta-iteration, falling linearly to 0.
    generator_only: every task begins with the discriminator of the pre-training.
    pretrained: share of the schedule that is ordinary training on all clips before the meta-iterations.
    """

    frames: int = 5
    inner_batch: int = 8
    inner_constant: int = 10
    inner_decay: int = 10
    epsilon: float = 1.0
    generator_only: bool = False
    pretrained: float = 0.0


class MetaPixPix2PixHd(LabelToImage[MetaPixSettings]):
    """One step of the loop is one meta-iteration: a task of k frames of one clip."""

    name: ClassVar[str] = "metapix-pix2pixhd"
    Settings: ClassVar[type[BaselineSettings]] = MetaPixSettings
    tunes_anew: ClassVar[bool] = True

    def __init__(self, settings: MetaPixSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        self.meta = settings
        _check(settings)
        if settings.generator_only:
            judge = self.networks["netD"]
            start = MultiscaleDiscriminator(
                self.labels + 3, settings.judge_width, settings.layers, settings.scales
            )
            start.load_state_dict(judge.state_dict())
            self.networks[START] = start.requires_grad_(False)

    def _ordinary(self, steps: int) -> int:
        return round(self.meta.pretrained * steps)

    def need(self, step: int, steps: int) -> Need:
        """Single frames of many clips, then k frames of one."""
        if step < self._ordinary(steps):
            return Need(self.settings.batch, 1)
        return Need(1, self.meta.frames)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """All n frames (n, 3, S, S) and their part labels (n, S, S)."""
        labels = part_labels(load_body(example.body), example.track, self.settings.side)
        return {"image": to_network(example.frames), "labels": torch.from_numpy(labels)}

    def rate(self, step: int, steps: int) -> float:
        """The first rate of pre-training and of every task."""
        return self.settings.rate

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """An ordinary step, or a meta-iteration, whose terms are those of its last inner step."""
        images, inputs = batch["image"].flatten(0, 1), self.encoded(batch["labels"].flatten(0, 1))
        ordinary = self._ordinary(steps)
        if step < ordinary:
            terms = self.adversarial_step(inputs, images, self.settings.rate)
            if START in self.networks:
                self.networks[START].load_state_dict(self.networks["netD"].state_dict())
            return terms
        rows = cyclic_batch(len(images), self.meta.inner_batch)
        told: dict[str, float] = {}

        def inner() -> None:
            self.new_optimisers()
            for inner_step in range(self.meta.inner_constant + self.meta.inner_decay):
                rate = inner_rate(
                    self.settings.rate, inner_step, self.meta.inner_constant, self.meta.inner_decay
                )
                told.update(self.adversarial_step(inputs[rows], images[rows], rate))

        epsilon = linear_epsilon(self.meta.epsilon, step - ordinary, steps - ordinary)
        learning = {name: self.networks[name] for name in ("netG", "netD")}
        fixed = {"netD": self.networks[START]} if START in self.networks else None
        meta_iteration(learning, inner, epsilon, fixed=fixed)
        return {**told, "epsilon": epsilon}

    def new_optimisers(self) -> None:
        """Adams of the two players without a past."""
        super().new_optimisers()
        self.optimisers.pop(START, None)

    def tuning_need(self, sn: int) -> Need:
        """The sources, which come round again."""
        return Need(self.meta.inner_batch, 1)

    def tune(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One inner step of ``steps``: the first half at the rate of training, then falling, as the released
        20 steps do.
        """
        if step == 0 and START in self.networks:
            self.networks["netD"].load_state_dict(self.networks[START].state_dict())
        constant = steps - steps // 2
        rate = inner_rate(self.settings.rate, step, constant, steps - constant)
        images, inputs = batch["image"].flatten(0, 1), self.encoded(batch["labels"].flatten(0, 1))
        return self.adversarial_step(inputs, images, rate)


def _check(settings: MetaPixSettings) -> None:
    """Raise UserError for settings that make no task."""
    where = "settings of 'metapix-pix2pixhd', field "
    if settings.frames < 1:
        raise UserError(f"is {settings.frames}", where=f"{where}'frames'", expected="1 frame or more")
    if settings.frames > settings.inner_batch:
        raise UserError(
            f"is {settings.inner_batch}",
            where=f"{where}'inner_batch'",
            expected=f"at least the {settings.frames} frames of a task",
        )
    for name in ("inner_constant", "inner_decay"):
        if getattr(settings, name) < 0:
            raise UserError(
                f"is {getattr(settings, name)}", where=f"{where}'{name}'", expected="0 steps or more"
            )
    if settings.inner_constant + settings.inner_decay < 1:
        raise UserError("is 0, as is 'inner_decay'", where=f"{where}'inner_constant'", expected="a step")
    if not 0 <= settings.pretrained <= 1:
        raise UserError(
            f"is {settings.pretrained}", where=f"{where}'pretrained'", expected="a share from 0 to 1"
        )


def create(
    *, weights: Path | None = None, random: str | None = None, perceptual: str | None = None
) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(MetaPixPix2PixHd, weights=weights, random=random, perceptual=perceptual)
