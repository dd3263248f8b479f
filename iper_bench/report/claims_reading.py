"""Which measurements stand for the two sides of a claim: from labels of runs to methods of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from iper_bench.errors import UserError
from iper_bench.report.claims import Claim, Condition, Place
from iper_bench.report.evidence import Bench, Evidence, Measurement
from iper_bench.report.paper_layout import DATASETS


@dataclass(frozen=True)
class Found:
    """One comparison in one bench: both sides by one metric, or ``lacking``: what is not there.

    ``pair`` has sn and T as they were found. ``conditions_missing``: whether a side was not run at all,
    beside a metric that was not measured.
    """

    pair: tuple[Condition, Condition]
    place: Place
    first: Measurement | None = None
    second: Measurement | None = None
    lacking: str = ""
    conditions_missing: bool = False


class Labels:
    """Labels of the runs -> our names of methods.

    ``given`` (``--as LABEL=NAME``) goes before a label that is the name itself, that before what the plan
    says of a label (field ``method`` of its method). Raises UserError for a label that no run has.
    """

    def __init__(self, evidence: Evidence, given: Mapping[str, str]) -> None:
        self.given = dict(given)
        self.planned = {
            str(entry["name"]): str(entry["method"])
            for facts in evidence.runs
            for entry in facts.plan.get("methods", [])
            if isinstance(entry, Mapping) and entry.get("method")
        }
        labels = {m.method for m in evidence.measurements}
        for label in self.given:
            if label not in labels:
                raise UserError(
                    f"no run has a method '{label}'", where="--as", expected=", ".join(sorted(labels))
                )

    def of(self, name: str, labels: Iterable[str]) -> str | None:
        """The one of ``labels`` that stands for our method ``name``, ``None`` when there is none. Raises
        UserError when several do with equal right.
        """
        listed = sorted(labels)
        ranks = (
            [label for label in listed if self.given.get(label) == name],
            [label for label in listed if label == name and label not in self.given],
            [label for label in listed if self.planned.get(label) == name and label not in self.given],
        )
        best = next((found for found in ranks if found), [])
        if len(best) > 1:
            raise UserError(
                f"{' and '.join(best)} are both {name}",
                where="the runs",
                expected="one of them in each claim",
                hint=f"iper-bench claims --as {best[0]}={name}",
            )
        return best[0] if best else None


def benches_of(claim: Claim, evidence: Evidence) -> list[Bench]:
    """Where a claim can be looked at: benches of its task, on its own datasets or on one that the paper does
    not have.
    """
    papers = set(DATASETS.values())
    return [
        bench
        for bench in evidence.benches()
        if bench.task == claim.task
        and (not claim.datasets or bench.dataset in claim.datasets or bench.dataset not in papers)
    ]


def found_of(claim: Claim, evidence: Evidence, bench: Bench, labels: Labels) -> list[Found]:
    """Every comparison of the claim with what the bench has for it."""
    measured = evidence.select(bench)
    found = []
    for pair in claim.pairs:
        sides = tuple(labels.of(one.ours, {m.method for m in measured}) for one in pair)
        settled = _settle(pair, sides, measured)
        for place in claim.places:
            if isinstance(settled, str):
                found.append(Found(pair, place, lacking=settled, conditions_missing=True))
            else:
                found.append(_at(settled, sides, place, measured))
    return found


def _settle(
    pair: tuple[Condition, Condition], sides: Sequence[str | None], measured: Sequence[Measurement]
) -> tuple[Condition, Condition] | str:
    """The pair with the sn and T at which it is compared, or what is missing for it."""
    for condition, label in zip(pair, sides, strict=True):
        if label is None:
            return f"no run has {condition.method} ({condition.ours})"
    own = [[m for m in measured if m.method == label] for label in sides]
    shared = max({m.sn for m in own[0]} & {m.sn for m in own[1]}, default=None)
    settled: list[Condition] = []
    for condition, mine in zip(pair, own, strict=True):
        sn = shared if condition.sn is None else condition.sn
        if sn is None or sn not in {m.sn for m in mine}:
            return f"{condition.method} was not run with {'the same sn' if sn is None else f'sn={sn}'}"
        settled.append(replace(condition, sn=sn))
    held = [{m.steps for m in mine if m.sn == c.sn} for mine, c in zip(own, settled, strict=True)]
    reached = _reached(pair, held)
    for place, condition in enumerate(settled):
        wanted = condition.steps if condition.steps is not None else max(held[place])
        if condition.least is not None:
            wanted = -1 if reached is None else reached
        if wanted not in held[place]:
            asked = f"T={wanted}" if wanted >= 0 else f"T={condition.least} or more"
            return f"{condition.method} was not run with sn={condition.sn} and {asked}"
        settled[place] = replace(condition, steps=wanted)
    return settled[0], settled[1]


def _reached(pair: tuple[Condition, Condition], steps: Sequence[set[int]]) -> int | None:
    """The largest T from the asked one on, of all sides that ask for one."""
    asking = [
        {one for one in held if one >= condition.least}
        for condition, held in zip(pair, steps, strict=True)
        if condition.least is not None
    ]
    return max(set.intersection(*asking), default=None) if asking else None


def _at(
    pair: tuple[Condition, Condition],
    labels: Sequence[str | None],
    place: Place,
    measured: Sequence[Measurement],
) -> Found:
    """The measurements of one metric."""
    chosen = []
    for condition, label in zip(pair, labels, strict=True):
        wanted = (label, condition.sn, condition.steps, place.setting, place.metric)
        chosen.append(
            next((m for m in measured if (m.method, m.sn, m.steps, m.setting, m.metric) == wanted), None)
        )
    for condition, one in zip(pair, chosen, strict=True):
        if one is None:
            return Found(pair, place, lacking=f"{place.metric} was not measured of {condition.method}")
        if one.value is None:
            reason = one.reason or "no reason on record"
            return Found(pair, place, lacking=f"{place.metric} of {condition.method} has no value: {reason}")
    return Found(pair, place, chosen[0], chosen[1])
