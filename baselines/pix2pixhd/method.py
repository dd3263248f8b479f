"""pix2pixHD as a baseline: a label-to-image network that learns one person from the sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.baseline_kit.vgg import Vgg19, vgg19_of
from iper_bench.body import load_body
from iper_bench.conditions.part_labels import LABEL_COUNT, label_edges, one_hot, part_labels
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import load_checkpoint
from iper_bench.lwg.inputs import to_network
from iper_bench.lwg.perceptual import EfficientNetLiteLoss
from iper_bench.methods.method import Method, Sources

from .network import GlobalGenerator, LocalEnhancer, MultiscaleDiscriminator
from .objective import feature_matching, gan_loss, step_rate, vgg_distance

BETAS = (0.5, 0.999)
GENERATORS = ("global", "local")
MOST_LEVELS = 8  # of halvings, layers and scales: 2^8 pixels are one at the end


@dataclass(frozen=True, kw_only=True)
class LabelToImageSettings(BaselineSettings):
    """What pix2pixHD and its meta-learnt variant share; the defaults are the original's.

    Attributes
    ----------
    generator: ``"global"``, or ``"local"`` for more than 1024 pixels. width, halvings, blocks: of it.
    judge_width, layers, scales: of the discriminator. edges: one more channel with the edges between parts.
    rate: of both Adams.
    weight_feature, weight_perceptual: beside the adversarial term.
    """

    generator: str = "global"
    width: int = 64
    halvings: int = 4
    blocks: int = 9
    judge_width: int = 64
    layers: int = 3
    scales: int = 2
    edges: bool = False
    rate: float = 2e-4
    weight_feature: float = 10.0
    weight_perceptual: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Pix2PixHdSettings(LabelToImageSettings):
    """``tuning_rate``: of personalization, constant. ``tuning_batch``: sources of one step of it."""

    tuning_rate: float = 2e-4
    tuning_batch: int = 1


L = TypeVar("L", bound=LabelToImageSettings)


class LabelToImage(Baseline[L]):
    """What pix2pixHD and its meta-learnt variant share."""

    most_sources: ClassVar[int | None] = None
    personalizes: ClassVar[bool] = True

    def __init__(self, settings: L, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        if settings.generator not in GENERATORS:
            raise UserError(
                f"is '{settings.generator}'",
                where="settings, field 'generator'",
                expected=" or ".join(GENERATORS),
            )
        for field in ("halvings", "layers", "scales"):
            if not 1 <= getattr(settings, field) <= MOST_LEVELS:
                raise UserError(
                    f"is {getattr(settings, field)}",
                    where=f"settings, field '{field}'",
                    expected=f"1 to {MOST_LEVELS}",
                )
        self.labels = labels = LABEL_COUNT + settings.edges
        kind = GlobalGenerator if settings.generator == "global" else LocalEnhancer
        self.networks["netG"] = kind(labels, settings.width, settings.halvings, settings.blocks)
        self.networks["netD"] = MultiscaleDiscriminator(
            labels + 3, settings.judge_width, settings.layers, settings.scales
        )
        self._perceptual: nn.Module | None = None

    @property
    def device(self) -> torch.device:
        """Where the networks lie."""
        return next(self.networks["netG"].parameters()).device

    def start(self) -> None:
        """Two Adams, and VGG19 or its stand-in."""
        self.new_optimisers()
        kind = self.settings.perceptual
        if kind == "vgg19":
            self._perceptual = vgg19_of(self.perceptual_weights).to(self.device)
        elif kind == "efficientnet-lite0":
            self._perceptual = EfficientNetLiteLoss().to(self.device)

    def new_optimisers(self) -> None:
        """Adams without a past."""
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.Adam(network.parameters(), lr=self.settings.rate, betas=BETAS)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """The frame (3, S, S) and its part labels (S, S); left and right stay what they are: no flips."""
        labels = part_labels(load_body(example.body), example.track, self.settings.side)
        return {"image": to_network(example.frames)[0], "labels": torch.from_numpy(labels[0])}

    def encoded(self, labels: Tensor) -> Tensor:
        """(N, S, S) part labels to the generator's input."""
        planes = one_hot(labels)
        if not self.settings.edges:
            return planes
        return torch.cat([planes, label_edges(labels).unsqueeze(1)], 1)

    def adversarial_step(self, inputs: Tensor, images: Tensor, rate: float) -> dict[str, float]:
        """Generator, then discriminator, on one forward pass. ``inputs``: of the generator; ``images``: the
        truths in [-1, 1].
        """
        made = self.networks["netG"](inputs)
        total, terms = self.generator_loss(made, images, inputs)
        self.update("netG", total, rate)
        terms["netD"] = self.discriminator_loss(made.detach(), images, inputs)
        self.update("netD", terms["netD"], rate)
        return {"total": float(total.detach()), **{key: float(one.detach()) for key, one in terms.items()}}

    def generator_loss(self, made: Tensor, truth: Tensor, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, and its weighted terms."""
        judge, settings = self.networks["netD"], self.settings
        judged = judge(torch.cat([inputs, made], 1))
        with torch.no_grad():
            real = judge(torch.cat([inputs, truth], 1))
        terms = {
            "gan": gan_loss(judged, True),
            "features": settings.weight_feature * feature_matching(judged, real),
            "perceptual": settings.weight_perceptual * self._distance(made, truth),
        }
        return torch.stack(list(terms.values())).sum(), terms

    def discriminator_loss(self, made: Tensor, truth: Tensor, inputs: Tensor) -> Tensor:
        """Half of both sums over the scales."""
        judge = self.networks["netD"]
        fake = gan_loss(judge(torch.cat([inputs, made], 1)), False)
        real = gan_loss(judge(torch.cat([inputs, truth], 1)), True)
        return 0.5 * (fake + real)

    def _distance(self, made: Tensor, truth: Tensor) -> Tensor:
        network = self._perceptual
        if network is None:
            return made.new_zeros(())
        if isinstance(network, Vgg19):
            return vgg_distance(network, made, truth)
        distance: Tensor = network(made, truth)
        return distance

    def person(self, sources: Sources) -> str:
        """The body's name: who the person is lies in the weights."""
        return sources.body

    def draw(self, person: str, track: BodyTrack) -> Tensor:
        """See :meth:`Baseline.draw`."""
        labels = torch.from_numpy(part_labels(load_body(person), track, self.settings.side))
        made: Tensor = self.networks["netG"](self.encoded(labels.to(self.device)))
        return made

    def official(self, path: Path) -> tuple[Path, ...]:
        """A released or MetaPix ``netG`` for as many label channels."""
        load_checkpoint(self.networks["netG"], path)
        return (path,)


class Pix2PixHd(LabelToImage[Pix2PixHdSettings]):
    """pix2pixHD, pre-trained on many people or not at all, then trained on the sources."""

    name: ClassVar[str] = "pix2pixhd"
    Settings: ClassVar[type[BaselineSettings]] = Pix2PixHdSettings

    def need(self, step: int, steps: int) -> Need:
        """Single frames."""
        return Need(self.settings.batch, 1)

    def rate(self, step: int, steps: int) -> float:
        """Constant for half of the schedule, then linearly to 0."""
        return step_rate(self.settings.rate, step, steps)

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One step of both players."""
        return self.adversarial_step(self.encoded(batch["labels"]), batch["image"], self.rate(step, steps))

    def tuning_need(self, sn: int) -> Need:
        """Sources in turn."""
        return Need(self.settings.tuning_batch, 1)

    def tune(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """As in training, at a constant rate: what t steps give does not depend on how many follow."""
        return self.adversarial_step(self.encoded(batch["labels"]), batch["image"], self.settings.tuning_rate)


def create(
    *, weights: Path | None = None, random: str | None = None, perceptual: str | None = None
) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Pix2PixHd, weights=weights, random=random, perceptual=perceptual)
