"""The pages: their parts, that they need no network, and equal bytes for equal runs."""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from iper_bench.errors import UserError
from iper_bench.report import passports
from iper_bench.report.evidence import Evidence, Measurement
from iper_bench.report.how_to_read import how_to_read
from iper_bench.report.page import BUILDERS, POLICY, ReportFiles, write_report
from iper_bench.report.panel import Panel, ReportContext, ReportOptions
from iper_bench.report.reading import measurements_of
from iper_bench.store.row import Row
from iper_bench.store.run_folder import RunFolder
from tests.report.made_up import rows_of, write_run

VOID = {"meta", "img", "br", "link", "input", "hr"}
SVG = {"path", "rect", "circle", "line", "polyline", "polygon", "use", "ellipse"}
OWN = ("own_tables",)  # the quickest page


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
        if tag not in VOID | SVG:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID | SVG:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in SVG:
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
    """Every panel but the one that takes seconds to draw."""
    folder = tmp_path_factory.mktemp("report")
    run = write_run(folder / "run", sweep_rows(), pictures=32)
    quick = tuple(name for name in BUILDERS if name != "sweep_panel")
    return write_report([run], folder / "out", ReportOptions(clips=1, worst=2), builders=quick)


@pytest.fixture(scope="module")
def outline(report: ReportFiles) -> Outline:
    return Outline(report.html.read_text(encoding="utf-8"))


def own(runs: list[Path], out: Path) -> ReportFiles:
    return write_report(runs, out, builders=OWN)


def test_every_builder_is_a_module() -> None:
    for name in BUILDERS:
        assert callable(importlib.import_module(f"iper_bench.report.{name}").build), name
    assert len(set(BUILDERS)) == len(BUILDERS)


def test_page_is_whole_and_well_formed(outline: Outline) -> None:
    assert outline.open == []
    assert {"reading", "players", "tables", "passports", "coverage", "provenance", "bench-1"} <= outline.ids
    assert outline.tags["h1"] == 1


