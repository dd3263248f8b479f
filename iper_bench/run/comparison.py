"""``Comparison``: the predictions of one clip and what they are compared with, brought together by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iper_bench.data.frame_list import FrameList
from iper_bench.data.frame_name import Id, printable
from iper_bench.data.frame_pairing import Pairing, pair
from iper_bench.errors import UserError
from iper_bench.protocol.trial import SELF
from iper_bench.run.unit import Unit

Boxes = NDArray[np.floating]
SHOWN = 6  # names in a message
PARTIAL = "--partial (partial=True) to measure what is there"


@dataclass(frozen=True)
class Lineup:
    """One side of a clip in the order in which it is measured.

    Attributes
    ----------
    frames: where they are read from.
    order: place -> index into ``frames``, ``None`` where no frame was handed in.
    boxes: (len(order), 4) x0, y0, x1, y1 in pixels, a row of NaN where there is no body; or ``None``.
    boxes_size: (height, width) of the frames that the boxes are meant for; ``None``: these frames.
    """

    frames: FrameList
    order: tuple[int | None, ...]
    boxes: Boxes | None = None
    boxes_size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def name_of(self, place: int) -> str:
        """What a message calls the frame at a place."""
        index = self.order[place]
        return f"{self.frames.source}, frame {place}" if index is None else self.frames.name_of(index)


@dataclass(frozen=True)
class Comparison:
    """One clip.

    Attributes
    ----------
    unit: what the rows are called by.
    predictions, references: in self-imitation of one length, frame k of one belongs to frame k of the other.
    ids: of the predictions, by which messages, boxes and rows per frame name them.
    actor: who is seen in the clip, empty where that is not known. place: of the clip among the others.
    """

    unit: Unit
    predictions: Lineup
    references: Lineup
    ids: tuple[Id, ...]
    actor: str = ""
    place: int = 0

    @property
    def clip(self) -> str:
        """Its name."""
        return self.unit.trial.source_clip

    @property
    def handed_in(self) -> bool:
        """Whether there is any prediction."""
        return any(index is not None for index in self.predictions.order)

    @property
    def paired(self) -> bool:
        """Whether reference k is the truth of prediction k."""
        return self.unit.trial.setting == SELF


def line_up(
    predictions: FrameList,
    expected: FrameList | Sequence[Id],
    *,
    numbering: str | None = None,
    partial: bool = False,
) -> tuple[int | None, ...]:
    """Place of an expected frame -> index of its prediction.

    Raises UserError, unless ``partial``, when a frame is missing, nobody asked for it, or two carry one
    number; in any case when numbers can be read in two ways or no frame fits.
    """
    pairing = pair(predictions, expected, numbering=numbering)
    ids = expected.ids if isinstance(expected, FrameList) else expected
    if not partial:
        _require_complete(pairing, predictions, len(ids))
    if ids and not pairing.matched:
        raise UserError(
            f"none of the {len(ids)} expected frames is here, but {listed(list(predictions.ids))}",
            where=predictions.source,
            expected=f"frames numbered {listed(list(ids))}, or from 0",
        )
    found = {match.reference: match.prediction for match in pairing.matched}
    return tuple(found.get(place) for place in range(len(ids)))


def all_in_order(frames: FrameList) -> tuple[int, ...]:
    """Every frame once, as they stand. Raises UserError when two carry one number."""
    ids = list(frames.ids)
    twice = next((one for one in ids if ids.count(one) > 1), None) if len(set(ids)) < len(ids) else None
    if twice is not None:
        raise UserError(
            f"number {printable(str(twice))} is carried by {ids.count(twice)} frames",
            where=frames.source,
            expected="every frame once",
            hint="remove all but one",
        )
    return tuple(range(len(ids)))


def _require_complete(pairing: Pairing, frames: FrameList, expected: int) -> None:
    if pairing.duplicates:
        number, indices = next(iter(pairing.duplicates.items()))
        names = " and ".join(frames.name_of(index) for index in indices)
        raise UserError(
            f"number {printable(str(number))} is carried by {names}",
            where=frames.source,
            expected="every frame once",
            hint=f"remove all but one, or {PARTIAL}",
        )
    if pairing.missing:
        extra = f", and {listed(pairing.extra)} that nobody asked for" if pairing.extra else ""
        raise UserError(
            f"{len(pairing.missing)} of {expected} frames are missing: {listed(pairing.missing)}{extra}",
            where=frames.source,
            expected="a prediction for every frame",
            hint=PARTIAL,
        )
    if pairing.extra:
        raise UserError(
            f"{len(pairing.extra)} frames that nobody asked for: {listed(pairing.extra)}",
            where=frames.source,
            expected=f"{expected} frames",
            hint=f"move them away, or {PARTIAL}",
        )


def listed(names: Sequence[Id]) -> str:
    """The first few of some names, and how many more there are."""
    shown = ", ".join(printable(str(one)) for one in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
