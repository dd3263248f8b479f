"""The main table: layout, marks, the rule of bold, and its three renderings."""

from __future__ import annotations

import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from iper_bench.errors import UserError
from iper_bench.report import paper
from iper_bench.report.evidence import Evidence, Measurement, RunFacts, combine
from iper_bench.report.numerals import MISSING, digits_for, number, percent
from iper_bench.report.reading import measurements_of, paper_directions
from iper_bench.report.render import heading, print_table, to_markdown
from iper_bench.report.table import LAYOUT, build_table, further_table
from iper_bench.report.table import settings_of as places_of
from tests.report.made_up import rows_of


def evidence_of(*rows: object, folder: str = "run") -> Evidence:
    from pathlib import Path

    facts = RunFacts(Path(folder), "p")
    return combine([(facts, measurements_of([r for group in rows for r in group]))], paper_directions())  # type: ignore[attr-defined]


def table_of(*rows: object, sn: int = 2, steps: int = 0):  # type: ignore[no-untyped-def]
    evidence = evidence_of(*rows)
    return build_table(evidence, evidence.benches()[0], sn=sn, steps=steps)


def bold(table) -> dict[tuple[str, str], str]:  # type: ignore[no-untyped-def]
    return {
        (column.setting, column.metric): row.name
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.best
    }


def test_columns_are_those_of_table_1_in_its_order() -> None:
    table = table_of(rows_of("a"), rows_of("b", gain=1))
    assert [(c.setting, c.metric) for c in table.columns] == [(s, m) for s, ms in LAYOUT for m in ms]
    assert [c.arrow for c in table.columns] == list("↑↑↓↑↑") + list("↑↓↑↓↓")


def test_paper_rows_stand_apart_and_as_printed() -> None:
    table = table_of(rows_of("a"))
    ours = {row.name for row in table.rows}
    assert [row.name for row in table.quoted] == ["PG2", "SHUP", "DSC", "DIAF", "PATB", "LWB", "AttLWB"]
    assert not ours & {row.name for row in table.quoted}
    assert [cell.text for cell in table.quoted[-1].cells] == (
        ["24.513", "0.856", "0.074", "0.911", "0.591", "0.564", "73.217", "0.869", "44.022", "30.503"]
    )
    assert "quoted from arXiv 2011.09055, Table 1" in table.quoted_title
    assert "other data, other backbones: not comparable" in table.quoted_title


MANY = 12  # actors: enough for Holm's correction over the 7 columns with clips of 3 methods


def test_best_is_bold_only_when_proven() -> None:
    clear = bold(table_of(rows_of("a", clips=MANY), rows_of("b", clips=MANY, gain=1, noise=0.1)))
    assert clear == {
        **{("self", m): "b" for m in ("PSNR", "SSIM", "LPIPS", "Body-CS", "Face-CS")},
        **{("cross", m): "b" for m in ("Face-CS", "Body-CS")},
    }, "set metrics have no clips and are never bold"
    assert bold(table_of(rows_of("a", clips=MANY), rows_of("b", clips=MANY))) == {}
    assert bold(table_of(rows_of("a", clips=5), rows_of("b", clips=5, gain=1))) == {}
    tied = bold(
        table_of(
            rows_of("a", clips=MANY),
            rows_of("b", clips=MANY, gain=1, seed=2, noise=0.1),
            rows_of("c", clips=MANY, gain=1, seed=3, noise=0.1),
        )
    )
    assert not {"b", "c"} & {name for key, name in tied.items() if key == ("self", "PSNR")}


def cell_at(table, method: str, metric: str = "PSNR"):  # type: ignore[no-untyped-def]
    """The cell of a method in self-imitation."""
    part = table.part("self")
    place = [column.metric for column in part.columns].index(metric)
    return next(row.cells[place] for row in part.rows if row.name == method)


