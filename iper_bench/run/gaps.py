"""``Gaps``: values of the frames that were measured, put back in their places among those that were expected.

Coverage, values per frame and rules of batches refer to the frames that were asked for, whether or not all of
them could be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from iper_bench.averages import averaged
from iper_bench.metrics.definition import AVERAGE
from iper_bench.metrics.scores import MetricValue, SetFeatures

FLICKER = "flicker"
NO_NEIGHBOURS = "frames between others are missing, so that neighbours cannot be compared throughout"
NO_NEIGHBOUR_LEFT = "no two consecutive frames"
_PER_FRAME_RULES = ("frames", "batches-16", "batches-16-zero")


@dataclass(frozen=True)
class Gaps:
    """What was left out of one unit.

    Attributes
    ----------
    predictions, references: places that were measured. prediction_count, reference_count: frames expected.
    note: what was left out, in words; ``None`` when nothing was.
    """

    predictions: tuple[int, ...]
    references: tuple[int, ...]
    prediction_count: int
    reference_count: int
    note: str | None

    def applied(self, value: MetricValue, definition: Mapping[str, Any]) -> MetricValue:
        """A value of the unit. ``definition``: the stored one, by which it was measured."""
        if self.note is None:
            return value
        choices = definition["choices"]
        of_reference = choices.get("side") == "reference"
        places = self.references if of_reference else self.predictions
        count = self.reference_count if of_reference else self.prediction_count
        if definition["kind"] == FLICKER:
            value = _without_jumps(value, places, str(choices.get("statistic")))
        per_frame = value.per_frame
        if per_frame is not None and len(per_frame) == len(places):
            spread: list[float | None] = [None] * count
            for place, one in zip(places, per_frame, strict=True):
                spread[place] = one
            per_frame = spread
        pairs = None if value.pairs is None else min(self.prediction_count, self.reference_count)
        number = value.value
        if number is not None and per_frame is not None and choices.get(AVERAGE) in _PER_FRAME_RULES:
            number = averaged(per_frame[:pairs], str(choices[AVERAGE]))  # batches are those of all frames
        return replace(
            value,
            value=number,
            reason=None if value.reason is None else f"{value.reason}; {self.note}",
            note="; ".join(part for part in (value.note, self.note) if part),
            per_frame=per_frame,
            total=value.total + count - len(places),
            pairs=pairs,
        )

    def counted(self, features: SetFeatures) -> SetFeatures:
        """Features with the frames that were left out in their totals."""
        return replace(
            features,
            prediction_total=features.prediction_total + self.prediction_count - len(self.predictions),
            reference_total=features.reference_total + self.reference_count - len(self.references),
        )


def _without_jumps(value: MetricValue, places: tuple[int, ...], statistic: str) -> MetricValue:
    """A value over consecutive frames without those steps that lead over a gap."""
    jumps = [at for at in range(1, len(places)) if places[at] != places[at - 1] + 1]
    if value.value is None or not jumps:
        return value
    if value.per_frame is None or statistic == "ratio":
        return replace(value, value=None, count=0, reason=NO_NEIGHBOURS, note=None)
    kept = [None if at in jumps else one for at, one in enumerate(value.per_frame)]
    number = averaged(kept, value.average)
    return replace(
        value,
        value=number,
        per_frame=kept,
        count=sum(one is not None for one in kept),
        reason=NO_NEIGHBOUR_LEFT if number is None else value.reason,
        note=None if number is None else value.note,
    )
