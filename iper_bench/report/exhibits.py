"""Grid rows from run folders: a few trials of each setting, one frame each, every method beside sources
and truth, and of the references those that are made from the sources.

Which trials and frames are shown is decided by their names and by what the runs saved, never by how good
they look: the first trials of each setting by name, and of each the middle one of the saved reference frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.report import plan_reading
from iper_bench.report.evidence import WHOLE_SET
from iper_bench.report.grid import GridRow, Image, cell_for, draw_grid
from iper_bench.store.exhibit import Exhibit
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder

TRIALS_PER_SETTING = 3  # six lines in all: a page on paper
NOT_KEPT = "predictions were not kept"
NOT_SAVED = "not saved in the run"
NO_TRUTH = "no paired truth"


@dataclass(frozen=True)
class Shown:
    """One unit whose frames can be drawn."""

    method: str
    unit: str
    folder: RunFolder


@dataclass(frozen=True)
class Grid:
    """A drawn grid: its picture, which conditions it shows, and what could not be shown."""

    image: Image
    title: str
    lacking: tuple[str, ...]


def build_grid(
    paths: Sequence[Path], *, sn: int, steps: int, trials: int = TRIALS_PER_SETTING
) -> Grid | None:
    """The grid for ``sn`` sources and T = ``steps``; ``None`` when no run kept a predicted frame for these.

    Methods measured at T = 0 only are shown with that. Raises UserError when a picture is damaged.
    """
    by_trial = _units(paths, sn, steps)
    methods = sorted({shown.method for units in by_trial.values() for shown in units})
    chosen: list[tuple[str, str]] = []
    for setting in dict.fromkeys(setting for setting, _ in sorted(by_trial, key=_self_first)):
        chosen += sorted(key for key in by_trial if key[0] == setting)[:trials]
    transfer = any(_has_reference(unit.folder, key[1]) for key in chosen for unit in by_trial[key])
    rows = [
        row for key in chosen if (row := _row(key, by_trial[key], methods, sn, clothes=transfer)) is not None
    ]
    if not rows:
        return None
    clothes = ["clothes"] if transfer else []
    labels = [f"sources (sn = {sn})", *clothes, "driver", "truth", *methods]
    side = max(max(image.shape[:2]) for row in rows for images in row.cells for image in images)
    lacking = sorted({r for row in rows for r in row.reasons if r and r != NO_TRUTH})
    return Grid(draw_grid(rows, labels, cell=cell_for(side)), f"sn = {sn}, T = {steps}", tuple(lacking))


def _self_first(key: tuple[str, str]) -> tuple[bool, str, str]:
    return key[0] != "self", *key


def _units(paths: Sequence[Path], sn: int, steps: int) -> Mapping[tuple[str, str], list[Shown]]:
    """(setting, trial) -> one unit per method, at T = ``steps`` where the method has it, else at T = 0."""
    found: dict[tuple[str, str], dict[str, tuple[int, Shown]]] = {}
    for path in paths:
        folder = RunFolder.open(path)
        kinds = plan_reading.references(folder.plan)
        for row in _first_rows(read_rows(path)):
            if row.sn != sn or row.steps not in (steps, 0) or kinds.get(row.method, "sources") != "sources":
                continue
            units = found.setdefault((row.setting, row.trial), {})
            held = units.get(row.method)
            if held is None or row.steps > held[0]:
                units[row.method] = (row.steps, Shown(row.method, row.unit, folder))
    return {key: [shown for _, shown in units.values()] for key, units in found.items()}


def _first_rows(rows: Sequence[Row]) -> list[Row]:
    seen: dict[str, Row] = {}
    for row in rows:
        if row.trial != WHOLE_SET:
            seen.setdefault(row.unit, row)
    return list(seen.values())


def _has_reference(folder: RunFolder, trial: str) -> bool:
    """Whether the trial is an appearance transfer."""
    held = plan_reading.exhibits(folder.plan).get(trial)
    return held is not None and "reference" in held[1]


def _row(
    key: tuple[str, str], units: Sequence[Shown], methods: Sequence[str], sn: int, *, clothes: bool
) -> GridRow | None:
    setting, trial = key
    by_method = {shown.method: shown for shown in units}
    folder = min(units, key=lambda shown: (str(shown.folder.path), shown.unit)).folder
    real = _real_frames(folder, trial, sn)
    number = _frame(real, units)
    if number is None:
        return None
    cells: list[Sequence[Image]] = [
        real["source"],
        *([real["clothes"]] if clothes else []),
        _at(real["reference"], number),
        _at(real["truth"], number),
    ]
    *seen, truth = cells
    lacking = NOT_SAVED if setting == "self" else NO_TRUTH
    reasons = [*("" if images else NOT_SAVED for images in seen), "" if truth else lacking]
    for method in methods:
        shown = by_method.get(method)
        frames = shown.folder.predictions(shown.unit) if shown else None
        kept = frames is not None and len(frames.files()) > number
        cells.append([frames.read([number])[0]] if frames is not None and kept else [])
        reasons.append("" if kept else "not in this run" if shown is None else NOT_KEPT)
    return GridRow(f"{trial}, frame {number}", tuple(cells), tuple(reasons))


def _real_frames(folder: RunFolder, trial: str, sn: int) -> dict[str, Any]:
    """Saved real frames: ``source`` and ``clothes`` lists of sn images, ``reference`` and ``truth`` by
    position in target order.
    """
    held = plan_reading.exhibits(folder.plan).get(trial)
    if held is None:
        return {"source": [], "clothes": [], "reference": {}, "truth": {}}
    exhibit, trial_facts = folder.exhibit(held[0]), held[1]
    return {
        "source": _sources(exhibit, "source", plan_reading.source_frames(trial_facts, sn), sn),
        "clothes": _sources(exhibit, "clothes", plan_reading.clothes_frames(trial_facts, sn), sn),
        "reference": exhibit.read("reference"),
        "truth": exhibit.read("truth"),
    }


def _sources(exhibit: Exhibit, kind: str, wanted: Sequence[int] | None, sn: int) -> list[Image]:
    """The sn saved pictures of a kind, in the order of the plan where it states one."""
    saved = exhibit.files(kind)
    numbers = list(saved)[:sn] if wanted is None else [number for number in wanted if number in saved]
    pictures = exhibit.read(kind, numbers)
    return [pictures[number] for number in numbers]


def _frame(real: Mapping[str, Any], units: Sequence[Shown]) -> int | None:
    """The middle of the saved reference frames, else the middle prediction; ``None`` when nothing was
    predicted.
    """
    counts = [len(shown.folder.predictions(shown.unit).files()) for shown in units]
    longest = max(counts)
    if not longest:
        return None
    saved = sorted(number for number in real["reference"] if number < longest)
    return saved[len(saved) // 2] if saved else longest // 2


def _at(images: Mapping[int, Image], number: int) -> list[Image]:
    return [images[number]] if number in images else []