def test_second_best_is_underlined_and_what_is_not_told_from_the_best_has_a_dagger() -> None:
    table = table_of(
        rows_of("a", clips=MANY, seed=2, noise=0.1),
        rows_of("b", clips=MANY, gain=3, seed=3, noise=0.1),
        rows_of("c", clips=MANY, gain=2, seed=4, noise=0.1),
    )
    found = {name: cell_at(table, name) for name in "abc"}
    assert [(cell.best, cell.second, cell.unclear) for cell in found.values()] == [
        (False, False, False),
        (True, False, False),
        (False, True, False),
    ]
    tied = table_of(
        rows_of("a", clips=MANY, gain=1, seed=2, noise=0.5),
        rows_of("b", clips=MANY, gain=1, seed=3, noise=0.5),
    )
    cells = sorted((cell_at(tied, name) for name in "ab"), key=lambda cell: cell.value)
    assert [cell.unclear for cell in cells] == [True, False], "the best itself has no dagger"
    assert cells[0].p is not None
    assert cells[0].p > 0.05
    assert cells[0].shown == f"{cells[0].text}†"
    text = to_markdown(table)
    assert f"<u>{found['c'].text}</u>" in text
    assert f"**{found['b'].text}**" in text
    assert f"{cells[0].text}†" in to_markdown(tied)


def test_marks_stand_on_actors_and_not_on_their_clips() -> None:
    """24 clips of 3 actors are 3 actors: nothing can be told, and the table says so."""
    rows = [
        [
            dataclasses.replace(
                row, actor=f"actor{int(row.clip.partition('/')[0][5:]) % 3}" if row.clip != "*" else ""
            )
            for row in group
        ]
        for group in (rows_of("a", clips=24), rows_of("b", clips=24, gain=1, noise=0.1))
    ]
    table = table_of(*rows)
    assert bold(table) == {}
    assert any(
        note.startswith("3 actors with 7 comparisons: whatever the differences") for note in table.notes
    )
    assert cell_at(table, "a").unclear
    enough = table_of(rows_of("a", clips=24), rows_of("b", clips=24, gain=1, noise=0.1))
    assert bold(enough)
    assert not any("whatever the differences" in note for note in enough.notes)


def test_a_single_clip_says_so_in_place_of_an_interval() -> None:
    table = table_of(rows_of("a", clips=1))
    assert cell_at(table, "a").interval == "1 clip"
    assert "1 clip" in to_markdown(table)


def test_several_seeds_stand_in_the_title() -> None:
    from iper_bench.report.seeds import over_seeds

    rows = [
        dataclasses.replace(row, seed=seed)
        for seed in (0, 1, 2)
        for row in rows_of("a", seed=seed + 5, noise=0.1)
    ]
    evidence = over_seeds(evidence_of(rows, rows_of("warp")))
    table = build_table(evidence, evidence.benches()[0], sn=2, steps=0)
    assert "mean over 3 seeds (0, 1, 2)" in table.title
    assert any(note.startswith("Fewer seeds: warp (1)") for note in table.notes)
    assert "seeds" not in table_of(rows_of("a")).title


def test_overlapping_intervals_do_not_hide_a_paired_difference() -> None:
    """Both methods share the clips' difficulty: the intervals overlap, the paired difference does not
    reach 0.
    """
    evidence = evidence_of(rows_of("a", clips=MANY), rows_of("b", clips=MANY, gain=0.2))
    a, b = (m for m in evidence.measurements if (m.setting, m.metric) == ("self", "PSNR"))
    assert a.high is not None
    assert b.low is not None
    assert a.high > b.low
    assert bold(build_table(evidence, evidence.benches()[0], sn=2, steps=0))[("self", "PSNR")] == "b"


def test_unknown_direction_has_no_arrow_and_no_best() -> None:
    evidence = evidence_of(rows_of("a"), rows_of("b", gain=1))
    evidence = dataclasses.replace(evidence, higher_is_better={})
    table = build_table(evidence, evidence.benches()[0], sn=2, steps=0)
    assert {c.arrow for c in table.columns} == {""}
    assert bold(table) == {}


def test_untrained_methods_stand_in_every_table() -> None:
    rows = [rows_of("attlwb", steps=0), rows_of("attlwb", steps=100), rows_of("warp", steps=0)]
    assert [row.name for row in table_of(*rows, steps=100).rows] == ["attlwb", "warp (T\u00a0=\u00a00)"]
    assert [row.name for row in table_of(*rows, steps=0).rows] == ["attlwb", "warp"]
    evidence = evidence_of(*rows)
    assert [(sn, steps) for _, sn, steps in places_of(evidence)] == [(2, 0), (2, 100)]


