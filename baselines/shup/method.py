"""SHUP as a baseline: conditions, the two stages of its training, inference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.body.loading import load_body
from iper_bench.conditions.limb_transforms import moved
from iper_bench.conditions.person_crop import crop_matrix, cropped, pair_scale, person_scale
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.errors import UserError
from iper_bench.methods.method import Method, Sources

from .augmentation import Change, random_change
from .inputs import Points, bgr, seen_joints, shup_inputs, source_maps, target_maps
from .network import Drawn, ShupDiscriminator, ShupGenerator, check_side
from .objective import (
    FeatureSpread,
    LiteDistance,
    VggDistance,
    discriminator_loss,
    distance_of,
    generator_adversarial,
    moments_of,
)

GENERATOR, JUDGE, SPREAD = "G", "D", "spread"
AGAINST_JUDGE = "G against D"
"""The generator's optimiser of the second stage, which starts afresh as the original's second script does."""
MAPS = ("pose_source", "pose_target", "prior", "transforms")


@dataclass(frozen=True, kw_only=True)
class ShupSettings(BaselineSettings):
    """Settings of SHUP; the defaults are the original's.

    Attributes
    ----------
    width, deep, mask_width, last: of the generator. judge_width: of the discriminator.
    first_stage: share of the schedule without the discriminator. judge_alone: steps at the beginning of the
        second stage that train the discriminator alone.
    rate: of all Adams, constant.
    perceptual_weight, pixel_weight, adversarial_weight: of the distance in features, of the mean absolute
        difference (not in the original), of the adversarial term.
    measured: number of steps at the beginning that go on measuring the deviations of VGG19's features.
    change: mirror, scale, shift, turn and brighten the training pairs at random.
    crop: cut training pairs around the person, as the original does with its uncropped videos.
    """

    width: int = 64
    deep: int = 128
    mask_width: int = 32
    last: int = 64
    judge_width: int = 64
    first_stage: float = 100_000 / 105_000
    judge_alone: int = 5
    rate: float = 1e-4
    perceptual_weight: float = 1.0
    pixel_weight: float = 0.0
    adversarial_weight: float = 0.1
    measured: int = 2000
    change: bool = True
    crop: bool = False


@dataclass(frozen=True)
class ShupPerson:
    """The first source, (1, 3, S, S), its joints (14, 2) and maps (1, ...), and the body model."""

    source: Tensor
    joints: Points
    maps: dict[str, Tensor]
    body: str


class Shup(Baseline[ShupSettings]):
    """Synthesizing Images of Humans in Unseen Poses (Balakrishnan et al., CVPR 2018)."""

    name: ClassVar[str] = "shup"
    Settings: ClassVar[type[BaselineSettings]] = ShupSettings

    def __init__(self, settings: ShupSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        _check(settings)
        self.networks = {
            GENERATOR: ShupGenerator(
                width=settings.width,
                deep=settings.deep,
                mask_width=settings.mask_width,
                last=settings.last,
            ),
            JUDGE: ShupDiscriminator(settings.side, width=settings.judge_width),
        }
        if settings.perceptual == "vgg19":
            self.networks[SPREAD] = FeatureSpread()
        self._distance: VggDistance | LiteDistance | None = None

    # Training ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        rate = self.settings.rate
        players = {GENERATOR: GENERATOR, AGAINST_JUDGE: GENERATOR, JUDGE: JUDGE}
        self.optimisers = {
            name: torch.optim.Adam(self.networks[network].parameters(), rate)
            for name, network in players.items()
            if network in self.networks
        }
        spread = self.networks.get(SPREAD)
        found = distance_of(
            self.settings.perceptual,
            self.perceptual_weights,
            spread if isinstance(spread, FeatureSpread) else None,
        )
        self._distance = None if found is None else found.to(self._device)

    def first_steps(self, steps: int) -> int:
        """How many of ``steps`` the first stage takes."""
        return round(self.settings.first_stage * steps)

    def need(self, step: int, steps: int) -> Need:
        # In the second stage the generator and the discriminator see batches of their own.
        sets = 1 if step < self.first_steps(steps) else 2
        return Need(sets * self.settings.batch, 2)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Frame 0 is the source, frame 1 the target: ``source`` and ``target`` (3, S, S), blue, green, red,
        and the tensors of :func:`~.inputs.shup_inputs`.
        """
        size = self.settings.side
        pair = example.take([0, 1])
        frames, joints = pair.frames, seen_joints(load_body(pair.body), pair.track, size)
        if self.settings.crop:
            frames, joints = cropped_pair(frames, joints)
        images = bgr(frames)
        if self.settings.change:
            change = random_change(rng, size)
            images, joints = changed(frames, change), change.joints(joints)
        return {"source": images[0], "target": images[1]} | shup_inputs(joints[0], joints[1], size)

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        self._measure(batch["source"], step)
        stage = step - self.first_steps(steps)
        if stage < 0:
            terms = self.image_terms(self.drawn(batch).image, batch["target"])
            return self._descend(GENERATOR, terms)
        half = self.settings.batch
        judged = self._judge({name: value[:half] for name, value in batch.items()})
        if stage < self.settings.judge_alone:
            return {"discriminator": judged, "total": judged}
        told = self._draw_against({name: value[half:] for name, value in batch.items()})
        return told | {"discriminator": judged}

    def drawn(self, batch: Batch) -> Drawn:
        """What the generator makes of a batch of :meth:`condition`."""
        drawn: Drawn = self.networks[GENERATOR](batch["source"], *(batch[name] for name in MAPS))
        return drawn

    def image_terms(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weighted losses of an image (N, 3, S, S) beside the adversarial one."""
        terms = {}
        if self._distance is not None:
            terms["perceptual"] = self.settings.perceptual_weight * self._distance(image, target)
        if self.settings.pixel_weight:
            terms["pixel"] = self.settings.pixel_weight * (image - target).abs().mean()
        return terms

    def rate(self, step: int, steps: int) -> float:
        del step, steps
        return self.settings.rate

    def _draw_against(self, batch: Batch) -> dict[str, float]:
        """One step of the generator in the second stage."""
        image = self.drawn(batch).image
        terms = self.image_terms(image, batch["target"])
        logits = self.networks[JUDGE](image, batch["pose_source"], batch["pose_target"])
        terms["adversarial"] = self.settings.adversarial_weight * generator_adversarial(logits)
        return self._descend(AGAINST_JUDGE, terms)

    def _descend(self, optimiser: str, terms: dict[str, Tensor]) -> dict[str, float]:
        total = torch.stack(list(terms.values())).sum()
        self.update(optimiser, total)
        return {name: value.item() for name, value in terms.items()} | {"total": total.item()}

    def _judge(self, batch: Batch) -> float:
        """One step of the discriminator; its loss."""
        with torch.no_grad():
            image = self.drawn(batch).image
        poses = batch["pose_source"], batch["pose_target"]
        real, drawn = self.networks[JUDGE](
            torch.cat([batch["target"], image]), *(torch.cat([pose, pose]) for pose in poses)
        ).chunk(2)
        loss = discriminator_loss(real, drawn)
        self.update(JUDGE, loss)
        return loss.item()

    def _measure(self, images: Tensor, step: int) -> None:
        """Take the features of the sources into account, in the first steps, in all processes alike."""
        spread = self.networks.get(SPREAD)
        if (
            not isinstance(spread, FeatureSpread)
            or not isinstance(self._distance, VggDistance)
            or step >= self.settings.measured
        ):
            return
        with torch.no_grad():
            moments = moments_of(self._distance.features(images))
        if self.team is not None and self.team.size > 1:
            values = {str(k): value for k, value in enumerate(moments.flatten().tolist())}
            mean = list(self.team.mean(values).values())
            moments = torch.tensor(mean, dtype=moments.dtype, device=moments.device).view_as(moments)
        spread.add(moments)

    # Inference --------------------------------------------------------------------------------------------

    def person(self, sources: Sources) -> Any:
        size = self.settings.side
        joints = seen_joints(load_body(sources.body), sources.track.take([0]), size)[0]
        maps = {name: value[None].to(self._device) for name, value in source_maps(joints, size).items()}
        return ShupPerson(bgr(sources.frames[:1]).to(self._device), joints, maps, sources.body)

    def draw(self, person: ShupPerson, track: BodyTrack) -> Tensor:
        size = self.settings.side
        poses = target_maps(person.joints, seen_joints(load_body(person.body), track, size), size)
        batch = {name: value.expand(len(track), -1, -1, -1) for name, value in person.maps.items()}
        batch |= {name: value.to(self._device) for name, value in poses.items()}
        batch["source"] = person.source.expand(len(track), -1, -1, -1)
        return self.drawn(batch).image.flip(1)

    @property
    def _device(self) -> torch.device:
        return next(self.networks[GENERATOR].parameters()).device


def cropped_pair(frames: Images, joints: Points) -> tuple[Images, Points]:
    """Both frames (2, S, S, 3) and their joints (2, 14, 2) cut to the same square around the person, who is
    as large in it as in the original's crops.
    """
    size = frames.shape[1]
    scale = pair_scale(person_scale(joints), size)
    middle = ((joints.min(1) + joints.max(1)) / 2).mean(0)  # of the two boxes
    cut = np.stack([cropped(frame, scale, middle, size) for frame in frames])
    return cut, moved(joints, crop_matrix(scale, middle, size))


def changed(frames: Images, change: Change) -> Tensor:
    """Frames (n, S, S, 3) uint8 RGB after a change: (n, 3, S, S) float32, blue, green, red."""
    images: NDArray[np.float32] = change.images(frames)
    return torch.from_numpy(np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2)))


def _check(settings: ShupSettings) -> None:
    """Raise UserError for settings that no network can be built or trained with."""
    where = "settings of 'shup', field "
    check_side(settings.side)
    if not 0 <= settings.first_stage <= 1:
        raise UserError(
            f"is {settings.first_stage}", where=f"{where}'first_stage'", expected="a share from 0 to 1"
        )
    if settings.perceptual == "vgg19" and settings.measured < 1:
        raise UserError(f"is {settings.measured}", where=f"{where}'measured'", expected="1 step or more")
    if settings.perceptual == "none" and settings.pixel_weight <= 0:
        raise UserError(
            "there is no loss of the image",
            where=f"{where}'perceptual'",
            expected="'vgg19', 'efficientnet-lite0', or a 'pixel_weight' above 0",
        )


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Shup, weights=weights, random=random)
