"""Upgrading a run folder: what an earlier version wrote becomes, byte for byte, what this one writes."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.made_up_run import write_run
from iper_bench.errors import UserError
from iper_bench.report.reading import read_evidence
from iper_bench.store import upgrade as module
from iper_bench.store.plan_file import plan_hash, read_plan
from iper_bench.store.planned import planned_units
from iper_bench.store.rows import read_rows
from iper_bench.store.run_folder import RunFolder
from iper_bench.store.storing import StoreError
from iper_bench.store.upgrade import upgrade_run
from tests.cli.command_line import assert_one_line, run_line


def tiny(path: Path) -> Path:
    run = write_run(path, methods=2, clips=2, frames=3, metrics=2, actors=2)
    folder = RunFolder.open(run)
    folder.write_failure("0123", {"name": "lost", "method": "warp"}, "no luck", "trace")
    return run


def tree(path: Path) -> dict[str, bytes]:
    """Every file but the lock's by its place."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def as_format_1(run: Path) -> None:
    """Write the folder as the first format had it."""

    def singular(content: dict[str, Any]) -> dict[str, Any]:
        return {**{k: v for k, v in content.items() if k != "seeds"}, "seed": content["seeds"][0]}

    plan = singular(read_plan(run))
    text = yaml.safe_dump({"format": 1, "hash": plan_hash(plan), "plan": plan}, sort_keys=True)
    (run / "plan.yaml").write_text(text, encoding="utf-8")
    for file in sorted([*run.glob("*.json"), *run.glob("units/*.json"), *run.glob("failures/*.json")]):
        content = json.loads(file.read_text(encoding="utf-8"))
        content["format"] = 1
        if file.name in ("env.json", "aggregates.json"):
            content["plan"] = plan_hash(plan)
        if file.name == "env.json":
            content["environments"] = [singular(one) for one in content["environments"]]
        file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """A folder of format 1, and the files that it has in today's."""
    run = tiny(tmp_path / "run")
    wanted = tree(run)
    as_format_1(run)
    assert tree(run) != wanted
    return run, wanted


def test_the_upgraded_folder_is_byte_for_byte_todays(pair: tuple[Path, dict[str, bytes]]) -> None:
    run, wanted = pair
    done = upgrade_run(run)
    assert tree(run) == wanted
    assert (done.held, done.files, done.current, done.damaged) == (1, 9, 0, ())
    assert done.plan == plan_hash(read_plan(run)) != done.plan_before
    assert "seed" not in read_plan(run)
    assert [unit.id for unit in planned_units(read_plan(run))] == sorted(
        RunFolder.open(run).unit_ids(), key=[unit.id for unit in planned_units(read_plan(run))].index
    )
    assert len(read_rows(run)) == 8
    assert read_evidence([run]).measurements


def test_a_second_upgrade_does_nothing(pair: tuple[Path, dict[str, bytes]]) -> None:
    run, wanted = pair
    upgrade_run(run)
    again = upgrade_run(run)
    assert again.files == 0
    assert "nothing to do" in again.summary
    assert tree(run) == wanted


@pytest.mark.parametrize("stop", range(9))
def test_killed_after_any_file_it_can_be_typed_again(
    pair: tuple[Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    run, wanted = pair
    written = []

    def stopping(inner: Any) -> Any:
        def write(*arguments: Any) -> None:
            if len(written) == stop:
                raise KeyboardInterrupt
            written.append(arguments[0])
            inner(*arguments)

        return write

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", stopping(module.write_json))
        patch.setattr(module, "write_plan", stopping(module.write_plan))
        with pytest.raises(KeyboardInterrupt):
            upgrade_run(run)
    # until the plan is written, the last of all, the folder says what is to be typed
    with pytest.raises(UserError, match="iper-bench upgrade"):
        RunFolder.open(run)
    done = upgrade_run(run)
    assert (done.files, done.current) == (9 - stop, stop)
    assert tree(run) == wanted


def test_a_dry_run_writes_nothing(pair: tuple[Path, dict[str, bytes]]) -> None:
    run, _ = pair
    before = tree(run)
    held = set(run.iterdir())
    done = upgrade_run(run, dry_run=True)
    assert done.files == 9
    assert "would rewrite 9 files" in done.summary
    assert tree(run) == before
    assert set(run.iterdir()) == held


def test_a_damaged_unit_is_left_and_named(pair: tuple[Path, dict[str, bytes]]) -> None:
    run, _ = pair
    unit = sorted((run / "units").iterdir())[1]
    unit.write_text("{half", encoding="utf-8")
    done = upgrade_run(run)
    assert done.damaged == (f"units/{unit.name}",)
    assert unit.name in done.summary
    assert unit.read_text(encoding="utf-8") == "{half"
    assert RunFolder.open(run).definitions(unit.stem) is None


def test_any_verb_names_the_upgrade(
    pair: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = pair
    for line in (("report", str(run)), ("score", str(run)), ("query", "SELECT 1", str(run))):
        assert_one_line(run_line(capsys, *line), "format 1", f"iper-bench upgrade {run}")
    single = run / "units"
    (single / "extra.json").write_text('{"format": 1}', encoding="utf-8")
    upgrade_run(run)
    (single / "extra.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=f"upgrade {run}$"):
        RunFolder.open(run).rows("extra")


def test_newer_folders_are_refused_untouched(
    pair: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = pair
    text = (run / "plan.yaml").read_text(encoding="utf-8").replace("format: 1", "format: 3", 1)
    (run / "plan.yaml").write_text(text, encoding="utf-8")
    before = tree(run)
    for verb in ("upgrade", "score"):
        outcome = run_line(capsys, verb, str(run))
        assert_one_line(outcome, "format 3 is newer", "pip install --upgrade iper-bench")
    assert tree(run) == before


def test_a_read_only_folder_is_one_line(
    pair: tuple[Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = pair
    before = tree(run)
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="no permission to write"):
        upgrade_run(run)
    assert tree(run) == before


def test_an_edited_plan_is_refused(pair: tuple[Path, dict[str, bytes]]) -> None:
    run, _ = pair
    text = (run / "plan.yaml").read_text(encoding="utf-8").replace("seed: 0", "seed: 1", 1)
    (run / "plan.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="edited or cut off"):
        upgrade_run(run)


def test_the_verb_takes_folders_of_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = tiny(tmp_path / "runs" / "a")
    shutil.copytree(first, tmp_path / "runs" / "b")
    as_format_1(first)
    outcome = run_line(capsys, "upgrade", str(tmp_path / "runs"))
    assert outcome.status == 0
    assert [line.partition(": ")[2][:11] for line in outcome.out.splitlines()] == [
        "format 1 to",
        "format 2 al",
    ]
    assert_one_line(run_line(capsys, "upgrade", str(tmp_path / "none")), "no run here")
    assert not (tmp_path / "none").exists()


def test_a_folder_named_by_its_hash_says_how_it_is_continued(tmp_path: Path) -> None:
    run = tiny(tmp_path / "run")
    as_format_1(run)
    held = upgrade_run(run, dry_run=True).plan_before
    named = run.rename(tmp_path / f"made-up-{held[:8]}")
    assert f"continue it with --out {named}" in upgrade_run(named).summary
