"""SPADE as a baseline: a label-to-image network that learns one person from the sources."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.baseline_kit.vgg import Vgg19, vgg19_of
from iper_bench.body.loading import load_body
from iper_bench.conditions.part_labels import LABEL_COUNT, label_edges, one_hot, part_labels
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.checkpoint import load_checkpoint
from iper_bench.lwg.inputs import to_network
from iper_bench.lwg.perceptual import EfficientNetLiteLoss
from iper_bench.methods.method import Method, Sources

from .network import LATENT, SETTINGS, SpadeDiscriminator, SpadeEncoder, SpadeGenerator
from .objective import (
    GAN_MODES,
    VGG_LAYERS,
    discriminator_gan,
    feature_matching,
    generator_gan,
    split_scales,
    style_divergence,
    vgg_distance,
)

GENERATOR, DISCRIMINATOR, ENCODER = "G", "D", "E"
TWO_RATES, ONE_RATE = (0.0, 0.9), (0.5, 0.999)  # Adam's betas with and without two time scales
PERCEPTUAL = ("vgg19", "efficientnet-lite0", "none")


@dataclass(frozen=True, kw_only=True)
class SpadeSettings(BaselineSettings):
    """Settings of SPADE; the defaults are the original's.

    Attributes
    ----------
    width, hidden, upsampling, norm, kernel: of the generator. judge_width, layers, scales: of the
        discriminator. encoder_width: of the image encoder.
    style: draw the first feature map from the encoded style of an image (the original's VAE option): of the
        target in training, of source 0 in inference.
    edges: give the networks the edges between the parts as one more channel.
    gan: form of the adversarial loss.
    rate: base learning rate. two_rates: half of it for the generator and double for the discriminator.
    decay: share of the schedule, at its end, in which the rates fall to zero.
    feature_weight, perceptual_weight, divergence_weight: of the losses beside the adversarial one.
    """

    width: int = 64
    hidden: int = 128
    upsampling: str = "normal"
    norm: str = "batch"
    kernel: int = 3
    judge_width: int = 64
    layers: int = 4
    scales: int = 2
    encoder_width: int = 64
    style: bool = False
    edges: bool = False
    gan: str = "hinge"
    rate: float = 2e-4
    two_rates: bool = True
    decay: float = 0.0
    feature_weight: float = 10.0
    perceptual_weight: float = 10.0
    divergence_weight: float = 0.05


@dataclass(frozen=True)
class SpadePerson:
    """The body model, and the style (1, 256) of source 0 where the generator wants one."""

    body: str
    style: Tensor | None


class Spade(Baseline[SpadeSettings]):
    """Semantic Image Synthesis with Spatially-Adaptive Normalization (Park et al., CVPR 2019)."""

    name = "spade"
    Settings = SpadeSettings
    most_sources = None
    personalizes = True

    def __init__(self, settings: SpadeSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        labels = LABEL_COUNT + settings.edges
        self.networks = {
            GENERATOR: SpadeGenerator(
                labels,
                width=settings.width,
                side=settings.side,
                upsampling=settings.upsampling,
                norm=settings.norm,
                kernel=settings.kernel,
                hidden=settings.hidden,
                latent=LATENT if settings.style else 0,
            ),
            DISCRIMINATOR: SpadeDiscriminator(
                labels + 3, width=settings.judge_width, layers=settings.layers, scales=settings.scales
            ),
        }
        if settings.style:
            self.networks[ENCODER] = SpadeEncoder(width=settings.encoder_width)
        _check(settings)
        self._vgg: Vgg19 | None = None
        self._stand_in: EfficientNetLiteLoss | None = None

    # Training ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        drawing = [self.networks[name] for name in (GENERATOR, ENCODER) if name in self.networks]
        parameters = list(chain.from_iterable(network.parameters() for network in drawing))
        betas = TWO_RATES if self.settings.two_rates else ONE_RATE
        of_generator, of_discriminator = self._rates(0, 1)
        self.optimisers = {
            GENERATOR: torch.optim.Adam(parameters, of_generator, betas),
            DISCRIMINATOR: torch.optim.Adam(
                self.networks[DISCRIMINATOR].parameters(), of_discriminator, betas
            ),
        }
        if self.settings.perceptual == "vgg19":
            self._vgg = vgg19_of(self.perceptual_weights, VGG_LAYERS[-1]).to(self._device)
        elif self.settings.perceptual == "efficientnet-lite0":
            self._stand_in = EfficientNetLiteLoss().to(self._device)

    def need(self, step: int, steps: int) -> Need:
        del step, steps
        return Need(self.settings.batch, 1)

    def tuning_need(self, sn: int) -> Need:
        return Need(min(self.settings.batch, sn), 1)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """``labels`` (S, S) uint8 and ``image`` (3, S, S) of frame 0."""
        del rng
        first = example.take([0])
        labels = part_labels(load_body(first.body), first.track, self.settings.side)
        return {"labels": torch.from_numpy(labels)[0], "image": to_network(first.frames)[0]}

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        of_generator, of_discriminator = self._rates(step, steps)
        planes, real = self._planes(batch["labels"]), batch["image"]
        terms = self.generator_terms(planes, real)
        total = torch.stack(list(terms.values())).sum()
        self.update(GENERATOR, total, of_generator)
        told = {name: value.item() for name, value in terms.items()} | {"total": total.item()}
        judged = self.discriminator_terms(planes, real)
        self.update(DISCRIMINATOR, torch.stack(list(judged.values())).sum(), of_discriminator)
        return told | {name: value.item() for name, value in judged.items()}

    def generator_terms(self, planes: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The weighted losses of generator and encoder.

        Parameters
        ----------
        planes: (N, L, S, S) of 0 and 1. real: (N, 3, S, S) in [-1, 1].
        """
        drawn, style = self._drawn(planes, real)
        of_drawn, of_real = self._judged(planes, drawn, real)
        terms = {"adversarial": generator_gan(of_drawn, self.settings.gan)}
        if self.settings.feature_weight:
            terms["features"] = self.settings.feature_weight * feature_matching(of_drawn, of_real)
        if self._vgg is not None:
            with torch.no_grad():
                truth = self._vgg(real, VGG_LAYERS)
            distance = vgg_distance(self._vgg(drawn, VGG_LAYERS), truth)
            terms["perceptual"] = self.settings.perceptual_weight * distance
        elif self._stand_in is not None:
            terms["perceptual"] = self.settings.perceptual_weight * self._stand_in(drawn, real)
        if style is not None:
            terms["divergence"] = self.settings.divergence_weight * style_divergence(*style)
        return terms

    def discriminator_terms(self, planes: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The losses of the discriminator, on a freshly drawn image; as :meth:`generator_terms` else."""
        with torch.no_grad():
            drawn, _ = self._drawn(planes, real)
        of_drawn, of_real = self._judged(planes, drawn, real)
        return {
            "judged_drawn": discriminator_gan(of_drawn, False, self.settings.gan),
            "judged_real": discriminator_gan(of_real, True, self.settings.gan),
        }

    def rate(self, step: int, steps: int) -> float:
        return self._rates(step, steps)[0]

    def _rates(self, step: int, steps: int) -> tuple[float, float]:
        """Of generator and discriminator."""
        base, falling = self.settings.rate, self.settings.decay * steps
        if falling > 0:
            base *= min(1.0, (steps - step) / falling)
        return (base / 2, base * 2) if self.settings.two_rates else (base, base)

    def _drawn(self, planes: Tensor, real: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """The image, and mean and log variance of the style where there is one."""
        generator = self.networks[GENERATOR]
        if not self.settings.style:
            return generator(planes), None
        mean, log_variance = self.networks[ENCODER](real)
        style = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return generator(planes, style), (mean, log_variance)

    def _judged(
        self, planes: Tensor, drawn: Tensor, real: Tensor
    ) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """The discriminator's outputs on drawn and real images, in one pass."""
        pairs = torch.cat([torch.cat([planes, drawn], 1), torch.cat([planes, real], 1)])
        return split_scales(self.networks[DISCRIMINATOR](pairs))

    def _planes(self, labels: Tensor) -> Tensor:
        """(N, S, S) label maps to the channels that the networks see."""
        planes = one_hot(labels)
        if not self.settings.edges:
            return planes
        return torch.cat([planes, label_edges(labels).unsqueeze(1)], 1)

    # Inference --------------------------------------------------------------------------------------------

    def person(self, sources: Sources) -> SpadePerson:
        style = None
        if self.settings.style:
            style, _ = self.networks[ENCODER](to_network(sources.frames[:1]).to(self._device))
        return SpadePerson(sources.body, style)

    def draw(self, person: SpadePerson, track: BodyTrack) -> Tensor:
        labels = torch.from_numpy(part_labels(load_body(person.body), track, self.settings.side))
        planes = self._planes(labels.to(self._device))
        style = None if person.style is None else person.style.expand(len(track), -1)
        image: Tensor = self.networks[GENERATOR](planes, style)
        return image

    def official(self, path: Path) -> tuple[Path, ...]:
        load_checkpoint(self.networks[GENERATOR], path)
        return (path,)

    @property
    def _device(self) -> torch.device:
        return next(self.networks[GENERATOR].parameters()).device


def _check(settings: SpadeSettings) -> None:
    """Raise UserError for settings that no training can use."""
    if settings.gan not in GAN_MODES:
        raise unknown_name("GAN mode", settings.gan, GAN_MODES, where=SETTINGS)
    if settings.perceptual not in PERCEPTUAL:
        raise unknown_name("perceptual network", settings.perceptual, PERCEPTUAL, where=SETTINGS)
    if not 0 <= settings.decay <= 1:
        raise UserError(
            f"is {settings.decay}", where=f"{SETTINGS}, field 'decay'", expected="a share from 0 to 1"
        )


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Spade, weights=weights, random=random)
