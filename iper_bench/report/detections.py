"""Where faces and bodies were found, and what a score is worth under each way to treat missing ones.

A similarity of faces means little without the frames in which there was a face: a method that shows none can
score well over the few that are left. Counts therefore stand directly below every table with such scores,
with the score under each policy side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.report.evidence import Measurement
from iper_bench.report.numerals import MISSING, digits_for, number, percent, span

#: policy -> how the metric that follows it is named after the part's similarity
POLICIES = (("penalised", ""), ("detected in both", "/detected"), ("at the truth's box", "/truth-box"))
SIMILARITY = "-CS"
SIDES = ("reference", "prediction", "both")
DETECTION_HEADS = ("method", "setting", "metrics", "in truth / real", "in prediction", "in both", "of frames")
POLICY_HEADS = ("method", "setting", "score", *(name for name, _ in POLICIES), "bracket")
DETECTIONS_TITLE = "Detections: frames with a face or body"
POLICIES_TITLE = "Scores by what is done about missing detections"
DETECTIONS_NOTE = (
    "A face or body counts as found by the metric's own detector. Cross-imitation: the real frames are a set "
    "of their own; 'in both' goes by position."
)
POLICIES_NOTE = (
    "Penalised: a prediction without a detection counts 0. Detected in both: it is left out. At the truth's "
    "box: it is cropped where the truth has its face or body. The bracket is the lowest and highest of these."
)

Shown = Mapping[tuple[str, str, str], Measurement]  # (method, setting, metric)


@dataclass(frozen=True)
class DetectionRow:
    """Counts of frames of one method in one setting that several metrics share. ``counts``: of ``reference``,
    ``prediction``, ``both`` and ``frames``.
    """

    method: str
    setting: str
    metrics: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def cells(self) -> tuple[str, ...]:
        """One text per head of :data:`DETECTION_HEADS`."""
        frames = self.counts.get("frames", 0)
        found = [self._cell(side, frames) for side in SIDES]
        return (self.method, self.setting, ", ".join(_shortened(self.metrics)), *found, str(frames))

    def _cell(self, side: str, frames: int) -> str:
        count = self.counts.get(side)
        if count is None:
            return MISSING
        # real frames are as many as they are: no share of the predicted ones
        share = frames and (side == "prediction" or self.setting == "self")
        return f"{count} ({percent(count / frames)})" if share else str(count)


@dataclass(frozen=True)
class PolicyRow:
    """A similarity under each policy, ``None`` where it was not measured or has no value."""

    method: str
    setting: str
    score: str
    values: tuple[float | None, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """One text per head of :data:`POLICY_HEADS`."""
        found = [value for value in self.values if value is not None]
        digits = digits_for([abs(value) for value in found])
        texts = [MISSING if value is None else number(value, digits) for value in self.values]
        bracket = span(min(found), max(found), digits) if found else MISSING
        return (self.method, self.setting, self.score, *texts, bracket)


def _shortened(metrics: Sequence[str]) -> list[str]:
    """``Face-CS, Face-CS/detected`` as ``Face-CS, /detected``: narrow columns."""
    bases = [name.partition("/")[0] for name in metrics]
    return [
        name.removeprefix(base) if place and base == bases[place - 1] else name
        for place, (name, base) in enumerate(zip(metrics, bases, strict=True))
    ]


def detection_rows(shown: Shown, labels: Mapping[str, str]) -> tuple[DetectionRow, ...]:
    """Rows by method, setting (self first) and metric; metrics with the same counts share one.

    ``labels``: method -> how tables call it.
    """
    groups: dict[tuple[str, str, tuple[tuple[str, int], ...]], list[str]] = {}
    for (method, setting, metric), found in sorted(shown.items(), key=_place):
        if found.detections is not None:
            counts = tuple(sorted(found.detections.items()))
            groups.setdefault((method, setting, counts), []).append(metric)
    return tuple(
        DetectionRow(labels.get(method, method), setting, tuple(metrics), dict(counts))
        for (method, setting, counts), metrics in groups.items()
    )


def policy_rows(shown: Shown, labels: Mapping[str, str]) -> tuple[PolicyRow, ...]:
    """Rows by method, setting and part, where a similarity was measured under two policies or more."""
    rows = []
    parts = sorted({metric.split(SIMILARITY)[0] for _, _, metric in shown if SIMILARITY in metric})
    for method, setting in dict.fromkeys(key[:2] for key, _ in sorted(shown.items(), key=_place)):
        for part in parts:
            names = [f"{part}{SIMILARITY}{ending}" for _, ending in POLICIES]
            found = [shown.get((method, setting, name)) for name in names]
            if sum(one is not None for one in found) > 1:
                values = tuple(None if one is None else one.value for one in found)
                rows.append(PolicyRow(labels.get(method, method), setting, names[0], values))
    return tuple(rows)


def _place(item: tuple[tuple[str, str, str], Measurement]) -> tuple[str, bool, str, str]:
    method, setting, metric = item[0]
    return method, setting != "self", setting, metric
