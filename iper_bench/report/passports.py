"""The words and lists around the numbers: what was run, what every number is, what is missing, where from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iper_bench.hashing import canonical_json
from iper_bench.report.evidence import NOT_THE_PAPERS, Evidence, Measurement
from iper_bench.report.numerals import percent
from iper_bench.report.source_views import odd_views

DIRECTION_WORDS = {True: "higher is better", False: "lower is better", None: "no direction"}
#: facts every reader asks for first; the rest follows in the order of their names
FIRST_FACTS = ("iper-bench", "python", "torch", "numpy", "device", "gpu", "dtype", "seed")


@dataclass(frozen=True)
class Passport:
    """What one number is.

    ``lines``: label and text of everything that defines it, as the plan holds it: each field in words, the
    weights, the source. ``comparable``: why it is not comparable with the paper, empty when it is.
    """

    profile: str
    metric: str
    setting: str
    direction: str
    definition: str
    backbone: str
    summary: str
    lines: tuple[tuple[str, str], ...]
    comparable: str


@dataclass(frozen=True)
class Gap:
    """A number that is missing or was measured on a part of its frames only. ``share``: its coverage as a
    number to sort by, empty when unknown.
    """

    number: str
    dataset: str
    coverage: str
    clips: int
    missing: bool
    reason: str
    share: str = ""


def summary(evidence: Evidence) -> list[tuple[str, str]]:
    """Label and text of the first lines of a report; none of runs that measured nothing (timings alone)."""
    listed = evidence.measurements
    if not listed and not evidence.runs:
        return []
    methods = sorted({m.method for m in listed if m.method not in evidence.references})
    references = sorted({m.method for m in listed} - {*methods})

    def names(attribute: str) -> str:
        return ", ".join(str(value) for value in sorted({getattr(m, attribute) for m in listed}))

    clips = {clip for m in listed for clip in m.clip_values}
    frames = max((m.total for m in listed), default=0)
    failed = sum(len(facts.failures) for facts in evidence.runs)
    missing = sum(m.value is None for m in listed)
    lines = [
        ("Runs", ", ".join(str(facts.folder) for facts in evidence.runs)),
        ("Methods", ", ".join(methods) or "references alone"),
        *([("References", ", ".join(references))] if references else []),
        ("Datasets", names("dataset")),
        ("Protocols", names("protocol")),
        ("Profiles", ", ".join(_with_mark(evidence, name) for name in sorted({m.profile for m in listed}))),
        ("Sources (sn)", names("sn")),
        ("Personalization steps (T)", names("steps")),
        ("Clips", f"{len(clips)}, at most {frames} frames behind one number"),
        ("Numbers", f"{len(listed)}, of which {missing} missing"),
    ]
    odd = odd_views(evidence)
    if odd:
        lines.append(("Clips with unknown or out-of-bin source views", str(len(odd))))
    if failed:
        lines.append(("Failed units", str(failed)))
    unfinished = [str(facts.folder) for facts in evidence.runs if not facts.ended]
    return [*lines, ("Not ended yet", ", ".join(unfinished))] if unfinished else lines


def _with_mark(evidence: Evidence, profile: str) -> str:
    return profile if evidence.why_not(profile) is None else f"{profile} ({NOT_THE_PAPERS})"


def passports(evidence: Evidence) -> list[Passport]:
    """One line per profile, metric and definition, sorted."""
    found: dict[tuple[str, str, str], list[Measurement]] = {}
    for m in evidence.measurements:
        found.setdefault((m.profile, m.metric, m.definition), []).append(m)
    described = {key: text for facts in evidence.runs for key, text in facts.metrics.items()}
    return [
        Passport(
            profile=profile,
            metric=metric,
            setting=" and ".join(sorted({m.setting for m in held}, reverse=True)),
            direction=DIRECTION_WORDS[evidence.higher_is_better.get(metric)],
            definition=definition,
            backbone=next((m.backbone for m in held if m.backbone), "none (pixels)"),
            summary=str(described.get((profile, metric), {}).get("summary", "")),
            lines=describe(evidence.definition(definition)),
            comparable=_not_comparable(evidence.why_not(profile)),
        )
        for (profile, metric, definition), held in sorted(found.items())
    ]


def hover_cards(listed: Sequence[Passport]) -> dict[str, dict[str, Any]]:
    """Definition -> ``title`` and ``lines`` (label, text): what is shown beside a number that is pointed
    at.
    """
    cards: dict[str, dict[str, Any]] = {}
    for one in listed:
        lines = [
            ("passport", one.definition),
            ("direction", one.direction),
            ("feature network", one.backbone),
            ("meaning", one.summary),
            ("paper", one.comparable),
            *one.lines,
        ]
        cards[one.definition] = {
            "title": f"{one.metric}, profile {one.profile}, {one.setting}",
            "lines": [[label, text] for label, text in lines if text],
        }
    return cards


def _not_comparable(why_not: str | None) -> str:
    return "" if why_not is None else f"{NOT_THE_PAPERS}: {why_not}"


def describe(definition: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Label and text of each part of a definition: fields in words, weights, source; of a definition without
    words (an older plan) its entries as they are.
    """
    words, choices = _mapping(definition.get("words")), _mapping(definition.get("choices"))
    if not words:
        return tuple((key, _plain(definition[key])) for key in sorted(definition))
    lines = [("kind", f"{definition.get('kind', '')} {definition.get('version', '')}".strip())]
    lines += [(field, str(words.get(field, choice))) for field, choice in choices.items()]
    lines += [(f"weights of {part}", str(name)) for part, name in _mapping(definition.get("weights")).items()]
    source = str(definition.get("source") or "")
    return (*lines, ("source", source)) if source else tuple(lines)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def coverage(evidence: Evidence) -> list[Gap]:
    """Numbers that are missing, in part or as a whole, in the order of the tables."""
    return [
        Gap(
            number=m.title,
            dataset=m.dataset,
            coverage="–" if m.coverage is None else f"{percent(m.coverage)} ({m.count} of {m.total} frames)",
            clips=m.clips,
            missing=m.value is None,
            reason=m.reason or _left_out(m),
            share="" if m.coverage is None else f"{m.coverage:.6f}",
        )
        for m in evidence.measurements
        if m.value is None or m.reason or m.count < m.total
    ]


def _left_out(m: Measurement) -> str:
    """Why a metric gave no value for some frames, where the run says nothing of it."""
    if m.detections is not None:
        return "some frames were left out by the metric (no face or body found)"
    return "some frames have no value by this metric (one over time has none for the first frames of a clip)"


def provenance(evidence: Evidence) -> list[tuple[str, list[tuple[str, str]]]]:
    """Per run: label and text of every fact on record."""
    return [
        (
            str(facts.folder),
            [
                ("plan", facts.plan_hash),
                *((f"dataset {name}", value) for name, value in sorted(facts.fingerprints.items())),
                *((f"protocol {name}", value) for name, value in sorted(facts.protocols.items())),
                *((f"method {name}", value) for name, value in sorted(facts.methods.items())),
                *_ordered(list(facts.provenance.items())),
            ],
        )
        for facts in evidence.runs
    ]


def _ordered(items: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    order = {name: index for index, name in enumerate(FIRST_FACTS)}
    return sorted(items, key=lambda item: (order.get(item[0], len(order)), item[0]))
