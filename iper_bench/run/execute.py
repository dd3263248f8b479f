"""Work through a plan: personalise once per person and sn, render, measure, store; a unit that fails is
recorded, the rest go on.

Every step ends in a file that is whole or absent, so the state of the run is what lies in its folder and
nothing else. Errors of the store (disk full, no permission) end the run; any other error of a unit is that
unit's failure.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from iper_bench.data.clip import Images
from iper_bench.data.dataset import Dataset
from iper_bench.errors import UserError
from iper_bench.methods.method_choice import Benchmarked
from iper_bench.out_of_memory import is_out_of_memory
from iper_bench.run.cost import parameters_of, peak_mib
from iper_bench.run.drawing import Draw, drawings
from iper_bench.run.frame_facts import record as record_facts
from iper_bench.run.material import BATCH, Material
from iper_bench.run.part_watch import PartWatch
from iper_bench.run.plan import Plan
from iper_bench.run.request import NOT_KEPT, PNG
from iper_bench.run.scoring import Scorer, measure, rows_of_unit, trial_places
from iper_bench.run.unit import Unit, trial_id
from iper_bench.store.lock import alone
from iper_bench.store.plan_file import definition_hashes
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import StoreError


@dataclass(frozen=True)
class Work:
    """What is done and what is left of a plan in its folder."""

    kept: list[Unit] = field(default_factory=list)
    failed: list[Unit] = field(default_factory=list)
    waiting: list[Unit] = field(default_factory=list)


class Executor:
    """Does the units of a plan, one after the other, in this process.

    Parameters
    ----------
    folder: open; held by this process or the one that started it.
    methods: by name, those of the plan.
    provenance: what every row carries.
    kept: how predicted frames are kept (``request.KEPT``); without them frames go straight to the metrics.
    measures: false ends a unit when its frames lie in the folder.
    in_company: other processes do units of the same folder at the same time.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        dataset: Dataset,
        methods: Mapping[str, Benchmarked],
        scorer: Scorer,
        provenance: Mapping[str, str],
        *,
        kept: str = PNG,
        measures: bool = True,
        in_company: bool = False,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._dataset = dataset
        self._methods = methods
        self._scorer = scorer
        self._provenance = dict(provenance)
        self._kept = kept
        self._measures = measures
        self._in_company = in_company
        self._materials: dict[str, Material] = {}
        self._parameters: dict[str, int | None] = {}
        self._definitions = definition_hashes(plan.document["profiles"])
        self._places = trial_places(plan.trials)
        #: told of every unit before it is begun, so that somebody knows what a killed process was at
        self.on_begin: Callable[[Unit], None] = lambda unit: None

    def work(self, mine: Collection[str], *, retry_failed: bool = False) -> Work:
        """Sort the plan's units of these ids by what lies in the folder. Reads the file of every finished
        unit.
        """
        failed = set() if retry_failed else {failure.unit for failure in self._folder.failures()}
        written = set(self._folder.unit_ids())
        work = Work()
        for unit in self._plan.units:
            if unit.id not in mine:
                continue
            if self._is_done(unit, written):
                work.kept.append(unit)
            elif unit.id in failed:
                work.failed.append(unit)
            else:
                work.waiting.append(unit)
        return work

    def _is_done(self, unit: Unit, written: Collection[str]) -> bool:
        if not self._measures:
            return self.has_predictions(unit)
        return unit.id in written and self._folder.definitions(unit.id) == self._definitions

    def groups(self, waiting: Sequence[Unit]) -> list[list[Unit]]:
        """``waiting`` by personalisation, in the order of work."""
        found: dict[Any, list[Unit]] = {}
        for unit in waiting:
            found.setdefault(unit.personalisation, []).append(unit)
        return list(found.values())

    def run_group(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, str | None]]:
        """Do units of one personalisation, yielding each with ``None``, or with the reason of its failure.

        Raises StoreError when the folder cannot be written.
        """
        self._materials.clear()
        ready = [unit for unit in units if self.has_predictions(unit)]
        for unit in ready:
            yield unit, self._attempt(unit, None, 0.0)
        yield from self._personalised([unit for unit in units if unit not in ready])

    def has_predictions(self, unit: Unit) -> bool:
        """Whether all predicted frames of a unit lie in the folder and can be decoded."""
        return self._folder.predictions(unit.id).sound(unit.frame_count)

    def in_order(self, units: Sequence[Unit]) -> list[Unit]:
        """Units of one personalisation in the order of work: first those whose predictions are there."""
        return sorted(units, key=lambda unit: (not self.has_predictions(unit), unit.steps))

    def _personalised(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, str | None]]:
        """Units of one personalisation, each at its T along the way."""
        if not units:
            return
        steps = tuple(sorted({unit.steps for unit in units}))
        left = list(units)
        name = units[0].method
        if name not in self._parameters:  # before personalisation brings networks of its losses
            self._parameters[name] = parameters_of(self._methods[name])
        self.on_begin(units[0])
        started = time.perf_counter()
        try:
            material = self._material(units[0])
            for reached, draw in drawings(self._methods[units[0].method], units[0], material, steps):
                seconds = time.perf_counter() - started
                for unit in [unit for unit in left if unit.steps == reached]:
                    left.remove(unit)
                    yield unit, self._attempt(unit, draw, seconds)
                started = time.perf_counter()
            reason, details = "the method gave no subject for this T", ""
        except StoreError:
            raise
        except Exception as error:
            reason, details = _reason(error), traceback.format_exc()
        for unit in left:
            self._folder.write_failure(unit.id, unit.head(), reason, details)
            yield unit, reason

    def _attempt(self, unit: Unit, draw: Draw | None, seconds: float) -> str | None:
        """Do one unit; returns the reason when it failed. ``draw`` is ``None`` when the predictions lie in
        the folder.
        """
        self.on_begin(unit)
        try:
            self._do(unit, draw, seconds)
        except StoreError:
            raise
        except Exception as error:
            self._folder.write_failure(unit.id, unit.head(), _reason(error), traceback.format_exc())
            return _reason(error)
        return None

    def _material(self, unit: Unit) -> Material:
        """Sources, targets and boxes, shared by the T of one personalisation."""
        return self._materials.setdefault(unit.trial.name, Material(self._dataset, unit.trial, unit.sn))

    def _do(self, unit: Unit, draw: Draw | None, seconds: float) -> None:
        material = self._material(unit)
        timing = dict(self._folder.timing(unit.id)) if draw is None else {"personalise": seconds}
        through = draw is not None and self._kept == NOT_KEPT  # from the method straight to the metrics
        started = time.perf_counter()
        if draw is not None and not through:
            frames = self._folder.predictions(unit.id, self._kept)
            for _ in frames.write(_checked(draw(unit, material), unit, material)):
                pass
            timing["render"] = time.perf_counter() - started
            started = time.perf_counter()
        timing["frames"] = unit.frame_count
        if self._measures:
            predictions = (
                _checked(draw(unit, material), unit, material)
                if through and draw is not None
                else self._stored(unit)
            )
            parts = PartWatch(material)
            scores = measure(self._scorer, material, parts.watch(predictions))
            timing["render and measure" if through else "measure"] = time.perf_counter() - started
            rows = rows_of_unit(
                *(unit, self._dataset.name, scores.values, self._provenance),
                actor=material.source_clip.subject,
                place=self._places[unit.trial.name],
            )
            parts.record(self._folder, unit)
        self._look_closer(unit, material)
        self._folder.write_timing(unit.id, {**timing, **self._cost(unit)})
        if self._measures:
            self._folder.write_unit(unit.id, unit.head(), self._definitions, rows, scores.feature_arrays())
        else:
            self._folder.forget_failure(unit.id)

    def _stored(self, unit: Unit) -> Iterator[Images]:
        """The predictions in the folder, in batches."""
        frames = self._folder.predictions(unit.id)
        for start in range(0, unit.frame_count, BATCH):
            yield frames.read(range(start, min(start + BATCH, unit.frame_count)))

    def _look_closer(self, unit: Unit, material: Material) -> None:
        """Keep what reports show beside the numbers; it changes none of them."""
        with alone(self._folder.path) if self._in_company else nullcontext():
            material.show(self._folder.exhibit(trial_id(unit.trial)))
        record_facts(self._folder, material)

    def _cost(self, unit: Unit) -> dict[str, float]:
        """Memory and parameters, for the record."""
        counted = self._parameters.get(unit.method)
        return {"peak_mib": round(peak_mib(), 1), **({} if counted is None else {"parameters": counted})}


def _checked(batches: Iterable[Images], unit: Unit, material: Material) -> Iterator[Images]:
    """Pass a method's batches through. Raises ValueError for another dtype, size or number of frames than
    asked for.
    """
    height, width = material.source_clip.size
    count = 0
    for batch in batches:
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (height, width, 3):
            raise ValueError(
                f"{unit.method} gave frames of shape {batch.shape} and dtype {batch.dtype}; "
                f"expected (B, {height}, {width}, 3) uint8"
            )
        count += len(batch)
        yield batch
    if count != unit.frame_count:
        raise ValueError(f"{unit.method} gave {count} frames; expected {unit.frame_count}")


def _reason(error: Exception) -> str:
    """One line for the record."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return "out of memory; try: --retry-failed with a smaller --size, fewer --sn, or NAME[batch=1]"
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