def test_offline_is_marked_everywhere() -> None:
    table = table_of(rows_of("a"))
    assert all("‡" in heading(column) for column in table.columns)
    assert "not comparable with the paper" in table.title
    text = to_markdown(table)
    assert text.count("‡") >= len(table.columns) + 1
    standard = table_of(rows_of("a", profile="standard"))
    assert "‡" not in to_markdown(standard)
    assert "with the paper" not in to_markdown(standard)


def test_what_a_plan_says_about_comparability_is_marked_everywhere() -> None:
    from pathlib import Path

    def table(profile: str, profiles: dict[str, dict[str, object]]):  # type: ignore[no-untyped-def]
        facts = RunFacts(Path("run"), "p", profiles=profiles)
        rows = rows_of("a", profile=profile)
        evidence = combine([(facts, measurements_of(rows))], paper_directions())
        return build_table(evidence, evidence.benches()[0], sn=2, steps=0)

    stated = {
        "standard": {"comparable": False, "why_not": "best practice"},
        "paper": {"comparable": True, "why_not": ""},
    }
    standard = table("standard", stated)
    assert all("‡" in heading(column) for column in standard.columns)
    assert "not comparable with the paper" in standard.title
    assert "‡ profile standard: not comparable with the paper (best practice)" in to_markdown(standard)
    paper_table = table("paper", stated)
    assert "‡" not in to_markdown(paper_table)
    assert "with the paper" not in to_markdown(paper_table)
    assert "‡" in to_markdown(table("offline", stated)), "an older plan says nothing: offline never was"
    assert "‡" not in to_markdown(table("standard", {}))


def test_every_column_has_its_definition_and_network() -> None:
    table = table_of(rows_of("a"))
    for column in table.columns:
        note = next(n for n in table.notes if n.startswith(f"({column.note}) {column.metric} "))
        assert "definition offline" in note
        assert "feature network" in note
    assert any("FID" in n and "inception 7f21" in n for n in table.notes)


def test_the_papers_average_is_named_below_its_columns() -> None:
    rows = [
        dataclasses.replace(r, average="batches-16", per_frame=[r.value] * 24)
        for r in rows_of("a", profile="paper")
        if r.metric == "PSNR"
    ]
    table = table_of(rows)
    assert any("averaged by batches-16" in note for note in table.notes)
    assert any(note.startswith("batches-16: the paper's evaluator") for note in table.notes)
    assert not any("batches" in note for note in table_of(rows_of("a")).notes)


def test_intervals_over_actors_stand_beside_those_over_clips() -> None:
    rows = [dataclasses.replace(r, actor=r.clip.partition("/")[0]) for r in rows_of("a")]
    table = table_of(rows)
    cell = table.part("self").rows[0].cells[0]
    assert cell.actors.startswith("4 actors [")
    assert cell.actors.partition(" actors ")[2] != cell.interval
    assert cell.actors in to_markdown(table)
    assert any("Actors: the same" in note for note in table.notes)
    assert table_of(rows_of("a")).rows[0].cells[0].actors == ""


def test_missing_values_are_not_zero_and_have_a_reason() -> None:
    lost = {("Face-CS", f"actor{i // 2}/outfit{i % 2}"): "no face found" for i in range(8)}
    table = table_of(rows_of("a", missing=lost), rows_of("b"))
    cell = table.part("self").rows[0].cells[-1]
    assert (cell.text, cell.interval, cell.coverage) == (MISSING, "", "0 %")
    assert cell.reason is not None
    assert "no face found" in cell.reason
    assert "no face found" in to_markdown(table)
    part = table_of(rows_of("a", missing={("Face-CS", "actor0/outfit0"): "no face found"}))
    cell = part.part("self").rows[0].cells[-1]
    assert cell.coverage == "88 %"
    assert cell.reason == "1 of 8 trials without a value: no face found"


