"""``explain``: what two numbers are, in words, where their definitions differ, and what each difference is
worth on a sample of frames.

A number is named as ``PROFILE:METRIC[@SETTING]``, or ``FOLDER#[PROFILE:]METRIC[@SETTING]`` with the folder of
a run or a result. Two folders name all metrics that both hold under different definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.errors import UserError, unknown_name
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.explanation import Attribution, Difference, differences
from iper_bench.metrics.kinds import KINDS
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.scorer import meter, passport_of
from iper_bench.metrics.weights import MissingWeightsError
from iper_bench.run.attribution import attribute
from iper_bench.run.explain_sample import Sample, sample_of_files, sample_of_run
from iper_bench.run.stored_definitions import StoredDefinitions, is_stored, read_definitions

LIMIT = 32  # frames of a sample: two of the evaluator's batches


@dataclass(frozen=True)
class ExplainRequest:
    """One command.

    Attributes
    ----------
    first, second: the two numbers, as typed.
    predictions, references: files to measure them on; both or none.
    clip: which clip of these. numbering: as in ``iper-bench check``.
    limit: frames of the sample.
    words: explain in words only, measure nothing.
    boxes: ``"tracks"``: frames of a dataset come with the boxes of the bodies; ``"none"``: without.
    data_root, weights_dir, device: as in ``iper-bench run``.
    """

    first: str
    second: str
    predictions: Path | None = None
    references: Path | None = None
    clip: str | None = None
    numbering: str | None = None
    limit: int = LIMIT
    words: bool = False
    boxes: str = "tracks"
    data_root: str | None = None
    weights_dir: Path | None = None
    device: str = "cpu"


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


@dataclass(frozen=True)
class Explained:
    """Two numbers explained.

    Attributes
    ----------
    differences: in words, in the order of the computation; empty for equal definitions.
    attribution: of the gap on a sample, ``None`` where nothing was measured.
    sample: the frames it was measured on. notes: what is to be said about it.
    """

    first: Side
    second: Side
    differences: tuple[Difference, ...]
    attribution: Attribution | None = None
    sample: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Everything that one command says. ``notes`` concern all of it."""

    pairs: tuple[Explained, ...]
    notes: tuple[str, ...] = ()


def explain(request: ExplainRequest) -> Explanation:
    """Explain two numbers, or every pair of equally named numbers of two folders.

    Raises
    ------
    UserError for names or folders that are not there, two numbers of different kinds, definitions that this
    version cannot measure, files that cannot be paired.
    """
    if (request.predictions is None) != (request.references is None):
        given, other = ("--predictions", "--references")
        raise UserError(
            f"{given if request.references is None else other} alone",
            where="explain",
            expected=f"{given} and {other} together",
        )
    bench = Bench(weights_dir=request.weights_dir, device=request.device)
    sides, notes = _pairs_of(request.first, request.second, bench)
    found = [Explained(a, b, tuple(differences(a.stored, b.stored))) for a, b in sides]
    if request.words:
        return Explanation(tuple(found), tuple(notes))
    return Explanation(tuple(_measured(found, request, bench)), tuple(notes))


# ---------------------------------------------------------------------------------- which numbers


def _pairs_of(first: str, second: str, bench: Bench) -> tuple[list[tuple[Side, Side]], list[str]]:
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
        return Side(f"{self.profile}:{self.definition.metric}@{self.setting}", passport.to_json(), None, lacking)


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


def _all_pairs(ours: StoredDefinitions, theirs: StoredDefinitions) -> tuple[list[tuple[Side, Side]], list[str]]:
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


# ---------------------------------------------------------------------------------- what it is worth


def _measured(found: Sequence[Explained], request: ExplainRequest, bench: Bench) -> list[Explained]:
    """The same with attributions, pairs of one setting on one sample."""
    done = list(found)
    for setting in SETTINGS:
        places = [
            place
            for place, one in enumerate(found)
            if one.differences and one.first.setting == one.second.setting == setting
        ]
        if not places:
            continue
        asked = request.predictions is not None
        try:
            sample = _sample(request, [found[place] for place in places], setting)
        except UserError as error:
            if asked:
                raise
            for place in places:
                done[place] = _noted(found[place], f"nothing was measured: {error}")
            continue
        if sample is None:
            continue
        definitions = [
            (_definition(found[place].first), _definition(found[place].second)) for place in places
        ]
        measured = attribute(definitions, sample.batches(), bench)
        for place, attribution in zip(places, measured, strict=True):
            one = found[place]
            notes = (*sample.notes, *_cautions(one, bench))
            done[place] = Explained(one.first, one.second, one.differences, attribution, sample.words, notes)
    return [_settings_apart(one) for one in done]


def _sample(request: ExplainRequest, pairs: Sequence[Explained], setting: Setting) -> Sample | None:
    """Files that were named, else the first run that has frames; ``None`` where there is neither."""
    if request.predictions is not None and request.references is not None:
        return sample_of_files(
            *(request.predictions, request.references, setting),
            limit=request.limit,
            clip=request.clip,
            numbering=request.numbering,
        )
    folders = [side.folder for one in pairs for side in (one.first, one.second) if side.folder is not None]
    runs = [path for path in dict.fromkeys(folders) if (path / "plan.yaml").exists()]
    refused: UserError | None = None
    for path in runs:
        try:
            return sample_of_run(
                path,
                setting,
                limit=request.limit,
                data_root=request.data_root,
                boxes=request.boxes != "none",
            )
        except UserError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return None


def _definition(side: Side) -> Definition:
    """A stored definition as one that can be measured. Raises UserError where this version cannot."""
    kind = KINDS.get(str(side.stored.get("kind")))
    choices = side.stored.get("choices")
    if kind is None or not isinstance(choices, Mapping):
        raise UserError(
            "a definition that this iper-bench does not know",
            where=side.name,
            expected=f"one of the kinds {', '.join(KINDS)}",
            hint="--words",
        )
    if side.stored.get("version") != kind.version:
        raise UserError(
            f"made by version {side.stored.get('version')} of the kind {kind.name}",
            where=side.name,
            expected=f"version {kind.version}, which this iper-bench computes",
            hint="--words",
        )
    try:
        return Definition(str(side.stored.get("metric")), kind, {str(k): str(v) for k, v in choices.items()})
    except ValueError as error:
        raise UserError(f"an incomplete definition: {error}", where=side.name, hint="--words") from error


def _cautions(one: Explained, bench: Bench) -> list[str]:
    """Weights other than those on record, and averages that a sample cannot show."""
    notes = []
    for side in (one.first, one.second):
        recorded = side.stored.get("weights")
        if side.folder is None or not isinstance(recorded, Mapping) or not recorded:
            continue
        try:
            here = meter(_definition(side), bench).weights
        except MissingWeightsError:
            continue  # the step without a value says so
        for part in sorted(recorded):
            if here.get(part) != recorded[part]:
                notes.append(
                    f"{side.name} was measured with {recorded[part]}; measured here with {here.get(part)}"
                )
    if any("over the frames of all trials" in d.first_words + d.second_words for d in one.differences):
        notes.append("an average over all trials is taken over the frames of the sample alone")
    return notes


def _noted(one: Explained, note: str) -> Explained:
    return Explained(one.first, one.second, one.differences, one.attribution, one.sample, (*one.notes, note))


def _settings_apart(one: Explained) -> Explained:
    if one.first.setting == one.second.setting:
        return one
    return _noted(one, "nothing was measured: the two settings compare with different frames")
