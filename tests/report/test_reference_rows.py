"""References in the tables: below the methods, never bold, and who has to be beaten to be."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from iper_bench.report.evidence import Evidence, RunFacts, combine
from iper_bench.report.reading import measurements_of, paper_directions
from iper_bench.report.render import missing_values, print_table, to_markdown
from iper_bench.report.table import Table, build_table, further_table, settings_of
from tests.report.made_up import rows_of

KINDS = {"warp": "sources", "copy-source": "sources", "truth-shift[1]": "truth", "other-person": "others"}
PSNR = ("self", "PSNR")


def evidence_of(*groups: list, only_self: str | None = None) -> Evidence:  # type: ignore[type-arg]
    rows = [row for group in groups for row in group if row.method != only_self or row.setting == "self"]
    return combine(
        [(RunFacts(Path("run"), "p", references=KINDS), measurements_of(rows))], paper_directions()
    )


def table_of(*groups: list, steps: int = 0, only_self: str | None = None) -> Table:  # type: ignore[type-arg]
    evidence = evidence_of(*groups, only_self=only_self)
    return build_table(evidence, evidence.benches()[0], sn=2, steps=steps)


def bold(table: Table) -> set[tuple[str, str, str]]:
    return {
        (row.name, column.setting, column.metric)
        for row in (*table.rows, *table.references)
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.best
    }


def test_they_stand_below_from_the_worst_to_the_truth() -> None:
    table = table_of(*(rows_of(name) for name in ("zzz", *KINDS)))
    assert [row.name for row in table.rows] == ["zzz"]
    assert [row.name for row in table.references] == [
        *("other-person", "copy-source", "warp", "truth-shift[1]")
    ]


def test_what_any_method_could_do_must_be_beaten_and_the_truth_need_not() -> None:
    best, worse, warp, truth = (  # 12 actors: enough for Holm's correction over the table
        rows_of("best", clips=12, gain=1, noise=0.1),
        rows_of("worse", clips=12, gain=-1, seed=2, noise=0.1),
        rows_of("warp", clips=12, gain=0, seed=3, noise=0.1),
        rows_of("truth-shift[1]", clips=12, gain=3, seed=4, noise=0.1),
    )
    assert ("best", *PSNR) in bold(table_of(best, worse, warp, truth))
    assert ("best", *PSNR) in bold(table_of(best, warp))  # one method beats what is no method
    assert bold(table_of(worse, warp, truth)) == set()  # and warp itself is never bold
    assert bold(table_of(best, truth)) == set()  # nothing to be better than


def test_tables_are_made_for_the_methods() -> None:
    trained = [rows_of("attlwb", steps=20), rows_of("warp")]
    assert [steps for _, _, steps in settings_of(evidence_of(*trained))] == [20]
    assert [row.name for row in table_of(*trained, steps=20).references] == ["warp"]
    assert [steps for _, _, steps in settings_of(evidence_of(rows_of("warp")))] == [0]


def test_where_there_is_no_truth_nothing_is_missing() -> None:
    table = table_of(rows_of("a"), rows_of("truth-shift[1]"), only_self="truth-shift[1]")
    assert missing_values(table) == []
    assert [len(table.part(setting).reference_rows) for setting in ("self", "cross")] == [1, 0]
    lost = rows_of("warp", missing={("PSNR", "actor0/outfit0"): "no frame"})
    assert any("warp, Self-imitation PSNR" in line for line in missing_values(table_of(rows_of("a"), lost)))


def test_every_form_marks_them() -> None:
    table = table_of(rows_of("a"), rows_of("warp"))
    text = to_markdown(table)
    assert text.count("| *warp* (reference) |") == 2
    assert "never bold" in text
    console = Console(file=io.StringIO(), width=200)
    print_table(table, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.index("references") < printed.index("warp")
    plain = table_of(rows_of("a"), rows_of("b"))
    assert "eferences" not in to_markdown(plain)
    evidence = evidence_of(rows_of("a"), rows_of("warp"))
    further = further_table(evidence, evidence.benches()[0], sn=2, steps=0)
    assert further is None or further.references
