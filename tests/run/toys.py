"""A dataset, methods and metrics small enough to run hundreds of units in a test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from iper_bench.averages import averaged
from iper_bench.data.clip import BodyTrack, Clip, Images
from iper_bench.data.dataset import Dataset
from iper_bench.errors import unknown_name
from iper_bench.hashing import content_hash
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.scores import MetricValue, SetFeatures, UnitScores
from iper_bench.run.opened import Opened
from iper_bench.run.request import RunRequest

SIDE = 16
TURN, ACT = 8, 6  # frames of a clip: a full turn, then something else

PROTOCOL = """
name: toy-imitation
task: motion_imitation
dataset: toy
split: test
source_counts: [1, 2, 4, 8]
rules:
  sources: {frames: [0, 7], choose: yaw}
  self: {frames: [8, 13]}
  cross: {target: next_subject, frames: [8, 13], real: [8, 13], limit: 4}
"""


def numbers(*words: object) -> np.random.Generator:
    """A generator that depends on the words only."""
    return np.random.default_rng(int(content_hash([str(word) for word in words], 15), 16))


def upright(degrees: float) -> np.ndarray:
    """Root rotation (3,) of an upright body with this heading."""
    half = np.deg2rad(degrees) / 2.0
    return np.pi * np.array([np.cos(half), 0.0, -np.sin(half)])


class ToyClip(Clip):
    """Noise with a body that turns once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.subject = name.partition("/")[0]
        self.size = (SIDE, SIDE)
        poses = np.zeros((TURN + ACT, 72), np.float32)
        poses[:, 0] = np.pi
        for frame in range(TURN):
            poses[frame, :3] = upright(360.0 * frame / TURN)
        cams = np.tile(np.array([0.9, 0.0, 0.3], np.float32), (TURN + ACT, 1))
        self.track = BodyTrack(np.zeros(10, np.float32), poses, cams)

    def frames(self, indices: Sequence[int]) -> Images:
        return np.stack(
            [numbers(self.name, i).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for i in indices]
        )

    def masks(self, indices: Sequence[int]) -> Images | None:
        return None


class ToyDataset(Dataset):
    """``people`` subjects with ``each`` clips."""

    name = "toy"
    body = "open-coarse"
    image_size = SIDE
    fingerprint = "toy-1"

    def __init__(self, people: int = 3, each: int = 1) -> None:
        names = [f"p{p}/c{c}" for p in range(people) for c in range(each)]
        self._clips = {name: ToyClip(name) for name in names}

    def splits(self) -> list[str]:
        return ["test"]

    def clip_names(self, split: str | None = None) -> list[str]:
        if split not in (None, "test"):
            raise unknown_name("split", str(split), ["test"])
        return sorted(self._clips)

    def clip(self, name: str) -> Clip:
        return self._clips[name]


