"""The ``nearest-source`` reference: for every target the source whose pose is nearest, unchanged.

The nearest neighbour that a method which only remembers would show. Nearness is the mean distance of the 24
joints in metres between two poses of the person's own body, both with the pelvis in one place, so that facing
another way counts as a pose; of equally near sources the first is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from iper_bench.body import load_body
from iper_bench.body.model import BodyModel
from iper_bench.data.clip import BodyTrack, Floats, Images
from iper_bench.hashing import content_hash
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.reference_names import SOURCES

BATCH = 16  # frames per yielded batch
VERSION = 1  # raised whenever the same sources would give other frames


def joints_about_pelvis(body: BodyModel, betas: Floats, poses: Floats) -> Floats:
    """(N, 24, 3) joints in metres, the pelvis (joint 0) at the origin, of poses (N, 72)."""
    with torch.inference_mode():
        joints = body.pose(torch.from_numpy(betas), torch.from_numpy(poses)).joints
    return (joints - joints[:, :1]).cpu().numpy()


def nearest_poses(body: BodyModel, person: BodyTrack, poses: Floats) -> list[int]:
    """For each of ``poses`` (N, 72) the row of ``person`` with the smallest mean joint distance."""
    ours = joints_about_pelvis(body, person.betas, person.poses)
    theirs = joints_about_pelvis(body, person.betas, poses)
    distances = np.linalg.norm(theirs[:, None] - ours[None], axis=-1).mean(-1)
    return [int(row) for row in distances.argmin(axis=1)]


class NearestSubject:
    """Chooses among the sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._body = load_body(sources.body)

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order."""
        for start in range(0, len(targets), BATCH):
            poses = targets.track.poses[start : start + BATCH]
            yield self._sources.frames[nearest_poses(self._body, self._sources.track, poses)]


class NearestSource:
    """See the module."""

    name = "nearest-source"
    trains = False
    made_from = SOURCES

    def __init__(self) -> None:
        self.identity = content_hash({"method": self.name, "version": VERSION})

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """``steps`` and ``seed`` have no effect."""
        return NearestSubject(sources)

    def checkpoints(
        self, sources: Sources, *, steps: tuple[int, ...], seed: int
    ) -> Iterator[tuple[int, Subject]]:
        """The same subject for every T."""
        subject = self.personalize(sources, steps=0, seed=seed)
        for wanted in sorted(set(steps)):
            yield wanted, subject

    def appearance(
        self,
        people: Sequence[Sources],
        parts: Sequence[Sequence[str]],
        *,
        steps: int,
        seed: int,
        selected_flows: bool,
        background: int = 0,
    ) -> Subject:
        """The nearest source of the last person, who gives the clothes (as ``copy-source`` does); see
        :class:`iper_bench.methods.appearance_subject.SeveralPeople`.
        """
        return NearestSubject(people[-1])


def create() -> NearestSource:
    """The reference."""
    return NearestSource()
