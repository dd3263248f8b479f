"""Training samples: sn sources and nt targets of one clip, with the maps of every used frame computed once
and kept.

Sampling follows the released recipe (sources and targets of the same video, auxiliary backgrounds for the
background stream) and is a pure function of (seed, step), so that a resumed run draws exactly what the
uninterrupted one would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from iper_bench.data.clip import Clip, Images
from iper_bench.errors import UserError
from iper_bench.lwg.crops import body_boxes, box_joints, head_boxes
from iper_bench.lwg.inputs import BodyMaps, Foregrounds, InputBuilder, SourceInputs, person_masks, to_network
from iper_bench.lwg.objective import StepBatch

BackgroundSource = Callable[[np.random.Generator], Images]  # one clean (S, S, 3) uint8 background


@dataclass
class PreparedClip:
    """Frames, mattes and body maps of one clip; ``persons`` is what is cut out of its frames (the mattes
    themselves, or the bodies' silhouettes); foregrounds and background inputs exist for source candidates
    only.
    """

    frames: Images
    mattes: Images
    persons: Images
    backgrounds: Images | None
    maps: BodyMaps
    candidates: list[int]
    foregrounds: Foregrounds
    background_inputs: Images


def prepare_clip(clip: Clip, builder: InputBuilder, candidates: Sequence[int]) -> PreparedClip:
    """Decode and rasterise a clip. ``candidates`` are the frames that may serve as sources."""
    indices = list(range(len(clip)))
    frames, mattes = clip.frames(indices), clip.masks(indices)
    if mattes is None:
        raise UserError("clip has no person mattes", where=clip.name, expected="mattes for training")
    rows = list(candidates)
    track = clip.track
    plain = builder.maps(track.betas, track.poses, track.cams, visibility=False)
    chosen = track.take(rows)
    seen = builder.maps(chosen.betas, chosen.poses, chosen.cams, visibility=True).visible
    if seen is None:
        raise RuntimeError("visibility was asked for and not computed")
    # Half precision and 16-bit indices: a thousand clips' maps must fit in memory; 1e-3 of a face's extent
    # is under 0.01 px.
    maps = BodyMaps(plain.projected, plain.fim.to(torch.int16), plain.wim.to(torch.float16), seen)
    persons = builder.persons(mattes, plain.fim)
    background_inputs = np.stack([builder.background(frames[i], persons[i]) for i in rows])
    foregrounds = builder.foregrounds(frames[rows], persons[rows], plain.fim[rows])
    clean = clip.backgrounds([0])
    return PreparedClip(frames, mattes, persons, clean, maps, rows, foregrounds, background_inputs)


class Sampler:
    """Draws step batches from clips; clips are prepared on first use.

    Parameters
    ----------
    clips: training clips of one body model and size.
    builder: makes the network inputs.
    candidates: frame indices that may serve as sources, for each clip.
    auxiliary: clean backgrounds for the background stream, or ``None``.
    seed: all draws depend on (seed, step) alone.
    boxes: whether batches carry the boxes of the targets' bodies and heads.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        builder: InputBuilder,
        candidates: Sequence[int],
        *,
        auxiliary: BackgroundSource | None,
        seed: int,
        boxes: bool = False,
    ) -> None:
        if not clips:
            raise UserError("no training clips", expected="a dataset whose split 'train' is not empty")
        self._clips = clips
        self._builder = builder
        self._candidates = list(candidates)
        self._auxiliary = auxiliary
        self._seed = seed
        self._boxes = boxes
        self._prepared: dict[int, PreparedClip] = {}

    def prepared(self, index: int) -> PreparedClip:
        """The prepared clip at ``index``."""
        if index not in self._prepared:
            self._prepared[index] = prepare_clip(self._clips[index], self._builder, self._candidates)
        return self._prepared[index]

    def batch(self, step: int, *, people: int, source_counts: Sequence[int], targets: int) -> StepBatch:
        """The batch of one step: ``people`` clips, one sn of ``source_counts`` for all of them, ``targets``
        frames each.
        """
        rng = np.random.default_rng([self._seed, step])
        sn = int(source_counts[int(rng.integers(len(source_counts)))])
        return StepBatch.stack([self._person(rng, sn, targets) for _ in range(people)])

    def _person(self, rng: np.random.Generator, sn: int, targets: int) -> StepBatch:
        clip = self.prepared(int(rng.integers(len(self._clips))))
        places = spread_candidates(rng, len(clip.candidates), sn)
        chosen = rng.choice(len(clip.frames), size=targets, replace=False)
        frame_rows = [clip.candidates[int(p)] for p in places]
        source_maps = _select(clip, frame_rows, places)
        sources = self._builder.sources(
            clip.foregrounds[places], clip.background_inputs[places[0]], source_maps
        )
        target_maps = _select(clip, [int(t) for t in chosen], None)
        target = self._builder.targets(sources, target_maps)
        sample = self._assemble(
            rng, clip, frame_rows, [int(t) for t in chosen], sources, target.tsf_inputs, target.flows
        )
        return self._with_boxes(sample, target_maps.projected) if self._boxes else sample

    def _with_boxes(self, sample: StepBatch, projected: torch.Tensor) -> StepBatch:
        joints, size = box_joints(self._builder.body, projected), self._builder.size
        return replace(sample, body_boxes=body_boxes(joints, size), head_boxes=head_boxes(joints, size))

    def _assemble(
        self,
        rng: np.random.Generator,
        clip: PreparedClip,
        source_rows: list[int],
        target_rows: list[int],
        sources: SourceInputs,
        tsf_inputs: torch.Tensor,
        flows: torch.Tensor,
    ) -> StepBatch:
        size = self._builder.size
        own_known = torch.ones(1, 1, size, size) if clip.backgrounds is not None else sources.bg_input[:, 3:]
        own_clean = clip.backgrounds if clip.backgrounds is not None else clip.frames[source_rows[:1]]
        bg_inputs, clean, known = [sources.bg_input], [to_network(own_clean)], [own_known]
        if self._auxiliary is not None:
            place = self._auxiliary(rng)
            person = clip.persons[int(rng.integers(len(clip.persons)))]
            bg_inputs.append(self._builder.background_input(self._builder.background(place, person)))
            clean.append(to_network(place[None]))
            known.append(torch.ones(1, 1, size, size))
        return StepBatch(
            src_inputs=sources.src_inputs,
            bg_inputs=torch.cat(bg_inputs),
            tsf_inputs=tsf_inputs,
            flows=flows,
            source_images=to_network(clip.frames[source_rows]),
            source_masks=1.0 - person_masks(clip.mattes[source_rows]),
            target_images=to_network(clip.frames[target_rows]),
            target_masks=1.0 - person_masks(clip.mattes[target_rows]),
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
