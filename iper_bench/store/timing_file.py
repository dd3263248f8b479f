"""``timing.json``: what ``iper-bench time`` measured on one machine, cell by cell."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iper_bench.atomic import write_json
from iper_bench.errors import UserError

TIMING_FILE = "timing.json"
FORMAT = 1
PHASES = ("preprocess", "personalise", "inference", "render")


@dataclass(frozen=True)
class Spread:
    """Seconds of one phase: median of the rounds, median absolute deviation from it, smallest, largest."""

    median: float
    deviation: float
    low: float
    high: float

    @staticmethod
    def of(seconds: Sequence[float]) -> Spread:
        """Of one round or more. Raises ValueError for none."""
        if not seconds:
            raise ValueError("no round")
        middle = statistics.median(seconds)
        deviation = statistics.median(abs(one - middle) for one in seconds)
        return Spread(middle, deviation, min(seconds), max(seconds))

    def times(self, factor: float) -> Spread:
        """The same, scaled."""
        return Spread(*(factor * one for one in (self.median, self.deviation, self.low, self.high)))


@dataclass(frozen=True)
class TimingFile:
    """Content of the file.

    Attributes
    ----------
    machine: facts of the machine. cells: one per method, resolution and setting, as ``iper-bench time``
        wrote it.
    """

    machine: Mapping[str, Any]
    cells: Sequence[Mapping[str, Any]]

    def write(self, path: Path) -> None:
        """Write atomically, cells in order. Raises UserError when the disk refuses."""
        ordered = sorted((dict(cell) for cell in self.cells), key=_order)
        write_json(path, {"format": FORMAT, "machine": dict(self.machine), "cells": ordered})


def read_timing(path: Path) -> TimingFile:
    """Raises UserError when the file is missing, damaged or of a newer format."""
    hint = "iper-bench time --out FOLDER"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        number = int(content["format"])
        found = TimingFile(dict(content["machine"]), [_checked(cell) for cell in content["cells"]])
    except FileNotFoundError as error:
        raise UserError("no timing here", where=str(path), hint=hint) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError("damaged, or no file of iper-bench time", where=str(path), hint=hint) from error
    if number > FORMAT:
        raise UserError(
            f"format {number} is newer than this iper-bench reads",
            where=str(path),
            expected=f"format {FORMAT}",
            hint="pip install --upgrade iper-bench",
        )
    return found


def _checked(cell: Mapping[str, Any]) -> dict[str, Any]:
    str(cell["method"]), int(cell["size"])
    if "reason" not in cell:
        for phase in PHASES:
            Spread.of([float(one) for one in cell["seconds"][phase]])
    return dict(cell)


def _order(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return (cell["method"], cell["size"], json.dumps(cell, sort_keys=True))
