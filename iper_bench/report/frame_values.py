"""Values per frame as arrays: metric x method x frame, over all trials of one setting.

Only what can be compared is laid side by side: one dataset, protocol, task and setting, the largest number
of sources, and of every method the T and seed with the most trials, of several the largest T and the lowest
seed: a frame has one T and one seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iper_bench.report.evidence import WHOLE_SET
from iper_bench.report.panel import ReportContext
from iper_bench.store.row import Row

Values = npt.NDArray[np.float64]
MADE_FROM_SOURCES = "sources"
SELF = "self"

#: the paper's metrics first, in its order; then the others by name, variants of a metric (``X/how``) last
PAPERS_ORDER = ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS")

Metric = tuple[str, str]  # profile, name


@dataclass(frozen=True)
class UnitPlace:
    """One unit with a place in a report.

    Attributes
    ----------
    run: place of its run among those of the report. unit: id.
    method, trial, clip: names. sn, steps, seed: number of sources, T and seed it was made with.
    frames: predicted frames, as far as the rows tell.
    rows: its rows with values per frame, by profile and metric.
    """

    run: int
    unit: str
    method: str
    trial: str
    clip: str
    sn: int
    steps: int
    seed: int
    frames: int
    rows: Mapping[Metric, Row] = field(repr=False)


@dataclass(frozen=True)
class Cohort:
    """What may be compared frame by frame.

    Attributes
    ----------
    dataset, protocol, task, setting, sn: the conditions.
    methods: sorted; references that know the truth or show other people are left out.
    trials: sorted by name.
    starts: (trials + 1,) int64: frame n of trial k is column ``starts[k] + n``.
    units: (method, trial) -> the unit; absent where there is none.
    """

    dataset: str
    protocol: str
    task: str
    setting: str
    sn: int
    methods: tuple[str, ...]
    trials: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    units: Mapping[tuple[str, str], UnitPlace]

    @property
    def title(self) -> str:
        """The conditions in words."""
        return f"{self.dataset}, {self.protocol}, {self.setting}, sn = {self.sn}"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Profiles and names of the metrics with values per frame, in the order of reading."""
        return tuple(sorted({metric for unit in self.units.values() for metric in unit.rows}, key=_reading))

    @property
    def frames(self) -> int:
        """Frames of all trials together."""
        return int(self.starts[-1])

    def place(self, column: int) -> tuple[str, int]:
        """Trial and frame number of a column."""
        trial = int(np.searchsorted(self.starts, column, side="right")) - 1
        return self.trials[trial], int(column - self.starts[trial])

    def values(self, metric: Metric) -> Values:
        """(methods, frames) float64 of one metric; NaN where a frame has no value or no partner."""
        found = np.full((len(self.methods), self.frames), np.nan)
        for place, method in enumerate(self.methods):
            for number, trial in enumerate(self.trials):
                unit = self.units.get((method, trial))
                row = unit.rows.get(metric) if unit is not None else None
                if row is None or row.per_frame is None:
                    continue
                listed = row.per_frame if row.pairs is None else row.per_frame[: row.pairs]
                start = self.starts[number]
                found[place, start : start + len(listed)] = np.array(listed, dtype=np.float64)
        return found


def _reading(metric: Metric) -> tuple[str, bool, int, str]:
    profile, name = metric
    plain = name.partition("/")[0]
    known = PAPERS_ORDER.index(plain) if plain in PAPERS_ORDER else len(PAPERS_ORDER)
    return profile, "/" in name, known, name


def shown_name(metric: Metric, profiles: int) -> str:
    """A metric's name, with its profile where a report holds several."""
    return metric[1] if profiles <= 1 else f"{metric[1]} ({metric[0]})"


Key = tuple[str, str, str, str]  # dataset, protocol, task, setting


def units_by_key(context: ReportContext) -> dict[Key, list[UnitPlace]]:
    """All units of a report by dataset, protocol, task and setting, sorted, self before cross; references
    that know the truth or show other people are left out.
    """
    kinds = context.evidence.references
    held: dict[tuple[int, str], list[Row]] = {}
    for run, path in enumerate(context.runs):
        for row in context.rows.get(path, ()):
            if row.trial != WHOLE_SET and kinds.get(row.method, MADE_FROM_SOURCES) == MADE_FROM_SOURCES:
                held.setdefault((run, row.unit), []).append(row)
    groups: dict[Key, list[UnitPlace]] = {}
    for (run, unit), rows in sorted(held.items(), key=lambda item: item[0]):
        first = rows[0]
        key = (first.dataset, first.protocol, first.task, first.setting)
        groups.setdefault(key, []).append(_unit_place(run, unit, rows))
    return {key: groups[key] for key in sorted(groups, key=lambda k: (*k[:3], k[3] != SELF, k[3]))}


def _unit_place(run: int, unit: str, rows: Sequence[Row]) -> UnitPlace:
    first = rows[0]
    with_frames = {(row.profile, row.metric): row for row in rows if row.per_frame is not None}
    frames = max(len(row.per_frame) if row.per_frame is not None else row.total for row in rows)
    names = (first.method, first.trial, first.clip)
    return UnitPlace(run, unit, *names, first.sn, first.steps, first.seed, frames, with_frames)


def cohorts(context: ReportContext) -> list[Cohort]:
    """All cohorts of a report, in the order of :func:`units_by_key`."""
    return [cohort_of(key, units) for key, units in units_by_key(context).items()]


def cohort_of(key: Key, units: Sequence[UnitPlace]) -> Cohort:
    """The cohort of one key: see the module's text for which units it takes."""
    sn = max(unit.sn for unit in units)
    compared = [unit for unit in units if unit.sn == sn]
    wanted = _conditions(compared)
    chosen: dict[tuple[str, str], UnitPlace] = {}
    for unit in compared:
        if (unit.steps, unit.seed) == wanted[unit.method]:
            chosen.setdefault((unit.method, unit.trial), unit)
    lengths: dict[str, int] = {}
    for unit in chosen.values():
        lengths[unit.trial] = max(lengths.get(unit.trial, 0), unit.frames)
    trials = tuple(sorted(lengths))
    starts = np.concatenate([[0], np.cumsum([lengths[trial] for trial in trials])]).astype(np.int64)
    methods = tuple(sorted({method for method, _ in chosen}))
    return Cohort(*key, sn, methods, trials, starts, chosen)


def _conditions(units: Sequence[UnitPlace]) -> dict[str, tuple[int, int]]:
    """Method -> T and seed: those with the most trials, of these the largest T, of these the lowest seed."""
    trials: dict[str, dict[tuple[int, int], set[str]]] = {}
    for unit in units:
        of_method = trials.setdefault(unit.method, {})
        of_method.setdefault((unit.steps, unit.seed), set()).add(unit.trial)
    return {
        method: max(held, key=lambda place: (len(held[place]), place[0], -place[1]))
        for method, held in trials.items()
    }
