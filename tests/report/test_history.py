"""Histories: what a renewal leaves, what is refused, and that nothing is lost or written twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iper_bench.errors import UserError
from iper_bench.report import gate as gates
from iper_bench.report.baseline import read_baseline, with_actors
from iper_bench.report.gate import update
from iper_bench.report.history import find_history, history_file, read_history, record_run
from iper_bench.report.history_text import write_history
from tests.report.made_up import rows_of, write_run


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.json"
    update(write_run(tmp_path / "one", rows_of("a", clips=4)), path, reason="first")
    return path


def test_a_renewal_keeps_reason_values_and_changes(tmp_path: Path, baseline: Path) -> None:
    run = write_run(tmp_path / "two", rows_of("a", clips=4, gain=0.5))
    updated = update(run, baseline, reason="new loss", date="2026-01-02")
    first, second = read_history(updated.history)
    assert (first["reason"], second["reason"], second["date"]) == ("first", "new loss", "2026-01-02")
    assert "date" not in first
    assert len(first["changes"]) == len(first["values"]) == updated.guarded == 10
    name = next(name for name in second["values"] if " self " in name and " PSNR " in name)
    before, now = second["changes"][name]
    assert before == first["values"][name]["value"]
    assert now == second["values"][name]["value"] == pytest.approx(before + 0.75, abs=1e-5)
    assert read_baseline(baseline)["reason"] == "new loss"


def test_lines_are_only_added(tmp_path: Path, baseline: Path) -> None:
    before = history_file(baseline).read_bytes()
    update(write_run(tmp_path / "two", rows_of("a", clips=4, gain=0.5)), baseline, reason="new")
    assert history_file(baseline).read_bytes().startswith(before)


def test_stopped_between_the_two_files_and_typed_again(
    tmp_path: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "two", rows_of("a", clips=4, gain=0.5))

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gates, "write_baseline", stop)
        with pytest.raises(KeyboardInterrupt):
            update(run, baseline, reason="new")
    assert read_baseline(baseline)["reason"] == "first"
    updated = update(run, baseline, reason="new")
    lines = read_history(updated.history)
    assert [line["reason"] for line in lines] == ["first", "new"]
    assert len(lines[1]["changes"]) == 10


def test_a_number_that_goes_and_one_that_comes(tmp_path: Path, baseline: Path) -> None:
    updated = update(write_run(tmp_path / "two", rows_of("b", clips=4)), baseline, reason="b for a")
    gone = [change for change in updated.changes if change.now is None]
    come = [change for change in updated.changes if change.before is None]
    assert (len(gone), len(come), len(updated.changes)) == (10, 10, 20)


def test_a_reason_is_needed(tmp_path: Path, baseline: Path) -> None:
    with pytest.raises(UserError, match="no reason given"):
        update(tmp_path / "one", baseline, reason="  ")


def test_version_and_commit_come_from_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=4))
    state = {"folder": {"commit": "c" * 40, "changed": True}, "iper-bench": None}
    path = run / "env.json"
    machine = {"packages": {"iper-bench": "1.2.3"}, "git": state}
    path.write_text(json.dumps({**json.loads(path.read_text()), "environments": [machine]}))
    line = read_history(update(run, tmp_path / "b.json", reason="x").history)[0]
    assert (line["version"], line["commit"], line["changed"]) == ("1.2.3", "c" * 40, True)


def test_a_run_is_put_on_record_once(tmp_path: Path, baseline: Path) -> None:
    history, run = history_file(baseline), tmp_path / "one"
    assert record_run(history, run, reason="nightly", date=None)
    assert not record_run(history, run, reason="nightly", date=None)
    assert record_run(history, run, reason="nightly", date="2026-01-03")
    kinds = [(line["kind"], len(line["changes"])) for line in read_history(history)]
    assert kinds == [("baseline", 10), ("run", 0), ("run", 0)]


def test_reasons_of_any_kind_stay_on_their_line(tmp_path: Path, baseline: Path) -> None:
    reason = "a\nb\u2028c | <d> \x85"
    update(tmp_path / "one", baseline, reason=reason)
    assert read_history(history_file(baseline))[1]["reason"] == reason
    text = write_history(history_file(baseline), None)
    assert "a b c \\| &lt;d>" in text


def test_page_and_plot(tmp_path: Path) -> None:
    baseline = tmp_path / "numbers.json"
    for index, gain in enumerate((0.0, 0.0, 0.0, 0.0, 2.0)):
        rows = [row for row in rows_of("a", clips=2, gain=gain) if row.metric == "PSNR"]
        run = write_run(tmp_path / f"r{index}", rows)
        if index == 0:
            update(run, baseline, reason="first")
        record_run(history_file(baseline), run, reason=f"night {index}", date=None)
    text = write_history(history_file(baseline), tmp_path / "out")
    assert "* step: synthetic" in text
    assert "night 4" in text
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"history.md", "trend.png", "trend.svg"}
    write_history(history_file(baseline), tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 2: damaged: not JSON"),
        ("[]", "line 2: no format number"),
        ('{"format": 9}', "line 2: format 9 is newer"),
        ('{"format": 1, "kind": "run", "reason": "x", "values": {"a": 1}}', "line 2: 'values'"),
        ('{"format": 1, "kind": "odd", "reason": "x", "values": {}}', "line 2: 'values', 'kind'"),
    ],
)
def test_damaged_history(text: str, message: str, baseline: Path) -> None:
    path = history_file(baseline)
    path.write_text(path.read_text() + text + "\n")
    before = path.read_bytes()
    with pytest.raises(UserError, match=message):
        update(baseline.parent / "one", baseline, reason="again")
    assert path.read_bytes() == before


def test_histories_by_name_baseline_or_file(baseline: Path) -> None:
    path = history_file(baseline)
    assert find_history(str(baseline)) == find_history(str(path)) == path
    assert find_history("synthetic-demo").name == "synthetic-demo.jsonl"
    with pytest.raises(UserError, match="no history there"):
        find_history("of-nobody")


@pytest.mark.parametrize("name", ["synthetic-demo", "synthetic-imitation"])
def test_tracked_histories_end_with_the_tracked_baselines(name: str) -> None:
    path = find_history(name)
    content = read_baseline(path.parent.parent / f"{name}.json")
    last = [line for line in read_history(path) if line["kind"] == "baseline"][-1]
    assert last["reason"] == content["reason"]
    assert sorted(held["value"] for held in last["values"].values() if held["value"] is not None) == sorted(
        entry["value"] for entry in content["entries"] if entry["value"] is not None
    )


@pytest.mark.parametrize(
    ("name", "clips", "actors"), [("synthetic-demo", 4, 4), ("synthetic-imitation", 16, 10)]
)
def test_tracked_baselines_know_their_actors(name: str, clips: int, actors: int) -> None:
    content = read_baseline(find_history(name).parent.parent / f"{name}.json")
    held = content["clip_actors"]["synthetic"]
    assert (len(held), len(set(held.values()))) == (clips, actors)
    assert {clip for entry in content["entries"] for clip in entry["clip_values"]} == set(held)


def test_actors_added_to_an_old_baseline_change_no_value(baseline: Path) -> None:
    content = read_baseline(baseline)
    old = {key: value for key, value in content.items() if key != "clip_actors"} | {"format": 1}
    clips = {clip: clip.partition("/")[0] for entry in old["entries"] for clip in entry["clip_values"]}
    new = with_actors(old, {"synthetic": clips})
    assert new["entries"] == content["entries"]
    assert new["clip_actors"] == {"synthetic": clips}
    with pytest.raises(UserError, match="no actor known of clip 'actor0/outfit0'"):
        with_actors(old, {})
