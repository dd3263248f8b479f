"""A baseline folder as a stranger would add it: the smallest one that learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from iper_bench.methods.method import METHODS

CARD = """\
name: toy-paint
title: Painting by joints
authors: [A. Toy]
year: 2020
venue: Toys 2020
paper: https://example.org/toy
licence: Apache-2.0
tasks: [motion_imitation]
inputs: ["source image, 3 x S x S in [-1, 1]"]
presets:
  tiny: {side: 32, steps: 20, batch: 2, width: 4, dropout: 0.1}
  paper: {side: 64, steps: 100, batch: 4, width: 64}
published: []
differs: [{what: Everything., why: It is a toy.}]
"""
NETWORK = """\
from __future__ import annotations

from torch import Tensor, nn


class Painter(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(6, width, 3, padding=1),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
"""
METHOD = """\
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, BaselineSettings, Batch, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.opening import open_baseline
from iper_bench.data.clip import BodyTrack
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Method, Sources

from .network import Painter


@dataclass(frozen=True, kw_only=True)
class ToySettings(BaselineSettings):
    width: int
    dropout: float = 0.0


class ToyPaint(Baseline[ToySettings]):
    name: ClassVar[str] = "toy-paint"
    Settings: ClassVar[type[BaselineSettings]] = ToySettings
    personalizes: ClassVar[bool] = True
    tunes_anew: ClassVar[bool] = True

    def __init__(self, settings: ToySettings, perceptual_weights: Path | None = None) -> None:
        super().__init__(settings, perceptual_weights)
        self.networks["G"] = Painter(settings.width, settings.dropout)
        self.seen = 0

    def start(self) -> None:
        self.optimisers["G"] = torch.optim.Adam(self.networks["G"].parameters(), lr=1e-2)

    def need(self, step: int, steps: int) -> Need:
        return Need(self.settings.batch, 2)

    def condition(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        frames = to_network(example.frames)
        root = torch.from_numpy(example.track.poses[1, :3])
        return {"source": frames[0], "target": frames[1], "root": root}

    def learn(self, batch: Batch, step: int, steps: int) -> dict[str, float]:
        self.seen += 1
        loss = (self._paint(batch["source"], batch["root"]) - batch["target"]).abs().mean()
        self.update("G", loss, self.rate(step, steps))
        return {"total": float(loss.detach())}

    def rate(self, step: int, steps: int) -> float:
        return 1e-2 * (1 - step / steps)

    def extra_state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        self.seen = state["seen"]

    def person(self, sources: Sources) -> Tensor:
        return to_network(sources.frames[:1])

    def draw(self, person: Tensor, track: BodyTrack) -> Tensor:
        root = torch.from_numpy(track.poses[:, :3])
        return self._paint(person.expand(len(root), -1, -1, -1), root)

    def _paint(self, images: Tensor, root: Tensor) -> Tensor:
        side = images.shape[-1]
        return self.networks["G"](torch.cat([images, root[:, :, None, None].expand(-1, -1, side, side)], 1))


def create(*, weights: Path | None = None, random: str | None = None) -> Method:
    return open_baseline(ToyPaint, weights=weights, random=random)
"""


def write_toy(root: Path, card: str = CARD) -> Path:
    """The toy's folder under ``root``."""
    folder = root / "toy_paint"
    folder.mkdir(parents=True)
    files = {"__init__.py": "", "card.yaml": card, "network.py": NETWORK, "method.py": METHOD}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@contextmanager
def toy_installed(root: Path, card: str = CARD) -> Iterator[Path]:
    """The toy stands beside the other baselines, with nothing else changed than that its folder is there."""
    import sys

    folder = write_toy(root, card)
    package = import_module("iper_bench.baselines")
    package.__path__.append(str(root))
    state = (dict(METHODS._entries), dict(METHODS._origins), METHODS._loaded_entry_points)
    METHODS._entries.clear()
    METHODS._origins.clear()
    METHODS._loaded_entry_points = False
    try:
        for name, entry in state[0].items():
            if not state[1][name].startswith("baselines/"):
                METHODS.add(name, entry, origin=state[1][name])
        yield folder
    finally:
        package.__path__.remove(str(root))
        METHODS._entries, METHODS._origins, METHODS._loaded_entry_points = state
        for module in [name for name in sys.modules if name.startswith("iper_bench.baselines.toy_paint")]:
            del sys.modules[module]
