"""``explain``: where the definitions of two numbers differ, and what each difference is worth on a sample of
frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.explanation import Attribution, Difference, differences
from iper_bench.metrics.kinds import KINDS
from iper_bench.metrics.metric import SETTINGS, Setting
from iper_bench.metrics.scorer import meter
from iper_bench.metrics.weights import MissingWeightsError
from iper_bench.run.attribution import attribute
from iper_bench.run.clip_scores import RESIZED
from iper_bench.run.explain_sample import Sample, sample_of_files, sample_of_run
from iper_bench.run.explained import Side, pairs_of
from iper_bench.run.scoring import known_device
from iper_bench.store.plan_file import PLAN_FILE

WITHOUT_FRAMES = "what each is worth shows on frames: --predictions PATH --references PATH"
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
    bench = Bench(weights_dir=request.weights_dir, device=known_device(request.device))
    sides, notes = pairs_of(request.first, request.second, bench)
    found = [Explained(a, b, tuple(differences(a.stored, b.stored))) for a, b in sides]
    if request.words:
        return Explanation(tuple(found), tuple(notes))
    return Explanation(tuple(_measured(found, request, bench)), tuple(notes))


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
            for place in places:
                done[place] = _noted(found[place], WITHOUT_FRAMES)
            continue
        definitions = [
            (_definition(found[place].first), _definition(found[place].second)) for place in places
        ]
        measured = attribute(definitions, sample.batches(), bench)
        for place, attribution in zip(places, measured, strict=True):
            one = found[place]
            notes = (*sample.notes, *_cautions(one, bench))
            done[place] = replace(one, attribution=attribution, sample=sample.words, notes=notes)
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
    runs = [path for path in dict.fromkeys(folders) if (path / PLAN_FILE).exists()]
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
    if isinstance(choices, Mapping) and RESIZED in choices:
        raise UserError(
            f"its frames were resized first ({choices[RESIZED]}), which no step can switch",
            where=side.name,
            expected="frames of one size, measured without --resize",
            hint="--words",
        )
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
    return replace(one, notes=(*one.notes, note))


def _settings_apart(one: Explained) -> Explained:
    if one.first.setting == one.second.setting:
        return one
    return _noted(one, "nothing was measured: the two settings compare with different frames")
