"""``Baseline``: what a folder under ``baselines/`` implements, from which the engine makes a method that can
be trained, resumed, personalized and benchmarked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from iper_bench.baseline_kit.example import Example
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.methods.method import Sources
from iper_bench.training.team import Team

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class BaselineSettings:
    """What every preset of a card says; a baseline adds its own fields.

    Attributes
    ----------
    side: of the network's square images in pixels. Frames of another side are resized before and after.
    steps: length of the schedule. batch: examples per step.
    perceptual: network of the perceptual term: ``"vgg19"`` (the original's; its weights are given as a
        file), ``"efficientnet-lite0"`` (stand-in whose weights come with pip; named wherever it is used) or
        ``"none"`` where the original has no such term.
    """

    side: int
    steps: int
    batch: int
    perceptual: str = "none"


@dataclass(frozen=True)
class Need:
    """What one step draws: ``people`` examples of ``frames`` frames each; clips with fewer frames are left
    out.
    """

    people: int
    frames: int


S = TypeVar("S", bound=BaselineSettings)


class Baseline(ABC, Generic[S]):
    """Networks, conditions, losses, optimisers and stages of one published method.

    A subclass sets :attr:`networks` in its constructor; the weights then depend on the global torch seed
    alone. Everything random in :meth:`learn` comes from torch's global generator, which the loop seeds before
    every step, so that a resumed training equals the uninterrupted one.

    Parameters
    ----------
    settings: of a preset, or of a weights file. perceptual_weights: file of the perceptual network, needed by
        :meth:`start` where the settings name ``"vgg19"``; inference never needs it.

    Attributes
    ----------
    networks: everything that is saved, by name; the keys within are those of the original's checkpoints where
        it has any.
    optimisers: by name; empty until :meth:`start`.
    team: the processes that train together; set by the loop.
    """

    #: registry name, equal to the folder's with '-' for '_'
    name: ClassVar[str]
    #: the dataclass of this baseline's settings
    Settings: ClassVar[type[BaselineSettings]]
    #: raised whenever the same weights would draw other frames
    version: ClassVar[int] = 1
    #: how many sources are used, the first ones; ``None`` = all
    most_sources: ClassVar[int | None] = 1
    #: whether ``personalize(steps=T)`` trains on the sources
    personalizes: ClassVar[bool] = False
    #: whether the result after t steps depends on how many steps there will be, so that every T of a sweep
    #: is a personalization of its own
    tunes_anew: ClassVar[bool] = False

    def __init__(self, settings: S, perceptual_weights: Path | None = None) -> None:
        self.settings = settings
        self.perceptual_weights = perceptual_weights
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.team: Team | None = None

    # Training ---------------------------------------------------------------------------------------------

    @abstractmethod
    def start(self) -> None:
        """Fill :attr:`optimisers` and make loss networks, on the device where the networks lie. Called once
        before training or personalization, after the weights are in place. Raises UserError when the weights
        of a loss network are missing.
        """

    @abstractmethod
    def need(self, step: int, steps: int) -> Need:
        """What step ``step`` (from 0) of ``steps`` draws."""

    @abstractmethod
    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        """The tensors of one example, without a batch axis; float32 images in [-1, 1], (C, S, S). Examples of
        a step are stacked. A pure function of ``example`` and ``rng``; it runs in worker threads, on the CPU.
        """

    @abstractmethod
    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One step of every player in the original's order; the terms for the log, with a key ``"total"``.

        Each player's step is one call of :meth:`update`. Stages, schedules and rates follow from ``step`` of
        ``steps`` alone.
        """

    @abstractmethod
    def rate(self, step: int, steps: int) -> float:
        """The generator's learning rate at ``step``, for the log."""

    def update(
        self, optimiser: str, loss: Tensor, rate: float | None = None, *, retain: bool = False
    ) -> None:
        """One step of the named optimiser on ``loss``; gradients are the mean over all processes, and only
        those of the optimiser's own parameters are computed.

        Parameters
        ----------
        rate: set before the step; ``None`` = as it is. retain: keep the graph, for another player's loss that
            shares it.
        """
        chosen = self.optimisers[optimiser]
        if rate is not None:
            for group in chosen.param_groups:
                group["lr"] = rate
        parameters = [one for group in chosen.param_groups for one in group["params"] if one.requires_grad]
        gradients = torch.autograd.grad(loss, parameters, retain_graph=retain, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        if self.team is not None:
            self.team.average_gradients(parameters)
        chosen.step()
        for parameter in parameters:
            parameter.grad = None

    def perceptual_sha256(self) -> str | None:
        """Of the perceptual network's file, ``None`` where none was given."""
        return None if self.perceptual_weights is None else file_sha256(self.perceptual_weights)

    def extra_state(self) -> dict[str, Any]:
        """What a resumed training needs beside networks and optimisers (an image pool): tensors, numbers and
        text in plain containers.
        """
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back :meth:`extra_state`."""
        del state

    # Personalization --------------------------------------------------------------------------------------

    def tuning_need(self, sn: int) -> Need:
        """What one personalization step draws from ``sn`` sources; more frames than there are come round
        again (cyclic).
        """
        return self.need(0, 1) if sn else Need(0, 0)

    def tune(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        """One personalization step of ``steps``, on what :meth:`condition` made of the sources."""
        return self.learn(batch, step, steps)

    # Inference --------------------------------------------------------------------------------------------

    @abstractmethod
    def person(self, sources: Sources) -> Any:
        """Everything that depends on the sources alone. Frames have the network's side; no more sources than
        :attr:`most_sources`.
        """

    @abstractmethod
    def draw(self, person: Any, track: BodyTrack) -> Tensor:
        """The person in the poses and cameras of ``track`` (its shape is his own): (B, 3, S, S) float32,
        nominally in [-1, 1]; the engine clamps, batches and resizes. A frame never depends on the others.
        """

    def official(self, path: Path) -> tuple[Path, ...]:
        """Load a checkpoint of the original's authors, with ``torch.load(weights_only=True)``.

        Returns the files that were read, which all enter the identity. Raises UserError where the original
        has none that can be read, and for other keys or shapes.
        """
        raise UserError(
            f"checkpoints of the original of '{self.name}' cannot be imported",
            where=str(path),
            expected="weights that iper-bench train wrote",
        )
