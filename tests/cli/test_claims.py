"""``iper-bench claims`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import assert_one_line, run_line
from tests.report.made_up import rows_of, write_run

ID = "table2-attlwb-lwb"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven clips, of an actor each as far as the rows tell; attlwb ahead of lwb, which has a label."""
    rows = [*rows_of("attlwb", clips=7, gain=4.0), *rows_of("mine", clips=7)]
    return write_run(tmp_path_factory.mktemp("runs") / "one", rows)


def test_what_is_missing_and_what_to_type(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_line(capsys, "claims", str(run), "--only", ID)
    assert found.status == 0
    assert "no run has LWB (lwb)" in found.out
    assert "iper-bench run --method attlwb,lwb@FILE" in found.out


def test_a_label_is_named_and_files_are_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ("claims", str(run), "--as", "mine=lwb", "--only", ID)
    found = run_line(capsys, *typed, "--out", str(tmp_path / "out"))
    assert found.status == 0, found.err
    # seven of the ten metrics are by clip: seven actors cannot tell seven comparisons apart
    assert "nothing can be told with fewer than 9 for 7 comparisons" in found.out
    assert str(tmp_path / "out" / "claims.md") in found.out
    written = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert [one["verdict"] for one in written] == ["underpowered"]
    text = (tmp_path / "out" / "claims.md").read_text()
    assert text.startswith("# The paper's findings\n")
    assert text.endswith(run_line(capsys, *typed, "--markdown").out)
    assert json.loads(run_line(capsys, *typed, "--json").out) == written


def test_a_folder_of_runs_stands_for_all_of_them(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_folder = run_line(capsys, "claims", str(run.parent), "--json")
    assert by_folder.out == run_line(capsys, "claims", str(run), "--json").out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--as", "mine"), ("LABEL=NAME",)),
        (("--as", "mine=lwb", "--as", "mine=pg2"), ("mine", "twice")),
        (("--as", "other=lwb"), ("no run has a method 'other'", "mine")),
        (("--as", "mine=attlwb", "--as", "attlwb=attlwb"), ("are both attlwb", "--as")),
        (("--only", "table2-attlwb-lw"), ("table2-attlwb-lw", ID)),
    ],
)
def test_mistakes_are_one_line(
    typed: tuple[str, ...], words: tuple[str, ...], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(run_line(capsys, "claims", str(run), *typed), *words)


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(run_line(capsys, "claims", str(tmp_path)), str(tmp_path))
