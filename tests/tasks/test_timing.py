"""``iper-bench time``: cells are measured once, in processes of their own, and within a budget."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iper_bench.data.track_file import read_track
from iper_bench.data.video_io import open_footage, read_image
from iper_bench.errors import UserError
from iper_bench.store.timing_file import PHASES
from iper_bench.tasks import timing
from iper_bench.tasks.timing import TimingRequest, time_methods
from iper_bench.tasks.timing_cell import CellRequest, measure_cell, measure_here
from iper_bench.tasks.timing_material import make_material
from tests.cli.command_line import assert_one_line, run_line

MACHINE = {"cpus": 2}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[CellRequest]:
    """Cells that were asked for; none is really measured."""
    asked: list[CellRequest] = []

    def measure(request: CellRequest) -> dict[str, Any]:
        asked.append(request)
        seconds = {phase: [float(request.size)] * request.repeats for phase in PHASES}
        return {"identity": "x", "trains": True, "seconds": seconds, "peak_mib": 1.0, "gpu_peak_mib": None}

    monkeypatch.setattr(timing, "measure_cell", measure)
    return asked


def request(out: Path, **changed: Any) -> TimingRequest:
    return replace(TimingRequest(("warp", "copy=copy-source"), out, sizes=(64, 32)), **changed)


def test_every_method_at_every_size_once(tmp_path: Path, measured: list[CellRequest]) -> None:
    first = time_methods(request(tmp_path), MACHINE)
    assert (first.measured, first.kept) == (4, 0)
    content = (tmp_path / "timing.json").read_bytes()
    again = time_methods(request(tmp_path), MACHINE)
    assert (again.measured, again.kept, len(measured)) == (0, 4, 4)
    assert (tmp_path / "timing.json").read_bytes() == content
    more = time_methods(request(tmp_path, sizes=(32, 64, 128)), MACHINE)
    assert (more.measured, more.kept) == (2, 4)
    assert time_methods(request(tmp_path, steps=3), MACHINE).measured == 4
    cells = json.loads((tmp_path / "timing.json").read_text())["cells"]
    assert len(cells) == 10
    assert [(cell["method"], cell["size"]) for cell in cells] == sorted(
        (cell["method"], cell["size"]) for cell in cells
    )


def test_a_killed_measurement_loses_one_cell(
    tmp_path: Path, measured: list[CellRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = timing.measure_cell

    def third_time(one: CellRequest) -> dict[str, Any]:
        if len(measured) == 2:
            raise KeyboardInterrupt
        return whole(one)

    monkeypatch.setattr(timing, "measure_cell", third_time)
    with pytest.raises(KeyboardInterrupt):
        time_methods(request(tmp_path), MACHINE)
    assert len(json.loads((tmp_path / "timing.json").read_text())["cells"]) == 2
    monkeypatch.setattr(timing, "measure_cell", whole)
    assert time_methods(request(tmp_path), MACHINE).kept == 2


def test_a_cell_that_failed_is_named_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "measure_cell", lambda one: {"reason": "out of memory"})
    report = time_methods(request(tmp_path, sizes=(32,)), MACHINE)
    assert report.left_out == ["warp at 32: out of memory", "copy at 32: out of memory"]
    assert time_methods(request(tmp_path, sizes=(32,)), MACHINE).kept == 0


def test_what_exceeds_the_budget_is_left_out_and_named(tmp_path: Path, measured: list[CellRequest]) -> None:
    time_methods(request(tmp_path, methods=("warp",), sizes=(32,)), MACHINE)
    path = tmp_path / "timing.json"
    content = json.loads(path.read_text())
    content["cells"][0]["took"] = 10.0
    path.write_text(json.dumps(content))
    report = time_methods(request(tmp_path, methods=("warp",), sizes=(32, 64), budget=60.0), MACHINE)
    assert (report.measured, report.kept) == (0, 1)
    assert "warp at 64 (about 80 s" in report.left_out[0]
    assert time_methods(request(tmp_path, methods=("warp",), sizes=(64,), budget=81.0), MACHINE).measured == 1


def test_another_machine_is_refused(tmp_path: Path, measured: list[CellRequest]) -> None:
    time_methods(request(tmp_path), MACHINE)
    with pytest.raises(UserError, match=r"another machine .*cpus"):
        time_methods(request(tmp_path), {"cpus": 4})
    assert time_methods(request(tmp_path, fresh=True), {"cpus": 4}).measured == 4


def test_wrong_names_before_anything_is_measured(tmp_path: Path, measured: list[CellRequest]) -> None:
    with pytest.raises(UserError, match="warpp"):
        time_methods(request(tmp_path, methods=("warp", "warpp")), MACHINE)
    assert not measured


def test_material_shows_the_body_where_the_track_says(tmp_path: Path) -> None:
    found = make_material(tmp_path, 2, 3, source_size=(60, 80), reference_size=(48, 96))
    pictures = [read_image(path) for path in sorted(found.sources.iterdir())]
    assert [picture.shape for picture in pictures] == [(60, 80, 3)] * 2
    assert len(open_footage(found.reference)) == 3
    sources, reference = read_track(found.source_track), read_track(found.reference_track)
    assert (sources.frame, reference.frame) == ((60, 80), (48, 96))
    assert len(sources.track) == 2
    # the square frame fills 60 of 80 columns, so the person is 3/4 as wide in the padded square
    whole = make_material(tmp_path / "square", 2, 3, source_size=(60, 60), reference_size=(48, 48))
    square = read_track(whole.source_track).track
    assert np.allclose(sources.track.cams[:, 0], 0.75 * square.cams[:, 0])
    inner = [picture[:, 10:70] for picture in pictures]
    assert all(
        np.array_equal(a, read_image(b)) for a, b in zip(inner, sorted(whole.sources.iterdir()), strict=True)
    )


def test_a_real_cell(tmp_path: Path) -> None:
    cell = CellRequest("warp", 32, 2, 0, 3, 2, 0, source_size=(48, 64), reference_size=(48, 64))
    found = measure_here(cell)
    assert all(len(found["seconds"][phase]) == 2 for phase in PHASES)
    assert all(second > 0 for phase in PHASES for second in found["seconds"][phase])
    assert found["peak_mib"] > found["before_mib"] / 2
    assert found["trains"] is False


@pytest.mark.slow
def test_a_cell_has_a_process_of_its_own() -> None:
    cell = CellRequest("warp", 32, 2, 0, 3, 1, 0, source_size=(48, 64), reference_size=(48, 64))
    found = measure_cell(cell)
    assert all(len(found["seconds"][phase]) == 1 for phase in PHASES)
    with pytest.raises(UserError, match="nosuch"):
        measure_cell(replace(cell, method="nosuch"))


def test_a_budget_of_nothing_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "time", "--method", "warp", "--budget", "0"), "--budget")
