"""Frames sorted into slices: by view, by distance to the nearest source, by what is hidden.

The facts of a frame come from the bodies (``store/frame_facts.py``) and are the same for every method.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iper_bench.report import plan_reading
from iper_bench.report.frame_values import Cohort
from iper_bench.report.panel import ReportContext
from iper_bench.store.frame_facts import FrameFacts, read_frame_facts

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

NO_BIN = -1
VIEW_STEP = 45.0  # degrees, the distance of the view angles that protocols choose sources from
VIEW_NAMES = {
    0: "facing the camera",
    90: "left side of the image",
    180: "from behind",
    270: "right side of the image",
}
TURN_EDGES = (22.5, 45.0, 90.0)  # degrees: same view bin, the next one, up to a quarter turn, beyond
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Cut:
    """One way to cut the frames of a cohort.

    Attributes
    ----------
    kind: ``"view"``, ``"view distance"`` and so on. labels: names of its slices.
    places: (frames,) int64 number of the slice that a frame falls into, -1 = none.
    """

    kind: str
    labels: tuple[str, ...]
    places: Places = field(repr=False)


@dataclass(frozen=True)
class Cuts:
    """All cuts of a cohort, and why there are no more: reason -> trials that it holds for."""

    cuts: tuple[Cut, ...]
    missing: Mapping[str, int]


def cuts(context: ReportContext, cohort: Cohort) -> Cuts:
    """Cut the frames of a cohort by everything that is known of them.

    Thirds are those of all frames of the cohort, so that a slice holds frames of many clips. Raises UserError
    for damaged facts.
    """
    names = ("view", "view_distance", "pose_distance", "occlusion", "self_occlusion")
    values = {name: np.full(cohort.frames, np.nan) for name in names}
    missing: dict[str, int] = {}
    identities = [_trial_ids(context, path) for path in context.runs]
    for number, trial in enumerate(cohort.trials):
        start, stop = int(cohort.starts[number]), int(cohort.starts[number + 1])
        found = _facts(context, cohort, trial, identities)
        reason = found if isinstance(found, str) else _filled(values, found, cohort.sn, start, stop)
        if reason:
            missing[reason] = missing.get(reason, 0) + 1
    made = [
        _by_view(values["view"]),
        _by_turn(values["view_distance"]),
        _thirds("pose distance", values["pose_distance"], 100.0, "cm"),
        _thirds("occlusion", values["occlusion"], 100.0, "%"),
        _thirds("self-occlusion", values["self_occlusion"], 100.0, "%"),
    ]
    return Cuts(tuple(cut for cut in made if cut is not None), missing)


def _trial_ids(context: ReportContext, path: Path) -> dict[str, str]:
    plan = next((facts.plan for facts in context.evidence.runs if facts.folder == path), {})
    return {name: identity for name, (identity, _) in plan_reading.exhibits(plan).items()}


def _facts(
    context: ReportContext, cohort: Cohort, trial: str, identities: Sequence[Mapping[str, str]]
) -> FrameFacts | str:
    """Facts of a trial from whichever run holds them, or why there are none."""
    runs = sorted({unit.run for (_, name), unit in cohort.units.items() if name == trial})
    for run in runs:
        if trial in identities[run]:
            facts = read_frame_facts(context.runs[run], identities[run][trial])
            if facts is not None:
                return facts if facts.reason is None else facts.reason
    return "the run holds no facts of its frames (made by an older version)"


def _filled(values: Mapping[str, Floats], facts: FrameFacts, sn: int, start: int, stop: int) -> str:
    """Put the facts of a trial in their places; returns why not."""
    if facts.frames < stop - start:
        return "facts of another number of frames"
    for name, array in values.items():
        held = getattr(facts, name)
        listed = held.get(sn) if isinstance(held, Mapping) else held
        if listed is not None:
            array[start:stop] = np.array(listed[: stop - start], dtype=np.float64)
    return ""


def _by_view(view: Floats) -> Cut | None:
    count = round(360.0 / VIEW_STEP)
    known = np.isfinite(view)
    if not known.any():
        return None
    nearest = np.round(np.where(known, view, 0.0) / VIEW_STEP).astype(np.int64) % count
    labels = [round(VIEW_STEP * number) for number in range(count)]
    names = tuple(
        f"{angle}°" + (f" ({VIEW_NAMES[angle]})" if angle in VIEW_NAMES else "") for angle in labels
    )
    return Cut("view", names, np.where(known, nearest, NO_BIN))


def _by_turn(turn: Floats) -> Cut | None:
    known = np.isfinite(turn)
    if not known.any():
        return None
    places = np.searchsorted(TURN_EDGES, np.where(known, turn, 0.0), side="right")
    edges = [f"{edge:g}°" for edge in (0.0, *TURN_EDGES, 180.0)]
    labels = tuple(f"{low} to {high}" for low, high in itertools.pairwise(edges))
    return Cut("view distance", labels, np.where(known, places, NO_BIN))


def _thirds(kind: str, values: Floats, scale: float, unit: str) -> Cut | None:
    """Low, middle and high third; fewer slices where many frames have one value, none where all have."""
    known = values[np.isfinite(values)]
    if not known.size or known.min() == known.max():
        return None
    # values that occur, so that no slice is empty
    edges = np.unique(np.quantile(known, [1 / 3, 2 / 3], method="higher"))
    edges = edges[edges > known.min()]
    if not edges.size:  # more than two thirds have the least value: the rest is the other slice
        edges = np.array([known[known > known.min()].min()])
    names = THIRDS if edges.size == 2 else (THIRDS[0], THIRDS[2])
    places = np.searchsorted(edges, np.where(np.isfinite(values), values, known.min()), side="right")
    found = np.where(np.isfinite(values), places, NO_BIN)
    labels = tuple(
        f"{name}: {_span(values[found == place] * scale, unit)}" for place, name in enumerate(names)
    )
    return Cut(kind, labels, found)


def _span(values: Floats, unit: str) -> str:
    low, high = f"{values.min():.1f}", f"{values.max():.1f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
