"""Appearance flow as a baseline: view codes, training, inference."""

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
from iper_bench.body.silhouette import silhouettes
from iper_bench.conditions.view_codes import BINS, ORIGINAL_TURNS, headings, original_turn_codes, turn_codes
from iper_bench.conditions.view_pairs import ALIKE, views_of_one_pose
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError, unknown_name
from iper_bench.lwg.inputs import person_masks, to_network
from iper_bench.methods.method import Method, Sources

from .network import Appearance, AppearanceFlow
from .objective import mask_loss, reconstruction
from .sampling import merged, moved

NETWORK = "G"
CIRCLE, ORIGINAL = "circle", "original"
WARPED, BLACK = "warped", "black"
HALF_RANGE = 127.5  # levels per unit of [-1, 1]


@dataclass(frozen=True, kw_only=True)
class AppflowSettings(BaselineSettings):
    """Settings of appearance flow; sizes as in :class:`~.network.AppearanceFlow`.

    Attributes
    ----------
    code: ``"circle"``: the turn in ``bins`` steps around the circle; ``"original"``: the 20 inputs of the
        released network.
    mask: train the mask branch, on mattes or, where there are none, on silhouettes of the body.
    behind: what is drawn where the mask branch sees no person: ``"warped"``, the moved image itself, or
        ``"black"``, as the original's demo.
    masked: compare images only where the target shows the person.
    sources: of a training example; more than one needs ``confidence``, the channel that merges them.
    drawn: frames of a clip from which an example takes views of one pose. alike: see
        :func:`~iper_bench.conditions.view_pairs.views_of_one_pose`.
    learning_rate: of Adam; halved every ``halving`` steps. mask_weight: of the cross entropy; the images are
        compared in levels 0..255.
    """

    encoder: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    hidden: int = 4096
    start: int = 64
    mask_hidden: int = 1024
    mask_start: int = 16
    code: str = CIRCLE
    bins: int = BINS
    mask: bool = True
    behind: str = WARPED
    masked: bool = False
    confidence: bool = False
    sources: int = 1
    drawn: int = 12
    alike: float = ALIKE
    learning_rate: float = 1e-4
    halving: int = 50_000
    mask_weight: float = 1.0


@dataclass(frozen=True)
class AppflowPerson:
    """Sources (n, 3, S, S) in levels 0..255, RGB, and their headings (n,) in degrees."""

    images: Tensor
    headings: NDArray[np.float64]


