"""DSC: a person in a new pose by deformable skip connections, as a baseline of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import BaselineMethod
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.conditions.deformable import Points
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Sources

from .features import LiteFeatures, VggFeatures, features_of
from .network import Discriminator, Generator, glorot
from .objective import adversarial_loss, discriminator_loss, nearest_neighbour_loss, plain_loss
from .pose_pair import WARPS, points_of, pose_maps, warp_of

FULL, PLAIN = "full", "dsc"
_FEATURES = {FULL: ("vgg19", "efficientnet-lite0"), PLAIN: ("none",)}
_BETAS = (0.5, 0.999)
_WHERE = "settings of 'dsc'"


@dataclass(frozen=True, kw_only=True)
class DscSettings(BaselineSettings):
    """Settings of a preset.

    Attributes
    ----------
    widths: channels of the encoders' levels; every one but the first halves the sides.
    discriminator: channels of its layers but the last.
    loss: "full" (nearest neighbours in features) or "dsc" (absolute difference of pixels).
    reconstruction: weight of that loss. adversarial: weight of the generator's adversarial loss.
    window: side of the nearest-neighbour window, places of the feature map.
    sigma: of the pose maps, pixels. warp: "mask" (part by part), "full" (one map) or "none" (no warping).
    dropout: probability in the first three blocks of the decoder.
    learning_rate: of both networks, constant.
    """

    widths: tuple[int, ...]
    discriminator: tuple[int, ...]
    loss: str
    reconstruction: float
    adversarial: float = 1.0
    window: int = 5
    sigma: float = 6.0
    warp: str = "mask"
    dropout: float = 0.5
    learning_rate: float = 2e-4


@dataclass(frozen=True)
class DscPerson:
    """The source: image (1, 3, S, S), pose maps (1, 18, S, S), keypoints (18, 2), name of the body model."""

    image: Tensor
    pose: Tensor
    points: Points
    body: str


class Dsc(Baseline[DscSettings]):
    """See the card and :class:`iper_bench.baseline_kit.baseline.Baseline`.

    Raises
    ------
    UserError for settings that do not fit together.
    """

    name: ClassVar[str] = "dsc"
    Settings: ClassVar[type[BaselineSettings]] = DscSettings

    def __init__(self, settings: DscSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        _check(settings)
        self.generator = Generator(settings.widths, dropout=settings.dropout, warps=settings.warp != "none")
        self.discriminator = Discriminator(settings.discriminator)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        for network in self.networks.values():
            glorot(network)
        self._features: VggFeatures | LiteFeatures | None = None

    def start(self) -> None:
        """Adam for both networks; the feature network of the loss "full"."""
        rate = self.settings.learning_rate
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=rate, betas=_BETAS)
            for name, network in self.networks.items()
        }
        if self.settings.loss == FULL:
            features = features_of(self.settings.perceptual, self.perceptual_weights)
            self._features = features.to(self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device

    def need(self, step: int, steps: int) -> Need:
        """Pairs (source, target) of one person; each player has a batch of its own."""
        del step, steps
        return Need(people=2 * self.settings.batch, frames=2)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Frame 0 is the source, frame 1 the target: images (3, S, S), pose maps (18, S, S), transforms
        (K, 2, 3), masks (K, S, S).
        """
        del rng
        side, sigma = self.settings.side, self.settings.sigma
        source, target = points_of(example.body, example.track, side)
        images = to_network(example.frames)
        return {
            "source": images[0],
            "target": images[1],
            "source_pose": pose_maps(source, side, sigma),
            "target_pose": pose_maps(target, side, sigma),
            **warp_of(target, source, side, self.settings.warp),
        }

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One step of the discriminator on the first half of the pairs, then one of the generator on the
        others.
        """
        rate = self.rate(step, steps)
        half = len(batch["source"]) // 2
        judged, drawn = ({name: value[rows] for name, value in batch.items()} for rows in _halves(half))
        with torch.no_grad():
            fake = self._draw(judged)
        judgement = discriminator_loss(self._judge(judged, judged["target"]), self._judge(judged, fake))
        self.update("discriminator", judgement, rate)
        result = self._draw(drawn)
        reconstruction = self._reconstruction(drawn["target"], result)
        adversarial = adversarial_loss(self._judge(drawn, result))
        total = self.settings.reconstruction * reconstruction + self.settings.adversarial * adversarial
        self.update("generator", total, rate)
        return {
            "total": float(total.detach()),
            "reconstruction": float(reconstruction.detach()),
            "adversarial": float(adversarial.detach()),
            "discriminator": float(judgement.detach()),
        }

    def _reconstruction(self, truth: Tensor, drawn: Tensor) -> Tensor:
        if self._features is None:
            return plain_loss(drawn, truth)
        with torch.no_grad():
            wanted = self._features(truth)
        return nearest_neighbour_loss(wanted, self._features(drawn), self.settings.window)

    def _draw(self, batch: Batch) -> Tensor:
        names = ("source", "source_pose", "target_pose", "transforms", "masks")
        result: Tensor = self.generator(*(batch[name] for name in names))
        return result

    def _judge(self, batch: Batch, image: Tensor) -> Tensor:
        result: Tensor = self.discriminator(
            batch["source"], batch["source_pose"], image, batch["target_pose"]
        )
        return result

    def rate(self, step: int, steps: int) -> float:
        """Constant."""
        del step, steps
        return self.settings.learning_rate

    def person(self, sources: Sources) -> DscPerson:
        """The first source's image, pose maps and keypoints."""
        side = self.settings.side
        points = points_of(sources.body, sources.track.take([0]), side)[0]
        return DscPerson(
            to_network(sources.frames[:1]).to(self._device),
            pose_maps(points, side, self.settings.sigma)[None].to(self._device),
            points,
            sources.body,
        )

    def draw(self, person: DscPerson, track: BodyTrack) -> Tensor:
        """(B, 3, S, S) in [-1, 1]; dropout is off."""
        side, count = self.settings.side, len(track)
        poses = points_of(person.body, track, side)
        warps = [warp_of(target, person.points, side, self.settings.warp) for target in poses]
        maps = torch.stack([pose_maps(target, side, self.settings.sigma) for target in poses])
        return self._draw(
            {
                "source": person.image.expand(count, -1, -1, -1),
                "source_pose": person.pose.expand(count, -1, -1, -1),
                "target_pose": maps.to(self._device),
                "transforms": torch.stack([one["transforms"] for one in warps]).to(self._device),
                "masks": torch.stack([one["masks"] for one in warps]).to(self._device),
            }
        )


