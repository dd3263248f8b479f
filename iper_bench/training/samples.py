"""Training samples: sn sources and nt targets of one clip, as network inputs with their truths.

From: iPERCore's training sets: sources and targets of one video, every video equally likely, the own
    background input from a random source, auxiliary backgrounds for the background stream.
Differs: sources are spread evenly over the candidates from a random start (released: the best front frame,
    the others drawn from the front candidates); the person who covers an auxiliary background stands in any
    frame of the clip, with the hole of the other inputs (released: the matte of source 0, not dilated).

A draw is a pure function of (seed, step, part), so that a resumed run draws exactly what the uninterrupted
one would have drawn. Parts are the batches of one step: of several processes, or of gradient accumulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
import torch

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.lwg.crops import body_boxes, box_joints, head_boxes
from iper_bench.lwg.inputs import BodyMaps, SourceInputs, TargetInputs, person_masks, to_network
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.clip_store import MEMORY, ClipStore, ClipUse, PreparedClip
from iper_bench.training.mix import MixClip

BackgroundSource = Callable[[np.random.Generator], Images]  # one clean (S, S, 3) uint8 background


class Sampler:
    """Draws step batches from clips.

    Parameters
    ----------
    clips: training clips of one size.
    auxiliary: clean backgrounds for the background stream, or ``None``.
    seed: all draws depend on (seed, step, part) alone.
    boxes: whether batches carry the boxes of the targets' bodies and heads.
    temporal: whether targets are in the order of the clip and batches carry the flows from each to the next.
    memory: bytes for clips that are kept whole, see :class:`ClipStore`.
    """

    def __init__(
        self,
        clips: Sequence[MixClip],
        *,
        auxiliary: BackgroundSource | None,
        seed: int,
        boxes: bool = False,
        temporal: bool = False,
        memory: int = MEMORY,
    ) -> None:
        if not clips:
            raise UserError("no training clips", expected="a dataset whose split 'train' is not empty")
        self._store = ClipStore(clips, memory)
        self._auxiliary = auxiliary
        self._seed = seed
        self._boxes = boxes
        self._temporal = temporal

    @property
    def frames(self) -> int:
        """Number of frames of all clips."""
        return sum(len(one.clip) for one in self._store.clips)

    def reseeded(self, seed: int, auxiliary: BackgroundSource | None) -> Sampler:
        """Another sampler over the same clips, which stay prepared."""
        other = copy(self)
        other._seed, other._auxiliary = seed, auxiliary
        return other

    def prepare(self) -> None:
        """Make the clips ready that are kept whole."""
        self._store.prepare()

    def prepared(self, index: int) -> PreparedClip:
        """The whole prepared clip at ``index``."""
        return self._store.whole(index)

    def batch(
        self, step: int, *, people: int, source_counts: Sequence[int], targets: int, part: int = 0
    ) -> StepBatch:
        """A batch of one step: ``people`` clips, ``targets`` frames each, and one sn of ``source_counts`` for
        all parts of the step. Raises UserError for a clip with fewer frames than ``targets``.
        """
        rng = np.random.default_rng([self._seed, step])
        sn = int(source_counts[int(rng.integers(len(source_counts)))])
        if part > 0:
            rng = np.random.default_rng([self._seed, step, part])
        return StepBatch.stack([self._person(rng, sn, targets) for _ in range(people)])

    def trial(self, index: int, places: Sequence[int], targets: Sequence[int]) -> StepBatch:
        """A batch of one person whose sources are the candidates ``places`` of clip ``index``; nothing is
        drawn, and there is no auxiliary background.
        """
        return StepBatch.stack([self._sample(self._store.use(index, places, targets, None), None)])

    def _person(self, rng: np.random.Generator, sn: int, targets: int) -> StepBatch:
        index = int(rng.integers(len(self._store)))
        one = self._store.clips[index]
        length = len(one.clip)
        if length < targets:
            raise UserError(
                f"has {length} frames, fewer than the {targets} targets of a sample", where=one.clip.name
            )
        places = spread_candidates(rng, len(one.candidates), sn)
        drawn = rng.choice(length, size=targets, replace=False)
        chosen = [int(t) for t in (np.sort(drawn) if self._temporal else drawn)]
        place = None if self._auxiliary is None else self._auxiliary(rng)
        cover = None if place is None else int(rng.integers(length))
        return self._sample(self._store.use(index, places, chosen, cover), place)

    def _sample(self, use: ClipUse, place: Images | None) -> StepBatch:
        """One person's tensors, without the first dimension of a batch."""
        clip, builder = use.clip, use.builder
        rows = [clip.candidates[p] for p in use.places]
        source_maps = _select(clip, rows, use.places)
        sources = builder.sources(
            clip.foregrounds[use.places], clip.background_inputs[use.places[0]], source_maps
        )
        target_maps = _select(clip, use.targets, None)
        sample = _assembled(use, rows, sources, builder.targets(sources, target_maps), place)
        if self._temporal:
            sample = replace(sample, target_flows=builder.successive_flows(target_maps))
        if not self._boxes:
            return sample
        joints = box_joints(builder.body, target_maps.projected)
        return replace(
            sample,
            body_boxes=body_boxes(joints, builder.size),
            head_boxes=head_boxes(joints, builder.size),
        )


def _assembled(
    use: ClipUse, rows: list[int], sources: SourceInputs, target: TargetInputs, place: Images | None
) -> StepBatch:
    clip, builder, size = use.clip, use.builder, use.builder.size
    own_known = torch.ones(1, 1, size, size) if clip.backgrounds is not None else sources.bg_input[:, 3:]
    own_clean = clip.backgrounds if clip.backgrounds is not None else clip.frames[rows[:1]]
    bg_inputs, clean, known = [sources.bg_input], [to_network(own_clean)], [own_known]
    if place is not None and use.cover is not None:
        covered = builder.background(place, clip.persons[use.cover])
        bg_inputs.append(builder.background_input(covered))
        clean.append(to_network(place[None]))
        known.append(torch.ones(1, 1, size, size))
    return StepBatch(
        src_inputs=sources.src_inputs,
        bg_inputs=torch.cat(bg_inputs),
        tsf_inputs=target.tsf_inputs,
        flows=target.flows,
        source_images=to_network(clip.frames[rows]),
        source_masks=1.0 - person_masks(clip.mattes[rows]),
        target_images=to_network(clip.frames[use.targets]),
        target_masks=1.0 - person_masks(clip.mattes[use.targets]),
        backgrounds=torch.cat(clean),
        background_known=torch.cat(known),
    )


def _select(clip: PreparedClip, rows: list[int], places: list[int] | None) -> BodyMaps:
    maps = clip.maps
    visible = None if places is None or maps.visible is None else maps.visible[places]
    return BodyMaps(
        maps.projected[rows], maps.fim[rows].to(torch.int64), maps.wim[rows].to(torch.float32), visible
    )


def spread_candidates(rng: np.random.Generator, count: int, sn: int) -> list[int]:
    """Positions of sn sources among ``count`` candidates in yaw order, evenly spread from a random start.

    Evenly spread views are what the evaluation protocols use for every sn; the random start makes all views
    known to training.
    """
    start = int(rng.integers(count))
    return [(start + (count * k) // sn) % count for k in range(sn)]
