"""PATB as a baseline: conditions, players and their order, rates, drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.baseline_kit.vgg import RELU1_2, Vgg19, vgg19_of
from iper_bench.body import load_body
from iper_bench.conditions.heat_maps import gaussian_maps, one_pixel_maps
from iper_bench.conditions.keypoints import openpose18
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_strict, read_state_dict
from iper_bench.lwg.inputs import to_network
from iper_bench.lwg.perceptual import EfficientNetLiteLoss
from iper_bench.methods.method import Method, Sources

from .network import Norm, PoseAttentionGenerator, ResnetDiscriminator
from .objective import ImagePool, gan_loss, perceptual_distance, step_multiplier

JOINTS = 18
BETAS = (0.5, 0.999)


@dataclass(frozen=True, kw_only=True)
class PatbSettings(BaselineSettings):
    """See the card. ``sigma``: of the joint maps in pixels of the network's side; ``maps``: ``"gaussian"``
    or ``"pixel"`` (one pixel per joint, as the authors' DeepFashion tool makes them).
    """

    width: int = 64
    blocks: int = 9
    discriminator_width: int = 64
    discriminator_blocks: int = 3
    norm: str = "instance"
    least_squares: bool = True
    sigma: float = 6.0
    maps: str = "gaussian"
    pool: int = 0
    rate: float = 2e-4
    weight_gan: float = 5.0
    weight_l1: float = 1.0
    weight_perceptual: float = 1.0


class Patb(Baseline[PatbSettings]):
    """Progressive pose attention transfer."""

    name: ClassVar[str] = "patb"
    Settings: ClassVar[type[BaselineSettings]] = PatbSettings

    def __init__(self, settings: PatbSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        for field, known in (("norm", ("instance", "batch")), ("maps", ("gaussian", "pixel"))):
            value = getattr(settings, field)
            if value not in known:
                raise UserError(
                    f"is '{value}'", where=f"settings, field '{field}'", expected=" or ".join(known)
                )
        norm = cast(Norm, settings.norm)
        self.networks["netG"] = PoseAttentionGenerator(settings.width, settings.blocks, norm=norm)
        for name, channels in (("netD_PP", 6), ("netD_PB", 3 + JOINTS)):
            self.networks[name] = ResnetDiscriminator(
                channels,
                settings.discriminator_width,
                settings.discriminator_blocks,
                norm=norm,
                probability=not settings.least_squares,
            )
        self._pools = {name: ImagePool(settings.pool) for name in ("netD_PP", "netD_PB")}
        self._perceptual: nn.Module | None = None

    def start(self) -> None:
        """Three Adams, and VGG19 or its stand-in."""
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.Adam(network.parameters(), lr=self.settings.rate, betas=BETAS)
        kind = self.settings.perceptual
        if kind == "vgg19":
            self._perceptual = vgg19_of(self.perceptual_weights, RELU1_2).to(self._device)
        elif kind == "efficientnet-lite0":
            self._perceptual = EfficientNetLiteLoss().to(self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.networks["netG"].parameters()).device

    def need(self, step: int, steps: int) -> Need:
        """Pairs of two frames of a clip: the first is the source."""
        return Need(self.settings.batch, 2)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Both frames (3, S, S) and their joint maps (18, S, S)."""
        frames = to_network(example.frames)
        maps = self._maps(example.body, example.track)
        return {"source": frames[0], "target": frames[1], "source_pose": maps[0], "target_pose": maps[1]}

    def _maps(self, body: str, track: BodyTrack) -> Tensor:
        """(n, 18, S, S) in [0, 1]; joints outside the image count as missing."""
        side = self.settings.side
        points = np.round(openpose18(load_body(body), track, side))
        inside = ((points >= 0) & (points < side)).all(-1, keepdims=True)
        points = np.where(inside, points, np.nan)
        if self.settings.maps == "pixel":
            return torch.from_numpy(one_pixel_maps(points, (side, side)))
        return torch.from_numpy(gaussian_maps(points, (side, side), self.settings.sigma))

    def rate(self, step: int, steps: int) -> float:
        """Constant for 500 of 700 parts, then linearly to 0."""
        return self.settings.rate * step_multiplier(step, steps)

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """Generator, appearance discriminator, shape discriminator, on one forward pass."""
        rate, truth = self.rate(step, steps), batch["target"]
        conditions = {"netD_PP": batch["source"], "netD_PB": batch["target_pose"]}
        made = self.networks["netG"](batch["source"], batch["source_pose"], batch["target_pose"])
        total, terms = self.generator_loss(made, truth, conditions)
        self.update("netG", total, rate)
        for name, condition in conditions.items():
            terms[name] = self.discriminator_loss(name, made.detach(), truth, condition)
            self.update(name, terms[name], rate)
        return {"total": float(total.detach()), **{key: float(one.detach()) for key, one in terms.items()}}

    def generator_loss(
        self, made: Tensor, truth: Tensor, conditions: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum and its unweighted terms; ``conditions`` of the discriminators by name."""
        settings = self.settings
        terms = {"l1": (made - truth).abs().mean(), "perceptual": self._distance(made, truth)}
        for name, condition in conditions.items():
            scores = self.networks[name](made, condition)
            terms[f"gan {name}"] = gan_loss(scores, True, least_squares=settings.least_squares)
        total = (
            settings.weight_l1 * terms["l1"]
            + settings.weight_perceptual * terms["perceptual"]
            + settings.weight_gan * (terms["gan netD_PP"] + terms["gan netD_PB"]) / 2.0
        )
        return total, terms

    def _distance(self, made: Tensor, truth: Tensor) -> Tensor:
        network = self._perceptual
        if network is None:
            return made.new_zeros(())
        if isinstance(network, Vgg19):
            return perceptual_distance(network, made, truth)
        distance: Tensor = network(made, truth)
        return distance

    def discriminator_loss(self, name: str, made: Tensor, truth: Tensor, condition: Tensor) -> Tensor:
        """Of one discriminator; what it sees as made may come from its pool."""
        network, squares = self.networks[name], self.settings.least_squares
        pair = self._pools[name].exchange(torch.cat([made, condition], 1))
        real = gan_loss(network(truth, condition), True, least_squares=squares)
        fake = gan_loss(network(pair[:, :3], pair[:, 3:]), False, least_squares=squares)
        return 0.5 * self.settings.weight_gan * (real + fake)

    def extra_state(self) -> dict[str, Any]:
        """The image pools."""
        return {name: pool.state() for name, pool in self._pools.items()}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        for name, pool in self._pools.items():
            pool.restore(state[name], self._device)

    def person(self, sources: Sources) -> tuple[Tensor, Tensor, str]:
        """The first source, its joint maps, and the body's name."""
        maps = self._maps(sources.body, sources.track.take([0]))
        return to_network(sources.frames[:1]).to(self._device), maps.to(self._device), sources.body

    def draw(self, person: tuple[Tensor, Tensor, str], track: BodyTrack) -> Tensor:
        """See :meth:`Baseline.draw`."""
        image, pose, body = person
        count = len(track)
        target = self._maps(body, track).to(self._device)
        made: Tensor = self.networks["netG"](
            image.expand(count, -1, -1, -1), pose.expand(count, -1, -1, -1), target
        )
        return made

    def official(self, path: Path) -> tuple[Path, ...]:
        """A released ``netG`` of the same norm. Old files hold statistics of instance normalisation, which it
        does not use; they are left out, as the authors' own tool does.
        """
        state = read_state_dict(path)
        if self.settings.norm == "instance":
            state = {key: value for key, value in state.items() if "running_" not in key}
        load_strict(self.networks["netG"], state, source=str(path))
        return (path,)


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Patb, weights=weights, random=random)
