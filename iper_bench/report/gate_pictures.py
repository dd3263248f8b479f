"""From a clip on which a number got worse to the pictures of it: predictions of its units, page of its
report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from iper_bench.report.evidence import Measurement
from iper_bench.report.finding import ClipDrop, Finding
from iper_bench.store.rows import read_rows

PAGES = ("index.html", "report.html")  # what the page of a report is called, today and before
MOST = 2  # pictures linked per clip: in cross-imitation a clip stands in several trials
_Place = tuple[Any, ...]


def with_pictures(findings: Sequence[Finding], run: Path) -> tuple[Finding, ...]:
    """The same findings; each drop names where the run's predictions of that clip lie, if they were kept."""
    if not any(finding.drops for finding in findings):
        return tuple(findings)  # rows of a large run are read only where there is something to show
    units: dict[_Place, list[str]] = {}
    for row in read_rows(run):
        place = (*_place(row), row.clip)
        if row.unit not in units.setdefault(place, []):
            units[place].append(row.unit)
    return tuple(
        replace(finding, drops=tuple(_with(drop, finding.number, units, run) for drop in finding.drops))
        for finding in findings
    )


def _place(one: Any) -> _Place:
    """What a row and a measurement share and a unit depends on, without the seed."""
    return (one.dataset, one.protocol, one.task, one.setting, one.method, one.sn, one.steps)


def _with(drop: ClipDrop, number: Measurement, units: Mapping[_Place, Sequence[str]], run: Path) -> ClipDrop:
    found = [_predictions(run, unit) for unit in units.get((*_place(number), drop.clip), ())]
    return replace(drop, pictures=tuple(path for path in found if path is not None)[:MOST])


def _predictions(run: Path, unit: str) -> Path | None:
    """The folder or film of a unit's predictions; ``None`` when they were not kept."""
    places = (run / "predictions" / unit, run / "predictions" / f"{unit}.mkv")
    return next((place for place in places if place.exists()), None)


def report_page(run: Path) -> Path | None:
    """The page of the report that lies beside a run under the name ``iper-bench report`` gives it; ``None``
    where there is none.
    """
    named = run if run.name not in ("", "..") else run.resolve()
    folder = named.with_name(f"{named.name}-report")
    return next((folder / name for name in PAGES if (folder / name).is_file()), None)
