"""Data, methods and metrics that cost nothing, so that what is measured is the runner itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import Dataset
from iper_bench.methods.method import Sources, Targets
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.scores import MetricValue, SetFeatures, UnitScores
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.schema import Protocol

SIDE, TURN, ACT = 16, 8, 6  # pixels; frames of a full turn, then frames to imitate
PROTOCOL = """
name: blank-imitation
task: motion_imitation
dataset: blank
split: test
source_counts: [1, 2, 4, 8]
rules:
  sources: {frames: [0, 7], choose: yaw}
  self: {frames: [8, 13]}
  cross: {target: next_subject, frames: [8, 13], real: [8, 13]}
"""


def blank_protocol(folder: Path) -> Protocol:
    """The protocol, read from a file in ``folder``."""
    path = folder / "blank-imitation.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return load_protocol(path)


def _track() -> BodyTrack:
    """A body that turns once in eight frames and then stands."""
    poses = np.zeros((TURN + ACT, 72), np.float32)
    poses[:, 0] = np.pi
    halves = np.pi * np.arange(TURN) / TURN
    poses[:TURN, :3] = np.pi * np.stack([np.cos(halves), np.zeros(TURN), -np.sin(halves)], axis=1)
    cams = np.tile(np.array([0.9, 0.0, 0.3], np.float32), (TURN + ACT, 1))
    return BodyTrack(np.zeros(10, np.float32), poses, cams)


class BlankClip(Clip):
    """Black frames."""

    def __init__(self, name: str, track: BodyTrack) -> None:
        self.name = name
        self.subject = name.partition("/")[0]
        self.size = (SIDE, SIDE)
        self.track = track

    def frames(self, indices: Sequence[int]) -> Images:
        return np.zeros((len(indices), SIDE, SIDE, 3), np.uint8)

    def masks(self, indices: Sequence[int]) -> Images | None:
        return None


class BlankDataset(Dataset):
    """``people`` subjects with a clip each."""

    name = "blank"
    body = "open-coarse"
    image_size = SIDE
    fingerprint = "blank"

    def __init__(self, people: int) -> None:
        track = _track()
        self._clips = {f"p{number:04d}/c": BlankClip(f"p{number:04d}/c", track) for number in range(people)}

    def splits(self) -> list[str]:
        return ["test"]

    def clip_names(self, split: str | None = None) -> list[str]:
        return sorted(self._clips)

    def clip(self, name: str) -> Clip:
        return self._clips[name]


class BlankMethod:
    """Draws black frames at once."""

    trains = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.identity = f"blank-{name}"

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> BlankMethod:
        return self

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, BlankMethod]]:
        for reached in steps:
            yield reached, self

    def render(self, targets: Targets) -> Iterator[Images]:
        yield np.zeros((len(targets), SIDE, SIDE, 3), np.uint8)


class BlankScorer:
    """Fifteen values per frame, all zero."""

    def definitions(self) -> Mapping[str, Any]:
        return {"blank": {"metrics": {f"m{number:02d}": {} for number in range(15)}}}

    def measure(self, frames: FrameSet, setting: str) -> UnitScores:
        count = sum(len(batch) for batch in frames.predictions)
        zeros: list[float | None] = [0.0] * count
        same = (0.0, None, count, count, zeros, None, "blank")
        return UnitScores([MetricValue("blank", f"m{number:02d}", *same) for number in range(15)])

    def pool(self, features: Sequence[Mapping[str, SetFeatures]], setting: str) -> list[MetricValue]:
        return []
