"""The worst frames against a plain search, and which units stand for a method."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from iper_bench.report import worst_frames
from iper_bench.report.frame_values import cohorts
from iper_bench.report.worst_frames import NEAR, NEIGHBOURS, number_text, worst_of
from tests.report import framed
from tests.report.framed import context_of, framed_rows, write_framed

PSNR, LPIPS = ("offline", "PSNR"), ("offline", "LPIPS")


def test_worst_frames_are_those_of_a_plain_search(tmp_path: Path) -> None:
    rows = framed_rows(["a", "b"], trials=["self:x", "self:y", "self:z"], length=60)
    run = write_framed(tmp_path / "run", rows, pictures=False)
    (cohort,) = cohorts(context_of(run))
    for metric, higher in ((PSNR, True), (LPIPS, False)):
        found = worst_of(cohort, metric, higher, 8)
        assert sorted(found) == ["a", "b"]
        for method, frames in found.items():
            values = {
                (row.trial, number): value
                for row in rows
                if row.method == method and row.metric == metric[1]
                for number, value in enumerate(row.per_frame or ())
            }
            taken: list[tuple[str, int]] = []
            for trial, number in sorted(values, key=lambda k: values[k], reverse=not higher):
                near = [n for t, n in taken if t == trial and abs(n - number) <= NEAR]
                if len(taken) < 8 and len(near) < NEIGHBOURS:
                    taken.append((trial, number))
            assert [(frame.trial, frame.number) for frame in frames] == taken
            everything = np.array(list(values.values()))
            assert np.isclose(frames[0].mean, everything.mean())
            deviations = (frames[0].value - everything.mean()) / everything.std()
            assert np.isclose(frames[0].deviations, deviations)


def test_frames_without_a_value_or_partner_are_never_the_worst(tmp_path: Path) -> None:
    (row,) = framed_rows(["a"], trials=["self:x"], metrics=["PSNR"])
    run = write_framed(tmp_path / "run", [row], pictures=False)
    values = [*([30.0] * 10), None, float("inf"), *([1.0] * 12)]
    context = replace(context_of(run), rows={run: (replace(row, per_frame=values, pairs=12),)})
    (cohort,) = cohorts(context)
    frames = worst_of(cohort, PSNR, True, 24)["a"]
    assert {frame.value for frame in frames} <= {30.0, float("inf")}
    assert all(frame.number < 12 and frame.number != 10 for frame in frames)
    assert frames[0].mean == 30.0
    assert frames[-1].deviations is None


def test_a_method_stands_with_its_largest_t_first_seed_and_the_most_sources(tmp_path: Path) -> None:
    rows = framed_rows(["a"], sn=1, steps=50) + framed_rows(["a"], sn=2, steps=0)
    rows += framed_rows(["a"], sn=2, steps=20, seed=1) + framed_rows(["a"], sn=2, steps=20, seed=0)
    rows += framed_rows(["a"], sn=2, steps=90, trials=["self:a/0"])  # a T with fewer trials does not count
    run = write_framed(tmp_path / "run", rows, pictures=False)
    (cohort,) = cohorts(context_of(run))
    assert cohort.sn == 2
    assert {(unit.steps, unit.seed) for unit in cohort.units.values()} == {(20, 0)}
    assert cohort.trials == ("self:a/0", "self:b/0")
    assert cohort.place(framed.LENGTH) == ("self:b/0", 0)
    assert cohort.place(framed.LENGTH - 1) == ("self:a/0", framed.LENGTH - 1)


def test_the_panel_shows_every_metric_and_hatches_what_is_gone(tmp_path: Path) -> None:
    rows = framed_rows(["<script>alert(1)</script>", "warp"])
    run = write_framed(tmp_path / "run", rows)
    whole = worst_frames.build(context_of(run, worst=3))
    assert whole is not None
    assert whole.html.count("<details") == 2
    assert "<script>" not in whole.html
    assert "<script>" not in whole.markdown
    assert "predictions were not kept" not in whole.html
    shutil.rmtree(run / "predictions")
    shutil.rmtree(run / "exhibits")
    damaged = worst_frames.build(context_of(run, worst=3))
    assert damaged is not None
    assert damaged.assets == ()
    assert damaged.html.count("predictions were not kept</span>") == 2 * 2 * 3  # metrics, methods, frames


def test_no_panel_without_values_per_frame(tmp_path: Path) -> None:
    rows = [replace(row, per_frame=None) for row in framed_rows(["warp"])]
    run = write_framed(tmp_path / "run", rows, pictures=False)
    assert worst_frames.build(context_of(run)) is None


def test_numbers_keep_their_zeros() -> None:
    texts = {26.0: "26.00", 0.858: "0.8580", -0.5: "−0.5000", 1234.0: "1234", float("inf"): "∞", 0.0: "0.000"}
    assert {value: number_text(value) for value in texts} == texts
