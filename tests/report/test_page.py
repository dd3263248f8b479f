"""The pages: their parts, their independence of other files and networks, and equal bytes for equal runs."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from iper_bench.errors import UserError
from iper_bench.report.page import ReportFiles, write_report
from iper_bench.store.row import Row
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import rows_of, write_run

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(HTMLParser):
    """Collects what a page holds and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.tags: dict[str, int] = {}
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.ids |= {value or "" for name, value in attrs if name == "id"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def sweep_rows() -> list[Row]:
    lost = {("Face-CS", "actor1/outfit0"): "no face found"}
    rows = [*rows_of("warp"), *rows_of("copy <source>", gain=-1)]
    for steps in (0, 50):
        rows += rows_of("attlwb", steps=steps, gain=1 + steps / 100, noise=0.1, missing=lost)
    return rows


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    folder = tmp_path_factory.mktemp("report")
    return write_report([write_run(folder / "run", sweep_rows(), pictures=48)], folder / "out")


@pytest.fixture(scope="module")
def outline(report: ReportFiles) -> Outline:
    return Outline(report.html.read_text(encoding="utf-8"))


def test_page_is_whole_and_well_formed(outline: Outline) -> None:
    assert outline.open == []
    assert {"passports", "coverage", "provenance", "bench-1"} <= outline.ids
    assert outline.tags["h1"] == 1
    assert outline.tags["figure"] == 2, "sweep plot and grid"
    # 2 tables x 2 settings x (ours, quoted), and three lists of facts
    assert outline.tags["table"] == 8 + 3
    assert outline.tags["meta"] == 3


def test_page_needs_nothing_else(report: ReportFiles, outline: Outline) -> None:
    for address in outline.addresses:
        assert address.startswith(("#", "data:image/")), address[:60]
        assert not address.startswith("#") or address[1:] in outline.ids
    text = report.html.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_names_are_escaped(report: ReportFiles) -> None:
    text = report.html.read_text(encoding="utf-8")
    assert "copy &lt;source&gt;" in text
    assert "copy <source>" not in text


def test_both_pages_say_what_matters(report: ReportFiles, outline: Outline) -> None:
    html = " ".join(" ".join(outline.words).split())
    markdown = report.markdown.read_text(encoding="utf-8")
    for text in (html, markdown):
        for words in (
            "How to read this",
            "quoted from arXiv 2011.09055, Table 1",
            "other data, other backbones: not comparable",
            "not comparable with the paper",
            "What every number is",
            "facenet 281a0c",
            "lower is better",
            "1 of 8 trials without a value: no face found",
            "dataset synthetic",
            "f1f1",
            "about Face-FD",
            "metric: Face-FD",
            "range: 255",
            "id-attlwb",
            "2.4.0",
        ):
            assert words in text, words


def test_markdown_links_to_files_beside_it(report: ReportFiles) -> None:
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", report.markdown.read_text(encoding="utf-8"))
    assert links == ["sweep-1-attlwb.svg", "grid-1.png"]
    assert all((report.out / link).is_file() for link in links)
    assert {path.name for path in report.pictures} == {*links, "sweep-1-attlwb.png"}


def test_markdown_tables_have_equal_columns(report: ReportFiles) -> None:
    lines = report.markdown.read_text(encoding="utf-8").splitlines()
    widths: list[int] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1, line
            widths = []


def test_same_run_gives_the_same_bytes(report: ReportFiles, tmp_path: Path) -> None:
    again = write_report([report.out.parent / "run"], tmp_path / "again")
    for name in ("report.html", "report.md", "grid-1.png", "sweep-1-attlwb.png", "sweep-1-attlwb.svg"):
        assert (again.out / name).read_bytes() == (report.out / name).read_bytes(), name


def test_terminal_shows_tables_and_paths(report: ReportFiles) -> None:
    stream = io.StringIO()
    report.print(Console(file=stream, width=100))
    text = stream.getvalue()
    assert "T = 50" in text
    assert str(report.html) in text
    assert text.count("AttLWB") == 2, "the paper's rows once, in two parts"


def test_run_without_pictures_says_so(tmp_path: Path) -> None:
    files = write_report([write_run(tmp_path / "run", rows_of("a"))], tmp_path / "out")
    assert files.pictures == ()
    assert "no run kept its predicted frames" in files.markdown.read_text(encoding="utf-8")


def test_grid_is_built_from_what_is_there(tmp_path: Path) -> None:
    import shutil

    run = write_run(tmp_path / "run", rows_of("a", clips=2), pictures=48)
    shutil.rmtree(run / "exhibits")
    files = write_report([run], tmp_path / "out")
    assert [path.name for path in files.pictures] == ["grid-1.png"]
    assert "hatched: not saved in the run" in files.markdown.read_text(encoding="utf-8")


def test_several_runs_and_profiles_make_sections(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", rows_of("a", clips=3))
    two = write_run(tmp_path / "two", rows_of("a", clips=3, profile="standard"))
    files = write_report([one, two], tmp_path / "out")
    assert [table.bench.profile for table in files.tables] == ["offline", "standard"]
    text = files.markdown.read_text(encoding="utf-8")
    assert "profile offline" in text
    assert "profile standard" in text


def described(comparable: bool, why_not: str, rows: list[Row]) -> dict[str, object]:
    """A profile as the runner writes it."""
    definitions = {
        row.definition: {
            "profile": row.profile,
            "metric": row.metric,
            "setting": row.setting,
            "kind": "some_kind",
            "version": 3,
            "choices": {"frame": "native", "average": "frames"},
            "weights": {"network": "net@0123456789ab"},
            "words": {"frame": "uint8 RGB | at native size", "average": "mean of frames"},
            "source": "a paper of ours",
        }
        for row in rows
    }
    return {"comparable": comparable, "why_not": why_not, "metrics": {}, "definitions": definitions}


def test_passports_are_written_in_words(tmp_path: Path) -> None:
    rows = rows_of("a", clips=2, profile="paper")
    run = write_run(tmp_path / "run", rows, changes={"profiles": {"paper": described(True, "", rows)}})
    files = write_report([run], tmp_path / "out")
    markdown = files.markdown.read_text(encoding="utf-8")
    html = " ".join(" ".join(Outline(files.html.read_text(encoding="utf-8")).words).split())
    for text, pipe in ((markdown, "\\|"), (html, "|")):
        for words in (
            f"frame: uint8 RGB {pipe} at native size",
            "average: mean of frames",
            "kind: some_kind 3",
            "weights of network: net@0123456789ab",
            "source: a paper of ours",
        ):
            assert words in text, words
        assert "not comparable with the paper" not in text
    test_markdown_tables_have_equal_columns(files)


def test_profiles_that_are_not_comparable_say_why_wherever_the_papers_numbers_stand(tmp_path: Path) -> None:
    rows = [row for steps in (0, 50) for row in rows_of("a", clips=3, steps=steps, profile="standard")]
    profiles = {"standard": described(False, "best practice of today", rows)}
    files = write_report(
        [write_run(tmp_path / "run", rows, changes={"profiles": profiles})], tmp_path / "out"
    )
    markdown = files.markdown.read_text(encoding="utf-8")
    words = "not comparable with the paper"
    places = [line for line in markdown.splitlines() if words in line]
    assert any(line.startswith("## synthetic") for line in places), "section"
    assert sum(line.startswith("### sn = 2") for line in places) == 2, "tables"
    assert any(line.startswith("PSNR of a over personalization steps") for line in places), "sweep plot"
    assert any(line.startswith("* Profile standard: best practice of today") for line in places)
    assert any(line.startswith("* **Profiles:** standard") for line in places)
    assert sum(line.startswith("| standard |") for line in places) == len({row.definition for row in rows})
    heads = [line for line in markdown.splitlines() if line.startswith("| method | PSNR ↑ ‡")]
    assert len(heads) == 2
    assert words in files.html.read_text(encoding="utf-8")


def test_two_definitions_of_a_number_within_a_run_are_one_line(tmp_path: Path) -> None:
    rows = rows_of("a", clips=2)
    odd = next(row for row in rows if row.metric == "SSIM")
    rows[rows.index(odd)] = dataclasses.replace(odd, definition="other")
    run = write_run(tmp_path / "run", [row for row in rows if row.metric == "PSNR"])
    folder = RunFolder.open(run)
    own = [row for row in rows if row.unit == odd.unit]
    folder.write_unit(odd.unit, {"name": "x"}, folder.plan_definitions(), own, {})
    unit = next(row.unit for row in rows if row.metric == "SSIM" and row.unit != odd.unit)
    own = [row for row in rows if row.unit == unit]
    folder.write_unit(unit, {"name": "y"}, folder.plan_definitions(), own, {})
    with pytest.raises(UserError, match="two definitions of SSIM in profile 'offline'"):
        write_report([run], tmp_path / "out")


def test_an_unfinished_run_is_shown_as_such(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=2))
    (run / "aggregates.json").unlink()
    text = write_report([run], tmp_path / "out").markdown.read_text(encoding="utf-8")
    assert "**Not ended yet:**" in text


class TestBadInput:
    """One line each."""

    def test_no_run(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no run here"):
            write_report([tmp_path], tmp_path / "out")
        with pytest.raises(UserError, match="no run given"):
            write_report([], tmp_path / "out")

    def test_same_run_twice(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        with pytest.raises(UserError, match="given twice"):
            write_report([run, run], tmp_path / "out")

    def test_run_without_units(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no finished unit"):
            write_report([write_run(tmp_path / "run", [])], tmp_path / "out")

    def test_damaged_unit(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        next((run / "units").iterdir()).write_text("{", encoding="utf-8")
        with pytest.raises(UserError, match="damaged"):
            write_report([run], tmp_path / "out")

    def test_unit_of_a_newer_format(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        path = next((run / "units").iterdir())
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}), encoding="utf-8")
        with pytest.raises(UserError, match="newer"):
            write_report([run], tmp_path / "out")

    def test_damaged_picture(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2), pictures=16)
        for path in (run / "predictions").rglob("*.png"):
            path.write_bytes(b"no picture")
        with pytest.raises(UserError, match="picture is damaged"):
            write_report([run], tmp_path / "out")

    def test_out_is_a_file(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        (tmp_path / "out").write_text("", encoding="utf-8")
        with pytest.raises(UserError, match="is a file"):
            write_report([run], tmp_path / "out")
