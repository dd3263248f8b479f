"""Judged claims as plain text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from iper_bench.report.claims import GROUPS, NOT_BETTER, Condition
from iper_bench.report.claims_verdict import NOT_RUN, UNDERPOWERED, VERDICTS, Finding, Judged
from iper_bench.report.numerals import MISSING, number

SOURCE = "arXiv 2011.09055"
INTRODUCTION = (
    f"The findings of {SOURCE} in our own words, each with a verdict computed from these runs. An effect is "
    "the mean difference over clips, turned so that above 0 is what the paper says (where it says 'not "
    "better' or 'no change': so that above 0 the first side is better), with its 95 % interval over actors "
    "and their clips; p comes from flipping the signs of whole actors, after Holm over the comparisons of "
    "the claim. A claim has the least favourable verdict of its comparisons. Rules: docs/claims.md."
)
COLUMNS = (
    "comparison",
    "metric",
    "verdict",
    "effect",
    "95 % interval",
    "p",
    "counts from",
    "seen from",
    "paper",
    "why",
)
NUMBERS = range(3, 9)  # columns that sort as numbers


def summary(judged: Sequence[Judged]) -> str:
    """How many claims have which verdict, in one line."""
    counts = {word: sum(one.verdict == word for one in judged) for word in VERDICTS}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def place_of(one: Judged) -> str:
    """Where a claim was looked at."""
    return "" if one.bench is None else f"{one.bench.dataset}, profile {one.bench.profile}"


def comparison(finding: Finding, claim_kind: str) -> str:
    """Both sides in the order of the effect, with sn and T where they were found."""
    first, second = finding.found.pair
    if finding.found.place.sign < 0:
        first, second = second, first
    than = "no better than" if claim_kind == NOT_BETTER else "against"
    return f"{side(first)} {than} {side(second)}"


def side(condition: Condition) -> str:
    """One side in words."""
    method = condition.method + (f" ({condition.row})" if condition.row else "")
    found = (("sn", condition.sn), ("T", condition.steps))
    return " ".join([method, *(f"{name}={value}" for name, value in found if value is not None)])


def cells(finding: Finding, claim_kind: str) -> list[str]:
    """The cells of :data:`COLUMNS`."""
    place, effect = finding.found.place, finding.effect
    low, high = (None, None) if effect is None else (effect.low, effect.high)
    interval = "" if low is None or high is None else f"[{figure(low)}, {figure(high)}]"
    return [
        comparison(finding, claim_kind),
        f"{place.metric}, {place.setting}",
        finding.verdict,
        MISSING if effect is None else figure(effect.mean),
        interval or MISSING,
        MISSING if finding.p is None else probability(finding.p),
        figure(finding.relevant) if finding.effect else MISSING,
        MISSING if finding.detectable is None else figure(finding.detectable),
        MISSING if finding.printed is None else figure(finding.printed),
        f"{finding.why}{more_actors(finding)}",
    ]


def more_actors(finding: Finding) -> str:
    """How many actors it would take, where what was seen was not told from chance."""
    few = finding.detectable is None  # then it is said already how many it takes to tell anything
    if few or finding.verdict != UNDERPOWERED or finding.needed is None or finding.needed <= finding.actors:
        return ""
    return f" (a difference as was seen here takes {finding.needed} actors)"


def figure(value: float) -> str:
    """Three decimals, or one where they say nothing."""
    return number(value, 1 if abs(value) >= 100 else 3)


def probability(p: float) -> str:
    """A p value, never 0."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def markdown(judged: Sequence[Judged]) -> str:
    """Everything as Markdown, without a heading of the first level."""
    return "\n".join([INTRODUCTION, "", f"{summary(judged)}.", *_groups(judged)]) + "\n"


def _groups(judged: Sequence[Judged]) -> Iterator[str]:
    for group, title in GROUPS.items():
        own = [one for one in judged if one.claim.group == group]
        if not own:
            continue
        yield from ("", f"### {title}")
        for one in own:
            yield from _claim(one)


def _claim(one: Judged) -> Iterator[str]:
    yield ""
    yield f"**{one.verdict}**: {one.claim.sentence} ({one.claim.where}; `{one.claim.id}`)"
    if one.claim.note:
        yield f"{one.claim.note}"
    if one.bench is not None:
        yield f"{place_of(one)}: {one.note}. {one.why}."
        yield ""
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "| --- | --- | --- |" + " ---: |" * len(NUMBERS) + " --- |"
        for finding in one.findings:
            texts = (text.replace("|", "\\|") for text in cells(finding, one.claim.kind))
            yield f"| {' | '.join(texts)} |"
    else:
        yield f"{one.why}."
    if one.verdict == NOT_RUN:
        yield ""
        yield f"To run it: `{one.claim.command}`"


def as_json(judged: Sequence[Judged]) -> str:
    """Everything as JSON: a list of claims with their findings; numbers as they are, nothing rounded."""
    return json.dumps([_plain(one) for one in judged], indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _plain(one: Judged) -> dict[str, object]:
    claim = one.claim
    bench = None
    if one.bench is not None:
        bench = {name: getattr(one.bench, name) for name in ("dataset", "protocol", "task", "profile")}
    return {
        "id": claim.id,
        "group": claim.group,
        "sentence": claim.sentence,
        "paper": claim.where,
        "kind": claim.kind,
        "verdict": one.verdict,
        "why": one.why,
        "note": one.note,
        "bench": bench,
        "command": claim.command if one.verdict == NOT_RUN else None,
        "findings": [_plain_finding(finding) for finding in one.findings],
    }


def _plain_finding(finding: Finding) -> dict[str, object]:
    effect, place = finding.effect, finding.found.place
    first, second = finding.found.pair
    return {
        "first": {"method": first.method, "row": first.row, "sn": first.sn, "steps": first.steps},
        "second": {"method": second.method, "row": second.row, "sn": second.sn, "steps": second.steps},
        "setting": place.setting,
        "metric": place.metric,
        "better": "first" if place.sign > 0 else "second",
        "verdict": finding.verdict,
        "why": finding.why,
        "effect": None if effect is None else effect.mean,
        "low": None if effect is None else effect.low,
        "high": None if effect is None else effect.high,
        "p": finding.p,
        "actors": finding.actors,
        "clips": finding.clips,
        "relevant": finding.relevant if effect else None,
        "detectable": finding.detectable,
        "actors_needed": finding.needed,
        "printed": finding.printed,
    }


def plain_text(judged: Sequence[Judged]) -> str:
    """What the terminal shows: every claim that was run with its findings, then how to run the others."""
    lines = []
    for one in judged:
        if one.bench is None:
            continue
        lines.append(f"{one.verdict:<13} {one.claim.sentence} ({one.claim.where}; {one.claim.id})")
        lines.append(f"{'':13} {place_of(one)}: {one.note}; {one.why}")
        for finding in one.findings:
            text = cells(finding, one.claim.kind)
            shown = f"{text[3]} {text[4]}, p {text[5]}: " if finding.effect else ""
            lines.append(f"{'':13} {text[2]:<13} {text[0]}, {text[1]}: {shown}{text[9]}")
        if one.verdict == NOT_RUN:
            lines.append(f"{'':13} {one.claim.command}")
    for one in judged:
        if one.bench is None:
            lines.append(f"{one.verdict:<13} {one.claim.id} ({one.claim.where}): {one.why}")
            lines.append(f"{'':13} {one.claim.command}")
    return "\n".join([*lines, "", summary(judged)]) + "\n"