def test_metrics_beyond_the_paper_have_a_table_of_their_own() -> None:
    rows = rows_of("a")
    extra = [dataclasses.replace(r, metric="KID", definition="k") for r in rows if r.metric == "FID"]
    evidence = evidence_of(rows, extra)
    bench = evidence.benches()[0]
    further = further_table(evidence, bench, sn=2, steps=0)
    assert further is not None
    assert [(c.setting, c.metric) for c in further.columns] == [("cross", "KID")]
    assert further.quoted == ()
    assert further_table(evidence_of(rows), bench, sn=2, steps=0) is None
    assert "KID" not in {c.metric for c in build_table(evidence, bench, sn=2, steps=0).columns}


def test_a_run_without_the_papers_metrics_has_a_main_table() -> None:
    rows = [dataclasses.replace(r, metric="KID") for r in rows_of("a") if r.metric == "FID"]
    table = table_of(rows)
    assert [c.metric for c in table.columns] == ["KID"]
    evidence = evidence_of(rows)
    assert further_table(evidence, evidence.benches()[0], sn=2, steps=0) is None


def test_terminal_fits_80_columns_and_holds_every_number() -> None:
    table = table_of(rows_of("attlwb", gain=1), rows_of("copy-source", gain=-2))
    stream = io.StringIO()
    print_table(table, Console(file=stream, width=80))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    for row in (*table.rows, *table.quoted):
        assert row.name in text
        assert all(cell.text in text for cell in row.cells)


def test_nothing_measured_names_what_there_is() -> None:
    with pytest.raises(UserError, match="sn=2 T=0"):
        table_of(rows_of("a"), sn=8)


@given(st.floats(-1e6, 1e6, allow_nan=False), st.integers(1, 3))
def test_numbers_read_back(value: float, digits: int) -> None:
    text = number(value, digits)
    assert abs(float(text.replace("−", "-")) - value) <= 0.5 * 10**-digits * (1 + 1e-9)
    assert not text.startswith("−0." + "0" * digits) or float(text.replace("−", "-")) != 0


def test_digits_follow_the_largest_value() -> None:
    assert [digits_for(values) for values in ([0.1], [24.5, 0.2], [430.0, 1.0], [])] == [3, 2, 1, 3]


def test_percent_never_rounds_to_the_ends() -> None:
    assert [percent(x) for x in (1.0, 0.9999, 0.875, 0.0001, 0.0)] == [
        "100 %",
        ">99 %",
        "88 %",
        "<1 %",
        "0 %",
    ]


def test_two_runs_that_contradict_each_other_are_refused() -> None:
    from pathlib import Path

    def part(folder: str, *groups: object, **facts: object) -> tuple[RunFacts, list[Measurement]]:
        rows = [r for group in groups for r in group]  # type: ignore[attr-defined]
        return RunFacts(Path(folder), "p", **facts), measurements_of(rows)  # type: ignore[arg-type]

    same = [part("one", rows_of("a")), part("two", rows_of("a"), rows_of("b"))]
    assert len(combine(same, {}).measurements) == 20
    with pytest.raises(UserError, match=r"one and two: two different values for a \w+ sn=2 T=0"):
        combine([part("one", rows_of("a")), part("two", rows_of("a", gain=1))], {})
    with pytest.raises(UserError, match=r"two definitions of .* one definition"):
        combine([part("one", rows_of("a")), part("two", rows_of("b", definition="other"))], {})
    with pytest.raises(UserError, match="dataset 'synthetic' is not the same in both runs"):
        combine(
            [
                part("one", rows_of("a"), fingerprints={"synthetic": "1"}),
                part("two", rows_of("b"), fingerprints={"synthetic": "2"}),
            ],
            {},
        )


DEFINED = {
    "profile": "offline",
    "metric": "PSNR",
    "setting": "self",
    "kind": "psnr",
    "version": 1,
    "choices": {"frame": "native", "average": "frames"},
    "weights": {},
    "words": {"frame": "uint8 RGB", "average": "mean of frames"},
    "source": "somewhere",
}


def two_runs(  # type: ignore[no-untyped-def]
    first: dict[str, object], second: dict[str, object], *, metric: str = "PSNR", method: str = "b", **changes
):
    """Runs "one" and "two" whose definitions of one metric are these."""
    from pathlib import Path

    parts = []
    for folder, name, text in (("one", "a", first), ("two", method, second)):
        rows = [r for r in rows_of(name, definition=folder) if r.metric == metric and r.setting == "self"]
        if folder == "two":
            rows = [dataclasses.replace(r, **changes) for r in rows]
        facts = RunFacts(Path(folder), "p", definitions={rows[0].definition: text})
        parts.append((facts, measurements_of(rows)))
    return combine(parts, {})


