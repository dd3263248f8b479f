"""The paper's tables as LaTeX, CSV, Markdown and HTML: every number with its marks."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iper_bench.report import paper
from iper_bench.report.csv_table import FIELDS, to_csv
from iper_bench.report.evidence import Evidence
from iper_bench.report.latex import escape, to_latex
from iper_bench.report.panel import ReportContext
from iper_bench.report.paper_layout import DATASETS
from iper_bench.report.paper_layout_fill import PaperTable
from iper_bench.report.paper_layout_rows import file_stem
from iper_bench.report.paper_tables import build
from iper_bench.report.render import paper_to_markdown
from tests.report.made_up import rows_of
from tests.report.test_paper_tables import KINDS, cell, evidence_of, tables_of


def many() -> PaperTable:
    """A table with every mark, a missing value and awkward names."""
    lost = {("Face-CS", f"actor{i // 2}/outfit{i % 2}"): "no face_found & 50 % lost" for i in range(12)}
    return next(
        iter(
            tables_of(
                rows_of("attlwb", sn=1, clips=12, gain=3, seed=2, noise=0.1),
                rows_of("lwb", sn=1, clips=12, gain=2, seed=3, noise=0.1),
                rows_of("my_method+x", sn=1, clips=12, gain=0, seed=4, noise=0.3, missing=lost),
                rows_of("warp", sn=1, clips=12, gain=-1),
                references=KINDS,
            ).values()
        )
    )


def uncertain(table: PaperTable) -> PaperTable:
    """The same with one quoted number whose place is not certain."""
    first, *rest = table.quoted
    quote = first.cells[0].quote
    assert quote is not None
    unsure = replace(quote, certainty="row_likely", extra={"alternatives": "1.0|2.0"})
    changed = replace(first, cells=(replace(first.cells[0], quote=unsure), *first.cells[1:]))
    return replace(table, quoted=(changed, *rest))


def checked_latex(text: str) -> list[list[str]]:
    """Cells of the rows of a LaTeX table, after checks that a compiler would make: braces and environments
    close, every row has as many cells as there are columns, no special sign stands bare, math closes in its
    cell.
    """
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    columns = len(re.search(r"\\begin\{tabular\}\{(l?r+)\}", text).group(1))  # type: ignore[union-attr]
    rows = []
    for line in text.splitlines():
        if line.startswith("%"):
            continue
        bare = re.sub(r"\\[\\{}$&#%_,;:!]", "", line)  # without what is escaped
        assert bare.count("{") == bare.count("}"), line
        depth = 0
        for sign in bare:
            depth += (sign == "{") - (sign == "}")
            assert depth >= 0, line
        assert bare.count("$") % 2 == 0, line
        plain = re.sub(r"\$[^$]*\$", "", bare)
        assert not re.search(r"[#%^_]", re.sub(r"\\(label|begin|end|usepackage)\{[^}]*\}", "", plain)), line
        assert all(ord(sign) < 128 or sign.isalpha() for sign in line), line
        if line.endswith(r"\\"):
            cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
            wide = [int(width) for width in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            assert len(cells) + sum(wide) - len(wide) == columns, line
            for one in cells:
                assert re.sub(r"\\\$", "", one).count("$") % 2 == 0, one
            rows.append([one.strip() for one in cells])
        else:
            assert not re.search(r"(?<!\\)&", line), line
    return rows


def test_latex_holds_every_number_with_its_marks() -> None:
    table = uncertain(many())
    text = to_latex(table)
    rows = checked_latex(text)
    by_name = {row[0]: row for row in rows}
    assert by_name["AttLWB"][1] == rf"\textbf{{{cell(table, 'AttLWB', 'PSNR').text}}}"
    assert by_name["LWB"][1] == rf"\underline{{{cell(table, 'LWB', 'PSNR').text}}}"
    assert r"my\_method+x" in by_name
    assert by_name[r"my\_method+x"][5] == "--"
    assert by_name[r"\textit{PG2}"][1] == r"\textit{23.699?}"
    assert [r"\uparrow" in one for one in rows[1][1:4]] == [True, True, False]
    assert r"\downarrow" in rows[1][3]
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert r"no face\_found \& 50 \% lost" in text
    assert "quoted from arXiv 2011.09055, Table 1" in text
    tied = tables_of(*(rows_of(name, sn=1, seed=k, noise=0.5) for k, name in enumerate(("attlwb", "lwb"))))
    numbers = [row[1] for row in checked_latex(to_latex(next(iter(tied.values())))) if len(row) > 2]
    assert sum(number.endswith(r"$^\dagger$") for number in numbers) == 1


def test_latex_says_on_how_many_frames_a_number_stands() -> None:
    """The notes say that 100 % is where no percentage stands."""
    table = many()
    cells = tuple(replace(one, coverage="97 %") for one in table.rows[0].cells)
    text = to_latex(replace(table, rows=(replace(table.rows[0], cells=cells),)))
    below = checked_latex(text)[3]
    assert all(r"97 \%" in one for one in below[1:])
    assert len(below) == 1 + len(cells)


def test_latex_check_sees_faults() -> None:
    """The check above can fail."""
    text = to_latex(many())
    for old, new in (("my\\_", "my_"), (" & ", " & & "), (r"\end{tabular}", ""), (r"\textbf{", r"\textbf")):
        with pytest.raises((AssertionError, IndexError)):
            checked_latex(text.replace(old, new, 1))


@given(st.text(max_size=40))
def test_any_name_is_safe_in_latex(name: str) -> None:
    shown = escape(name)
    bare = re.sub(r"\\[{}$&#%_]", "", shown)
    assert bare.count("{") == bare.count("}")
    assert "\n" not in shown
    assert "\r" not in shown
    plain = re.sub(r"\$[^$]*\$", "", bare)
    assert not re.search(r"[#$%&^_~<>|\"*](?!\})|(?<!\{)[\[\]]", plain.replace("~", "")), shown


def test_csv_has_one_line_per_number_that_reads_back() -> None:
    table = uncertain(many())
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert tuple(lines[0]) == FIELDS
    ours = [line for line in lines if line["origin"] == "run"]
    assert len(ours) == 3 * 10
    for line in ours:
        shown = cell(table, line["row"], line["metric"], line["group"])
        assert (float(line["value"]) if line["value"] else None) == shown.value
        if shown.value is not None:
            assert line["passport"] == shown.definition != ""
            assert (line["sn"], line["T"], line["seeds"]) == ("1", "0", "0")
        else:
            assert line["reason"]
    first = next(line for line in ours if (line["row"], line["metric"]) == ("AttLWB", "PSNR"))
    assert float(first["low"]) < float(first["value"]) < float(first["high"])
    assert (first["best"], first["p"], first["method"], first["paper_method"]) == (
        "yes",
        "",
        "attlwb",
        "AttLWB",
    )
    second = next(line for line in ours if (line["row"], line["metric"]) == ("LWB", "PSNR"))
    assert (second["second"], second["told_from_best"]) == ("yes", "yes")
    assert 0 < float(second["p"]) < 0.05
    quoted = [line for line in lines if line["origin"] == "quoted"]
    assert len(quoted) == len(paper.quotes("table1")) == 70
    assert {line["comparable"] for line in quoted} == {"no"}
    assert (quoted[0]["value"], quoted[0]["certainty"], quoted[0]["alternatives"]) == (
        *("23.699", "row_likely", "1.0|2.0"),
    )


def test_markdown_and_html_hold_the_same_numbers() -> None:
    table = uncertain(many())
    text = paper_to_markdown(table)
    for row in (*table.rows, *table.references, *table.quoted):
        assert all(one.text in text for one in row.cells)
    assert "23.699?" in text
    context = ReportContext(evidence_of(rows_of("a<b", sn=1), rows_of("attlwb", sn=1, gain=1)), (), {})
    panel = build(context)
    assert panel is not None
    assert panel.anchor == "paper-tables"
    assert "a&lt;b" in panel.html
    assert "a<b" not in panel.html
    assert 'data-sort="number"' in panel.html
    values = re.findall(r'<td[^>]* data-value="([^"]+)" data-passport="([0-9a-f]+)"', panel.html)
    assert len(values) == 2 * 10
    assert all(float(value) for value, _ in values)
    assert "Not filled by these runs" in panel.html
    assert build(ReportContext(Evidence((), ()), (), {})) is None


def test_files_of_the_panel_are_linked_and_the_same_twice(tmp_path: Path) -> None:
    context = ReportContext(evidence_of(rows_of("attlwb", sn=1), rows_of("attlwb", sn=2, steps=20)), (), {})
    panel = build(context)
    assert panel is not None
    assert {asset.name for asset in panel.assets} == {
        f"tables/table{number}-synthetic-imitation-offline.{ending}"
        for number in (1, 2)
        for ending in ("tex", "csv", "md")
    }
    for asset in panel.assets:
        assert f'href="{asset.name}"' in panel.html
        asset.write(tmp_path / "one")
        again = next(one for one in build(context).assets if one.name == asset.name)  # type: ignore[union-attr]
        again.write(tmp_path / "two")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() != b""


def test_names_of_files_fit_every_system() -> None:
    assert file_stem("table1-a/b: c[loss=lp]") == "table1-a-b-c-loss-lp"
    assert file_stem("///") == "unnamed"
    assert set(DATASETS.values()) == {"iper", "motionsynthetic", "fashionvideo", "youtube-dancer18"}
