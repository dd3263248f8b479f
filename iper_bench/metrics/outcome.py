"""``Outcome``: a metric of one unit before it gets its names: per-frame values, the number, the coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.averages import averaged


@dataclass(frozen=True)
class Outcome:
    """What a meter measured.

    Attributes
    ----------
    value: the number, or ``None``.
    reason: why there is none.
    per_frame: one entry per predicted frame, ``None`` = left out; ``None`` where there are no such values.
    count, total: frames that entered, and that could have.
    note: a caution about a value that is there.
    detections: for metrics of what a detector finds, frames in which it found something: ``reference``,
        ``prediction``, ``both``, and ``frames``, the number of predictions; ``None`` for other metrics.
    pairs: leading entries of ``per_frame`` that have a partner and are averaged over; ``None`` for all.
    """

    value: float | None
    reason: str | None
    per_frame: list[float | None] | None
    count: int
    total: int
    note: str | None = None
    detections: Mapping[str, int] | None = None
    pairs: int | None = None


def missing(reason: str, total: int, detections: Mapping[str, int] | None = None) -> Outcome:
    """No value, and why."""
    return Outcome(None, reason, None, 0, total, detections=detections)


def of_frames(
    per_frame: Sequence[float | None],
    rule: str,
    nothing: str,
    *,
    note: str | None = None,
    detections: Mapping[str, int] | None = None,
    frames: int | None = None,
) -> Outcome:
    """The average of per-frame values by a rule of ``averages.py``.

    ``nothing`` is the reason when no frame has a value; ``frames`` the number of entries that the average
    runs over, where the last ones have no partner.
    """
    values = list(per_frame)
    value = averaged(values[:frames], rule)
    count = sum(one is not None for one in values)
    reason = None if value is not None else nothing
    return Outcome(value, reason, values, count, len(values), note, detections, frames)
