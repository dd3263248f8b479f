"""Small run folders with values per frame and pictures, for the panels that show frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iper_bench.hashing import content_hash
from iper_bench.report.panel import ReportContext, ReportOptions
from iper_bench.report.reading import read_evidence
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.report import made_up

SIDE, LENGTH = 32, 24
Floats = npt.NDArray[np.float64]


def framed_rows(
    methods: Sequence[str],
    *,
    trials: Sequence[str] = ("self:a/0", "self:b/0"),
    metrics: Sequence[str] = ("PSNR", "LPIPS"),
    sn: int = 2,
    steps: int = 0,
    seed: int = 0,
    length: int = LENGTH,
    task: str = "motion_imitation",
    draw: int = 5,
) -> list[Row]:
    """Rows with random values per frame; values of one (method, trial, metric) never change."""
    return [
        _row(method, trial, metric, sn, steps, seed, task, _values(method, trial, metric, length, draw))
        for method in methods
        for trial in trials
        for metric in metrics
    ]


def _values(method: str, trial: str, metric: str, length: int, draw: int) -> list[float | None]:
    generator = np.random.default_rng(int(content_hash([method, trial, metric, draw], 12), 16))
    return [float(value) for value in 0.5 + 0.1 * generator.normal(size=length)]


def _row(method: str, trial: str, metric: str, sn: int, steps: int, seed: int, task: str, values: Any) -> Row:
    return Row(
        unit=content_hash([method, trial, sn, steps, seed]),
        method=method,
        dataset=made_up.DATASET,
        protocol=made_up.PROTOCOL,
        task=task,
        setting="cross" if trial.startswith("cross:") else "self",
        trial=trial,
        clip=trial.partition(":")[2].partition("<-")[0],
        sn=sn,
        steps=steps,
        seed=seed,
        profile="offline",
        metric=metric,
        value=float(np.mean(values)),
        reason=None,
        count=len(values),
        total=len(values),
        per_frame=values,
        backbone=None,
        definition=content_hash(["def", metric]),
    )


def write_framed(
    path: Path,
    rows: Sequence[Row],
    *,
    pictures: bool = True,
    saved: Sequence[int] = (0, 8, 16),
    trial_facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run; with pictures every unit has its predictions and every trial an exhibit of ``saved``."""
    plan = made_up.plan_of(rows)
    for trial in plan["trials"].values():
        span = [[0, LENGTH - 1]]
        cross = trial["setting"] == "cross"
        trial |= {"target_frames": span, "truth_frames": None if cross else span, **(trial_facts or {})}
    folder = RunFolder.create(path, plan)
    units: dict[str, list[Row]] = {}
    for row in rows:
        units.setdefault(row.unit, []).append(row)
    for unit, own in units.items():
        folder.write_unit(unit, {"name": own[0].trial}, folder.plan_definitions(), own, {})
        if pictures:
            first = own[0]
            frames = [made_up.figure(SIDE, first.clip, t, first.method) for t in range(first.total)]
            for _ in folder.predictions(unit).write([np.stack(frames)]):
                pass
    for trial in sorted({row.trial for row in rows}) if pictures else []:
        _write_exhibit(folder, trial, saved)
    return path


def _write_exhibit(folder: RunFolder, trial: str, saved: Sequence[int]) -> None:
    clip = trial.partition(":")[2].partition("<-")[0]
    shown = {
        "source": {t: made_up.figure(SIDE, clip, t, "") for t in (0, 12)},
        "reference": {t: made_up.figure(SIDE, trial, t, "") for t in saved},
        "clothes": {t: made_up.figure(SIDE, f"{clip} worn", t, "") for t in (0, 12)},
    }
    if not trial.startswith("cross:"):
        shown["truth"] = {t: made_up.figure(SIDE, clip, t, "") for t in saved}
    folder.exhibit(content_hash(trial)).write(shown)


def context_of(*runs: Path, **options: Any) -> ReportContext:
    """What the panels are made from."""
    rows = {path: tuple(read_rows(path)) for path in runs}
    return ReportContext(read_evidence(runs), runs, rows, options=ReportOptions(**options))
