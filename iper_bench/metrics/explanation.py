"""What differs between two definitions in words, and what each difference is worth.

The gap of two numbers is attributed step by step: starting from the first definition, one field at a time is
switched to the second one's choice, in the order of the kind's fields, which is the order of the computation.
A step's share depends on that order; the sum of all shares does not: it is the gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iper_bench.metrics.definition import Definition
from iper_bench.metrics.kinds import KINDS
from iper_bench.metrics.outcome import Outcome

NOTHING = "none"
NOT_ON_RECORD = "not on record"
#: parts of a stored definition that say how the number is called, and what explains the others
_NAMES = ("profile", "metric", "words", "source")
_HEADS = {"kind": "kind", "version": "version of the computation", "setting": "setting"}


@dataclass(frozen=True)
class Difference:
    """One field in which two definitions differ.

    Attributes
    ----------
    field: of the kind; or ``kind``, ``version of the computation``, ``setting``, ``weights of <part>``.
    first, second: the choices. first_words, second_words: what they mean.
    """

    field: str
    first: str
    second: str
    first_words: str
    second_words: str


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Where two stored definitions (``Passport.to_json()``) differ: kind, version and setting, then the
    fields in the order of the computation, then the weights. Names and sources are no difference: equal
    definitions give an empty list.
    """
    found = []
    for key, name in _HEADS.items():
        ours, theirs = str(first.get(key, NOT_ON_RECORD)), str(second.get(key, NOT_ON_RECORD))
        if ours != theirs:
            found.append(Difference(name, ours, theirs, ours, theirs))
    ours_choices, theirs_choices = _choices(first), _choices(second)
    for name in _ordered({**ours_choices, **theirs_choices}, str(first.get("kind", ""))):
        mine, its = ours_choices.get(name, NOTHING), theirs_choices.get(name, NOTHING)
        if mine != its:
            words = _words(first, name, mine), _words(second, name, its)
            if words[0] == words[1]:  # a file that was changed by hand
                words = mine, its
            found.append(Difference(name, mine, its, *words))
    weights = [_mapping(one.get("weights")) for one in (first, second)]
    for part in sorted({*weights[0], *weights[1]}):
        mine, its = (str(one.get(part, NOTHING if one else NOT_ON_RECORD)) for one in weights)
        if mine != its:
            found.append(Difference(f"weights of {part}", mine, its, mine, its))
    return found


def _choices(definition: Mapping[str, Any]) -> dict[str, str]:
    """Field -> choice; of an older, flat definition everything that is neither name nor weights."""
    choices = definition.get("choices")
    if not isinstance(choices, Mapping):
        skipped = {*_NAMES, *_HEADS, "weights"}
        choices = {name: value for name, value in definition.items() if name not in skipped}
    return {str(name): str(choice) for name, choice in choices.items()}


def _ordered(names: Mapping[str, str], kind: str) -> list[str]:
    """Names in the order of the kind's fields, which a file need not keep; unknown ones last."""
    order = list(KINDS[kind].fields) if kind in KINDS else []
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def _words(definition: Mapping[str, Any], name: str, choice: str) -> str:
    return str(_mapping(definition.get("words")).get(name, choice))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True)
class Mixture:
    """The first definition with the second one's choices in all fields up to ``switched``."""

    switched: str
    definition: Definition


def mixtures(first: Definition, second: Definition) -> list[Mixture]:
    """One mixture per differing field, in the order of the computation; the last has all choices of
    ``second``, and none stands for equal definitions. Raises ValueError for definitions of two kinds.
    """
    if first.kind.name != second.kind.name:
        raise ValueError(f"{first.metric} is of kind {first.kind.name}, {second.metric} {second.kind.name}")
    found: list[Mixture] = []
    mixed = first
    for name in first.kind.fields:
        if mixed[name] != second[name]:
            mixed = mixed.having(**{name: second[name]})
            found.append(Mixture(name, mixed))
    return found


@dataclass(frozen=True)
class Step:
    """One step of an attribution.

    Attributes
    ----------
    switches: the fields that were switched, mostly one.
    outcome: what the definition after the step measures.
    before: the last value before this step, ``None`` where none is known yet.
    together: why several fields had to be switched at once, else empty.
    """

    switches: tuple[Difference, ...]
    outcome: Outcome
    before: float | None
    together: str = ""

    @property
    def change(self) -> float | None:
        """What the step is worth, with the steps without a value before it."""
        if self.outcome.value is None or self.before is None:
            return None
        return self.outcome.value - self.before


@dataclass(frozen=True)
class Attribution:
    """The gap of two numbers, step by step.

    ``start``: what the first definition measures. ``steps``: up to the second definition.
    """

    start: Outcome
    steps: tuple[Step, ...] = field(default=())

    @property
    def end(self) -> Outcome:
        """What the second definition measures."""
        return self.steps[-1].outcome if self.steps else self.start

    @property
    def total(self) -> float | None:
        """The gap: second minus first; ``None`` where either has no value."""
        if self.start.value is None or self.end.value is None:
            return None
        return self.end.value - self.start.value


def attribution(
    first: Definition, start: Outcome, measured: Sequence[tuple[Mixture, Outcome | str]]
) -> Attribution:
    """Steps from what was measured.

    Parameters
    ----------
    first: the definition to start from; start: what it measures.
    measured: every mixture of :func:`mixtures` with its outcome, or in words why its choices do not go
        together: then it is switched together with the next field.

    Raises ValueError when the last mixture, the second definition itself, is one that does not go together.
    """
    steps: list[Step] = []
    known, current = start.value, first
    waiting: list[Difference] = []
    why = ""
    for mixture, outcome in measured:
        waiting.append(_switch(current, mixture))
        current = mixture.definition
        if isinstance(outcome, str):
            why = outcome
            continue
        steps.append(Step(tuple(waiting), outcome, known, why))
        known = known if outcome.value is None else outcome.value
        waiting, why = [], ""
    if waiting:
        raise ValueError(f"{current.metric}: {why}")
    return Attribution(start, tuple(steps))


def _switch(before: Definition, mixture: Mixture) -> Difference:
    name, after = mixture.switched, mixture.definition
    words = before.words()[name], after.words()[name]
    return Difference(name, before[name], after[name], *words)
