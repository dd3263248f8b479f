"""A request for a training on two small clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS, Dataset
from iper_bench.training.presets import PRESETS, Preset
from iper_bench.training.train import TrainRequest
from tests.turning_clip import TurningClip


@dataclass
class TwoClips(Dataset):
    """A dataset of turning clips."""

    size: int | None = 64

    def __post_init__(self) -> None:
        self.name, self.body, self.fingerprint = "two-clips", "open-coarse", "0"

    def splits(self) -> list[str]:
        return ["train"]

    def clip_names(self, split: str | None = None) -> list[str]:
        return ["turning"]

    def clip(self, name: str) -> Clip:
        return TurningClip(side=self.size or 64)

    def clips(self, split: str | None = None) -> Sequence[Clip]:
        return [TurningClip(side=self.size or 64), TurningClip(name="other", plain=60, side=self.size or 64)]


@pytest.fixture
def request_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Ask for a training of a preset on two small clips."""
    monkeypatch.setattr(DATASETS, "get", lambda name: lambda root, size: TwoClips(size))

    def ask(settings: Preset, **changes: Any) -> TrainRequest:
        monkeypatch.setitem(PRESETS, "asked", settings)
        return TrainRequest("attlwb", "two-clips", "asked", tmp_path / "out", size=64, **changes)

    return ask
