"""The order of methods in a column, and which of them are told apart: ``Standing``.

The best method of a column is the one with the best value. Every other one is compared with it over the
clips both have (nested interval and sign flips over actors, ``statistics.py``). The p values are corrected by
Holm over all pairs of methods in all columns of the table: which method is the best is chosen by the same
numbers, so every pair could have been the one compared (``docs/statistics.md`` shows what happens otherwise).

Tie groups are intervals of the order: going down from the best, a method belongs to the group while it is not
told apart from the group's first; the one that is opens the next group. So membership is transitive by
construction, and a group says 'none of these is told apart from the first', never 'these are equal'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from iper_bench.report.evidence import Measurement
from iper_bench.report.statistics import (
    ALPHA,
    EXACT_ACTORS,
    FEWEST_ACTORS,
    FLIPS,
    Interval,
    Paired,
    actor_sign_flip_p,
    actors_needed,
    holm,
    nested_bootstrap,
    paired_by_actor,
    smallest_actor_p,
)

Key = TypeVar("Key")


@dataclass(frozen=True)
class Standing:
    """Where a method stands in one column.

    Attributes
    ----------
    place: 1 for the best value; methods of one value share a place.
    tie_group: 1 for the best and all that follow it without being told apart, and so on.
    best: told apart from every other method, and the best (bold). second: second in order, told apart from
        the best and from every method below it (underlined). Neither where there is one method only.
    told_from_best: whether the difference to the best is told from 0 after Holm; ``None`` for the best itself
        and where there is nothing to compare (one value over a whole set, no clip in common).
    p: two-sided sign-flip p of that difference after Holm. difference: method - best over the clips both
        have, with its nested interval (not corrected). Both ``None`` where ``told_from_best`` is.
    actors, clips: how many stand behind the difference; for the best, behind its value.
    """

    method: str
    place: int
    tie_group: int
    best: bool
    second: bool
    told_from_best: bool | None
    p: float | None
    difference: Interval | None
    actors: int = 0
    clips: int = 0


@dataclass(frozen=True)
class _Comparison:
    """A method against one that stands above it; ``p`` is ``None`` without a clip in common."""

    actors: int
    clips: int
    p: float | None
    difference: Interval | None
    agrees: bool  # interval without 0, on the side on which the values stand, over enough actors

    def told(self, adjusted: float | None) -> bool:
        return self.agrees and adjusted is not None and adjusted < ALPHA


def actors_of(*measured: Measurement) -> dict[str, str]:
    """Clip -> actor of all of them together."""
    return {clip: actor for one in measured for clip, actor in one.clip_actors.items()}


def differences(ours: Measurement, theirs: Measurement) -> Paired:
    """ours - theirs over the clips both have, gathered by actor; empty for values over a whole set."""
    return paired_by_actor(ours.clip_values, theirs.clip_values, actors_of(ours, theirs))


def too_few(actors: int, comparisons: int) -> str | None:
    """Why none of ``comparisons`` comparisons over that many actors can be told apart, whatever the
    differences and however many clips; ``None`` where they can.
    """
    if smallest_actor_p(actors) * comparisons < ALPHA:
        return None
    among = f" for {comparisons} comparisons" if comparisons > 1 else ""
    if smallest_actor_p(EXACT_ACTORS + 1) * comparisons >= ALPHA:
        return f"more comparisons ({comparisons}) than {FLIPS} random flips can separate"
    needed = actors_needed(comparisons)
    return f"{actors} actor{'s' * (actors != 1)}; nothing can be told with fewer than {needed}{among}"


def without_actors(measured: Iterable[Measurement]) -> str | None:
    """What a reader must know where rows do not say who is seen: every clip counts as an actor of its own
    then. ``None`` where every clip has an actor.
    """
    lacking = {clip for one in measured for clip in one.clip_values if clip not in one.clip_actors}
    if not lacking:
        return None
    clips = f"{len(lacking)} clip{'s' * (len(lacking) > 1)}"
    return (
        f"{clips} without a known actor, each counted as an actor of its own: intervals are too narrow if "
        "any actor has several"
    )


def pairs(columns: Iterable[Sequence[Measurement]]) -> int:
    """Pairs of methods that can be compared clip by clip in all columns together, at least 1: what Holm's
    correction of a table is for.
    """
    counts = [sum(one.value is not None and bool(one.clip_values) for one in column) for column in columns]
    return max(1, sum(count * (count - 1) // 2 for count in counts))


def standings(
    measured: Sequence[Measurement], higher_is_better: bool, *, comparisons: int = 1
) -> dict[str, Standing]:
    """Standings of the methods of one column; methods without a value are left out.

    ``measured``: one measurement per method, all of one metric, setting, sn and T. ``comparisons``: what
    :func:`pairs` gives for the whole table, where it has more than this column. Holm's correction is for that
    many, which keeps the chance of any false alarm in the table below 5 %. Raises ValueError when a method
    stands there twice.
    """
    column = _Column(measured, higher_is_better)
    family = max(comparisons, pairs([measured]))
    own = [one.p for one in column.to_best.values() if one.p is not None]
    return column.standings(_holm_of_family(own, family), family)


def standings_of_table(
    columns: Mapping[Key, Sequence[Measurement]], higher_is_better: Mapping[Key, bool]
) -> dict[Key, dict[str, Standing]]:
    """Standings of every column of a table, Holm's correction over all pairs of the table.

    Columns without an entry in ``higher_is_better`` have no direction and no standings.
    """
    made = {key: _Column(columns[key], higher_is_better[key]) for key in columns if key in higher_is_better}
    own = {key: [c.p for c in column.to_best.values() if c.p is not None] for key, column in made.items()}
    family = pairs(columns[key] for key in made)
    adjusted = iter(_holm_of_family([p for values in own.values() for p in values], family))
    return {key: column.standings([next(adjusted) for _ in own[key]], family) for key, column in made.items()}


def _holm_of_family(p_values: Sequence[float], family: int) -> list[float]:
    """Holm's p of some of ``family`` comparisons; the others count as found nothing in."""
    rest = [1.0] * max(0, family - len(p_values))
    return holm([*p_values, *rest])[: len(p_values)]


