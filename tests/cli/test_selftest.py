"""``iper-bench selftest``."""

from __future__ import annotations

import json
from dataclasses import replace

from iper_bench.metrics.golden.stored_value import golden_values
from iper_bench.run import selftest as module
from tests.cli.command_line import assert_one_line, run_line


def test_prints_every_value_and_writes_them(capsys, tmp_path):
    path = tmp_path / "report.json"
    outcome = run_line(capsys, "selftest", "--profile", "legacy", "--json", str(path))
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].split()[:4] == ["profile", "setting", "metric", "weights"]
    rows = [line for line in lines if line.startswith("legacy")]
    assert len(rows) == 4
    assert all(row.endswith("ok") for row in rows)
    assert "4 values within tolerance" in lines[-2]
    assert "--all" in lines[-2]
    assert "threads; device cpu" in lines[-1]
    content = json.loads(path.read_text())
    assert content["passed"]
    assert {one["metric"] for one in content["checks"]} == {row.split()[2] for row in rows}
    assert content["environment"]["packages"]["opencv-python-headless"]


def test_status_1_when_a_value_is_out_of_tolerance(capsys, monkeypatch):
    golden = golden_values()
    shifted = replace(golden, values=tuple(replace(one, value=one.value + 1) for one in golden.values))
    monkeypatch.setattr(module, "golden_values", lambda: shifted)
    outcome = run_line(capsys, "selftest", "--profile", "legacy")
    assert outcome.status == 1
    assert outcome.out.count("FAILED") == 4
    assert "4 of 4 values are out of tolerance" in outcome.out


def test_unknown_profiles_are_one_line(capsys):
    assert_one_line(run_line(capsys, "selftest", "--profile", "legasy"), "legasy", "legacy")
