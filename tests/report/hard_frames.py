"""Run folders with values per frame, facts of the frames and errors by part, for tests of what is made of
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iper_bench.hashing import content_hash
from iper_bench.report.panel import ReportContext
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds
from iper_bench.store.frame_facts import FrameFacts, write_frame_facts
from iper_bench.store.part_errors import PARTS, PartErrors, write_part_errors
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from tests.report import made_up

FRAMES = made_up.FRAMES
HALF = FRAMES // 2
METRICS = ("PSNR", "LPIPS")
Values = npt.NDArray[np.float64]


def rows_with_frames(values: Mapping[tuple[str, str, str], Values], *, actor: bool = True) -> list[Row]:
    """Rows of self-imitation. ``values``: (method, metric, clip) -> (FRAMES,) values."""
    rows = []
    for (method, metric, clip), frames in values.items():
        row = next(
            row
            for row in made_up.rows_of(method)
            if (row.setting, row.metric, row.clip) == ("self", metric, clip)
        )
        listed = [None if np.isnan(value) else float(value) for value in frames]
        who = clip.partition("/")[0] if actor else ""
        rows.append(replace(row, per_frame=listed, value=float(np.nanmean(frames)), actor=who))
    return rows


def facts_of(trial: str, **given: Sequence[float | None]) -> FrameFacts:
    """The first half faces the camera like the source, the second half is seen from behind."""
    view = [0.0] * HALF + [180.0] * HALF
    held = {
        "view": view,
        "turn": view,
        "pose": [0.1] * FRAMES,
        "unseen": [0.0] * HALF + [0.9] * HALF,
        **given,
    }
    return FrameFacts(
        *(trial, FRAMES, None, held["view"], [0.8] * FRAMES, [0.05] * FRAMES),
        *({2: held["pose"]}, {2: held["turn"]}, {2: held["unseen"]}),
    )


def write_hard_run(path: Path, rows: Sequence[Row], facts: Mapping[str, FrameFacts] | None = None) -> Path:
    """A run with the facts of every trial, or with those given by trial name."""
    made_up.write_run(path, rows)
    for trial in sorted({row.trial for row in rows}):
        own = facts_of(trial) if facts is None else facts.get(trial)
        if own is not None:
            write_frame_facts(path, content_hash(trial), own)
    return path


def write_parts(
    path: Path, rows: Sequence[Row], errors: Mapping[str, Mapping[str, Sequence[float | None]]]
) -> None:
    """Errors by part of every unit. ``errors``: method -> part -> per frame; 5 where nothing is given."""
    for row in rows:
        own = {part: errors.get(row.method, {}).get(part, [5.0] * FRAMES) for part in PARTS}
        write_part_errors(path, row.unit, {"name": row.trial}, PartErrors(own))


def context_of(*runs: Path) -> ReportContext:
    rows = {run: tuple(read_rows(run)) for run in runs}
    return ReportContext(over_seeds(read_evidence(runs)), runs, rows)
