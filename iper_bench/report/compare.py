"""``iper-bench compare A B``: is B worse than A somewhere, by a test and by a difference that matters?

A and B are run folders or baseline files. Numbers are paired by what was measured, or one method of A with
another of B. The tolerances of ``results/tracked/thresholds.json`` say what matters; there is no hard limit,
since two methods, unlike two versions of one, may differ by any amount by chance of the actors seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iper_bench.errors import UserError, unknown_name
from iper_bench.report.baseline import resolve_thresholds
from iper_bench.report.compare_side import Side, differing_grounds, read_side, refuse
from iper_bench.report.evidence import Measurement
from iper_bench.report.finding import Finding, Pair, find
from iper_bench.report.verdict import REGRESSED, count_verdicts, who_guards

WORSE_STATUS = 1
#: what the verdicts are called when two sides are compared that are no before and after
WORDS = {"regressed": "B worse", "improved": "B better", "unchanged": "same", "cannot tell": "cannot tell"}

Pairing = tuple[Measurement, Measurement]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    first, second: the two sides. methods: the two methods that were compared, ``None`` for like with like.
    findings: one per pair, in the order of A's numbers. only_first, only_second: names of numbers that the
    other side does not hold.
    """

    first: Path
    second: Path
    methods: tuple[str, str] | None
    findings: tuple[Finding, ...]
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """1 when B is worse somewhere beyond the tolerance by the test, else 0."""
        return WORSE_STATUS if any(f.verdict.verdict == REGRESSED for f in self.findings) else 0

    @property
    def summary(self) -> str:
        """One line."""
        counts = count_verdicts([f.verdict for f in self.findings])
        words = ", ".join(f"{count} {WORDS[name]}" for name, count in counts.items() if count)
        outcome = "B is worse" if self.exit_status else "B is nowhere shown to be worse"
        guards = who_guards([f.verdict.sample for f in self.findings])
        few = f"; no test is possible: {guards.partition(': ')[2]}" if guards else ""
        return f"{outcome}: {words} of {len(self.findings)} numbers{few}"


def compare(first: Path, second: Path | None, methods: tuple[str, str] | None = None) -> Comparison:
    """Compare B = ``second`` with A = ``first``.

    Parameters
    ----------
    second: ``None``: the same as ``first``, to compare two of its methods.
    methods: a method of A and one of B. A method that does not train stands at T = 0 and is compared with the
    other at each of its T.

    Raises
    ------
    UserError when a side is missing, damaged, newer or incomplete, when the two have no number in common, a
    method is unknown, or what was measured differs (naming what).
    """
    if second is None and methods is None:
        raise UserError(
            "only one run to compare", where=str(first), expected="two, or two methods of one",
            hint=f"iper-bench compare {first} OTHER, or --methods a=b",
        )  # fmt: skip
    a = read_side(first)
    b = a if second is None or second == first else read_side(second)
    pairs = list(_like(a, b) if methods is None else _unlike(a, b, methods))
    where = f"{a.path} and {b.path}"
    refuse(
        differing_grounds(a, b, pairs, words=("in A", "in B")),
        where=where,
        hint=f"iper-bench explain {a.path} {b.path}",
    )
    guarded = [pair for pair in pairs if pair[0].metric in a.higher_is_better]
    if not guarded:
        raise UserError(
            "no number in common",
            where=where,
            expected=f"for example {a.numbers[0].title} on {a.numbers[0].dataset} in both",
            hint="iper-bench report on each shows what they hold",
        )
    found = find([_pair(one, other, a, methods) for one, other in guarded])
    left = _left_out(a, pairs, 0, methods), _left_out(b, pairs, 1, methods)
    return Comparison(a.path, b.path, methods, found, *left, tuple(dict.fromkeys((*a.notes, *b.notes))))


def _like(a: Side, b: Side) -> Iterator[Pairing]:
    theirs = b.by_key
    for m in a.numbers:
        if m.key in theirs:
            yield m, theirs[m.key]


def _unlike(a: Side, b: Side, methods: tuple[str, str]) -> Iterator[Pairing]:
    for side, method in zip((a, b), methods, strict=True):
        known = {m.method for m in side.numbers}
        if method not in known:
            raise unknown_name("method", method, known, where=str(side.path))
    ours = [m for m in a.numbers if m.method == methods[0]]
    theirs = [m for m in b.numbers if m.method == methods[1]]
    untrained = [{m.steps for m in numbers} == {0} for numbers in (ours, theirs)]
    free = untrained[0] != untrained[1]  # one of them has T = 0 alone and meets every T of the other
    places: dict[tuple[str | int, ...], list[Measurement]] = {}
    for m in theirs:
        places.setdefault(_place(m, free), []).append(m)
    for m in ours:
        for other in places.get(_place(m, free), ()):
            yield m, other


def _place(m: Measurement, free: bool) -> tuple[str | int, ...]:
    place = (m.dataset, m.protocol, m.task, m.profile, m.seed, m.setting, m.sn, m.metric)
    return place if free else (*place, m.steps)


def _pair(a: Measurement, b: Measurement, side: Side, methods: tuple[str, str] | None) -> Pair:
    tolerance, _ = resolve_thresholds(a.metric, a.value)
    steps = f"T={a.steps}" if a.steps == b.steps else f"T={a.steps}:{b.steps}"
    name = a.title
    if methods is not None:
        name = f"{a.method} : {b.method} {a.setting} sn={a.sn} {steps} {a.metric} ({a.profile})"
    return Pair(a, b, side.higher_is_better[a.metric], tolerance, None, name, strict=False)


def _left_out(
    side: Side, pairs: list[Pairing], which: int, methods: tuple[str, str] | None
) -> tuple[str, ...]:
    used = {pair[which].key for pair in pairs}
    named = [m for m in side.numbers if methods is None or m.method == methods[which]]
    return tuple(m.title for m in named if m.key not in used)
