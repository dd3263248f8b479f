"""Measure definitions and all mixtures between them on one sample, in one pass over its frames.

Frames at rest are read once; whatever two steps share (a frame rule, boxes, features, maps) is computed once
for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iper_bench.errors import UserError
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.explanation import Attribution, Mixture, attribution, mixtures
from iper_bench.metrics.metric import UndefinedError
from iper_bench.metrics.outcome import Outcome, missing
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scorer import Meter, meter
from iper_bench.metrics.weights import MissingWeightsError

Frames = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.floating]
Pair = tuple[Definition, Definition]


@dataclass(frozen=True)
class Batch:
    """Some frames of a sample.

    Attributes
    ----------
    predictions, references: uint8 (B, H, W, 3) of one size; both where reference k is the truth of
        prediction k, else one of them.
    prediction_boxes, reference_boxes: body boxes (B, 4) in pixels, or ``None`` where none come with the
        frames.
    """

    predictions: Frames | None = None
    references: Frames | None = None
    prediction_boxes: Boxes | None = None
    reference_boxes: Boxes | None = None


class _Measured:
    """One definition over the sample: a meter, or why there is none."""

    def __init__(self, definition: Definition, bench: Bench) -> None:
        self.definition = definition
        self.meter: Meter | None = None
        self.lacking = ""
        self.impossible = ""
        try:
            self.meter = meter(definition, bench)
        except MissingWeightsError as error:
            self.lacking = str(error)
        except ValueError as error:
            self.impossible = str(error)

    def read(self, ours: Reading | None, theirs: Reading | None) -> None:
        """Measure a batch."""
        if self.meter is None:
            return
        if ours is not None and theirs is not None:
            self.meter.pairs(ours, theirs)
        if ours is not None:
            self.meter.side("prediction", ours)
        if theirs is not None:
            self.meter.side("reference", theirs)

    def outcome(self, total: int) -> Outcome | str:
        """The number, or in words why the choices do not go together."""
        if self.meter is None:
            return self.impossible or missing(self.lacking, total)
        try:
            return self.meter.outcome()
        except UndefinedError:  # a ValueError as well, but of the frames and not of the choices
            raise
        except ValueError as error:
            return str(error)


def attribute(pairs: Sequence[Pair], batches: Iterable[Batch], bench: Bench) -> list[Attribution]:
    """The gap of each pair of definitions, step by step, on one sample.

    A definition whose weights are not here has no value, with the reason. Raises UserError when the choices
    of one of the two definitions do not go together, ValueError for a pair of two kinds.
    """
    held: dict[tuple[str, ...], _Measured] = {}

    def measured(definition: Definition) -> _Measured:
        key = (definition.kind.name, *definition.choices.values())
        if key not in held:
            held[key] = _Measured(definition, bench)
        return held[key]

    planned: list[tuple[Definition, _Measured, list[tuple[Mixture, _Measured]]]] = []
    for first, second in pairs:
        steps = [(one, measured(one.definition)) for one in mixtures(first, second)]
        planned.append((first, measured(first), steps))
    total = _read(batches, list(held.values()), bench)
    found = []
    for first, start, steps in planned:
        outcomes = [(mixture, one.outcome(total)) for mixture, one in steps]
        for mixture, outcome in outcomes[-1:]:
            _possible(outcome, mixture.definition)
        found.append(attribution(first, _possible(start.outcome(total), first), outcomes))
    return found


def _possible(outcome: Outcome | str, definition: Definition) -> Outcome:
    if isinstance(outcome, str):
        raise UserError(
            f"choices that do not go together: {outcome}",
            where=definition.metric,
            expected="a definition that can be measured",
        )
    return outcome


def _read(batches: Iterable[Batch], meters: Sequence[_Measured], bench: Bench) -> int:
    """Feed every meter; the number of predictions."""
    total = 0
    for batch in batches:
        ours = _reading(batch.predictions, batch.prediction_boxes, bench, keep=False)
        theirs = _reading(batch.references, batch.reference_boxes, bench, keep=True)
        for one in meters:
            one.read(ours, theirs)
        total += 0 if ours is None else len(ours)
    return total


def _reading(frames: Frames | None, boxes: Boxes | None, bench: Bench, *, keep: bool) -> Reading | None:
    return None if frames is None else Reading(frames, boxes, bench.cache, keep=keep)
