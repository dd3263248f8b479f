"""How much a method loses in a slice of the frames.

For every clip that has frames in the slice: its mean over those frames against its mean over all its frames,
so that a slice is not bad because of the clips that happen to be in it. The loss is the mean over these
clips, positive when the slice is worse; its interval resamples actors, then clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iper_bench.report.frame_values import Cohort, Metric
from iper_bench.report.slices_bins import NO_BIN, Cut
from iper_bench.report.statistics import Interval, nested_bootstrap, paired_by_actor

Floats = npt.NDArray[np.float64]
FEWEST_ACTORS = 2  # one person's slice says nothing of others
FEWEST_FRAMES = 10


@dataclass(frozen=True)
class SliceLoss:
    """One method and metric in one slice.

    Attributes
    ----------
    kind, label: of the slice, ``Cut.kind`` and one of its labels. method, metric: names.
    value: mean over the clips of their means over the frames in the slice. overall: mean over the same clips
        of their means over all frames. loss: how much worse ``value`` is, in the metric's unit, positive =
        worse.
    spread: standard deviation of the method's values over all frames. frames, clips, actors: behind
    ``value``. inside, whole: the two means of every clip.
    """

    kind: str
    label: str
    method: str
    metric: Metric
    value: float
    overall: float
    loss: float
    spread: float
    frames: int
    clips: int
    actors: int
    inside: Mapping[str, float] = field(repr=False)
    whole: Mapping[str, float] = field(repr=False)

    @property
    def share(self) -> float:
        """The loss in units of the spread, by which metrics can be put beside each other."""
        return self.loss / self.spread

    def interval(self, actors: Mapping[str, str], *, higher_is_better: bool) -> Interval:
        """The loss with its nested bootstrap interval. ``actors``: clip -> who is seen."""
        better, worse = (self.whole, self.inside) if higher_is_better else (self.inside, self.whole)
        return nested_bootstrap(paired_by_actor(better, worse, actors))


@dataclass(frozen=True)
class Layout:
    """Whose frames the columns are: ``clips`` sorted names, ``of_frame`` (frames,) number of the clip."""

    clips: tuple[str, ...]
    of_frame: npt.NDArray[np.int64] = field(repr=False)


def clips_of(cohort: Cohort) -> dict[str, str]:
    """Trial -> source clip."""
    return {unit.trial: unit.clip for unit in cohort.units.values()}


def layout(cohorts: Sequence[Cohort]) -> Layout:
    """The columns of several cohorts behind each other."""
    named = [clips_of(cohort) for cohort in cohorts]
    clips = sorted({clip for held in named for clip in held.values()})
    number = {clip: place for place, clip in enumerate(clips)}
    parts = [
        np.repeat([number[held[trial]] for trial in cohort.trials], np.diff(cohort.starts))
        for held, cohort in zip(named, cohorts, strict=True)
    ]
    return Layout(tuple(clips), np.concatenate(parts).astype(np.int64))


def actors_of(cohorts: Sequence[Cohort]) -> dict[str, str]:
    """Clip -> who is seen in it, where the rows say so."""
    found: dict[str, str] = {}
    for cohort in cohorts:
        for unit in cohort.units.values():
            for row in unit.rows.values():
                if row.actor:
                    found[row.clip] = row.actor
    return found


def losses(
    methods: Sequence[str],
    values: Floats,
    metric: Metric,
    place: Layout,
    cut: Cut,
    actors: Mapping[str, str],
    *,
    higher_is_better: bool,
) -> tuple[list[SliceLoss], int]:
    """Losses of one metric in every slice of a cut, and how many slices of methods had too little.

    Parameters
    ----------
    values: (methods, frames) float64, NaN = left out.
    """
    count, slices = len(place.clips), len(cut.labels)
    found, left_out = [], 0
    sign = 1.0 if higher_is_better else -1.0
    for method, own in zip(methods, values, strict=True):
        known = np.isfinite(own)
        if not known.any():
            continue
        spread = float(own[known].std())
        whole, _ = _means(own[known], place.of_frame[known], count)
        held = known & (cut.places != NO_BIN)
        inside, frames = _means(own[held], place.of_frame[held] * slices + cut.places[held], count * slices)
        table, frames = inside.reshape(count, slices), frames.reshape(count, slices)
        for number, label in enumerate(cut.labels):
            there = np.flatnonzero(frames[:, number])
            clips = [place.clips[clip] for clip in there]
            people = len({actors.get(clip, ("", clip)) for clip in clips})
            total = int(frames[:, number].sum())
            if people < FEWEST_ACTORS or total < FEWEST_FRAMES or not spread > 0:
                left_out += 1 if total else 0
                continue
            ours, theirs = table[there, number], whole[there]
            found.append(
                SliceLoss(
                    *(cut.kind, label, method, metric),
                    *(float(ours.mean()), float(theirs.mean()), float(sign * (theirs - ours).mean()), spread),
                    *(total, len(clips), people),
                    inside=dict(zip(clips, ours.tolist(), strict=True)),
                    whole=dict(zip(clips, theirs.tolist(), strict=True)),
                )
            )
    return found, left_out


def _means(values: Floats, groups: npt.NDArray[np.int64], count: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Mean and number of the values of every group, (count,) each; NaN for an empty one."""
    numbers = np.bincount(groups, minlength=count)
    sums = np.bincount(groups, weights=values, minlength=count)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan), numbers
