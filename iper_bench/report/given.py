"""What was named to ``iper-bench report``: run folders, folders that hold run folders, and folders of
timings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iper_bench.errors import UserError
from iper_bench.store.plan_file import PLAN_FILE

TIMING_FILE = "timing.json"  # what iper-bench time writes


@dataclass(frozen=True)
class Given:
    """Run folders and timing folders, in the order in which they were named."""

    runs: tuple[Path, ...]
    timings: tuple[Path, ...]


def sort_out(paths: Sequence[Path]) -> Given:
    """Tell runs from timings; a folder that is neither stands for those directly below it, by name.

    A path that holds nothing of the kind is kept as a run, so that the store says what is wrong with it.
    Raises UserError when one folder is named twice, by itself or through the folder above it.
    """
    runs: list[Path] = []
    timings: list[Path] = []
    for path in paths:
        below = [] if _kind(path) else [one for one in _folders(path) if _kind(one)]
        for one in below or [path]:
            (timings if _kind(one) == TIMING_FILE else runs).append(one)
    for held in (runs, timings):
        places = [path.resolve() for path in held]
        twice = [path for path, place in zip(held, places, strict=True) if places.count(place) > 1]
        if twice:
            raise UserError(
                "the same run is given twice", where=str(twice[-1]), expected="each run folder once"
            )
    return Given(tuple(runs), tuple(timings))


def _kind(path: Path) -> str | None:
    return next((name for name in (PLAN_FILE, TIMING_FILE) if (path / name).is_file()), None)


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir())
    except OSError:
        return []
