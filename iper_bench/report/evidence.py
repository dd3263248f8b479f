"""What a report stands on: measurements with their clip values, and the facts of the runs they come from.

Plain values, no files: ``reading.py`` fills them from run folders, tests fill them by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError

WHOLE_SET = "*"  # Row.clip of a value over the whole set (FID, Body-FD, Face-FD)
OFFLINE = "offline"  # the profile whose backbones the paper did not use
NOT_THE_PAPERS = "not comparable with the paper"


@dataclass(frozen=True, order=True)
class Bench:
    """One table's worth of conditions: numbers may be compared within it and nowhere else."""

    dataset: str
    protocol: str
    task: str
    profile: str
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset}, {self.protocol}, profile {self.profile}, seed {self.seed}"


@dataclass(frozen=True)
class Measurement:
    """One number of one method in one setting: an entry of the run's aggregates with the clip values
    behind it.

    Attributes
    ----------
    method, dataset, protocol, setting, profile, metric, task: names.
    sn, steps, seed: number of sources, personalization steps T, seed.
    value: mean over clips, or the value over the whole set; ``None`` when it could not be computed.
    low, high: 95 % interval over clips, ``None`` for values over the whole set and for a single clip.
    clips: clips that entered. count, total: frames that entered and that could have.
    backbone: name and sha256 of the feature network, ``None`` for pixel metrics.
    definition: content hash of the metric's definition in the profile.
    reason: why the value, or a part of it, is missing.
    clip_values: clip -> value; empty for values over the whole set.
    """

    method: str
    dataset: str
    protocol: str
    setting: str
    sn: int
    steps: int
    profile: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    clips: int = 0
    count: int = 0
    total: int = 0
    backbone: str | None = None
    definition: str = ""
    reason: str | None = None
    clip_values: Mapping[str, float] = field(default_factory=dict)
    task: str = "motion_imitation"
    seed: int = 0

    @property
    def bench(self) -> Bench:
        """Dataset, protocol, task, profile and seed."""
        return Bench(self.dataset, self.protocol, self.task, self.profile, self.seed)

    @property
    def key(self) -> tuple[str | int, ...]:
        """What was measured; two measurements of one key are the same number or a contradiction."""
        place = (self.dataset, self.protocol, self.task, self.profile, self.seed)
        return (*place, self.setting, self.sn, self.steps, self.metric, self.method)

    @property
    def passport(self) -> tuple[str, str | None]:
        """Definition and backbone: numbers with different passports never share a column."""
        return self.definition, self.backbone

    @property
    def title(self) -> str:
        """Readable name for messages and tables."""
        return f"{self.method} {self.setting} sn={self.sn} T={self.steps} {self.metric} ({self.profile})"

    @property
    def coverage(self) -> float | None:
        """Share of frames that entered, 0 to 1; ``None`` when there were none to enter."""
        return self.count / self.total if self.total else None


@dataclass(frozen=True)
class RunFacts:
    """Where numbers come from.

    Attributes
    ----------
    folder: the run folder.
    plan_hash: content hash of the plan. plan: the resolved plan.
    provenance: facts equal for all rows (versions, device, dtype ...); where rows differ, all values
        joined by '; '.
    fingerprints: dataset -> fingerprint. protocols: protocol -> hash.
    metrics: (profile, metric) -> what the plan tells of it. definitions: hash -> complete definition.
    methods: method -> content hash of what changes its output.
    failures: name and reason of the units that failed. ended: whether every unit was tried and aggregated.
    """

    folder: Path
    plan_hash: str
    plan: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()
    ended: bool = True


@dataclass(frozen=True)
class Evidence:
    """Measurements of one or several runs, sorted by key, without contradictions.

    ``higher_is_better`` maps metric names to their direction; a metric absent from it has none (no arrow,
    no best).
    """

    runs: tuple[RunFacts, ...]
    measurements: tuple[Measurement, ...]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    def benches(self) -> list[Bench]:
        """All conditions, sorted."""
        return sorted({m.bench for m in self.measurements})

    def select(self, bench: Bench, **equal: object) -> list[Measurement]:
        """Measurements of ``bench`` whose attributes equal those given, in the order of keys."""
        return [
            m
            for m in self.measurements
            if m.bench == bench and all(getattr(m, name) == value for name, value in equal.items())
        ]


def combine(
    parts: Iterable[tuple[RunFacts, Iterable[Measurement]]], directions: Mapping[str, bool]
) -> Evidence:
    """Put several runs into one body of evidence; a number that two runs agree on is kept once.

    Raises
    ------
    UserError when two runs give different values for one key, measure one metric of one profile with
    different definitions or backbones, or saw different frames or rules under one dataset or protocol name.
    """
    runs: list[RunFacts] = []
    kept: dict[tuple[object, ...], tuple[Measurement, Path]] = {}
    for facts, measurements in parts:
        for other in runs:
            _same("dataset", other.fingerprints, facts.fingerprints, other.folder, facts.folder)
            _same("protocol", other.protocols, facts.protocols, other.folder, facts.folder)
        runs.append(facts)
        for measurement in measurements:
            held, folder = kept.setdefault(measurement.key, (measurement, facts.folder))
            if held != measurement:
                raise UserError(
                    f"two different values for {measurement.title}: {held.value} and {measurement.value}",
                    where=f"{folder} and {facts.folder}",
                    expected="each number once",
                    hint="report the two runs separately",
                )
    _one_passport_a_column(kept.values())
    ordered = tuple(measurement for _, (measurement, _) in sorted(kept.items(), key=lambda item: item[0]))
    return Evidence(tuple(runs), ordered, dict(directions))


def _same(kind: str, ours: Mapping[str, str], theirs: Mapping[str, str], here: Path, there: Path) -> None:
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            raise UserError(
                f"{kind} '{name}' is not the same in both runs ({ours[name]} and {theirs[name]})",
                where=f"{here} and {there}",
                expected=f"one {kind} of one name in a report",
                hint="report the two runs separately",
            )


def _one_passport_a_column(held: Iterable[tuple[Measurement, Path]]) -> None:
    seen: dict[tuple[object, ...], tuple[Measurement, Path]] = {}
    for measurement, folder in held:
        column = (measurement.bench, measurement.setting, measurement.metric)
        first, origin = seen.setdefault(column, (measurement, folder))
        if first.backbone is None:  # all its values are missing, so no network was used
            seen[column] = (measurement, folder)
        elif measurement.backbone is None:
            measurement = replace(measurement, backbone=first.backbone)
        if first.definition != measurement.definition or None is not first.backbone != measurement.backbone:
            what = "definitions" if first.definition != measurement.definition else "backbones"
            raise UserError(
                f"two {what} of {measurement.metric} in profile '{measurement.profile}' "
                f"({_text(first)} and {_text(measurement)})",
                where=f"{origin} and {folder}",
                expected="one definition and one backbone per column",
                hint="report the two runs separately",
            )


def _text(measurement: Measurement) -> str:
    return " / ".join(str(part) for part in measurement.passport if part)
