"""Errors by body part of the methods of a cohort: clip means, read from the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.report.frame_values import Cohort
from iper_bench.report.panel import ReportContext
from iper_bench.report.slices_losses import actors_of
from iper_bench.store.part_errors import BODY_PARTS, PARTS, read_part_errors


@dataclass(frozen=True)
class MethodParts:
    """Errors of one method.

    Attributes
    ----------
    method: name. clips: part -> clip -> mean over the frames that show the part, 0 to 255; parts and clips
        without such a frame are absent. trials: how many trials they come from.
    """

    method: str
    clips: Mapping[str, Mapping[str, float]]
    trials: int

    def mean(self, part: str) -> float | None:
        """Mean over clips, every clip alike; ``None`` where no frame shows the part."""
        values = self.clips.get(part, {})
        return math.fsum(values.values()) / len(values) if values else None

    @property
    def body(self) -> float | None:
        """Mean over the parts of the body, every part alike: by this methods are ordered."""
        values = [value for value in map(self.mean, BODY_PARTS) if value is not None]
        return math.fsum(values) / len(values) if values else None


@dataclass(frozen=True)
class CohortParts:
    """Errors of the methods of a cohort, lowest first, and clip -> who is seen."""

    title: str
    methods: tuple[MethodParts, ...]
    actors: Mapping[str, str]
    trials: int


def cohort_parts(context: ReportContext, cohort: Cohort) -> CohortParts | None:
    """Read what the runs hold; ``None`` where they hold nothing. Raises UserError for a damaged file."""
    found = []
    for method in cohort.methods:
        held = [
            (unit.clip, errors)
            for trial in cohort.trials
            if (unit := cohort.units.get((method, trial))) is not None
            and (errors := read_part_errors(context.runs[unit.run], unit.unit)) is not None
        ]
        if held:
            clips = {
                part: _clip_means([(clip, errors.errors[part]) for clip, errors in held]) for part in PARTS
            }
            found.append(MethodParts(method, clips, len(held)))
    if not found:
        return None
    found.sort(key=lambda one: (math.inf if one.body is None else one.body, one.method))
    return CohortParts(cohort.title, tuple(found), actors_of([cohort]), len(cohort.trials))


def _clip_means(held: Sequence[tuple[str, Sequence[float | None]]]) -> dict[str, float]:
    """Mean over all frames of a clip, those of several trials together."""
    values: dict[str, list[float]] = {}
    for clip, errors in held:
        values.setdefault(clip, []).extend(value for value in errors if value is not None)
    return {clip: math.fsum(ones) / len(ones) for clip, ones in sorted(values.items()) if ones}
