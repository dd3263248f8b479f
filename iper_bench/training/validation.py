"""Validation while training: fixed self-imitations of held-out clips.

The scores are a function that the caller brings (``iper_bench.run.pair_scores`` makes one from the
definitions of a metric profile), so that training and evaluation cannot differ in what PSNR or LPIPS means.
No global random number is drawn and no weight is touched: training goes on as if nothing had been
measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from iper_bench.data.clip import Images
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_frames
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.mix import Mix

#: splits with held-out clips, in the order in which they are looked for
HELD_OUT = ("val", "validation", "test")
CLIPS = 4  # held-out clips, spread over the split
TARGETS = 4  # frames of each


class Scores(Protocol):
    """What measures predictions; ``notes`` are written beside the numbers, for example the profile."""

    notes: Mapping[str, str]

    def __call__(self, predictions: Images, truths: Images) -> Mapping[str, float]:
        """A number per score of (N, H, W, 3) uint8 predictions and truths."""


#: a batch of one person to his composed target frames (1, nt, 3, S, S) in [-1, 1]
Predict = Callable[[StepBatch], Tensor]


def held_out_split(mix: Mix) -> str:
    """The split that validation uses. Raises UserError when no dataset of the mix has one."""
    there = {split for dataset in mix.datasets for split in dataset.splits() if dataset.clip_names(split)}
    for name in HELD_OUT:
        if name in there:
            return name
    raise UserError(
        f"no dataset of '{mix.name}' has held-out clips to validate on",
        expected=f"a split {' or '.join(HELD_OUT)} that is not empty",
        hint="--validate-every 0",
    )


def spread(count: int, chosen: int) -> list[int]:
    """Up to ``chosen`` different indices, spread evenly over ``range(count)``, first one 0."""
    chosen = min(count, chosen)
    return [(count * k) // chosen for k in range(chosen)]


def trial_frames(length: int, candidates: Sequence[int], sn: int) -> tuple[list[int], list[int]]:
    """Positions of the sources among the candidates, and target frames that are no sources.

    Where every frame is a source, targets are taken from all frames.
    """
    places = [(len(candidates) * k) // sn for k in range(sn)]
    sources = {candidates[place] for place in places}
    rest = [frame for frame in range(length) if frame not in sources] or list(range(length))
    # From the middle of each stretch: frame 0 of the rest mostly stands right beside a source.
    count = min(TARGETS, len(rest))
    return places, [rest[((2 * k + 1) * len(rest)) // (2 * count)] for k in range(count)]


class Validator:
    """Scores predictions of fixed batches.

    Parameters
    ----------
    batches: one held-out person each. scores: predictions and truths, (N, H, W, 3) uint8 each, to a number
        per score.
    notes: what to write beside the scores, for example the split and the profile.
    """

    def __init__(
        self,
        batches: Sequence[StepBatch],
        scores: Callable[[Images, Images], Mapping[str, float]],
        notes: Mapping[str, object] | None = None,
    ) -> None:
        if not batches:
            raise ValueError("no validation batches")
        self.batches = tuple(batches)
        self.notes = {"clips": len(self.batches), **(notes or {})}
        self._scores = scores

    def measure(self, predict: Predict) -> tuple[dict[str, float], Tensor]:
        """The scores over all frames of all trials, and the predictions of the first trial (1, nt, 3, S,
        S).
        """
        with torch.no_grad():
            made = [predict(batch).to("cpu", torch.float32) for batch in self.batches]
        predictions = np.concatenate([to_frames(frames[0]) for frames in made])
        truths = np.concatenate([to_frames(batch.target_images[0]) for batch in self.batches])
        return dict(self._scores(predictions, truths)), made[0]