@dataclass
class ToySubject:
    """Noise that depends on everything it should depend on."""

    method: ToyMethod
    key: tuple[Any, ...]
    steps: int

    def render(self, targets: Targets) -> Iterator[Images]:
        self.method.note("render", *self.key, self.steps)
        self.method.die_at(self.steps)
        if self.steps in self.method.fails_at:
            raise RuntimeError(f"cannot render at T={self.steps}\nsecond line")
        for start in range(0, len(targets), 4):
            poses = targets.track.poses[start : start + 4]
            seeds = [content_hash(pose.astype(float).tolist()) for pose in poses]
            time.sleep(self.method.pause)
            yield np.stack(
                [
                    numbers(*self.key, self.steps, start, i, seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
                    for i, seed in enumerate(seeds)
                ]
            )


@dataclass
class ToyMethod:
    """A method that writes down when it is asked for something.

    ``fails_at``: T at which rendering raises. ``breaks_after``: T after which personalisation itself raises.
    ``dies_at``: T at which the whole process kills itself, ``deaths`` times in all; ``marks`` counts them.
    """

    name: str = "toy"
    trains: bool = True
    fails_at: tuple[int, ...] = ()
    breaks_after: int | None = None
    pause: float = 0.0
    dies_at: int | None = None
    deaths: int = 1
    marks: Path | None = None
    log: Path | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return content_hash({"toy": self.name})

    def note(self, *what: Any) -> None:
        self.calls.append(what)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as stream:
                stream.write(" ".join(map(str, what)) + "\n")

    def die_at(self, steps: int) -> None:
        if steps == self.dies_at and self.marks is not None and len(list(self.marks.iterdir())) < self.deaths:
            (self.marks / f"{os.getpid()}-{time.monotonic_ns()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        return next(subject for _, subject in self.checkpoints(sources, steps=(steps,), seed=seed))

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        self.note("personalise", len(sources), steps)
        key = (self.name, content_hash(sources.frames.astype(int).tolist()), seed)
        for reached in steps:
            if self.breaks_after is not None and reached > self.breaks_after:
                raise ValueError("diverged")
            yield reached, ToySubject(self, key, reached)


class ToyScorer:
    """Mean absolute difference (self), mean colour (cross), and the distance of mean colours over the set.

    A frame is "detected" where its first pixel is bright; values are averaged by the rule ``average``.
    """

    def __init__(self, version: int = 1, average: str = "frames") -> None:
        self.version = version
        self.average = average
        self.measured = 0

    def definitions(self) -> Mapping[str, Any]:
        return {"toy": {"version": self.version, "metrics": ["difference", "colour", "distance"]}}

    def measure(self, frames: FrameSet, setting: str) -> UnitScores:
        self.measured += 1
        ours = np.concatenate(list(frames.predictions)).astype(np.float64)
        assert frames.prediction_boxes is not None
        assert frames.prediction_boxes.shape == (len(ours), 4)
        if setting == "self":
            assert frames.truths is not None
            theirs = np.concatenate(list(frames.truths)).astype(np.float64)
            values = np.abs(ours - theirs).mean(axis=(1, 2, 3))
            return UnitScores([self._value("difference", values, seen(ours, theirs))])
        assert frames.reals is not None
        theirs = np.concatenate(list(frames.reals)).astype(np.float64)
        found = seen(ours, theirs)
        features = SetFeatures(
            ours.mean(axis=(1, 2)).astype(np.float32),
            theirs.mean(axis=(1, 2)).astype(np.float32),
            len(ours),
            len(theirs),
            (found["prediction"], found["reference"], found["both"]),
        )
        values = ours.mean(axis=(1, 2, 3))
        return UnitScores([self._value("colour", values, found)], {"toy/whole": features})

    def pool(self, features: Sequence[Mapping[str, SetFeatures]], setting: str) -> list[MetricValue]:
        if not any(features):  # nothing that is pooled was measured
            return []
        ours = np.concatenate([one["toy/whole"].prediction for one in features])
        theirs = np.concatenate([one["toy/whole"].reference for one in features])
        value = float(np.linalg.norm(ours.mean(axis=0) - theirs.mean(axis=0)))
        name, count = "distance", len(ours)
        parts = [one["toy/whole"].detected or (0, 0, 0) for one in features]
        sides = ("prediction", "reference", "both")
        found = {side: sum(part[place] for part in parts) for place, side in enumerate(sides)}
        return [
            MetricValue(
                *("toy", name, value, None, count, count, None, None, f"{name}-{self.version}"),
                average="none",
                detections={**found, "frames": count},
            )
        ]

    def _value(self, name: str, values: np.ndarray, found: Mapping[str, int]) -> MetricValue:
        per_frame: list[float | None] = [float(value) for value in values]
        mean, count = averaged(per_frame, self.average), len(values)
        return MetricValue(
            *("toy", name, mean, None, count, count, per_frame, None, f"{name}-{self.version}"),
            average=self.average,
            detections=found,
        )


def seen(ours: np.ndarray, theirs: np.ndarray) -> dict[str, int]:
    """Detections of two sides (N, H, W, 3)."""
    mine, its = (side[:, 0, 0, 0] > 127 for side in (ours, theirs))
    both = sum(bool(a and b) for a, b in zip(mine, its, strict=False))
    return {"prediction": int(mine.sum()), "reference": int(its.sum()), "both": both, "frames": len(ours)}


@dataclass(frozen=True)
class ToyOpener:
    """What another process calls to open the toys. ``folder``: where the protocol's file is written."""

    folder: Path
    methods: tuple[ToyMethod, ...] = (ToyMethod(),)
    people: int = 3
    version: int = 1

    def __call__(self, request: RunRequest) -> Opened:
        methods: Any = {method.name: method for method in self.methods}
        return Opened(toy_protocol(self.folder), ToyDataset(self.people), methods, ToyScorer(self.version))


def toy_request(out: Path, **changes: Any) -> RunRequest:
    """A request over two sn and two T; the names in it are never looked up."""
    standard: dict[str, Any] = {"methods": ["toy"], "dataset": "toy", "sn": (1, 2), "steps": (0, 5)}
    return RunRequest(out=out, **{**standard, **changes})


def toy_protocol(folder: Path) -> Any:
    """The toy protocol, read from a file in ``folder``."""
    from iper_bench.protocol.load import load_protocol

    path = folder / "toy-imitation.yaml"
    if not path.exists():  # worker processes read it at the same time
        path.write_text(PROTOCOL, encoding="utf-8")
    return load_protocol(path)