class Appflow(Baseline[AppflowSettings]):
    """View Synthesis by Appearance Flow (Zhou et al., ECCV 2016)."""

    name = "appflow"
    Settings = AppflowSettings

    def __init__(self, settings: AppflowSettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        _check(settings)
        if settings.confidence:
            self.most_sources = None  # type: ignore[misc]  # the form for several sources takes any number
        self.network = AppearanceFlow(
            settings.side,
            views=settings.bins if settings.code == CIRCLE else ORIGINAL_TURNS + 1,
            encoder=settings.encoder,
            decoder=settings.decoder,
            hidden=settings.hidden,
            start=settings.start,
            mask_hidden=settings.mask_hidden if settings.mask else 0,
            mask_start=settings.mask_start,
            confidence=settings.confidence,
        )
        self.networks = {NETWORK: self.network}

    def start(self) -> None:
        self.optimisers[NETWORK] = torch.optim.Adam(self.network.parameters(), self.settings.learning_rate)

    def need(self, step: int, steps: int) -> Need:
        del step, steps
        return Need(self.settings.batch, max(self.settings.drawn, self.settings.sources + 1))

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """Views of one pose among the frames: ``sources`` (n, 3, S, S) and ``target`` (3, S, S) in [-1, 1],
        ``codes`` (n, views), and with the mask branch ``mask`` (1, S, S) in [0, 1], 1 = person.
        """
        target, sources = views_of_one_pose(
            example.track, self.settings.sources, rng, alike=self.settings.alike
        )
        degrees = headings(example.track)
        images = to_network(example.frames[[target, *sources]])
        made = {
            "sources": images[1:],
            "target": images[0],
            "codes": self._codes(degrees[sources], degrees[target]),
        }
        if self.settings.mask or self.settings.masked:
            made["mask"] = person_masks(_mattes(example.take([target]), self.settings.side))[0]
        return made

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        found, drawn = self.appearance(levels(batch["sources"]), batch["codes"])
        seen = batch["mask"] if self.settings.masked else None
        image = reconstruction(drawn, levels(batch["target"]), seen)
        terms, total = {"l1": image.item()}, image
        if found.mask is not None:
            outline = mask_loss(found.mask, batch["mask"])
            terms["mask"], total = outline.item(), image + self.settings.mask_weight * outline
        self.update(NETWORK, total, self.rate(step, steps))
        return terms | {"total": total.item()}

    def rate(self, step: int, steps: int) -> float:
        del steps
        return float(self.settings.learning_rate * 0.5 ** (step // self.settings.halving))

    def person(self, sources: Sources) -> AppflowPerson:
        images = levels(to_network(sources.frames))
        return AppflowPerson(images.to(self._device), headings(sources.track))

    def draw(self, person: AppflowPerson, track: BodyTrack) -> Tensor:
        codes = self._codes(person.headings[None], headings(track)[:, None]).to(self._device)
        images = person.images.expand(len(track), *person.images.shape)
        found, drawn = self.appearance(images, codes, mask=self.settings.behind == BLACK)
        if self.settings.behind == BLACK and found.mask is not None:
            drawn = drawn * (found.mask.softmax(1)[:, 1:] > 0.5)
        return drawn / HALF_RANGE - 1.0

    def appearance(self, images: Tensor, codes: Tensor, *, mask: bool = True) -> tuple[Appearance, Tensor]:
        """What the network says, and the moved sources, merged.

        Parameters
        ----------
        images: (B, n, 3, S, S) levels 0..255. codes: (B, n, views). mask: see the network.

        Returns
        -------
        Flow (B n, 2, S, S) and confidence (B n, S, S) of all sources and the mask of the first one (B, 2, S,
        S); the image (B, 3, S, S) in levels.
        """
        count = images.shape[1]
        found = self.network(images.flatten(0, 1), codes.flatten(0, 1), mask=mask)
        views = moved(images.flatten(0, 1), found.flow).reshape(images.shape)
        outline = None if found.mask is None else found.mask[::count]
        told = Appearance(found.flow, found.confidence, outline)
        if found.confidence is None:
            return told, views[:, 0]
        return told, merged(views, found.confidence.reshape(-1, count, *images.shape[-2:]))

    def _codes(self, source: NDArray[np.float64], target: NDArray[np.float64] | np.float64) -> Tensor:
        degrees = np.broadcast_to(np.asarray(target), np.broadcast_shapes(np.shape(source), np.shape(target)))
        if self.settings.code == ORIGINAL:
            return torch.from_numpy(original_turn_codes(source, degrees))
        return torch.from_numpy(turn_codes(source, degrees, self.settings.bins))

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def levels(images: Tensor) -> Tensor:
    """Images in [-1, 1] to levels 0..255."""
    return (images + 1.0) * HALF_RANGE


def _mattes(example: Example, side: int) -> NDArray[np.uint8]:
    """The dataset's mattes, else silhouettes of the body: (n, S, S), 255 = person."""
    if example.masks is not None:
        return example.masks
    track = example.track
    return silhouettes(load_body(example.body), track.betas, track.poses, track.cams, side)


def _check(settings: AppflowSettings) -> None:
    """Raise UserError for settings that no network can be built or trained with."""
    where = "settings of 'appflow'"
    if settings.code not in (CIRCLE, ORIGINAL):
        raise unknown_name("code", settings.code, (CIRCLE, ORIGINAL), where=where)
    if settings.behind not in (WARPED, BLACK):
        raise unknown_name("behind", settings.behind, (WARPED, BLACK), where=where)
    if settings.behind == BLACK and not settings.mask:
        raise UserError("behind is 'black' without a mask", where=where, expected="mask: true")
    if settings.sources < 1 or (settings.sources > 1 and not settings.confidence):
        raise UserError(
            f"sources is {settings.sources}",
            where=where,
            expected="1, or more with confidence: true, which merges them",
        )
    for field in ("bins", "halving"):
        if getattr(settings, field) < 1:
            raise UserError(f"{field} is {getattr(settings, field)}", where=where, expected="1 or more")


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    """See :func:`iper_bench.baseline_kit.opening.open_baseline`."""
    return open_baseline(Appflow, weights=weights, random=random)
