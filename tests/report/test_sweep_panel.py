"""Figure 14 in a report and in the folder of a run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from iper_bench.report import paper
from iper_bench.report.panel import ReportContext
from iper_bench.report.seeds import over_seeds
from iper_bench.report.sweep_panel import FIELDS, METRICS, build, sweeps, write_figure14
from iper_bench.report.sweep_plot import Picture
from iper_bench.run.request import RunReport
from iper_bench.store.row import Row
from tests.cli.command_line import run_line
from tests.report.made_up import rows_of, write_run
from tests.report.test_table import evidence_of


def grid(
    method: str, *, steps: tuple[int, ...] = (0, 10), sn: tuple[int, ...] = (1, 2), seed: int = 0
) -> list[Row]:
    rows = [
        row for n in sn for t in steps for row in rows_of(method, sn=n, steps=t, gain=n + t / 10, clips=4)
    ]
    return [replace(row, seed=seed) for row in rows if row.setting == "self"]


def test_only_methods_at_several_t_are_sweeps() -> None:
    evidence = evidence_of(grid("attlwb"), grid("warp", steps=(0,)))
    assert [(sweep.method, sweep.name) for sweep in sweeps(evidence)] == [("attlwb", "figure14")]
    assert build(ReportContext(evidence_of(grid("warp", steps=(0,))), (), {})) is None


def test_several_methods_have_files_of_their_own() -> None:
    evidence = evidence_of(grid("a[loss=lp]"), grid("a-loss-lp"), grid("b"))
    assert [sweep.name for sweep in sweeps(evidence)] == [
        *("figure14-a-loss-lp", "figure14-a-loss-lp-2", "figure14-b")
    ]


def test_csv_holds_every_point_and_the_printed_labels() -> None:
    (sweep,) = sweeps(evidence_of(grid("attlwb")))
    lines = list(csv.DictReader(io.StringIO(sweep.csv)))
    assert tuple(lines[0]) == FIELDS
    ours = [line for line in lines if line["origin"] == "run"]
    assert len(ours) == len(METRICS) * 2 * 2
    by_place = {(line["metric"], line["sn"], line["T"]): line for line in ours}
    for metric, drawn in sweep.lines.items():
        for line in drawn:
            for point in line.points:
                held = by_place[metric, str(line.sn), str(point.steps)]
                assert float(held["value"]) == point.value
                assert float(held["low"]) == point.low
                assert held["passport"]
    quoted = [line for line in lines if line["origin"] == "quoted"]
    assert len(quoted) == len(paper.quotes("fig14")) == 20
    assert {line["certainty"] for line in quoted} == {"row_certain", "row_likely", "likely", "likely_pair"}
    assert quoted[2]["alternatives"] == "19.64|19.67"


def test_seeds_are_named_and_their_mean_is_drawn() -> None:
    rows = [row for seed in (0, 1) for row in grid("attlwb", seed=seed)]
    moved = [replace(row, value=row.value + row.seed) for row in rows if row.value is not None]
    (sweep,) = sweeps(over_seeds(evidence_of(moved)))
    (single,) = sweeps(evidence_of(grid("attlwb")))
    for pooled, alone in zip(sweep.lines["PSNR"], single.lines["PSNR"], strict=True):
        assert [p.value for p in pooled.points] == pytest.approx([p.value + 0.5 for p in alone.points])
    assert "seeds 0, 1" in build(ReportContext(over_seeds(evidence_of(moved)), (), {})).html  # type: ignore[union-attr]


def test_panel_draws_nothing_before_its_files_are_written(tmp_path: Path) -> None:
    panel = build(ReportContext(evidence_of(grid("a<b")), (), {}))
    assert panel is not None
    assert "a<b" not in panel.html
    names = {asset.name for asset in panel.assets}
    assert names == {f"figures/figure14.{ending}" for ending in ("svg", "png", "csv")} | {
        f"figures/figure14-{metric}.svg" for metric in METRICS if metric != "PSNR"
    }
    for name in names:
        assert f'"{name}"' in panel.html
    assert "| PSNR, sn | T = 0 | T = 10 |" in panel.markdown
    small = next(asset for asset in panel.assets if asset.name.endswith("SSIM.svg"))
    small.write(tmp_path / "small.svg")
    assert (tmp_path / "small.svg").read_bytes().startswith(b"<?xml")


def test_a_run_gets_its_figure_and_the_same_bytes_again(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", grid("attlwb"))
    paths = write_figure14(run)
    assert [path.relative_to(run).as_posix() for path in paths] == [
        f"figures/figure14.{ending}" for ending in ("svg", "png", "csv")
    ]
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_figure14(run)] == first
    assert write_figure14(write_run(tmp_path / "other", grid("warp", steps=(0,)))) == []
    assert not (tmp_path / "other" / "figures").exists()


def test_the_verb_draws_what_a_run_has_left_and_nothing_of_a_dry_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", grid("attlwb"))
    ended = RunReport(run, "hash", "", 1, done=1, aggregates=run / "aggregates.json")
    command = ["sweep", "--method", "attlwb", "--dataset", "synthetic"]
    monkeypatch.setattr("iper_bench.cli.sweep.carry_out", lambda options: [ended])
    monkeypatch.setattr("iper_bench.report.sweep_panel.draw_run", lambda *a, **k: Picture(b"png", b"svg"))
    outcome = run_line(capsys, *command)
    assert outcome.status == 0, outcome.err
    written = [run / "figures" / f"figure14.{ending}" for ending in ("svg", "png", "csv")]
    assert outcome.out.splitlines() == [str(path) for path in written]
    assert all(path.stat().st_size for path in written)
    dry = replace(ended, aggregates=None, dry=True)
    monkeypatch.setattr("iper_bench.cli.sweep.carry_out", lambda options: [dry])
    assert run_line(capsys, *command, "--dry-run").out == ""


def test_a_single_clip_has_no_bars_and_the_caption_says_so() -> None:
    rows = [row for row in grid("attlwb") if row.clip == "actor0/outfit0"]
    panel = build(ReportContext(evidence_of(rows), (), {}))
    assert panel is not None
    assert "No interval: 1 clip." in panel.html
    assert "Bars: " not in panel.html
