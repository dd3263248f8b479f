"""Training clips made ready: whole where they fit into memory, else only the frames that a sample needs.

Which clips are kept whole depends on the data and a constant, never on the machine, so that a resumed run
computes the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from iper_bench.data.clip import Clip, Images
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import BodyMaps, Foregrounds, InputBuilder
from iper_bench.progress import track
from iper_bench.training.excerpt import Excerpt
from iper_bench.training.mix import MixClip

MEMORY = 8 * 2**30  # bytes of prepared clips; the embedded dataset takes well under one GiB at 128 px
_PIXEL_BYTES = 13  # of a frame: RGB, matte, silhouette, face index (2), three weights (6)
_SOURCE_BYTES = 16  # more for a source candidate: foreground (up to 12), background input


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


@dataclass(frozen=True)
class ClipUse:
    """What one sample takes from a clip: places among the prepared candidates, rows of target frames, and the
    row whose person covers the auxiliary background.
    """

    clip: PreparedClip
    builder: InputBuilder
    places: list[int]
    targets: list[int]
    cover: int | None


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


class ClipStore:
    """The clips of a training.

    Parameters
    ----------
    clips: of one size. memory: bytes for whole clips, given out in the order of the clips.
    """

    def __init__(self, clips: Sequence[MixClip], memory: int = MEMORY) -> None:
        self.clips = list(clips)
        self._whole: dict[int, PreparedClip | None] = {}
        for index, one in enumerate(self.clips):
            size = prepared_bytes(one)
            if size <= memory:
                self._whole[index] = None
                memory -= size

    def __len__(self) -> int:
        return len(self.clips)

    def prepare(self) -> None:
        """Make all clips ready that are kept whole."""
        for index in track(list(self._whole), "preparing clips"):
            self.whole(index)

    def whole(self, index: int) -> PreparedClip:
        """A clip with all its frames."""
        found = self._whole.get(index)
        if found is None:
            one = self.clips[index]
            found = prepare_clip(one.clip, one.builder, one.candidates)
            if index in self._whole:
                self._whole[index] = found
        return found

    def use(self, index: int, places: Sequence[int], targets: Sequence[int], cover: int | None) -> ClipUse:
        """The candidates ``places`` and the frames ``targets`` and ``cover`` of a clip."""
        one = self.clips[index]
        if index in self._whole:
            return ClipUse(self.whole(index), one.builder, list(places), list(targets), cover)
        sources = [one.candidates[place] for place in places]
        rows = sorted({*sources, *targets, *(() if cover is None else (cover,))})
        excerpt = prepare_clip(Excerpt(one.clip, rows), one.builder, [rows.index(row) for row in sources])
        return ClipUse(
            replace(excerpt, backgrounds=one.clip.backgrounds([0])),
            one.builder,
            list(range(len(sources))),
            [rows.index(row) for row in targets],
            None if cover is None else rows.index(cover),
        )


def prepared_bytes(one: MixClip) -> int:
    """Memory that a whole prepared clip takes, roughly."""
    pixels = one.builder.size**2
    body = one.builder.body
    frame = _PIXEL_BYTES * pixels + 12 * len(body.template)
    return len(one.clip) * frame + len(one.candidates) * (_SOURCE_BYTES * pixels + len(body.faces))
