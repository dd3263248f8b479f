"""PG2 as a baseline: conditions, the two stages of its training, inference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.body.loading import load_body
from iper_bench.conditions.keypoints import openpose18
from iper_bench.conditions.pose_discs import CLOSING, KEYPOINTS, limb_mask, pose_discs
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Method, Sources

from .network import BatchDiscriminator, DifferenceGenerator, PoseGenerator, block_count
from .objective import discriminator_loss, generator_adversarial, masked_l1

FIRST, SECOND, JUDGE = "G1", "G2", "D"
BETAS = (0.5, 0.999)
MIRRORED = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]
"""Place of every keypoint's partner on the other side of the body."""


@dataclass(frozen=True, kw_only=True)
class Pg2Settings(BaselineSettings):
    """Settings of PG2.

    Attributes
    ----------
    width: base width of both generators. latent: length of the code in the first one. judge_width: of the
        discriminator. radius: of the discs, pixels; closing: odd side of the square that closes the mask.
    first_stage: share of the schedule that trains the first generator alone.
    rate: of all three Adams, constant. l1_weight: of the image loss in the second stage.
    flip: mirror half of the pairs.
    """

    width: int = 128
    latent: int = 64
    judge_width: int = 64
    radius: int = 4
    closing: int = CLOSING
    first_stage: float = 0.6
    rate: float = 2e-5
    l1_weight: float = 50.0
    flip: bool = True


@dataclass(frozen=True)
class Pg2Person:
    """The first source, (1, 3, S, S) in [-1, 1], and the body model of its owner."""

    source: Tensor
    body: str


class Pg2(Baseline[Pg2Settings]):
    """Pose Guided Person Image Generation (Ma et al., NIPS 2017)."""

    name = "pg2"
    Settings = Pg2Settings

    def __init__(self, settings: Pg2Settings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        _check(settings)
        side, blocks = (settings.side, settings.side), block_count(settings.side)
        self.networks = {
            FIRST: PoseGenerator(
                side, channels=3 + KEYPOINTS, width=settings.width, blocks=blocks, latent=settings.latent
            ),
            SECOND: DifferenceGenerator(width=settings.width, blocks=blocks - 2),
            JUDGE: BatchDiscriminator(side, width=settings.judge_width),
        }

    def start(self) -> None:
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.Adam(network.parameters(), self.settings.rate, BETAS)

    def first_steps(self, steps: int) -> int:
        """How many of ``steps`` the first stage takes."""
        return round(self.settings.first_stage * steps)

    def need(self, step: int, steps: int) -> Need:
        # In the second stage the generator and the discriminator see batches of their own.
        sets = 1 if step < self.first_steps(steps) else 2
        return Need(sets * self.settings.batch, 2)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Frame 0 is the source, frame 1 the target: ``source`` and ``target`` (3, S, S), ``pose`` (18, S, S)
        and ``mask`` (1, S, S) uint8 of 0 and 1.
        """
        size = self.settings.side
        frames = example.frames[:2]
        points = openpose18(load_body(example.body), example.track.take([1]), size)[0]
        if self.settings.flip and rng.random() < 0.5:
            frames, points = frames[:, :, ::-1], mirrored(points, size)
        source, target = to_network(frames)
        mask = limb_mask(points, (size, size), self.settings.radius, self.settings.closing)
        return {
            "source": source,
            "target": target,
            "pose": self._discs(points),
            "mask": torch.from_numpy(mask)[None],
        }

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        if step < self.first_steps(steps):
            return self._first_stage(batch)
        half = self.settings.batch
        terms = self._refine({name: value[:half] for name, value in batch.items()})
        return terms | self._discriminate({name: value[half:] for name, value in batch.items()})

    def rate(self, step: int, steps: int) -> float:
        del step, steps
        return self.settings.rate

    def person(self, sources: Sources) -> Pg2Person:
        return Pg2Person(to_network(sources.frames[:1]).to(self._device), sources.body)

    def draw(self, person: Pg2Person, track: BodyTrack) -> Tensor:
        points = openpose18(load_body(person.body), track, self.settings.side)
        pose = self._discs(points).to(self._device)
        source = person.source.expand(len(track), -1, -1, -1)
        first = self.networks[FIRST](source, signs(pose))
        refined: Tensor = first + self.networks[SECOND](first, source)
        return refined

    def _first_stage(self, batch: Batch) -> dict[str, float]:
        image = self.networks[FIRST](batch["source"], signs(batch["pose"]))
        loss = masked_l1(image, batch["target"], batch["mask"])
        self.update(FIRST, loss)
        return {"first_l1": loss.item(), "total": loss.item()}

    def _refine(self, batch: Batch) -> dict[str, float]:
        """One step of the second generator; the first one is frozen."""
        drawn = self._refined(batch)
        _, of_drawn, of_source = self._judged(batch, drawn)
        adversarial = generator_adversarial(of_drawn, of_source)
        image = masked_l1(drawn, batch["target"], batch["mask"])
        total = adversarial + self.settings.l1_weight * image
        self.update(SECOND, total)
        return {"adversarial": adversarial.item(), "l1": image.item(), "total": total.item()}

    def _discriminate(self, batch: Batch) -> dict[str, float]:
        """One step of the discriminator."""
        with torch.no_grad():
            drawn = self._refined(batch)
        loss = discriminator_loss(*self._judged(batch, drawn))
        self.update(JUDGE, loss)
        return {"discriminator": loss.item()}

    def _refined(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            first = self.networks[FIRST](batch["source"], signs(batch["pose"]))
        refined: Tensor = first + self.networks[SECOND](first, batch["source"])
        return refined

    def _judged(self, batch: Batch, drawn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of targets, drawn images and sources, which pass the batch norms together."""
        logits = self.networks[JUDGE](torch.cat([batch["target"], drawn, batch["source"]]))
        target, of_drawn, source = logits.chunk(3)
        return target, of_drawn, source

    def _discs(self, points: NDArray[np.float32]) -> Tensor:
        size = self.settings.side
        return torch.from_numpy(pose_discs(points, (size, size), self.settings.radius))

    @property
    def _device(self) -> torch.device:
        return next(self.networks[FIRST].parameters()).device


def signs(discs: Tensor) -> Tensor:
    """Disc maps of 0 and 1 to float32 maps of -1 and 1."""
    return discs.to(torch.float32) * 2 - 1


def mirrored(points: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Keypoints (18, 2) of the mirror image, whose left is the right: x from the other border, partners
    exchanged.
    """
    return np.stack([size - points[MIRRORED, 0], points[MIRRORED, 1]], 1)


def _check(settings: Pg2Settings) -> None:
    """Raise UserError for settings that no network can be built or trained with."""
    where = "settings of 'pg2', field "
    if not 0 <= settings.first_stage <= 1:
        raise UserError(
            f"is {settings.first_stage}", where=f"{where}'first_stage'", expected="a share from 0 to 1"
        )
    if settings.closing % 2 == 0 or settings.closing < 1:
        raise UserError(
            f"is {settings.closing}", where=f"{where}'closing'", expected="an odd number of pixels"
        )
    if settings.radius < 0:
        raise UserError(f"is {settings.radius}", where=f"{where}'radius'", expected="0 or more pixels")


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Pg2, weights=weights, random=random)