def test_page_needs_nothing_outside_its_folder(report: ReportFiles, outline: Outline) -> None:
    folders = ("assets/", "tables/", "figures/", "thumbs/", "films/")
    for address in outline.addresses:
        assert address.startswith(("#", *folders)), address[:60]
        if address.startswith("#"):
            assert address[1:] in outline.ids or address.startswith("#player-"), address
        else:
            assert (report.out / address).is_file(), address
    assert "default-src 'none'" in POLICY
    for path in sorted((report.out / "assets").iterdir()):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|@import|url\(|\beval\b|innerHTML", text), path.name
    assert not re.search(r"\son[a-z]+=", report.html.read_text(encoding="utf-8")), "inline event handlers"


def test_names_are_escaped(report: ReportFiles) -> None:
    text = report.html.read_text(encoding="utf-8")
    assert "copy &lt;source&gt;" in text
    assert "copy <source>" not in text


def test_a_definition_cannot_leave_its_script(tmp_path: Path) -> None:
    rows = rows_of("a", clips=2)
    described = {rows[0].definition: {"kind": "</script><script>alert(1)</script>&"}}
    profiles = {"offline": {"metrics": {}, "definitions": described}}
    files = own([write_run(tmp_path / "run", rows, changes={"profiles": profiles})], tmp_path / "out")
    text = files.html.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    held = re.search(r'<script type="application/json" id="passport-data">(.*?)</script>', text, re.DOTALL)
    assert held is not None
    cards = json.loads(held[1])
    assert ["kind", "</script><script>alert(1)</script>&"] in cards[rows[0].definition]["lines"]


def test_both_pages_say_what_matters(report: ReportFiles, outline: Outline) -> None:
    html = " ".join(" ".join(outline.words).split())
    markdown = report.markdown.read_text(encoding="utf-8")
    for text in (html, markdown):
        for words in (
            "How to read this",
            "quoted from arXiv 2011.09055, Table 1",
            "other data, other backbones: not comparable",
            "not comparable with the paper",
            "Dataset synthetic is none of the paper's",
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
    assert "Films are made for looking" in html


def test_markdown_links_to_files_beside_it(report: ReportFiles) -> None:
    links = re.findall(r"\[[^]]*\]\(([^)#]+)\)", report.markdown.read_text(encoding="utf-8"))
    assert all((report.out / link).is_file() for link in links), links
    assert all(path.is_file() for path in report.pictures)


def test_markdown_tables_have_equal_columns(report: ReportFiles) -> None:
    lines = report.markdown.read_text(encoding="utf-8").splitlines()
    widths: list[int] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1, line
            widths = []


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", sweep_rows(), pictures=16)
    quick = ("players", "detection_panel", "own_tables")
    for name in ("one", "two"):
        write_report([run], tmp_path / name, ReportOptions(clips=1), builders=quick)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.slow
def test_same_run_gives_the_same_bytes_in_every_panel(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", sweep_rows(), pictures=32)
    for name in ("one", "two"):
        write_report([run], tmp_path / name, ReportOptions(clips=1, worst=2))
    ours, theirs = files_of(tmp_path / "one"), files_of(tmp_path / "two")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_a_sweep_shows_its_largest_step_and_folds_the_others(tmp_path: Path) -> None:
    files = own([write_run(tmp_path / "run", sweep_rows())], tmp_path / "out")
    text = files.html.read_text(encoding="utf-8")
    assert (
        text.index("T = 50:") < text.index("<summary>Fewer personalization steps (1)") < text.index("T = 0:")
    )


def test_terminal_shows_tables_and_paths(report: ReportFiles) -> None:
    stream = io.StringIO()
    report.print(Console(file=stream, width=100))
    text = stream.getvalue()
    assert "T = 50" in text
    assert str(report.html) in text
    assert text.count("AttLWB") == 2, "the paper's rows once, in two parts"


def test_several_runs_and_profiles_make_sections(tmp_path: Path) -> None:
    for name, profile in (("one", "offline"), ("two", "standard")):
        write_run(tmp_path / "runs" / name, rows_of("a", clips=3, profile=profile))
    together = own([tmp_path / "runs" / "one", tmp_path / "runs" / "two"], tmp_path / "out")
    assert [table.bench.profile for table in together.tables] == ["offline", "standard"]
    text = together.markdown.read_text(encoding="utf-8")
    assert "profile offline" in text
    assert "profile standard" in text
    above = own([tmp_path / "runs"], tmp_path / "above")
    assert above.html.read_bytes() == together.html.read_bytes(), "the folder above stands for both"


class TestPanels:
    """What the page makes of what panels give."""

    @staticmethod
    def page(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *panels: Panel | Exception | None
    ) -> ReportFiles:
        given = iter(panels)

        def build(context: ReportContext) -> Panel | None:
            found = next(given)
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr("iper_bench.report.own_tables.build", build)
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        return write_report([run], tmp_path / "out", builders=("own_tables",) * len(panels))

    def test_in_order_with_script_and_style_of_their_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = Panel(
            "one", "The first <", "<p>uno</p>", "eins", script="const a = 1;", style=".x { top: 0; }"
        )
        files = self.page(tmp_path, monkeypatch, first, None, Panel("two", "The second", "<p>due</p>"))
        text = files.html.read_text(encoding="utf-8")
        assert text.index("<p>uno</p>") < text.index("<p>due</p>")
        assert "<h2>The first &lt;</h2>" in text
        assert (files.out / "assets/one.js").read_text() == "(() => {\nconst a = 1;\n})();\n"
        assert (files.out / "assets/one.css").is_file()
        assert not (files.out / "assets/two.js").exists()
        assert "## The first <\n\neins" in files.markdown.read_text(encoding="utf-8")

    def test_one_that_fails_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        error = UserError("picture is damaged", where="runs/a/x.png")
        files = self.page(tmp_path, monkeypatch, error, Panel("two", "Second", "<p>due</p>"))
        text = files.html.read_text(encoding="utf-8")
        assert "own tables: runs/a/x.png: picture is damaged" in text
        assert "<p>due</p>" in text
        assert files.remarks

    def test_a_bug_is_not_hidden(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ZeroDivisionError):
            self.page(tmp_path, monkeypatch, ZeroDivisionError())

    def test_two_of_one_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        one = Panel("one", "One", "<p>1</p>")
        with pytest.raises(ValueError, match="one anchor"):
            self.page(tmp_path, monkeypatch, one, one)


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
    files = own([run], tmp_path / "out")
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
    files = own([write_run(tmp_path / "run", rows, changes={"profiles": profiles})], tmp_path / "out")
    markdown = files.markdown.read_text(encoding="utf-8")
    words = "not comparable with the paper"
    places = [line for line in markdown.splitlines() if words in line]
    assert any(line.startswith("### synthetic") for line in places), "section"
    assert sum(line.startswith("#### sn = 2") for line in places) == 2, "tables"
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
    held = [row for row in rows if row.unit == odd.unit]
    folder.write_unit(odd.unit, {"name": "x"}, folder.plan_definitions(), held, {})
    unit = next(row.unit for row in rows if row.metric == "SSIM" and row.unit != odd.unit)
    held = [row for row in rows if row.unit == unit]
    folder.write_unit(unit, {"name": "y"}, folder.plan_definitions(), held, {})
    with pytest.raises(UserError, match="two definitions of SSIM in profile 'offline'"):
        own([run], tmp_path / "out")


def test_an_unfinished_run_is_shown_as_such(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", rows_of("a", clips=2))
    (run / "aggregates.json").unlink()
    text = own([run], tmp_path / "out").markdown.read_text(encoding="utf-8")
    assert "**Not ended yet:**" in text


def test_how_to_read_speaks_of_what_is_there() -> None:
    def text(rows: list[Row]) -> str:
        evidence = Evidence((), tuple(measurements_of(rows)))
        return "\n".join(line for _, lines in how_to_read(evidence) for line in lines)

    few = [dataclasses.replace(row, actor=row.clip.split("/")[0]) for row in rows_of("a", clips=8)]
    many = [dataclasses.replace(row, actor=row.clip) for row in rows_of("a", clips=12)]
    paper = [dataclasses.replace(row, dataset="iPER") for row in rows_of("a", clips=12, profile="paper")]
    assert "hold 4 actors. With fewer than 6 no difference can be significant" in text(few)
    assert "Some numbers stand on 8 clips only" in text(few)
    for words in ("fewer than 6", "clips only", "seeds"):
        assert words not in text(many)
    assert "Profile offline: " in text(many)
    assert "Dataset synthetic is none of the paper's" in text(many)
    assert "none of the paper's" not in text(paper)
    assert "Profile paper measures by the paper's definitions" in text(paper)


class TestBadInput:
    """One line each."""

    def test_no_run(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no run here"):
            own([tmp_path], tmp_path / "out")
        with pytest.raises(UserError, match="no run given"):
            own([], tmp_path / "out")

    def test_same_run_twice(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        for twice in ([run, run], [run, tmp_path]):
            with pytest.raises(UserError, match="given twice"):
                own(twice, tmp_path / "out")

    def test_run_without_units(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no finished unit"):
            own([write_run(tmp_path / "run", [])], tmp_path / "out")

    def test_damaged_unit(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        next((run / "units").iterdir()).write_text("{", encoding="utf-8")
        with pytest.raises(UserError, match="damaged"):
            own([run], tmp_path / "out")

    def test_unit_of_a_newer_format(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        path = next((run / "units").iterdir())
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}), encoding="utf-8")
        with pytest.raises(UserError, match="newer"):
            own([run], tmp_path / "out")

    def test_damaged_pictures_are_left_out_and_named(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2), pictures=16)
        for path in (run / "predictions").rglob("*.png"):
            path.write_bytes(b"no picture")
        files = write_report([run], tmp_path / "out", builders=("players",))
        assert not list((tmp_path / "out").rglob("*.webm"))
        assert any("picture is damaged" in remark for remark in files.remarks)
        assert "picture is damaged" in files.html.read_text(encoding="utf-8")

    def test_out_is_a_file(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", rows_of("a", clips=2))
        (tmp_path / "out").write_text("", encoding="utf-8")
        with pytest.raises(UserError, match="is a file"):
            own([run], tmp_path / "out")


def test_a_metric_that_looks_for_nothing_does_not_blame_a_face() -> None:
    """Metrics over time have no value for the first frame of a clip."""
    same = {"dataset": "d", "protocol": "p", "setting": "self", "sn": 1, "steps": 0, "profile": "offline"}
    over_time = Measurement("a", metric="tLPIPS", value=0.1, count=30, total=32, **same)  # type: ignore[arg-type]
    faces = dataclasses.replace(over_time, metric="Face-CS", detections={"frames": 32, "both": 30})
    first, second = passports.coverage(Evidence((), (over_time, faces)))
    assert "face" not in first.reason
    assert "first frames of a clip" in first.reason
    assert "no face or body found" in second.reason
