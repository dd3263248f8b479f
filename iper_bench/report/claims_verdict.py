"""What runs say of the paper's findings: ``judge`` gives each claim a verdict, computed from clip values
alone.

The rules stand in ``docs/claims.md``. Effects are turned so that above 0 is what the paper says. The p
values of one claim in one bench are corrected by Holm over its comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iper_bench.report.claims import BETTER, EQUIVALENT, NOT_BETTER, Claim, Claims
from iper_bench.report.claims_reading import Found, Labels, benches_of, found_of
from iper_bench.report.evidence import Bench, Evidence
from iper_bench.report.ranking import differences, too_few, without_actors
from iper_bench.report.statistics import (
    ALPHA,
    Interval,
    Paired,
    actor_flip_p_above,
    actor_sign_flip_p,
    actors_to_detect,
    holm,
    nested_bootstrap,
    smallest_detectable,
)

REPRODUCED, CLOSE, CONTRADICTED = "reproduced", "close", "contradicted"
UNDERPOWERED, NOT_RUN = "underpowered", "not run"
VERDICTS: Mapping[str, str] = {
    REPRODUCED: "told from chance in the paper's direction, by as much as counts",
    CLOSE: "in the paper's direction, but not told from chance, or by less than counts",
    CONTRADICTED: "told from chance in the other direction, or shown to be less than counts",
    UNDERPOWERED: "so few actors, or so much spread, could not have shown a difference that counts",
    NOT_RUN: "no run holds both sides",
}
ORDER_ONLY = "not comparable with the paper's numbers; the order is tested"


@dataclass(frozen=True)
class Finding:
    """One comparison of a claim in one bench.

    Attributes
    ----------
    found: both sides, and what is missing. verdict: of :data:`VERDICTS`. why: the verdict in a sentence.
    effect: mean difference with its nested interval (95 %, not corrected), above 0 where it is as the paper
        says; of a value over a set without interval; ``None`` when not run.
    p: of the claim's test after Holm. actors, clips: behind the effect.
    relevant: the least difference that counts. printed: the paper's, turned the same way.
    detectable: smallest true difference that these actors would show with 80 % chance. needed: actors to
        show the difference that was seen, ``None`` where there is none or no number is enough.
    """

    found: Found
    verdict: str
    why: str
    effect: Interval | None = None
    p: float | None = None
    actors: int = 0
    clips: int = 0
    relevant: float = 0.0
    printed: float | None = None
    detectable: float | None = None
    needed: int | None = None

    @property
    def tested(self) -> bool:
        """Whether there are clips to test; one value over a set has none."""
        return self.p is not None


@dataclass(frozen=True)
class Judged:
    """A claim in one bench, or in none (``bench`` is ``None``: not run).

    ``verdict``, ``why``: over all findings. ``note``: whether the numbers may stand beside the paper's.
    """

    claim: Claim
    bench: Bench | None
    verdict: str
    why: str
    note: str
    findings: tuple[Finding, ...]


def judge(claims: Claims, evidence: Evidence, given: Mapping[str, str] | None = None) -> list[Judged]:
    """Every claim in every bench that holds something of it, claims in their order, benches sorted.

    ``evidence``: seeds pooled (``over_seeds``). ``given``: label -> our name of the method (``--as``). Raises
    UserError for a label that no run has and for two labels of one method.
    """
    labels = Labels(evidence, given or {})
    judged = []
    for claim in claims.claims:
        own = [_in_bench(claim, evidence, bench, labels) for bench in benches_of(claim, evidence)]
        held = [one for one in own if any(finding.effect for finding in one.findings)]
        judged += held or [_nowhere(claim, own)]
    return judged


def _nowhere(claim: Claim, looked_at: Sequence[Judged]) -> Judged:
    """A claim that no bench holds anything of, with what the nearest one lacks."""
    why = looked_at[0].why if looked_at else f"no run of {claim.task.replace('_', ' ')}"
    if not looked_at and claim.datasets:
        why += f" on {' or '.join(claim.datasets)} or on a dataset of one's own"
    return Judged(claim, None, NOT_RUN, why, "", ())


def _in_bench(claim: Claim, evidence: Evidence, bench: Bench, labels: Labels) -> Judged:
    found = found_of(claim, evidence, bench, labels)
    tests = [_Test.of(claim, one, evidence.higher_is_better) for one in found]
    tested = [test for test in tests if test is not None and test.paired.groups]
    claimed = holm([test.claim_p for test in tested])
    from_0 = holm([test.zero_p for test in tested])
    below = holm([test.below_p for test in tested])
    corrected = {
        id(test): _Corrected(*three)
        for test, three in zip(tested, zip(claimed, from_0, below, strict=True), strict=True)
    }
    findings = tuple(
        _finding(claim, one, test, corrected.get(id(test)), len(tested))
        for one, test in zip(found, tests, strict=True)
    )
    verdict, why = _together(findings)
    unknown = without_actors(side for one in found for side in (one.first, one.second) if side is not None)
    note = _note(claim, evidence, bench) + (f". {unknown}" if unknown else "")
    return Judged(claim, bench, verdict, why, note, findings)


def _note(claim: Claim, evidence: Evidence, bench: Bench) -> str:
    reasons = [f"profile {bench.profile}"] if evidence.why_not(bench.profile) else []
    if bench.dataset not in claim.datasets:
        reasons.append(f"dataset {bench.dataset}, which is none of the paper's here")
    return f"{ORDER_ONLY} ({'; '.join(reasons)})" if reasons else "measured as the paper did"


@dataclass(frozen=True)
class _Test:
    """One comparison turned so that above 0 is what the paper says.

    ``mean``: difference of the values over all clips. ``claim_p``: of what the claim says, ``zero_p``: of any
    difference, ``below_p``: of 'it is less than counts', all two-sided and not corrected; 1 without a clip in
    common.
    """

    paired: Paired
    mean: float
    relevant: float
    printed: float | None
    interval: Interval | None
    claim_p: float
    zero_p: float
    below_p: float

    @classmethod
    def of(cls, claim: Claim, found: Found, higher_is_better: Mapping[str, bool]) -> _Test | None:
        first, second, metric = found.first, found.second, found.place.metric
        if first is None or second is None or metric not in higher_is_better:
            return None
        if first.value is None or second.value is None:
            return None
        sign = found.place.sign * (1.0 if higher_is_better[metric] else -1.0)
        raw = differences(first, second)
        paired = Paired(tuple(sign * group for group in raw.groups))
        relevant, printed = claim.relevant(found.pair, found.place), claim.printed(found.pair, found.place)
        turned = None if printed is None else sign * printed
        mean = sign * (first.value - second.value)
        if not paired.groups:
            return cls(paired, mean, relevant, turned, None, 1.0, 1.0, 1.0)
        zero_p = actor_sign_flip_p(paired)
        claim_p = zero_p if claim.kind == BETTER else _within_p(claim.kind, paired, relevant)
        below_p = _within_p(NOT_BETTER, paired, relevant)
        return cls(paired, mean, relevant, turned, nested_bootstrap(paired), claim_p, zero_p, below_p)


@dataclass(frozen=True)
class _Corrected:
    """The three p values of a :class:`_Test` after Holm over the comparisons of the claim."""

    claim: float
    zero: float
    below: float


def _within_p(kind: str, paired: Paired, margin: float) -> float:
    """p of 'the difference is as large as the margin', upwards or, for ``equivalent``, in either direction;
    twice the one-sided p, so that it answers to the same interval as every other.
    """
    below = actor_flip_p_above(Paired(tuple(-group for group in paired.groups)), -margin)
    above = actor_flip_p_above(paired, -margin)
    return min(1.0, 2.0 * (max(below, above) if kind == EQUIVALENT else below))


def _finding(
    claim: Claim, found: Found, test: _Test | None, corrected: _Corrected | None, family: int
) -> Finding:
    if test is None:
        lacking = found.lacking or f"{found.place.metric} has no direction"
        return Finding(found, NOT_RUN, lacking)
    if corrected is None or test.interval is None:
        agrees = "in the paper's direction" if test.mean > 0 else "not in the paper's direction"
        why = f"{agrees}; no clip in common that could be tested"
        if not found.first or not found.first.clip_values:
            why = f"{agrees}; one value over the whole set cannot be tested"
        effect = Interval(test.mean, None, None, 0)
        return Finding(found, UNDERPOWERED, why, effect, relevant=test.relevant, printed=test.printed)
    detectable = smallest_detectable(test.paired, comparisons=family)
    judge_one = _better if claim.kind == BETTER else _within
    verdict, why = judge_one(claim.kind, test, test.interval, corrected, detectable, family)
    return Finding(
        *(found, verdict, why, test.interval, corrected.claim, test.paired.actors, test.paired.clips),
        *(test.relevant, test.printed, detectable),
        actors_to_detect(test.paired, test.interval.mean, comparisons=family),
    )


def _ends(interval: Interval) -> tuple[float, float]:
    """Both ends; with actors enough to be told apart there are some."""
    if interval.low is None or interval.high is None:
        raise ValueError("an interval of several actors has two ends")
    return interval.low, interval.high


def _blunt(detectable: float | None, relevant: float) -> str | None:
    if detectable is None or detectable > relevant:
        return f"only {_figure(detectable)} or more would have been seen, {_figure(relevant)} counts"
    return None


def _better(
    kind: str,
    test: _Test,
    interval: Interval,
    corrected: _Corrected,
    detectable: float | None,
    family: int,
) -> tuple[str, str]:
    """'The first is better': the mean is above 0 by as much as counts."""
    relevant = test.relevant
    few = too_few(test.paired.actors, family)
    if few:
        return UNDERPOWERED, few
    if corrected.zero < ALPHA and interval.excludes(0.0):
        if interval.mean < 0:
            return CONTRADICTED, f"the other way round, by {_figure(-interval.mean)}"
        if interval.mean < relevant:
            return CLOSE, f"told from chance, but by less than the {_figure(relevant)} that counts"
        return REPRODUCED, f"told from chance, by {_figure(interval.mean)}"
    if interval.mean <= 0 and _ends(interval)[1] < relevant and corrected.below < ALPHA:
        return CONTRADICTED, f"an advantage of the {_figure(relevant)} that counts is ruled out"
    blunt = _blunt(detectable, relevant)
    if blunt:
        return UNDERPOWERED, f"not told from chance; {blunt}"
    if interval.mean <= 0:
        return UNDERPOWERED, f"not told from chance, and {_figure(relevant)} is not ruled out"
    return CLOSE, "in the paper's direction, not told from chance"


def _within(
    kind: str,
    test: _Test,
    interval: Interval,
    corrected: _Corrected,
    detectable: float | None,
    family: int,
) -> tuple[str, str]:
    """'The first is not better' and 'neither is': the interval lies below the margin, or within it on both
    sides.
    """
    margin = test.relevant
    few = too_few(test.paired.actors, family)
    if few:
        return UNDERPOWERED, few
    low, high = _ends(interval)
    both = kind == EQUIVALENT
    inside = high < margin and (not both or low > -margin)
    if inside and corrected.claim < ALPHA:
        return REPRODUCED, f"shown to be less than the {_figure(margin)} that counts"
    size = abs(interval.mean) if both else interval.mean
    if corrected.zero < ALPHA and interval.excludes(0.0) and size >= margin:
        return CONTRADICTED, f"a difference of {_figure(interval.mean)}, told from chance"
    blunt = _blunt(detectable, margin)
    if blunt:
        return UNDERPOWERED, f"{_figure(margin)} is not ruled out; {blunt}"
    if size < margin:
        return CLOSE, f"less than the {_figure(margin)} that counts, which is not ruled out"
    return UNDERPOWERED, f"not told from chance, and {_figure(margin)} is not ruled out"


def _together(findings: Sequence[Finding]) -> tuple[str, str]:
    """The verdict over all findings: the least favourable of those that could be tested; what was not run
    keeps a claim from being reproduced, but not from being contradicted.
    """
    run = [one for one in findings if one.effect is not None]
    tested = [one for one in run if one.tested] or run
    counts = {word: sum(one.verdict == word for one in tested) for word in VERDICTS}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    sets = len(run) - len([one for one in run if one.tested])
    said += f"; {sets} over whole sets, untested" if sets and len(tested) != sets else ""
    lacking = [one for one in findings if one.found.conditions_missing]
    places = {one.found.place: None for one in findings if one.effect is None and one not in lacking}
    unmeasured = [f"{place.metric} ({place.setting})" for place in places]
    said += f"; not measured: {', '.join(unmeasured)}" if unmeasured and run else ""
    missing = {one.found.lacking: None for one in lacking}
    if counts[CONTRADICTED]:
        return CONTRADICTED, said
    if missing:
        return NOT_RUN, "; ".join([*missing, *([f"of what was run: {said}"] if said else [])])
    if not run:
        return NOT_RUN, "; ".join(dict.fromkeys(one.why for one in findings))
    for word in (UNDERPOWERED, CLOSE):
        if counts[word]:
            return word, said
    return REPRODUCED, said


def _figure(value: float | None) -> str:
    return "no difference" if value is None else f"{value:.3g}"
