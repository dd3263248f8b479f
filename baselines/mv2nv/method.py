"""MV2NV as a baseline: view codes, the two stages of its training, inference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.conditions.view_codes import BINS, heading_codes, headings
from iper_bench.conditions.view_pairs import ALIKE, views_of_one_pose
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Method, Sources

from .network import (
    Discriminator,
    FlowModule,
    PixelModule,
    Sizes,
    Views,
    check_side,
    synthesise,
    synthesised_pixels,
)
from .objective import adversarial_loss, discriminator_loss, parts

FLOW, PIXEL, JUDGE = "flow", "pixel", "D"
AGAINST_JUDGE = "pixel against D"
"""The pixel module's optimiser once the discriminator is there, which starts afresh as in the original."""
BETAS, JUDGED_BETAS = (0.9, 0.999), (0.5, 0.999)


@dataclass(frozen=True, kw_only=True)
class Mv2nvSettings(BaselineSettings):
    """Settings of MV2NV; the defaults are the original's, where it is not said otherwise.

    Attributes
    ----------
    encoder, decoder, head, blocks, textbook: see :class:`~.network.Sizes`. judge: widths of the
        discriminator.
    bins: of the heading's one-hot vector (the original codes azimuths and elevations of objects).
    legacy_border: see :func:`~.sampling.moved`.
    source_counts: how many sources the steps use, in turn (ours; the original has a fixed number).
    drawn: frames of a clip from which an example takes views of one pose. alike: see
        :func:`~iper_bench.conditions.view_pairs.views_of_one_pose`.
    first_stage: share of the schedule without the discriminator.
    flow_rate, pixel_rate, judge_rate: of the Adams, constant. adversarial_weight: of the pixel module's term.
    """

    encoder: tuple[int, ...] = (32, 64, 128, 256, 512)
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    head: int = 8
    blocks: int = 4
    textbook: bool = False
    judge: tuple[int, ...] = (32, 64, 128, 256)
    bins: int = BINS
    legacy_border: bool = False
    source_counts: tuple[int, ...] = (1, 2, 4)
    drawn: int = 24
    alike: float = ALIKE
    first_stage: float = 0.3
    flow_rate: float = 1e-4
    pixel_rate: float = 5e-5
    judge_rate: float = 1e-4
    adversarial_weight: float = 1.0


@dataclass(frozen=True)
class Mv2nvPerson:
    """Sources (1, n, 3, S, S) in [-1, 1] and the one-hot vectors of their headings (1, n, bins)."""

    sources: Tensor
    codes: Tensor