@pytest.mark.parametrize("method", ["a", "b"])
def test_two_passports_in_a_column_are_refused_with_what_differs(method: str) -> None:
    other = {**DEFINED, "choices": {"frame": "linear-512", "average": "frames"}, "words": {"frame": "other"}}
    with pytest.raises(UserError) as error:
        two_runs(DEFINED, other, method=method)
    text = str(error.value)
    ids = [rows_of("a", definition=folder)[0].definition for folder in ("one", "two")]
    wanted = (
        f"two definitions of PSNR in profile 'offline', {ids[0]} and {ids[1]}: frame (native and linear-512)"
    )
    assert text.startswith(f"one and two: {wanted};"), text
    assert "try: iper-bench explain one two" in text
    assert "average" not in text


def test_weights_that_differ_are_named() -> None:
    ours, theirs = ({**DEFINED, "weights": {"network": name}} for name in ("net@1", "net@2"))
    with pytest.raises(UserError, match=r"weights of network \(net@1 and net@2\)"):
        two_runs(ours, theirs, metric="LPIPS", backbone="net@2")
    with pytest.raises(UserError, match="what differs is not on record"):
        two_runs({}, {})
    with pytest.raises(
        UserError, match=r"kind \(psnr and other\), version \(1 and 2\), average \(frames and"
    ):
        two_runs(DEFINED, {**DEFINED, "kind": "other", "version": 2, "choices": {"average": "batches-16"}})


def test_a_run_without_the_weights_may_stand_beside_one_with_them() -> None:
    """Nothing was measured there: its passport lacks the weights, and so does its column every value."""
    with_weights = {**DEFINED, "weights": {"network": "net@1"}}
    missing = {"value": None, "reason": "no weights", "backbone": None, "count": 0}
    evidence = two_runs(with_weights, DEFINED, metric="LPIPS", **missing)
    assert [m.value is None for m in evidence.measurements] == [False, True]
    with pytest.raises(UserError, match="average"):
        two_runs(with_weights, {**DEFINED, "choices": {}}, metric="LPIPS", **missing)


def test_order_of_runs_and_rows_changes_nothing() -> None:
    rows = [*rows_of("a"), *rows_of("b", gain=1)]
    assert evidence_of(rows) == evidence_of(list(reversed(rows)))


class TestPaper:
    """The quoted numbers."""

    def test_every_file_reads(self) -> None:
        counts = {
            name: len(paper.quotes(name))
            for name in ("table1", "table2", "table3", "table4", "table5", "table6")
        }
        assert counts == {"table1": 70, "table2": 60, "table3": 10, "table4": 24, "table5": 12, "table6": 20}
        assert [len(paper.quotes(f"fig{n}")) for n in (14, 15, 16)] == [20, 7, 16]

    def test_directions_agree_between_tables(self) -> None:
        directions = paper_directions()
        assert {name for name, up in directions.items() if not up} == {"LPIPS", "Face-FD", "Body-FD", "FID"}

    def test_figure_14_says_how_sure_it_is(self) -> None:
        quotes = paper.quotes("fig14")
        assert {q.certainty for q in quotes} == {"row_certain", "row_likely", "likely", "likely_pair"}
        assert sorted({int(q.extra["sn"]) for q in quotes}) == [1, 2, 4, 8]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("table,dataset\n1,x\n", "column setting is missing"),
            (
                "table,dataset,setting,method,metric,direction,value\n1,d,s,m,PSNR,up,1\n",
                "t line 2: direction 'up'",
            ),
            (
                "table,dataset,setting,method,metric,direction,value\n1,d,s,m,PSNR,higher,x\n",
                "t line 2: value 'x'",
            ),
        ],
    )
    def test_damaged_files_are_one_line(self, text: str, message: str) -> None:
        with pytest.raises(UserError, match=message):
            paper.parse(text, "t")

    def test_unknown_table(self) -> None:
        with pytest.raises(UserError, match="no such table"):
            paper.quotes("table9")
