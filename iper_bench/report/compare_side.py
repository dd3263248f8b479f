"""``Side``: one side of a comparison, read from a run folder or a baseline file, and whether two may be
compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError
from iper_bench.report.baseline import measurements_of, read_baseline
from iper_bench.report.evidence import Evidence, Measurement
from iper_bench.report.passport_difference import differences
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Side:
    """The numbers of a finished run or of a baseline, seeds pooled.

    Attributes
    ----------
    path: run folder or baseline file.
    numbers: measurements in order.
    higher_is_better: metric -> direction; metrics without one are not compared.
    fingerprints, protocols: dataset -> fingerprint, protocol -> hash.
    definitions: id -> complete definition, where known.
    notes: what a reader of the result must know about this side.
    """

    path: Path
    numbers: tuple[Measurement, ...]
    higher_is_better: Mapping[str, bool]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def by_key(self) -> dict[Key, Measurement]:
        """Key of a measurement -> the measurement."""
        return {m.key: m for m in self.numbers}


def complete_evidence(run: Path) -> Evidence:
    """Evidence of a run without failed units, seeds pooled.

    Raises UserError for a run that has not ended or has failed units: half a run must not pass a gate.
    """
    evidence = read_evidence([run])
    if not all(facts.ended for facts in evidence.runs):
        raise UserError(
            "this run has not ended",
            where=str(run),
            expected="a run with aggregates.json",
            hint="type the iper-bench run command again; it resumes",
        )
    failures = [failure for facts in evidence.runs for failure in facts.failures]
    if failures:
        name, reason = failures[0]
        raise UserError(
            f"{len(failures)} failed units, the first: {name}: {reason}",
            where=str(run),
            expected="a run without failures",
            hint="the same iper-bench run command with --retry-failed",
        )
    return over_seeds(evidence)


def run_side(run: Path) -> Side:
    """A finished run folder as a side. Raises UserError as :func:`complete_evidence`."""
    evidence = complete_evidence(run)
    return Side(
        path=run,
        numbers=evidence.measurements,
        higher_is_better=evidence.higher_is_better,
        fingerprints={k: v for facts in evidence.runs for k, v in facts.fingerprints.items()},
        protocols={k: v for facts in evidence.runs for k, v in facts.protocols.items()},
        definitions={k: v for facts in evidence.runs for k, v in facts.definitions.items()},
    )


def baseline_side(content: Mapping[str, Any], path: Path) -> Side:
    """The content of a baseline file as a side."""
    notes = () if "clip_actors" in content else (_old_format(path),)
    return Side(
        path=path,
        numbers=tuple(measurements_of(content)),
        higher_is_better={entry["metric"]: entry["higher_is_better"] for entry in content["entries"]},
        fingerprints=content["fingerprints"],
        protocols=content["protocols"],
        notes=notes,
    )


def _old_format(path: Path) -> str:
    return (
        f"{path} is of format 1 and names no actors: every clip counts as an actor of its own, which makes "
        "intervals too narrow where actors have several clips; iper-bench gate update writes the new format"
    )


def read_side(path: Path) -> Side:
    """A run folder or a baseline file (a name that ends in ``.json``, or any other file).

    Raises UserError when there is neither, it is damaged or of a newer format, or the run is not complete.
    """
    if path.is_file() or (path.suffix == ".json" and not path.is_dir()):
        return baseline_side(read_baseline(path), path)
    return run_side(path)


def differing_grounds(
    first: Side,
    second: Side,
    pairs: Sequence[tuple[Measurement, Measurement]],
    *,
    words: tuple[str, str] = ("there", "here"),
) -> list[str]:
    """What stands in the way of comparing two sides, in words, each once: other frames or rules under one
    name, and pairs of numbers with other definitions or feature networks.

    ``words``: how the two sides are called in these lines.
    """
    found: list[str] = []
    there, here = words
    for kind, theirs, ours in (
        ("dataset", first.fingerprints, second.fingerprints),
        ("protocol", first.protocols, second.protocols),
    ):
        for name in sorted(ours.keys() & theirs.keys()):
            if ours[name] != theirs[name]:
                found.append(f"{kind} '{name}' is {theirs[name]} {there} and {ours[name]} {here}")
    for a, b in pairs:
        label = f"{a.metric} ({a.profile})"
        if a.definition != b.definition:
            texts = first.definitions.get(a.definition, {}), second.definitions.get(b.definition, {})
            fields = differences(*texts)
            which = f" in {', '.join(fields)}" if fields else ""
            found.append(f"definition of {label} is {a.definition} {there} and {b.definition} {here}{which}")
        elif None not in (a.backbone, b.backbone) and a.backbone != b.backbone:
            found.append(f"backbone of {label} is {a.backbone} {there} and {b.backbone} {here}")
    return list(dict.fromkeys(found))


def refuse(found: Sequence[str], *, where: str, hint: str, most: int = 3) -> None:
    """Raise UserError naming the first ``most`` of what differs; nothing when nothing does."""
    if found:
        more = f" and {len(found) - most} more" if len(found) > most else ""
        raise UserError(f"not comparable: {', '.join(found[:most])}{more}", where=where, hint=hint)