class _Column:
    """The methods of a column from best to worst, each compared with the best."""

    def __init__(self, measured: Sequence[Measurement], higher_is_better: bool) -> None:
        names = [one.method for one in measured]
        if len(set(names)) != len(names):
            raise ValueError(f"a method stands in the column twice: {sorted(names)}")
        self.sign = 1.0 if higher_is_better else -1.0
        valued = [(-self.sign * one.value, one.method, one) for one in measured if one.value is not None]
        self.merits = {name: -cost for cost, name, _ in valued}  # higher is better here
        self.order = [one for _, _, one in sorted(valued, key=lambda entry: entry[:2])]
        self._made: dict[tuple[str, str], _Comparison] = {}
        self.to_best = {one.method: self.compare(one, self.order[0]) for one in self.order[1:]}

    def compare(self, lower: Measurement, upper: Measurement) -> _Comparison:
        """A method against one that stands above it; each pair is computed once."""
        pair = (lower.method, upper.method)
        if pair not in self._made:
            self._made[pair] = self._compared(differences(lower, upper))
        return self._made[pair]

    def _compared(self, paired: Paired) -> _Comparison:
        if not paired.groups:
            return _Comparison(0, 0, None, None, False)
        interval = nested_bootstrap(paired)
        outside = paired.actors >= FEWEST_ACTORS and interval.excludes(0.0)
        agrees = outside and self.sign * interval.mean < 0.0
        return _Comparison(paired.actors, paired.clips, actor_sign_flip_p(paired), interval, agrees)

    def standings(self, adjusted: Sequence[float], family: int) -> dict[str, Standing]:
        """The standings, given the corrected p of every entry of ``to_best`` that has one."""
        if not self.order:
            return {}
        waiting = iter(adjusted)
        corrected = {name: None if one.p is None else next(waiting) for name, one in self.to_best.items()}
        told = {name: self.to_best[name].told(p) for name, p in corrected.items()}
        groups = self._groups(told, family)
        second = self._second(told, family)
        found = {}
        for one in self.order:
            comparison = self.to_best.get(one.method)
            known = comparison is not None and comparison.p is not None
            found[one.method] = Standing(
                method=one.method,
                place=1 + sum(merit > self.merits[one.method] for merit in self.merits.values()),
                tie_group=groups[one.method],
                best=comparison is None and bool(told) and all(told.values()),
                second=one.method == second,
                told_from_best=told[one.method] if known else None,
                p=corrected.get(one.method),
                difference=comparison.difference if comparison else None,
                actors=comparison.actors if comparison else _actors_behind(one),
                clips=comparison.clips if comparison else len(one.clip_values),
            )
        return found

    def _told(self, lower: Measurement, upper: Measurement, family: int) -> bool:
        """Told apart by Bonferroni over the family: which pairs are compared beside those with the best
        depends on what was found, so no step of Holm's is taken for them."""
        comparison = self.compare(lower, upper)
        return comparison.told(None if comparison.p is None else min(1.0, comparison.p * family))

    def _groups(self, told: Mapping[str, bool], family: int) -> dict[str, int]:
        groups = {self.order[0].method: 1}
        first, group = self.order[0], 1
        for one in self.order[1:]:
            apart = told[one.method] if group == 1 else self._told(one, first, family)
            if apart:
                first, group = one, group + 1
            groups[one.method] = group
        return groups

    def _second(self, told: Mapping[str, bool], family: int) -> str | None:
        """The method to be underlined, if any."""
        if len(self.order) < 2 or not told[self.order[1].method]:
            return None
        second = self.order[1]
        below = all(self._told(one, second, family) for one in self.order[2:])
        return second.method if below else None


def _actors_behind(one: Measurement) -> int:
    return len({(clip in one.clip_actors, one.clip_actors.get(clip, clip)) for clip in one.clip_values})
