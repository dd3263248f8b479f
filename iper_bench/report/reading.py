"""From run folders to evidence: the only file of the report that knows how a run lies on disk.

Means and intervals are computed again from the rows with the store's own ``aggregate``, so a report never
shows a number that the rows do not support, and a run that was stopped half-way can be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.report import paper, plan_reading
from iper_bench.report.evidence import WHOLE_SET, Evidence, Measurement, RunFacts, combine
from iper_bench.report.passport_difference import differences
from iper_bench.store.aggregate import KEY_FIELDS, aggregate, clip_means
from iper_bench.store.plan_file import plan_hash
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.shard import require_whole

DIRECTIONS = {"higher": True, "lower": False}
PAPER_TABLES = ("table1", "table2", "table3", "table4", "table5", "table6")
#: entries of ``Row.provenance`` that identify what was seen
FINGERPRINT = "dataset"
PROTOCOL = "protocol"
_IDENTITIES = (FINGERPRINT, PROTOCOL, "method")  # shown apart from the facts of the machine


def read_evidence(paths: Sequence[Path], rows: Mapping[Path, Sequence[Row]] | None = None) -> Evidence:
    """Everything that the run folders ``paths`` measured. ``rows``: of those whose rows were read already.

    Raises
    ------
    UserError when a folder holds no run or no finished unit, a file is damaged or of a newer format, or
    two runs contradict each other (see ``evidence.combine``).
    """
    if not paths:
        raise UserError(
            "no run given", expected="one run folder or more", hint="iper-bench report RUN --out FOLDER"
        )
    repeated = [path for path in paths if list(paths).count(path) > 1]
    if repeated:
        raise UserError(
            "the same run is given twice", where=str(repeated[0]), expected="each run folder once"
        )
    parts, directions = [], dict(paper_directions())
    for path in paths:
        facts, measurements, named = read_run(path, (rows or {}).get(path))
        parts.append((facts, measurements))
        directions = {name: value for name, value in directions.items() if name not in named}
        directions |= {name: DIRECTIONS[word] for name, word in named.items() if word in DIRECTIONS}
    return combine(parts, directions)


def read_run(
    path: Path, rows: Sequence[Row] | None = None
) -> tuple[RunFacts, list[Measurement], dict[str, str]]:
    """Facts, measurements and the directions ('higher', 'lower', 'neither') that the plan states, of one
    run.
    """
    folder = RunFolder.open(path)
    require_whole(path)
    rows = read_rows(path) if rows is None else rows
    failures = folder.failures()
    if not rows and not failures:
        raise UserError(
            "no finished unit in this run",
            where=str(path),
            expected="a run that has ended",
            hint="type the iper-bench run command again; it resumes",
        )
    plan = folder.plan
    facts = RunFacts(
        folder=path,
        plan_hash=plan_hash(plan),
        plan=plan,
        provenance=_provenance(rows, folder.environment()),
        fingerprints=_identity(rows, "dataset", FINGERPRINT),
        protocols=_identity(rows, "protocol", PROTOCOL),
        profiles=plan_reading.profiles(plan),
        metrics=plan_reading.metrics(plan),
        definitions=plan_reading.definitions(plan),
        methods=plan_reading.method_identities(plan),
        references=plan_reading.references(plan),
        ended=(path / "aggregates.json").exists(),
        failures=tuple((failure.name, failure.reason) for failure in failures),
    )
    _one_definition_a_number(rows, facts)
    measured = measurements_of(rows, plan_reading.trial_counts(plan))
    return facts, measured, plan_reading.directions(plan)


def _one_definition_a_number(rows: Iterable[Row], facts: RunFacts) -> None:
    held: dict[tuple[Any, ...], str] = {}
    for row in rows:
        first = held.setdefault(_key(row), row.definition)
        if first != row.definition:
            texts = [facts.definitions.get(one, {}) for one in (first, row.definition)]
            what = ", ".join(differences(*texts)) or "what differs is not on record"
            raise UserError(
                f"two definitions of {row.metric} in profile '{row.profile}', {first} and {row.definition}: "
                f"{what}",
                where=str(facts.folder),
                expected="one definition of a metric in a run",
                hint=f"iper-bench score {facts.folder}",
            )


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in KEY_FIELDS)


def measurements_of(rows: Sequence[Row], trials: Mapping[str, int] | None = None) -> list[Measurement]:
    """Measurements with their clip values, sorted as the store sorts them.

    ``trials``: setting -> number of trials that were planned, for the reason of a value over a part of them.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row), []).append(row)
    # the first eight fields of a key are those of a group; the fourth is the setting
    planned: dict[Any, int] = {key[:8]: (trials or {}).get(key[3], 0) for key in groups}
    entries = aggregate(rows, trials=planned)
    return [_measurement(entry, groups[tuple(entry[name] for name in KEY_FIELDS)]) for entry in entries]


def _measurement(entry: Mapping[str, Any], rows: Sequence[Row]) -> Measurement:
    clips = {} if entry["pooled"] else clip_means(rows)
    found = {clip: value for clip, value in clips.items() if value is not None and clip != WHOLE_SET}
    actors = {row.clip: row.actor for row in rows if row.clip in found}
    same = ("low", "high", "clips", "backbone", "definition", "reason", "average", "detections")
    return Measurement(
        **{name: entry[name] for name in (*KEY_FIELDS, *same, "actors", "actor_low", "actor_high")},
        value=entry["mean"],
        count=entry["frames"],
        total=entry["frames_total"],
        clip_values=found,
        clip_actors=actors if all(actors.values()) else {},
    )


def paper_directions() -> dict[str, bool]:
    """Metric -> whether higher is better, from the paper's tables: used where a plan does not state
    directions.
    """
    return {quote.metric: quote.higher_is_better for name in PAPER_TABLES for quote in paper.quotes(name)}


def _identity(rows: Iterable[Row], name: str, key: str) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for row in rows:
        if key in row.provenance:
            found.setdefault(getattr(row, name), set()).add(row.provenance[key])
    return {label: "; ".join(sorted(values)) for label, values in sorted(found.items())}


def _add_commits(found: dict[str, set[str]], states: Any) -> None:
    for name, state in sorted((states or {}).items()):
        if state:
            changed = " with changes" if state.get("changed") else ""
            found.setdefault(f"commit of {name}", set()).add(f"{state.get('commit')}{changed}")


def _provenance(rows: Iterable[Row], environment: Mapping[str, Any]) -> dict[str, str]:
    """Facts of the rows and of the machines that wrote them; several values of one fact are joined."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.provenance.items():
            if key not in _IDENTITIES:
                found.setdefault(key, set()).add(value)
    for machine in environment.get("environments", []):
        for key, value in machine.items():
            if key == "git":
                _add_commits(found, value)
            elif value is not None and key != "packages":
                found.setdefault(key, set()).add(str(value))
        for package, number in sorted(machine.get("packages", {}).items()):
            if number is not None:
                found.setdefault(package, set()).add(str(number))
    return {key: "; ".join(sorted(values)) for key, values in sorted(found.items())}
