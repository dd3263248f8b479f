"""The end of a run: what is averaged over all trials, what was detected, and that order changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iper_bench.averages import averaged
from iper_bench.run.benchmark import evaluate
from iper_bench.store.aggregate import aggregate
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.run.toys import ACT, ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request

PEOPLE, EACH = 3, 2
CLIPS = PEOPLE * EACH
CROSS = 4  # frames that the protocol takes of a cross trial


def run(folder: Path, name: str, method: ToyMethod | None = None, **changes: Any) -> RunFolder:
    request = toy_request(folder / name, sn=(1,), steps=(0,), **changes)
    scorer = ToyScorer(average="batches-16")
    methods: Any = {"toy": method or ToyMethod()}
    evaluate(request, toy_protocol(folder), ToyDataset(PEOPLE, EACH), methods, scorer)
    return RunFolder.open(folder / name)


def entry(folder: RunFolder, metric: str) -> dict[str, Any]:
    (found,) = [one for one in folder.aggregates()["entries"] if one["metric"] == metric]
    return found


def rows_of(folder: RunFolder, metric: str) -> list[Row]:
    return [row for row in read_rows(folder.path) if row.metric == metric]


def test_the_papers_average_runs_over_all_trials_in_the_plans_order(tmp_path: Path) -> None:
    folder = run(tmp_path, "run")
    rows = sorted(rows_of(folder, "difference"), key=lambda row: row.place)
    assert [row.place for row in rows] == list(range(CLIPS))
    assert [row.actor for row in rows] == [row.clip.partition("/")[0] for row in rows]
    found = entry(folder, "difference")
    frames = [value for row in rows for value in row.per_frame or []]
    assert len(frames) == CLIPS * ACT > 2 * 16
    assert found["mean"] == averaged(frames, "batches-16")
    assert found["mean"] != pytest.approx(found["frame_mean"], abs=1e-9)
    assert found["clip_mean"] == pytest.approx(sum(row.value or 0 for row in rows) / CLIPS)
    assert found["actors"] == PEOPLE
    assert found["actor_low"] <= found["mean"] <= found["actor_high"]
    assert found["reason"] is None


def test_detections_are_summed_over_units_and_pooled(tmp_path: Path) -> None:
    folder = run(tmp_path, "run")
    rows = rows_of(folder, "colour")
    wanted = {
        side: sum((row.detections or {})[side] for row in rows)
        for side in ("reference", "prediction", "both", "frames")
    }
    assert wanted["frames"] == CLIPS * CROSS
    assert 0 < wanted["both"] < wanted["prediction"]
    assert entry(folder, "colour")["detections"] == wanted
    pooled = entry(folder, "distance")
    assert (pooled["pooled"], pooled["average"], pooled["detections"]) == (True, "none", wanted)


def test_failed_units_are_named_in_the_papers_number(tmp_path: Path) -> None:
    folder = run(tmp_path, "run", ToyMethod(fails_at=(0,)))
    assert folder.aggregates()["entries"] == []
    whole = run(tmp_path, "whole")
    rows = rows_of(whole, "difference")[:-2]
    group = tuple(getattr(rows[0], name) for name in ("dataset", "protocol", "task", "setting", "method"))
    key: Any = (*group, rows[0].sn, rows[0].steps, rows[0].seed)
    (found,) = aggregate(rows, {key: CLIPS}, {key: CLIPS})
    assert found["reason"] == f"2 of {CLIPS} trials without a value: no finished unit"
    assert found["mean"] is not None


def test_a_restart_ends_in_the_same_bytes(tmp_path: Path) -> None:
    """A run that lost units in the middle and its pooled values does them again in another order."""
    whole = run(tmp_path, "whole")
    wanted = {name: (whole.path / name).read_bytes() for name in ("aggregates.json", "pooled.json")}
    for unit in whole.unit_ids()[1:9:2]:
        (whole.path / "units" / f"{unit}.json").unlink()
    for name in wanted:
        (whole.path / name).unlink()
    again = run(tmp_path, "whole")
    assert {name: (again.path / name).read_bytes() for name in wanted} == wanted
