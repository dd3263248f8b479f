"""What methods cost, by condition."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.report.cost_panel import Condition, build, places_of, read_costs
from iper_bench.report.panel import ReportContext
from iper_bench.report.reading import read_evidence
from iper_bench.store.planned import planned_units
from iper_bench.store.row import Row
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import PROTOCOL, rows_of, write_run

TASK = "motion_imitation"


def listed() -> list[Row]:
    return [row for name in ("a", "b") for sn in (1, 2) for row in rows_of(name, clips=2, sn=sn)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Method a takes 0.1 s a frame and source, method b ten times that; units of b keep no predictions."""
    path = write_run(tmp_path / "run", listed())
    folder = RunFolder.open(path)
    for unit in planned_units(folder.plan):
        seconds = (0.1 if unit.method == "a" else 1.0) * unit.sn * unit.frames
        folder.write_timing(unit.id, {"personalise": 3.0, "render": seconds})
    return path


def test_more_sources_are_a_condition_of_their_own(run: Path) -> None:
    costs = read_costs([run])
    frame = {(one.method, one.sn): cost.frame[0] for one, cost in costs.items() if len(set(cost.frame)) == 1}
    expected = {("a", 1): 0.1, ("a", 2): 0.2, ("b", 1): 1.0, ("b", 2): 2.0}
    assert frame == pytest.approx(expected)


def test_quality_stands_beside_the_cost_of_the_same_condition(run: Path) -> None:
    evidence, costs = read_evidence([run]), read_costs([run])
    (bench,) = evidence.benches()
    places = places_of(evidence, bench, "self", "PSNR", costs)
    assert {place.name: place.cost for place in places} == pytest.approx({"a": 0.2, "b": 2.0})
    other = {
        Condition("another", one.task, one.method, one.sn, one.steps): cost for one, cost in costs.items()
    }
    assert places_of(evidence, bench, "self", "PSNR", other) == []
    assert Condition(PROTOCOL, TASK, "a", 2, 0) in costs


def test_panel_shows_every_condition(run: Path) -> None:
    panel = build(ReportContext(read_evidence([run]), (run,), {run: tuple(read_rows(run))}))
    assert panel is not None
    rows = panel.html.split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr>") == 4
    assert f"<td>{PROTOCOL}</td><td>2</td><td>0</td>" in rows
    assert "Grey:" in panel.html
    assert f"| b | {PROTOCOL} | 1 | 0 | 3 | 1 |" in panel.markdown
