"""``iper-bench time``: how long preprocessing, personalisation and inference take, by method and resolution
(the layout of Figure 16 of arXiv 2011.09055).

A cell (method, resolution) is written as soon as it is measured; the same command measures only what is
missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iper_bench.atomic import require_place
from iper_bench.errors import UserError
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.progress import track
from iper_bench.store.timing_file import TIMING_FILE, TimingFile, read_timing
from iper_bench.tasks.timing_cell import CellRequest, measure_cell

DEFAULT_SIZES = (256, 512)
DEFAULT_FRAMES = 8
DEFAULT_STEPS = 10
DEFAULT_REPEATS = 3
DEFAULT_WARMUP = 1
STEEPEST = (
    1.5  # cost may grow by this power of the number of pixels; attention at full resolution is linear in it
)


@dataclass(frozen=True)
class TimingRequest:
    """One command.

    Attributes
    ----------
    methods: ``[LABEL=]NAME[@WEIGHTS]`` each. out: folder of the result.
    sizes: sides of the frames in pixels, each a multiple of 8.
    sn, steps, frames: sources, personalisation steps T, frames that are drawn.
    repeats, warmup: measured rounds, and rounds before them.
    budget: seconds after which no further cell is begun that would not fit; ``None`` = no end.
    body_weights: of a body estimator that finds the bodies; without them bodies are given.
    fresh: measure again what is there.
    """

    methods: tuple[str, ...]
    out: Path
    sizes: tuple[int, ...] = DEFAULT_SIZES
    sn: int = 2
    steps: int = DEFAULT_STEPS
    frames: int = DEFAULT_FRAMES
    repeats: int = DEFAULT_REPEATS
    warmup: int = DEFAULT_WARMUP
    budget: float | None = None
    body_weights: Path | None = None
    data_root: str | None = None
    fresh: bool = False


@dataclass
class TimingReport:
    """What was measured.

    Attributes
    ----------
    file: ``timing.json``. measured, kept: cells of this command and of before. left_out: cells and why.
    """

    file: Path
    measured: int = 0
    kept: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """One line."""
        line = f"{self.file}: {self.measured} cells measured, {self.kept} kept from before"
        return f"{line}; left out: {'; '.join(self.left_out)}" if self.left_out else line


def time_methods(request: TimingRequest, machine: Mapping[str, Any]) -> TimingReport:
    """Measure every method at every size.

    Parameters
    ----------
    machine: facts of this machine; cells of another one are measured again.

    Raises
    ------
    UserError for unknown methods, a folder that cannot be written or holds something else, a damaged or newer
    ``timing.json``.
    """
    import torch

    choices = [MethodChoice.parse(text) for text in request.methods]
    for choice in choices:
        choice.open()  # a name or file that is wrong is told before anything is measured
    path = request.out / TIMING_FILE
    require_place(path)
    cells = [] if request.fresh else kept_cells(path, machine)
    report, started = TimingReport(path), time.monotonic()
    wanted = [
        (choice, text, size)
        for choice, text in zip(choices, request.methods, strict=True)
        for size in sorted(set(request.sizes))
    ]
    for choice, text, size in track(wanted, "timing", total=len(wanted)):
        setup = _setup(request, choice.label, size)
        if any(setup.items() <= cell.items() and "reason" not in cell for cell in cells):
            report.kept += 1
            continue
        spent = time.monotonic() - started
        expected = _expected(cells, choice.label, size)
        if request.budget is not None and spent + expected > request.budget:
            report.left_out.append(
                f"{choice.label} at {size} (about {expected:.0f} s; {spent:.0f} of {request.budget:.0f} s "
                "are spent)"
            )
            continue
        begun = time.monotonic()
        found = measure_cell(
            CellRequest(
                *(text, size, request.sn, request.steps, request.frames),
                *(request.repeats, request.warmup, request.body_weights, request.data_root),
                threads=torch.get_num_threads(),
            )
        )
        cells = [cell for cell in cells if not setup.items() <= cell.items()]
        cells.append({**setup, **found, "took": round(time.monotonic() - begun, 3)})
        TimingFile(machine, cells).write(path)
        report.measured += 1
        if "reason" in found:
            report.left_out.append(f"{choice.label} at {size}: {found['reason']}")
    return report


def kept_cells(path: Path, machine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cells of before that this machine measured; none when there is no file.

    Raises UserError for a file that is damaged, newer, or of another machine.
    """
    if not path.exists():
        return []
    held = read_timing(path)
    here = json.loads(json.dumps(dict(machine)))
    if held.machine != here:
        differing = sorted(key for key in {*held.machine, *here} if held.machine.get(key) != here.get(key))
        raise UserError(
            f"measured on another machine or with other versions ({', '.join(differing)})",
            where=str(path),
            expected="one machine per file",
            hint="--out with another folder, or --fresh",
        )
    return [dict(cell) for cell in held.cells]


def _setup(request: TimingRequest, label: str, size: int) -> dict[str, Any]:
    """What tells one cell from another."""
    return {
        "method": label,
        "size": size,
        "sn": request.sn,
        "steps": request.steps,
        "frames": request.frames,
        "repeats": request.repeats,
        "warmup": request.warmup,
        "bodies": "given" if request.body_weights is None else "estimated",
    }


def _expected(cells: Sequence[Mapping[str, Any]], label: str, size: int) -> float:
    """Seconds that a cell may take, from the largest smaller one of the method; 0 when there is none."""
    smaller = [cell for cell in cells if cell["method"] == label and cell["size"] < size and "took" in cell]
    if not smaller:
        return 0.0
    nearest = max(smaller, key=lambda cell: cell["size"])
    return float(nearest["took"] * (size / nearest["size"]) ** (2 * STEEPEST))
