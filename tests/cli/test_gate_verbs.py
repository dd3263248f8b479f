"""``gate`` and ``compare`` as typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from iper_bench.report.history import history_file, read_history
from tests.cli.command_line import assert_one_line, gate_update, run_line
from tests.report.made_up import rows_of, write_run

CLIPS = 12


@pytest.fixture(autouse=True)
def _no_step_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``before`` and ``worse``, the latter with predictions."""
    folder = tmp_path_factory.mktemp("gate runs")
    write_run(folder / "before", rows_of("a", clips=CLIPS))
    write_run(folder / "worse", rows_of("a", clips=CLIPS, gain=-1), pictures=8)
    return folder


@pytest.fixture
def baseline(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "numbers.json"
    assert run_line(capsys, *gate_update(runs / "before", path)).status == 0
    return path


@pytest.mark.parametrize("words", [["gate"], ["gate", "check"]])
def test_gate_with_and_without_its_verb(
    words: list[str], runs: Path, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, status in (("before", 0), ("worse", 1)):
        outcome = run_line(capsys, *words, str(runs / run), "--baseline", str(baseline))
        assert (outcome.status, outcome.err) == (status, "")
    turned = run_line(capsys, *words, "--baseline", str(baseline), str(runs / "worse"))
    assert turned.status == 1
    assert "actor" in turned.out
    assert "predictions/" in turned.out


def test_files_link_the_pictures_of_the_worst_clips(
    runs: Path, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = runs / "worse-report" / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("<p>", encoding="utf-8")
    files = {kind: tmp_path / "deep" / f"gate.{kind}" for kind in ("markdown", "html", "junit")}
    options = [f"--{kind}={path}" for kind, path in files.items()]
    outcome = run_line(capsys, "gate", str(runs / "worse"), f"--baseline={baseline}", *options)
    assert outcome.status == 1
    markdown, html = (files[kind].read_text(encoding="utf-8") for kind in ("markdown", "html"))
    for text, pattern in ((markdown, r"\]\(([^)]+)\)"), (html, r'href="([^"]+)"')):
        links = [unquote(link) for link in re.findall(pattern, text)]
        assert all((files["html"].parent / link).exists() for link in links), links
        assert any("predictions" in link for link in links)
        assert any(link.endswith("worse-report/index.html") for link in links)
        assert not any(Path(link).is_absolute() for link in links)
    assert b"<failure" in files["junit"].read_bytes()


def test_the_step_summary_is_added_to(
    runs: Path,
    baseline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("of another step\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run_line(capsys, "gate", str(runs / "worse"), f"--baseline={baseline}").status == 1
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("of another step\n**gate FAILED")
    assert "](" not in text, "a link would lead nowhere there"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    outcome = run_line(capsys, "gate", str(runs / "worse"), f"--baseline={baseline}")
    assert_one_line(outcome, f"GITHUB_STEP_SUMMARY={tmp_path}")


def test_predictions_that_were_not_kept_are_said_to_be(
    baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=CLIPS, gain=-1))
    outcome = run_line(capsys, "gate", str(run), f"--baseline={baseline}")
    assert outcome.status == 1
    assert "predictions not kept" in outcome.out


def test_films_are_linked_as_well(baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of("a", clips=CLIPS, gain=-1)
    run = write_run(tmp_path / "run", rows)
    (run / "predictions").mkdir(exist_ok=True)
    for row in rows:
        (run / "predictions" / f"{row.unit}.mkv").write_bytes(b"")
    assert ".mkv" in run_line(capsys, "gate", str(run), f"--baseline={baseline}").out


def test_update_tells_what_changed_and_keeps_the_reason(
    runs: Path, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["gate", "update", str(runs / "worse"), f"--baseline={baseline}"]
    outcome = run_line(capsys, *arguments, "--reason=it is so", "--date=2026-02-03")
    assert outcome.status == 0
    assert " -> " in outcome.out
    assert f"{baseline} guards 10 numbers" in outcome.out
    last = read_history(history_file(baseline))[-1]
    assert (last["reason"], last["date"]) == ("it is so", "2026-02-03")
    assert_one_line(run_line(capsys, *arguments, "--reason= "), "no reason given")
    assert_one_line(run_line(capsys, *arguments, "--reason=x", "--date=yesterday"), "'--date'")


def test_history_prints_plots_and_puts_on_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in rows_of("a", clips=2) if row.metric == "PSNR"]
    run, baseline = write_run(tmp_path / "run", rows), tmp_path / "b.json"
    assert run_line(capsys, *gate_update(run, baseline)).status == 0
    add = ["--add", str(run)]
    assert run_line(capsys, "gate", "history", str(baseline), *add, "--reason=nightly").status == 0
    outcome = run_line(capsys, "gate", "history", str(baseline), "--out", str(tmp_path / "out"))
    assert outcome.status == 0
    assert "2 lines, 1 number, 0 steps" in outcome.out
    assert (tmp_path / "out" / "trend.svg").is_file()
    assert_one_line(run_line(capsys, "gate", "history", str(baseline), *add), "--add needs --reason")
    assert_one_line(run_line(capsys, "gate", "history", str(baseline), "--reason=x"), "belong to --add")
    assert_one_line(run_line(capsys, "gate", "history", "of-nobody"), "no history there", "gate update")


@pytest.mark.parametrize(("version", "words"), [(1, "iper-bench upgrade"), (99, "pip install --upgrade")])
def test_run_folders_of_other_versions(
    version: int, words: str, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=2))
    plan = run / "plan.yaml"
    text = plan.read_text(encoding="utf-8")
    plan.write_text(re.sub(r"^format: \d+", f"format: {version}", text, flags=re.MULTILINE), encoding="utf-8")
    for arguments in (["gate", str(run), f"--baseline={baseline}"], ["compare", str(run), str(baseline)]):
        assert_one_line(run_line(capsys, *arguments), str(run), words)


def test_gate_says_that_an_old_baseline_knows_no_actors(
    runs: Path, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(baseline.read_text(encoding="utf-8"))
    del content["clip_actors"]
    baseline.write_text(json.dumps({**content, "format": 1}), encoding="utf-8")
    outcome = run_line(capsys, "gate", str(runs / "before"), f"--baseline={baseline}")
    assert outcome.status == 0
    assert "every clip counts as an actor of its own" in outcome.out


def test_compare_statuses(
    runs: Path, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, worse = str(runs / "before"), str(runs / "worse")
    files = [f"--markdown={tmp_path / 'c.md'}", f"--junit={tmp_path / 'c.xml'}"]
    outcome = run_line(capsys, "compare", before, worse, *files)
    assert outcome.status == 1
    assert outcome.out.startswith("**B is worse: ")
    assert (tmp_path / "c.md").read_text(encoding="utf-8").startswith("**B is worse: ")
    assert b"<failure" in (tmp_path / "c.xml").read_bytes()
    assert run_line(capsys, "compare", worse, before).status == 0
    assert run_line(capsys, "compare", str(baseline), before).status == 0
    assert_one_line(run_line(capsys, "compare", before), "only one run to compare")
    for typed in ("a", "a=", "a=b=c", "="):
        assert_one_line(run_line(capsys, "compare", before, "--methods", typed), "'--methods'", "as in a=b")
    assert_one_line(run_line(capsys, "compare", before, "--methods", "a=z"), "unknown method 'z'")


def test_compare_refuses_other_passports(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_run(tmp_path / "other", rows_of("a", clips=CLIPS, definition="other"))
    outcome = run_line(capsys, "compare", str(runs / "before"), str(other))
    assert_one_line(outcome, "not comparable: definition of", "iper-bench explain")
