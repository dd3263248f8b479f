"""MetaPix on SHUP (posewarp): weights from which a few steps on a few frames make a person-specific network.

From: Lee et al. (ICLR 2020), section 3, and the posewarp loop of the released code: constant epsilon, one
Adam whose moments survive the change of tasks, the perceptual loss alone. The network is SHUP's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.baseline_kit.baseline import BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import stacked
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.baseline_kit.reptile import meta_iteration
from iper_bench.body import load_body
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.methods.method import Method, Sources
from iper_bench.methods.source_person import first_sources

from ..shup.inputs import seen_joints
from ..shup.method import AGAINST_JUDGE, GENERATOR, JUDGE, SPREAD, Shup, ShupPerson, ShupSettings
from ..shup.objective import FeatureSpread

PAIR = 2  # frames of an ordinary example and of a step of personalization


@dataclass(frozen=True, kw_only=True)
class MetaPixShupSettings(ShupSettings):
    """Settings beside SHUP's; the defaults are the released ones.

    Attributes
    ----------
    frames: of one task (k). inner_steps: T of a task. epsilon: share of the way to the result, constant.
    pretrained: share of the schedule that is SHUP's ordinary first stage, before the meta-iterations.
    """

    frames: int = 5
    inner_steps: int = 20
    epsilon: float = 0.1
    pretrained: float = 0.0


@dataclass(frozen=True)
class ManySources:
    """One person per source, and the normalised joints of each (sn, 14, 2)."""

    people: list[ShupPerson]
    poses: NDArray[np.float64]


class MetaPixShup(Shup):
    """One step of the loop is one meta-iteration: a task of k frames of one clip."""

    name: ClassVar[str] = "metapix-shup"
    Settings: ClassVar[type[BaselineSettings]] = MetaPixShupSettings
    most_sources: ClassVar[int | None] = None
    personalizes: ClassVar[bool] = True

    def __init__(self, settings: MetaPixShupSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        self.meta = settings
        _check(settings)
        del self.networks[JUDGE]

    def start(self) -> None:
        """One Adam, and the perceptual network."""
        super().start()
        del self.optimisers[AGAINST_JUDGE]

    def _new_optimiser(self) -> None:
        generator = self.networks[GENERATOR]
        self.optimisers[GENERATOR] = torch.optim.Adam(generator.parameters(), self.settings.rate)

    def _ordinary(self, steps: int) -> int:
        return round(self.meta.pretrained * steps)

    def need(self, step: int, steps: int) -> Need:
        """Pairs of many clips, then k frames of one. A task of two frames is drawn with a third one, which
        nothing looks at, so that :meth:`condition` does not take it for a pair.
        """
        if step < self._ordinary(steps):
            return Need(self.settings.batch, PAIR)
        return Need(1, max(self.meta.frames, PAIR + 1))

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Of two frames the pair (1, ...); of more the ordered pairs of all inner steps, (pairs, ...), each
        of two different ones of the first k, drawn at random.
        """
        if len(example) == PAIR:
            pairs = [[0, 1]]
        else:
            count = self.meta.inner_steps * self.settings.batch
            pairs = [rng.choice(self.meta.frames, 2, replace=False).tolist() for _ in range(count)]
        return stacked([super(MetaPixShup, self).condition(example.take(pair), rng) for pair in pairs])

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """An ordinary step, or a meta-iteration, whose terms are those of its last inner step."""
        flat = {name: value.flatten(0, 1) for name, value in batch.items()}
        ordinary = self._ordinary(steps)
        if step < ordinary:
            self._measure(flat["source"], step)
            return self._one(flat)
        if step == ordinary:
            self._new_optimiser()  # the original's meta-training is a run of its own
        told: dict[str, float] = {}
        size = self.settings.batch

        def inner() -> None:
            for first in range(0, size * self.meta.inner_steps, size):
                part = {name: value[first : first + size] for name, value in flat.items()}
                self._measure(part["source"], step)
                told.update(self._one(part))

        meta_iteration({GENERATOR: self.networks[GENERATOR]}, inner, self.meta.epsilon)
        return told

    def _one(self, batch: Batch) -> dict[str, float]:
        return self._descend(GENERATOR, self.image_terms(self.drawn(batch).image, batch["target"]))

    def tuning_need(self, sn: int) -> Need:
        """Pairs of sources in turn."""
        return Need(self.settings.batch, 2)

    def tune(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One inner step at the constant rate. Weights that were never trained know no deviations of
        VGG19's features; they get those of the sources.
        """
        pairs = {name: value[:, 0] for name, value in batch.items()}
        spread = self.networks.get(SPREAD)
        if isinstance(spread, FeatureSpread) and spread.batches == 0:
            self._measure(pairs["source"], step)
        return self._one(pairs)

    def person(self, sources: Sources) -> Any:
        """Every source with its maps."""
        people = []
        for row in range(len(sources)):
            masks = None if sources.masks is None else sources.masks[row : row + 1]
            one = replace(
                sources, frames=sources.frames[row : row + 1], masks=masks, track=sources.track.take([row])
            )
            people.append(super().person(first_sources(one, 1)))
        return ManySources(people, np.stack([normalised(one.joints) for one in people]))

    def draw(self, person: Any, track: BodyTrack) -> Tensor:
        """Each target from the source in the nearest pose."""
        targets = seen_joints(load_body(person.people[0].body), track, self.settings.side)
        chosen = [nearest_pose(person.poses, normalised(joints)) for joints in targets]
        drawn: list[Tensor] = [torch.empty(0)] * len(track)
        for source in sorted(set(chosen)):
            rows = [row for row, place in enumerate(chosen) if place == source]
            for row, frame in zip(rows, super().draw(person.people[source], track.take(rows)), strict=True):
                drawn[row] = frame
        return torch.stack(drawn)


def _check(settings: MetaPixShupSettings) -> None:
    """Raise UserError for settings that make no task."""
    where = "settings of 'metapix-shup', field "
    if settings.frames < PAIR:
        raise UserError(f"is {settings.frames}", where=f"{where}'frames'", expected="2 frames or more")
    if settings.inner_steps < 1:
        raise UserError(
            f"is {settings.inner_steps}", where=f"{where}'inner_steps'", expected="1 step or more"
        )
    if not 0 <= settings.pretrained <= 1:
        raise UserError(
            f"is {settings.pretrained}", where=f"{where}'pretrained'", expected="a share from 0 to 1"
        )


def normalised(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(14, 2) joints with the smallest x and y at 0, divided by the largest number left."""
    moved: NDArray[np.float64] = joints - joints.min(0)
    moved /= max(float(moved.max()), 1e-9)
    return moved


def nearest_pose(poses: NDArray[np.float64], target: NDArray[np.float64]) -> int:
    """The place among (sn, 14, 2) normalised poses with the smallest spectral norm of the difference."""
    return int(np.argmin(np.linalg.norm(poses - target, ord=2, axis=(1, 2))))


def create(
    *, weights: Path | None = None, random: str | None = None, perceptual: str | None = None
) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(MetaPixShup, weights=weights, random=random, perceptual=perceptual)
