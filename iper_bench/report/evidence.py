"""What a report stands on: measurements with their clip values, and the facts of the runs they come from.

Plain values, no files: ``reading.py`` fills them from run folders, tests fill them by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.report.passport_difference import differences, weights_alone

WHOLE_SET = "*"  # Row.clip of a value over the whole set (FID, Body-FD, Face-FD)
NOT_THE_PAPERS = "not comparable with the paper"
#: plans of before did not state which profiles are comparable with the paper: these were not, and why
NOT_STATED: Mapping[str, str] = {
    "offline": "other networks than the paper's, with weights that pip brings; LPIPS, CS, FD and FID share "
    "theirs with the training loss of attlwb's packaged weights"
}


@dataclass(frozen=True, order=True)
class Bench:
    """One table's worth of conditions: numbers may be compared within it and nowhere else."""

    dataset: str
    protocol: str
    task: str
    profile: str

    def __str__(self) -> str:
        return f"{self.dataset}, {self.protocol}, profile {self.profile}"


@dataclass(frozen=True)
class Measurement:
    """One number of one method in one setting: an entry of the run's aggregates with the clip values
    behind it.

    Attributes
    ----------
    method, dataset, protocol, setting, profile, metric, task: names.
    sn, steps, seed: number of sources, personalization steps T, seed of personalization.
    seeds: all seeds behind the value, where several were put together (``seeds.over_seeds``); else ``seed``.
    value: mean over clips, or by a rule of batches over all trials, or the value over the whole set; ``None``
        when it could not be computed.
    low, high: 95 % interval over clips, ``None`` for values over the whole set and for a single clip.
    actors: number of actors behind the value, ``None`` when not recorded. actor_low, actor_high: 95 %
        interval over actors with all their clips.
    average: rule of ``averages.py`` behind ``value``.
    detections: frames with a face or body in ``reference``, ``prediction`` and ``both``, of ``frames``;
        ``None`` for metrics that look for nothing.
    clips: clips that entered. count, total: frames that entered and that could have.
    backbone: name and sha256 of the feature network, ``None`` for pixel metrics.
    definition: id of the metric's passport: definition, setting and weights.
    reason: why the value, or a part of it, is missing.
    clip_values: clip -> value; empty for values over the whole set.
    clip_actors: clip -> who is seen in it, of the clips with a value; empty where a row names no actor.
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
    average: str = "frames"
    actors: int | None = None
    actor_low: float | None = None
    actor_high: float | None = None
    detections: Mapping[str, int] | None = None
    seeds: tuple[int, ...] = ()
    clip_actors: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds:
            object.__setattr__(self, "seeds", (self.seed,))

    @property
    def bench(self) -> Bench:
        """Dataset, protocol, task and profile."""
        return Bench(self.dataset, self.protocol, self.task, self.profile)

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
    profiles: profile -> ``comparable`` with the paper and ``why_not``, as far as the plan states them.
    metrics: (profile, metric) -> what the plan tells of it. definitions: hash -> complete definition.
    methods: method -> content hash of what changes its output.
    references: those of them that calibrate the others -> what they are made from: ``sources``, which any
        method has, ``truth`` or ``others``, which no method sees.
    failures: name and reason of the units that failed. ended: whether every unit was tried and aggregated.
    """

    folder: Path
    plan_hash: str
    plan: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
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

    @property
    def references(self) -> dict[str, str]:
        """The references of all runs -> what they are made from."""
        return {name: kind for facts in self.runs for name, kind in facts.references.items()}

    def why_not(self, profile: str) -> str | None:
        """Why columns of a profile are not comparable with the paper's; ``None`` when they are."""
        stated = [facts.profiles[profile] for facts in self.runs if profile in facts.profiles]
        if not stated:
            return NOT_STATED.get(profile)
        refused = [one for one in stated if not one["comparable"]]
        return (str(refused[0].get("why_not") or "") or "other definitions") if refused else None

    def definition(self, identity: str) -> Mapping[str, Any]:
        """The complete definition of that id; empty when no plan holds it."""
        held = (facts.definitions.get(identity) for facts in self.runs)
        return next((one for one in held if one), {})

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
    kept: dict[tuple[object, ...], tuple[Measurement, RunFacts]] = {}
    for facts, measurements in parts:
        for other in runs:
            _same("dataset", other.fingerprints, facts.fingerprints, other.folder, facts.folder)
            _same("protocol", other.protocols, facts.protocols, other.folder, facts.folder)
        runs.append(facts)
        for measurement in measurements:
            held, origin = kept.setdefault(measurement.key, (measurement, facts))
            if held != measurement:
                _one_passport((held, origin), (measurement, facts))
                raise UserError(
                    f"two different values for {measurement.title}: {held.value} and {measurement.value}",
                    where=f"{origin.folder} and {facts.folder}",
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


Held = tuple[Measurement, RunFacts]


def _one_passport_a_column(held: Iterable[Held]) -> None:
    seen: dict[tuple[object, ...], Held] = {}
    for one in held:
        column = (one[0].bench, one[0].setting, one[0].metric)
        first = seen.setdefault(column, one)
        _one_passport(first, one)
        if first[0].value is None or first[0].backbone is None:  # what was measured decides for the column
            seen[column] = one


def _one_passport(first: Held, second: Held) -> None:
    """Raise UserError when two measurements must not share a column."""
    (ours, here), (theirs, there) = first, second
    known = None not in (ours.backbone, theirs.backbone)
    if ours.definition == theirs.definition and not (known and ours.backbone != theirs.backbone):
        return
    texts = here.definitions.get(ours.definition, {}), there.definitions.get(theirs.definition, {})
    if None in (ours.value, theirs.value) and weights_alone(*texts):
        return  # without weights nothing was measured
    found = differences(*texts)
    if not found and ours.backbone != theirs.backbone:
        found = [f"feature network ({ours.backbone or 'none'} and {theirs.backbone or 'none'})"]
    what = ", ".join(found) or "what differs is not on record"
    raise UserError(
        f"two definitions of {ours.metric} in profile '{ours.profile}', {ours.definition} and "
        f"{theirs.definition}: {what}",
        where=f"{here.folder} and {there.folder}",
        expected="one definition and one feature network per column",
        hint=f"iper-bench explain {here.folder} {there.folder}, or report the two runs separately",
    )
