"""The folder of a report: what an earlier report left is replaced or removed, everything else stays."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from iper_bench.errors import UserError
from iper_bench.report.given import Given, sort_out
from iper_bench.report.output_folder import LIST_FILE, OutputFolder
from iper_bench.report.page import write_report
from iper_bench.report.panel import Asset
from tests.report.made_up import rows_of, write_run


def asset(name: str, text: str = "x") -> Asset:
    return Asset(name, lambda path: path.write_text(text) and None)


def written(path: Path, *assets: Asset) -> None:
    folder = OutputFolder.open(path)
    folder.begin([one.name for one in assets])
    for one in assets:
        folder.write(one)
    folder.finish()


def names(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*")}


def test_files_of_an_earlier_report_go_and_those_of_the_user_stay(tmp_path: Path) -> None:
    written(tmp_path, asset("index.html"), asset("thumbs/a/1.webp"), asset("films/1.webm"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "films" / "mine.webm").write_text("mine")
    written(tmp_path, asset("index.html", "new"), asset("tables/1.tex"))
    assert names(tmp_path) == {
        *("index.html", "tables", "tables/1.tex", LIST_FILE),
        *("notes.txt", "films", "films/mine.webm"),
    }
    assert (tmp_path / "index.html").read_text() == "new"
    assert json.loads((tmp_path / LIST_FILE).read_text())["files"] == ["index.html", "tables/1.tex"]


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my home page")
    with pytest.raises(UserError, match=r"index.html: is not a file of a report and would be lost.*--out"):
        written(tmp_path, asset("index.html"))
    assert (tmp_path / "index.html").read_text() == "my home page"
    assert names(tmp_path) == {"index.html"}


def test_a_killed_report_is_continued(tmp_path: Path) -> None:
    folder = OutputFolder.open(tmp_path)
    folder.begin(["index.html", "thumbs/1.webp"])
    folder.write(asset("thumbs/1.webp"))
    (tmp_path / "thumbs" / ".1.part.webp").write_text("half")
    (tmp_path / "thumbs" / "..1.part.webp.abcd.part").write_text("half")
    written(tmp_path, asset("index.html"))
    assert names(tmp_path) == {"index.html", LIST_FILE}


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise UserError("picture is damaged")

    written(tmp_path, asset("a.webp", "old"), asset("index.html"))
    folder = OutputFolder.open(tmp_path)
    folder.begin(["a.webp", "index.html"])
    with pytest.raises(UserError, match="damaged"):
        folder.write(Asset("a.webp", fail))
    folder.finish(["a.webp"])
    assert names(tmp_path) == {"index.html", LIST_FILE}


def test_a_full_disk_is_one_line_and_keeps_the_former_page(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    written(tmp_path, asset("index.html", "old"))
    folder = OutputFolder.open(tmp_path)
    folder.begin(["index.html"])
    with pytest.raises(UserError, match="no space left"):
        folder.write(Asset("index.html", full))
    assert (tmp_path / "index.html").read_text() == "old"
    written(tmp_path, asset("index.html", "new"))


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/./b", "a\\b", "", "a/\n"])
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        OutputFolder.open(tmp_path / "out").begin([name])
    (tmp_path / LIST_FILE).write_text(json.dumps({"format": 1, "files": [name]}))
    with pytest.raises(UserError, match="damaged list"):
        OutputFolder.open(tmp_path)


def test_no_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "else").mkdir()
    (tmp_path / "out" / "thumbs").symlink_to(tmp_path / "else")
    with pytest.raises(UserError, match="a link leads out of the folder"):
        written(tmp_path / "out", asset("thumbs/1.webp"))
    assert names(tmp_path / "else") == set()


def test_one_name_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one name: a\.svg"):
        OutputFolder.open(tmp_path).begin(["a.svg", "b.svg", "a.svg"])
    with pytest.raises(ValueError, match="was not stated"):
        OutputFolder.open(tmp_path).write(asset("c.svg"))


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9, "files": []}', '{"format": 1, "files": [1]}'])
def test_a_damaged_list_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / LIST_FILE).write_text(content)
    with pytest.raises(UserError, match="damaged list of the files of a report"):
        OutputFolder.open(tmp_path)


def test_a_report_of_before_the_lists_is_recognised(tmp_path: Path) -> None:
    for name in ("report.md", "grid-1.png", "sweep-1-a.svg", "mine.png"):
        (tmp_path / name).write_text("old")
    with pytest.raises(UserError, match="not a file of a report"):
        written(tmp_path, asset("report.md"))
    (tmp_path / "report.html").write_text("<head>\n<title>iper-bench report</title>")
    written(tmp_path, asset("report.md"))
    assert names(tmp_path) == {"report.md", "mine.png", LIST_FILE}


def test_a_report_of_fewer_methods_has_fewer_files(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=2), pictures=16)
    other = write_run(tmp_path / "other", rows_of("b", clips=2))
    write_report([run], tmp_path / "out", builders=("players",))
    assert len(list((tmp_path / "out" / "films").iterdir())) == 4, "two trials in two settings"
    write_report([other], tmp_path / "out", builders=("players",))
    assert names(tmp_path / "out") == {
        *("index.html", "report.md", LIST_FILE, "assets", "assets/report.css", "assets/report.js")
    }


class TestWhatWasGiven:
    """Runs, folders of runs, timings."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., Path]:
        def folder(name: str, *files: str) -> Path:
            (tmp_path / name).mkdir(parents=True)
            for file in files:
                (tmp_path / name / file).write_text("")
            return tmp_path / name

        return folder

    def test_a_folder_of_runs_stands_for_them(self, make: Callable[..., Path], tmp_path: Path) -> None:
        second, first = make("runs/b", "plan.yaml"), make("runs/a", "plan.yaml")
        clock = make("runs/clock", "timing.json")
        make("runs/a-report", "index.html")
        both = make("alone", "plan.yaml", "timing.json")
        given = sort_out([tmp_path / "runs", both])
        assert given == Given((first, second, both), (clock,))

    def test_what_is_neither_is_left_for_the_store_to_refuse(self, make: Callable[..., Path]) -> None:
        empty = make("empty")
        assert sort_out([empty, empty / "absent"]) == Given((empty, empty / "absent"), ())

    def test_nothing_twice(self, make: Callable[..., Path], tmp_path: Path) -> None:
        run, clock = make("runs/a", "plan.yaml"), make("runs/clock", "timing.json")
        for twice in (
            [run, tmp_path / "runs"],
            [clock, clock],
            [run, tmp_path / "runs" / "clock" / ".." / "a"],
        ):
            with pytest.raises(UserError, match="given twice"):
                sort_out(twice)


@pytest.mark.parametrize("place", [".", "units", "report", "../run"])
def test_a_report_is_not_written_into_a_run(tmp_path: Path, place: str) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=1))
    before = names(run)
    with pytest.raises(UserError, match=r"lies in a run folder.*--out run-report"):
        write_report([run], run / place, builders=())
    assert names(run) == before
    write_report([run], tmp_path / "run-report", builders=())