def _halves(half: int) -> tuple[slice, slice]:
    return slice(0, half), slice(half, 2 * half)


def _check(settings: DscSettings) -> None:
    """Raises UserError for settings that do not fit together."""
    for field, allowed in (("loss", tuple(_FEATURES)), ("warp", WARPS)):
        value = getattr(settings, field)
        if value not in allowed:
            raise unknown_name(field, value, allowed, where=_WHERE)
    if settings.perceptual not in _FEATURES[settings.loss]:
        raise UserError(
            f"perceptual is '{settings.perceptual}' with loss '{settings.loss}'",
            where=_WHERE,
            expected=" or ".join(_FEATURES[settings.loss]),
        )
    if settings.window < 1 or settings.window % 2 == 0:
        raise UserError(f"window is {settings.window}", where=_WHERE, expected="an odd number")
    halvings = len(settings.widths) - 1
    if halvings < 1 or settings.side < 1 or settings.side % 2**halvings:
        raise UserError(
            f"side {settings.side} with {len(settings.widths)} widths",
            where=_WHERE,
            expected="two widths or more, and a side that can be halved once per width after the first",
        )
    patches = ((settings.side - 4) // 2 + 1) // 2 ** len(settings.discriminator)
    if not settings.discriminator or patches < 1:
        raise UserError(
            f"side {settings.side} is too small for {len(settings.discriminator)} discriminator layers",
            where=_WHERE,
            expected="one layer or more, and a side that leaves at least one patch",
        )


def create(*, weights: Path | None = None, random: str | None = None) -> BaselineMethod:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Dsc, weights=weights, random=random)
