"""Examples drawn from training clips.

A draw is a function of (seed, step, part) alone, so that a resumed run draws what the uninterrupted one would
have drawn. Every clip is equally likely, whatever its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from iper_bench.baseline_kit.baseline import Baseline, Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.frame_side import resized, resized_mattes
from iper_bench.baseline_kit.method import stacked
from iper_bench.data.clip import Clip, Images
from iper_bench.errors import UserError
from iper_bench.progress import track

MEMORY = 8 * 2**30  # bytes of decoded frames; which clips are kept depends on this and the data alone
_PIXEL_BYTES = 4  # RGB and matte
_AT_ONCE = 64  # frames that are decoded together


@dataclass(frozen=True)
class StepExamples:
    """The examples of one step and the tensors that the baseline made of them, stacked."""

    examples: tuple[Example, ...]
    tensors: dict[str, Tensor]


@dataclass
class _Decoded:
    """Frames and mattes of a whole clip at the network's side."""

    frames: Images
    masks: Images | None


class ExampleSampler:
    """Draws examples.

    Parameters
    ----------
    clips: with the names of their body models. side: of the network, to which frames are brought.
    seed: of all draws. memory: bytes for clips that are kept decoded, given out in the order of the clips.

    Raises
    ------
    UserError when there are no clips.
    """

    def __init__(
        self, clips: Sequence[tuple[Clip, str]], *, side: int, seed: int, memory: int = MEMORY
    ) -> None:
        if not clips:
            raise UserError("no training clips", expected="a dataset whose split 'train' is not empty")
        self._clips = list(clips)
        self._side, self._seed = side, seed
        self._whole: dict[int, _Decoded | None] = {}
        for index, (clip, _) in enumerate(self._clips):
            size = len(clip) * _PIXEL_BYTES * side**2
            if size <= memory:
                self._whole[index] = None
                memory -= size

    @property
    def frames(self) -> int:
        """Number of frames of all clips."""
        return sum(len(clip) for clip, _ in self._clips)

    def prepare(self) -> None:
        """Decode all clips that are kept."""
        for index in track(list(self._whole), "preparing clips"):
            self._kept(index)

    def require_length(self, baseline: Baseline[Any], steps: int) -> None:
        """Raise UserError when a step of the schedule takes more frames of one clip than any clip has: said
        before the first step, not where its stage begins. Stages shorter than a thousandth of a very long
        schedule may be passed over.
        """
        looked_at = {*range(0, steps, max(1, steps // 1000)), steps - 1}
        self._long_enough(baseline, max(baseline.need(step, steps).frames for step in looked_at))

    def _long_enough(self, baseline: Baseline[Any], frames: int) -> list[int]:
        """Places of the clips with at least that many frames. Raises UserError for none."""
        places = [index for index, (clip, _) in enumerate(self._clips) if len(clip) >= frames]
        if not places:
            longest = max(len(clip) for clip, _ in self._clips)
            raise UserError(
                f"a step of '{baseline.name}' takes {frames} frames of one clip",
                where="training clips",
                expected=f"a clip that long; the longest has {longest}",
            )
        return places

    def draw(self, baseline: Baseline[Any], need: Need, step: int, part: int) -> StepExamples:
        """What ``baseline`` needs for a step. Raises UserError when no clip is long enough."""
        places = self._long_enough(baseline, need.frames)
        rng = np.random.default_rng([self._seed, step, part])
        examples = tuple(
            self._example(places[int(rng.integers(len(places)))], need, rng) for _ in range(need.people)
        )
        return StepExamples(examples, stacked([baseline.condition(one, rng) for one in examples]))

    def _example(self, index: int, need: Need, rng: np.random.Generator) -> Example:
        clip, body = self._clips[index]
        rows = [int(row) for row in rng.choice(len(clip), size=need.frames, replace=False)]
        kept = self._kept(index) if index in self._whole else None
        if kept is not None:
            frames, masks = kept.frames[rows], None if kept.masks is None else kept.masks[rows]
        else:
            found = _decoded(clip, rows, self._side)
            frames, masks = found.frames, found.masks
        return Example(frames, masks, clip.track.take(rows), body, clip.name, tuple(rows))

    def _kept(self, index: int) -> _Decoded:
        found = self._whole[index]
        if found is None:
            clip = self._clips[index][0]
            found = _decoded(clip, list(range(len(clip))), self._side)
            self._whole[index] = found
        return found


def _decoded(clip: Clip, rows: list[int], side: int) -> _Decoded:
    """A few frames at a time, because those of the dataset may be far larger than ``side``."""
    frames, masks = [], []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        frames.append(resized(clip.frames(some), side))
        mattes = clip.masks(some)
        if mattes is not None:
            masks.append(resized_mattes(mattes, side))
    return _Decoded(np.concatenate(frames), np.concatenate(masks) if masks else None)
