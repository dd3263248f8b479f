"""Figure 16 from what ``iper-bench time`` measured."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.report.evidence import Evidence
from iper_bench.report.page import write_report
from iper_bench.report.panel import ReportContext
from iper_bench.report.timing_files import write_timing
from iper_bench.report.timing_panel import build
from iper_bench.report.timing_plot import draw
from iper_bench.report.timing_table import machine_name, measured_rows, quoted_rows
from iper_bench.store.timing_file import TIMING_FILE, Spread, TimingFile, read_timing

MACHINE = {"machine": "x86_64", "processor": "Some CPU", "cpus": 2, "threads": 1, "gpu": None}


def cell(**changed: Any) -> dict[str, Any]:
    seconds = {
        "preprocess": [1.0, 2.0, 9.0],
        "personalise": [4.0],
        "inference": [0.5, 0.5],
        "render": [0.25],
    }
    same = {"method": "mine", "size": 256, "sn": 2, "steps": 10, "frames": 5, "seconds": seconds}
    return {**same, "peak_mib": 100.0, "trains": True, **changed}


def write(folder: Path, *cells: dict[str, Any]) -> Path:
    TimingFile(MACHINE, cells or (cell(),)).write(folder / TIMING_FILE)
    return folder


def test_spread() -> None:
    found = Spread.of([9.0, 1.0, 2.0])
    assert (found.median, found.deviation, found.low, found.high) == (2.0, 1.0, 1.0, 9.0)
    assert Spread.of([3.0]) == Spread(3.0, 0.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="no round"):
        Spread.of([])


def test_rates_and_scaling(tmp_path: Path) -> None:
    (row,) = measured_rows(read_timing(write(tmp_path) / TIMING_FILE))
    assert (row.fps, row.rendered_fps) == (10.0, 20.0)
    assert row.scaled_inference == pytest.approx(0.5 * 165 / 5)
    assert row.machine == "Some CPU, 2 cores, 1 threads, no GPU"
    assert machine_name({**MACHINE, "gpu": "Fast GPU"}) == "Fast GPU, 2 cores"


def test_quoted_values_and_which_are_uncertain() -> None:
    rows = {row.size: row for row in quoted_rows()}
    assert sorted(rows) == [256, 512, 1024, 1920]
    assert rows[1920].phases["personalise"].median == 1093.82
    assert rows[512].fps == 6.8
    assert rows[256].uncertain == ("preprocess", "personalise")
    assert all(not rows[size].uncertain for size in (512, 1024, 1920))
    for row in rows.values():  # 165 frames over the seconds are the frames per second, as printed
        assert row.fps == pytest.approx(165 / row.phases["inference"].median, abs=0.06)


def test_files_are_whole_and_equal_twice(tmp_path: Path) -> None:
    write(
        tmp_path,
        cell(),
        cell(size=512, method="mine|x"),
        {"method": "mine", "size": 1024, "reason": "out of memory"},
    )
    first = {path.name: path.read_bytes() for path in write_timing(tmp_path)}
    assert sorted(first) == ["figure16.csv", "figure16.md", "figure16.png", "figure16.svg"]
    rows = [*measured_rows(read_timing(tmp_path / TIMING_FILE)), *quoted_rows()]
    assert draw(rows, "svg") == first["figure16.svg"]
    lines = list(csv.DictReader(first["figure16.csv"].decode().splitlines()))
    assert {line["certainty"] for line in lines if line["quoted"] == "True"} == {"certain", "likely"}
    mine = next(line for line in lines if line["method"] == "mine" and line["phase"] == "inference")
    assert float(mine["fps"]) == 10.0
    text = first["figure16.md"].decode()
    assert "out of memory" in text
    assert "mine\\|x" in text
    assert "53.62~" in text
    assert "Some CPU" in text
    assert "V100S" in text


def test_a_panel_of_every_folder(tmp_path: Path) -> None:
    context = ReportContext(Evidence((), ()), (), {}, timings=(write(tmp_path, cell(method="<b>")),))
    panel = build(context)
    assert panel is not None
    assert "&lt;b&gt;" in panel.html
    assert "<b>" not in panel.html
    for asset in panel.assets:
        asset.write(tmp_path / "out" / asset.name)
        assert (tmp_path / "out" / asset.name).stat().st_size > 100
    assert build(ReportContext(Evidence((), ()), (), {})) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "damaged"),
        ('{"format": 1, "machine": {}, "cells": [{"size": 1}]}', "damaged"),
        ('{"format": 1, "machine": {}, "cells": [{"method": "a", "size": 1, "seconds": {}}]}', "damaged"),
        ('{"format": 9, "machine": {}, "cells": []}', "newer"),
        (None, "no timing here"),
    ],
)
def test_damaged_files(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / TIMING_FILE).write_text(content)
    with pytest.raises(UserError, match=words):
        read_timing(tmp_path / TIMING_FILE)


def test_a_report_of_timings_alone_says_nothing_of_numbers_that_it_does_not_have(tmp_path: Path) -> None:
    write(tmp_path / "timing")
    page = write_report([tmp_path / "timing"], tmp_path / "out")
    text, words = page.html.read_text(), page.markdown.read_text()
    assert 'id="timing"' in text
    for absent in ('id="coverage"', 'href="#coverage"', "references alone", "Every number stands"):
        assert absent not in text
    assert "Every number stands" not in words
    assert '<td data-value="374.04">374.04</td>' in text
