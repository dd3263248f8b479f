"""All rows of a run: those of its finished units and those of its set metrics, in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from iper_bench.store.row import Row
from iper_bench.store.run_folder import RunFolder

WHOLE_SET = "*"  # trial and clip of a row that pools a whole set


def row_order(row: Row) -> tuple[str | int, ...]:
    """Sort key: names before numbers, independent of the order in which units were finished."""
    place = (row.dataset, row.protocol, row.task, row.setting, row.method)
    return (*place, row.sn, row.steps, row.seed, row.profile, row.metric, row.trial, row.unit)


def unit_rows(folder: RunFolder, units: Iterable[str] | None = None) -> Iterator[Row]:
    """Rows of the finished units (all, or those named), unit by unit. Raises UserError for a damaged file."""
    for unit in folder.unit_ids() if units is None else units:
        yield from folder.rows(unit)


def read_rows(path: Path) -> list[Row]:
    """Every row of the run at ``path``: per unit and, with trial and clip ``"*"``, per set.

    Raises UserError when there is no run, or a file is damaged or of a newer format.
    """
    folder = RunFolder.open(path)
    return sorted([*unit_rows(folder), *folder.pooled_rows()], key=row_order)
