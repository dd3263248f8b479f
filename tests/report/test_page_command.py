"""``iper-bench report`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from iper_bench.report import page
from tests.cli.command_line import assert_one_line, run_line
from tests.report.made_up import rows_of, write_run


@pytest.fixture(autouse=True)
def _own_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick ones; the others have tests of their own."""
    monkeypatch.setitem(page.write_report.__kwdefaults__, "builders", ("players", "own_tables"))


def test_options_reach_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "runs" / "a", rows_of("a", clips=3), pictures=16)
    write_run(tmp_path / "runs" / "b", rows_of("b", clips=3))
    out = tmp_path / "out"
    typed = ("report", str(tmp_path / "runs"), "--out", str(out))
    done = run_line(capsys, *typed, "--clips", "2", "--worst", "1")
    assert done.status == 0, done.err
    assert str(out / "index.html") in done.out
    text = (out / "index.html").read_text()
    assert text.count('class="player"') == 4, "two clips in two settings"
    assert len(list((out / "films").iterdir())) == 4
    assert run_line(capsys, *typed, "--no-films").status == 0
    assert 'class="player"' not in (out / "index.html").read_text()
    assert not (out / "films").exists()


def test_the_folder_beside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=2))
    monkeypatch.chdir(run)
    assert run_line(capsys, "report", ".").status == 0
    assert (tmp_path / "run-report" / "index.html").is_file()


@pytest.mark.parametrize("typed", [("--clips", "-1"), ("--worst", "many"), ("--clips", "99999999")])
def test_odd_numbers(typed: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line(capsys, "report", str(tmp_path), *typed).status == 2


def test_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "report", str(tmp_path)), "no run here")
    run = write_run(tmp_path / "run", rows_of("a", clips=2))
    assert_one_line(run_line(capsys, "report", str(run), str(tmp_path)), "given twice")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my page")
    failed = run_line(capsys, "report", str(run), "--out", str(tmp_path / "mine"))
    assert_one_line(failed, "is not a file of a report", "--out")
    assert (tmp_path / "mine" / "index.html").read_text() == "my page"


def test_timings_alone_make_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The panels get the folder; a page without a run says nothing of runs."""
    seen: list[tuple[Path, ...]] = []
    monkeypatch.setattr("iper_bench.report.players.build", lambda context: seen.append(context.timings))
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "timing.json").write_text("{}")
    done = run_line(capsys, "report", str(tmp_path / "clock"), "--out", str(tmp_path / "out"))
    assert done.status == 0, done.err
    assert seen == [(tmp_path / "clock",)]
    assert (tmp_path / "out" / "index.html").is_file()
