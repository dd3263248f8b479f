"""The ``warp`` reference: sources warped along the transformation flow, over the inpainted background.
Nothing is learned.

It says how far geometry alone goes; a network that does not beat it has learned nothing. The warp, the
visibility and the inpainting are those that AttLWB receives as its own inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from iper_bench.data.clip import Images
from iper_bench.hashing import content_hash
from iper_bench.lwg.inputs import InputOptions, to_frames
from iper_bench.methods.appearance_subject import join_people
from iper_bench.methods.liquid_warping_subject import BATCH, target_maps
from iper_bench.methods.method import Sources, Subject, Targets
from iper_bench.methods.reference_names import SOURCES
from iper_bench.methods.source_person import SourcePerson, prepare_person

VERSION = 1  # raised whenever the same sources would draw other frames


class WarpSubject:
    """The initial image inside the body's silhouette, the inpainted background outside."""

    def __init__(self, person: SourcePerson, sources: Sources) -> None:
        self._person = person
        self._track = sources.track

    def render(self, targets: Targets) -> Iterator[Images]:
        """Yield batches (B, H, W, 3) uint8 in target order."""
        background = self._person.inputs.bg_input[:, :3]
        for start in range(0, len(targets), BATCH):
            rows = slice(start, min(start + BATCH, len(targets)))
            maps = target_maps(self._person.builder, self._track, targets, rows)
            inputs = self._person.builder.targets(self._person.inputs, maps).tsf_inputs
            outside = inputs[:, 5:6]  # last condition channel: 1 = background
            yield to_frames(torch.where(outside > 0.5, background, inputs[:, :3]))


class Warp:
    """See the module."""

    name = "warp"
    trains = False
    made_from = SOURCES

    def __init__(self) -> None:
        self._options = InputOptions()
        self.identity = content_hash({"method": self.name, "version": VERSION, **self._options.to_json()})

    def personalize(self, sources: Sources, *, steps: int, seed: int) -> Subject:
        """``steps`` and ``seed`` have no effect."""
        return WarpSubject(prepare_person(sources, self._options), sources)

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
        """See :class:`iper_bench.methods.appearance_subject.SeveralPeople`; ``steps`` and ``seed`` have no
        effect.
        """
        prepared = [prepare_person(sources, self._options) for sources in people]
        joined = join_people(prepared, parts, selected_flows=selected_flows, background=background)
        return WarpSubject(joined, people[0])


def create() -> Warp:
    """The reference with its default inputs."""
    return Warp()
