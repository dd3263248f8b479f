"""Held-out clips that a baseline's training is validated on: self-imitations with fixed frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.method import BaselineSubject
from iper_bench.data.clip import Images
from iper_bench.methods.method import Sources, Targets
from iper_bench.training.mix import Mix, source_candidates
from iper_bench.training.picture import joined_tiles
from iper_bench.training.trainee import Validation
from iper_bench.training.validation import CLIPS, Scores, held_out_split, spread, trial_frames

MOST_SOURCES = 4  # of a baseline that uses all there are
MOST_ROWS = 4


class BaselineValidator:
    """Scores a baseline's present weights.

    Parameters
    ----------
    mix: datasets; the clips are those of the split ``val``, or else ``test``. scores: predictions and truths,
        (N, H, W, 3) uint8 each, to a number per score; its notes are written beside them.

    Raises
    ------
    UserError when no dataset has held-out clips.
    """

    def __init__(self, mix: Mix, baseline: Baseline[Any], scores: Scores) -> None:
        split = held_out_split(mix)
        sn = baseline.most_sources or MOST_SOURCES
        pairs = [
            (dataset, clip)
            for dataset in mix.datasets
            if split in dataset.splits()
            for clip in dataset.clips(split)
        ]
        self._trials: list[tuple[Sources, Targets, Images]] = []
        for index in spread(len(pairs), CLIPS):
            dataset, clip = pairs[index]
            candidates = source_candidates(dataset, clip)
            places, targets = trial_frames(len(clip), candidates, min(sn, len(candidates)))
            rows = [candidates[place] for place in places]
            sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), dataset.body)
            self._trials.append((sources, Targets(clip.track.take(targets), True), clip.frames(targets)))
        self._scores = scores
        self._notes: Mapping[str, object] = {"clips": len(self._trials), "split": split, **scores.notes}

    def measure(self, baseline: Baseline[Any]) -> Validation:
        """The scores over all frames of all trials; its picture shows the first trial."""
        made = [
            np.concatenate(list(BaselineSubject(baseline, sources).render(targets)))
            for sources, targets, _ in self._trials
        ]
        truths = [truth for _, _, truth in self._trials]
        scores = dict(self._scores(np.concatenate(made), np.concatenate(truths)))
        sources = self._trials[0][0].frames[:1]
        return Validation(scores, self._notes, comparison(sources, made[0], truths[0]))


def comparison(sources: Images, made: Images, truths: Images) -> Images:
    """Rows of [source, made, truth], at most four; the one source stands in every row."""
    rows: Sequence[Images] = [
        joined_tiles([sources[min(k, len(sources) - 1)], made[k], truths[k]], axis=1)
        for k in range(min(len(made), MOST_ROWS))
    ]
    return joined_tiles(list(rows), axis=0)