class Mv2nv(Baseline[Mv2nvSettings]):
    """Multi-view to Novel View (Sun et al., ECCV 2018)."""

    name = "mv2nv"
    Settings = Mv2nvSettings
    most_sources = None

    def __init__(self, settings: Mv2nvSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        sizes = Sizes(
            settings.encoder, settings.decoder, settings.head, settings.blocks, textbook=settings.textbook
        )
        _check(settings)
        check_side(settings.side, sizes)
        self.networks = {
            FLOW: FlowModule(settings.bins, sizes),
            PIXEL: PixelModule(settings.bins, sizes),
            JUDGE: Discriminator(settings.judge),
        }

    def start(self) -> None:
        settings = self.settings
        for name, network, rate, betas in (
            (FLOW, FLOW, settings.flow_rate, BETAS),
            (PIXEL, PIXEL, settings.pixel_rate, BETAS),
            (AGAINST_JUDGE, PIXEL, settings.pixel_rate, JUDGED_BETAS),
            (JUDGE, JUDGE, settings.judge_rate, JUDGED_BETAS),
        ):
            parameters = self.networks[network].parameters()
            self.optimisers[name] = torch.optim.Adam(parameters, rate, betas)

    def need(self, step: int, steps: int) -> Need:
        del step, steps
        return Need(self.settings.batch, max(self.settings.drawn, max(self.settings.source_counts) + 1))

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Views of one pose among the frames: ``sources`` (n, 3, S, S) and ``target`` (3, S, S) in [-1, 1],
        ``codes`` (n, bins): heading of the target minus that of the source; n is the largest number that
        steps use.
        """
        count = max(self.settings.source_counts)
        target, sources = views_of_one_pose(example.track, count, rng, alike=self.settings.alike)
        codes = self._codes(example.track)
        images = to_network(example.frames[[target, *sources]])
        return {"sources": images[1:], "target": images[0], "codes": codes[target] - codes[sources]}

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        counts = self.settings.source_counts
        count = counts[step % len(counts)]
        sources, codes = batch["sources"][:, :count], batch["codes"][:, :count]
        past = step - self.first_steps(steps)
        if past < 0:
            return self._modules_step(sources, codes, batch["target"], judged=False)
        if past % 2 == 0:
            return self._judge_step(sources, codes, batch["target"])
        return self._modules_step(sources, codes, batch["target"], judged=True)

    def first_steps(self, steps: int) -> int:
        """How many of ``steps`` go without the discriminator; afterwards it has every second step."""
        return round(self.settings.first_stage * steps)

    def rate(self, step: int, steps: int) -> float:
        del step, steps
        return self.settings.pixel_rate

    def person(self, sources: Sources) -> Mv2nvPerson:
        images = to_network(sources.frames).to(self._device)
        return Mv2nvPerson(images[None], self._codes(sources.track).to(self._device)[None])

    def draw(self, person: Mv2nvPerson, track: BodyTrack) -> Tensor:
        codes = self._codes(track).to(self._device)[:, None] - person.codes
        sources = person.sources.expand(len(track), -1, -1, -1, -1)
        views = self.views(sources, codes)
        return views.merged(views.count - 1)

    def views(self, sources: Tensor, codes: Tensor) -> Views:
        """What both modules make of sources (N, n, 3, S, S) with codes (N, n, bins)."""
        border = self.settings.legacy_border
        return synthesise(self.networks[FLOW], self.networks[PIXEL], sources, codes, legacy_border=border)

    def _modules_step(
        self, sources: Tensor, codes: Tensor, target: Tensor, *, judged: bool
    ) -> dict[str, float]:
        """One step of both modules, each on its own objective, from the same images."""
        views = self.views(sources, codes)
        found = parts(views, target)
        pixel, flow = found.pixel_objective, found.flow_objective
        terms = {"pixel_l1": found.pixel.item(), "flow_l1": found.flow.item(), "l1": found.merged.item()}
        if judged:
            adversarial = adversarial_loss(self.networks[JUDGE](views.pixels.flatten(0, 1)))
            terms["adversarial"] = adversarial.item()
            pixel = pixel + self.settings.adversarial_weight * adversarial
        self.update(AGAINST_JUDGE if judged else PIXEL, pixel, retain=True)
        self.update(FLOW, flow)
        return terms | {"total": pixel.item() + flow.item()}

    def _judge_step(self, sources: Tensor, codes: Tensor, target: Tensor) -> dict[str, float]:
        """One step of the discriminator on painted images."""
        with torch.no_grad():
            painted = synthesised_pixels(self.networks[PIXEL], sources, codes)[:, :, :3]
        judge = self.networks[JUDGE]
        loss = discriminator_loss(judge(target), judge(painted.flatten(0, 1)))
        self.update(JUDGE, loss)
        return {"discriminator": loss.item(), "total": loss.item()}

    def _codes(self, track: BodyTrack) -> Tensor:
        """(n, bins) one-hot vectors of the headings."""
        return torch.from_numpy(heading_codes(headings(track), self.settings.bins))

    @property
    def _device(self) -> torch.device:
        return next(self.networks[FLOW].parameters()).device


def _check(settings: Mv2nvSettings) -> None:
    """Raise UserError for settings that cannot be trained with."""
    where = "settings of 'mv2nv', field "
    if not settings.source_counts or min(settings.source_counts) < 1:
        raise UserError(
            f"is {list(settings.source_counts)}", where=f"{where}'source_counts'", expected="numbers above 0"
        )
    if settings.bins < 1:
        raise UserError(f"is {settings.bins}", where=f"{where}'bins'", expected="1 or more")
    if not 0 <= settings.first_stage <= 1:
        raise UserError(
            f"is {settings.first_stage}", where=f"{where}'first_stage'", expected="a share from 0 to 1"
        )
    if not settings.judge or settings.side < 2 ** len(settings.judge):
        raise UserError(
            f"is {list(settings.judge)} at side {settings.side}",
            where=f"{where}'judge'",
            expected="one halving or more that the side allows",
        )


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Mv2nv, weights=weights, random=random)
