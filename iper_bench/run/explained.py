"""``Side``: one of two numbers that are explained, found by what was typed.

A number is named as ``PROFILE:METRIC[@SETTING]``, or ``FOLDER#[PROFILE:]METRIC[@SETTING]`` with the folder of
a run or a result, or ``FOLDER#PASSPORT``. Two folders name all metrics that both hold under different
definitions. Where no setting is named, the first one that both sides have is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.scorer import meter, passport_of
from iper_bench.metrics.weights import MissingWeightsError
from iper_bench.run.stored_definitions import StoredDefinitions, is_stored, read_definitions


@dataclass(frozen=True)
class Side:
    """One of the two numbers.

    Attributes
    ----------
    name: ``profile:metric@setting``, behind its folder where it has one.
    stored: its definition as ``Passport.to_json()``.
    folder: where it is on record, else ``None``.
    lacking: why its weights are not known, else empty.
    """

    name: str
    stored: Mapping[str, Any]
    folder: Path | None = None
    lacking: str = ""

    @property
    def setting(self) -> str:
        """``self`` or ``cross``."""
        return str(self.stored.get("setting", ""))


def pairs_of(first: str, second: str, bench: Bench) -> tuple[list[tuple[Side, Side]], list[str]]:
    """The pairs of numbers that two texts name, and what is to be said about all of them.

    Raises UserError for names and folders that are not there, a folder beside a metric, two numbers of
    different kinds, two folders without a common metric.
    """
    whole = [is_stored(text) for text in (first, second)]
    if all(whole):
        return _all_pairs(read_definitions(Path(first)), read_definitions(Path(second)))
    if any(whole):
        folder = first if whole[0] else second
        raise UserError(
            f"'{folder}' is a folder, the other one metric",
            where="explain",
            expected="two metrics or two folders",
            hint=f"{folder}#METRIC",
        )
    ours, theirs = (_candidates(text, bench) for text in (first, second))
    setting = next((one for one in ours if one in theirs), None)
    a = ours[setting or next(iter(ours))]()
    b = theirs[setting or next(iter(theirs))]()
    kinds = [str(side.stored.get("kind", "")) for side in (a, b)]
    if kinds[0] != kinds[1]:
        raise UserError(
            f"{a.name} is of kind {kinds[0]}, {b.name} of kind {kinds[1]}",
            where="explain",
            expected="two metrics of one kind",
            hint="iper-bench metric show METRIC",
        )
    return [(a, b)], []


def _candidates(text: str, bench: Bench) -> dict[str, Callable[[], Side]]:
    """What a name can mean: setting -> the number; in the order of settings, or the one that was named."""
    folder, hash_sign, name = text.rpartition("#")
    if hash_sign:
        return _stored_candidates(read_definitions(Path(folder)), name)
    profile, colon, rest = text.partition(":")
    if not colon:
        raise UserError(
            f"'{text}' is neither a folder nor a metric",
            where="explain",
            expected="PROFILE:METRIC[@SETTING], FOLDER#METRIC, or two folders",
            hint=f"standard:{text}",
        )
    metric, setting = _at_setting(rest)
    chosen = PROFILES.get(profile)
    found: dict[str, Callable[[], Side]] = {}
    for one in SETTINGS if setting is None else (setting,):
        for definition in chosen.every(one):
            if definition.metric == metric:
                found[one] = _Named(profile, definition, one, bench)
    if not found:
        where = f"profile {profile}" + ("" if setting is None else f", setting {setting}")
        known = chosen.names() if setting is None else [one.metric for one in chosen.every(setting)]
        raise unknown_name("metric", metric, known, where=where)
    return found


@dataclass(frozen=True)
class _Named:
    """A number of a profile; calling it looks for its weights."""

    profile: str
    definition: Definition
    setting: Setting
    bench: Bench

    def __call__(self) -> Side:
        measured, lacking = None, ""
        try:
            measured = meter(self.definition, self.bench)
        except MissingWeightsError as error:
            lacking = str(error)
        passport = passport_of(PROFILES.get(self.profile), self.setting, self.definition, measured)
        return Side(
            f"{self.profile}:{self.definition.metric}@{self.setting}", passport.to_json(), None, lacking
        )


def _at_setting(text: str) -> tuple[str, Setting | None]:
    metric, sign, name = text.rpartition("@")
    if not sign:
        return text, None
    for one in SETTINGS:
        if one == name:
            return metric, one
    raise unknown_name("setting", name, SETTINGS, where=text)


def _stored_candidates(held: StoredDefinitions, name: str) -> dict[str, Callable[[], Side]]:
    """The same for a number of a folder: by its metric, or by its passport."""
    if name in held.definitions:
        side = _side(held, held.definitions[name])
        return {side.setting: lambda: side}
    profile, colon, rest = name.partition(":")
    metric, setting = _at_setting(rest if colon else name)
    named = [one for one in held.definitions.values() if str(one.get("metric")) == metric]
    if not named:
        raise unknown_name("metric", metric, held.metrics(), where=str(held.path))
    matching = [
        one
        for one in named
        if (not colon or one.get("profile") == profile) and setting in (None, one.get("setting"))
    ]
    profiles = sorted({str(one.get("profile")) for one in (matching or named)})
    if not matching or len(profiles) > 1:
        there = sorted(f"{one.get('profile')}:{metric}@{one.get('setting')}" for one in named)
        raise UserError(
            f"no '{name}'" if not matching else f"{metric} of {len(profiles)} profiles",
            where=str(held.path),
            expected=f"one of {', '.join(there)}",
            hint=f"{held.path}#{there[0]}",
        )
    found: dict[str, Callable[[], Side]] = {}
    for place in SETTINGS:
        for one in matching:
            if one.get("setting") == place:
                found.setdefault(place, _Held(held, one))
    return found


@dataclass(frozen=True)
class _Held:
    """A number on record."""

    held: StoredDefinitions
    stored: Mapping[str, Any]

    def __call__(self) -> Side:
        return _side(self.held, self.stored)


def _side(held: StoredDefinitions, stored: Mapping[str, Any]) -> Side:
    name = f"{stored.get('profile')}:{stored.get('metric')}@{stored.get('setting')}"
    return Side(f"{held.path}#{name}", stored, held.path)


def _all_pairs(
    ours: StoredDefinitions, theirs: StoredDefinitions
) -> tuple[list[tuple[Side, Side]], list[str]]:
    """Numbers of one profile, name and setting whose passports differ."""
    mine, its = ours.by_name(), theirs.by_name()
    common = [name for name in mine if name in its]
    if not common:
        raise UserError(
            f"no metric is in both {ours.path} and {theirs.path}",
            where="explain",
            expected="folders that share a profile and a metric",
            hint=f"{ours.path}#METRIC {theirs.path}#METRIC",
        )
    differing = [name for name in common if mine[name][0] != its[name][0]]
    notes = [f"{len(common)} metrics are in both folders, {len(differing)} of them under two definitions"]
    for held, others in ((ours, its), (theirs, mine)):
        alone = [":".join(name[:2]) + f"@{name[2]}" for name in held.by_name() if name not in others]
        if alone:
            notes.append(f"only in {held.path}: {', '.join(alone)}")
    return [(_side(ours, mine[name][1]), _side(theirs, its[name][1])) for name in differing], notes
