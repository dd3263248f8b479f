"""The ``copy-source`` reference: the first source, unchanged, for every target. The floor of every paired
metric.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.hashing import content_hash
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.reference_names import SOURCES

BATCH = 16  # frames per yielded batch


class CopySubject:
    """Repeats one frame."""

    def __init__(self, frame: Images) -> None:
        self._frame = frame

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 of the same frame."""
        for start in range(0, len(targets), BATCH):
            count = min(BATCH, len(targets) - start)
            yield np.repeat(self._frame[None], count, axis=0)


class CopySource:
    """See the module."""

    name = "copy-source"
    trains = False
    made_from = SOURCES

    def __init__(self) -> None:
        self.identity = content_hash({"method": self.name, "version": 1})

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """``steps`` and ``seed`` have no effect."""
        return CopySubject(sources.frames[0])

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
        """The first source of the last person, who gives the clothes; see
        :class:`iper_bench.methods.appearance_subject.SeveralPeople`.
        """
        return CopySubject(people[-1].frames[0])


def create() -> CopySource:
    """The reference."""
    return CopySource()
