"""The paper's tables: what fills which layout, and how it is averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from iper_bench.report.evidence import Evidence, RunFacts, combine
from iper_bench.report.numerals import MISSING
from iper_bench.report.paper_layout import LAYOUTS, LOSSES, Layout, paper_name, quoted_place
from iper_bench.report.paper_layout_fill import PaperTable
from iper_bench.report.paper_layout_rows import fillings, loss_of, not_filled
from iper_bench.report.paper_tables import paper_tables
from iper_bench.report.reading import measurements_of, paper_directions
from iper_bench.store.row import Row
from tests.report.made_up import rows_of

KINDS = {"warp": "sources", "truth-shift[1]": "truth"}


def on(dataset: str, rows: list[Row], task: str = "motion_imitation", ending: str = "imitation") -> list[Row]:
    """The rows as if measured there; tasks other than imitation have one setting, which is called self."""
    kept = [row for row in rows if ending == "imitation" or row.setting == "self"]
    return [replace(row, dataset=dataset, protocol=f"{dataset}-{ending}", task=task) for row in kept]


def evidence_of(*groups: list[Row], references: dict[str, str] | None = None) -> Evidence:
    facts = RunFacts(Path("run"), "p", references=references or {})
    return combine([(facts, measurements_of([r for group in groups for r in group]))], paper_directions())


def tables_of(*groups: list[Row], references: dict[str, str] | None = None) -> dict[str, PaperTable]:
    return {table.name: table for table in paper_tables(evidence_of(*groups, references=references))}


def cell(table: PaperTable, row: str, metric: str, group: str | None = None):  # type: ignore[no-untyped-def]
    titles = [title for title, width in table.groups for _ in range(width)]
    place = next(
        index
        for index, (column, title) in enumerate(zip(table.columns, titles, strict=True))
        if column.metric == metric and group in (None, title)
    )
    rows = (*table.rows, *table.references, *table.quoted)
    return next(one.cells[place] for one in rows if one.name.replace("\u00a0", " ") == row)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"table{layout.number}")
def test_every_printed_number_has_its_place_and_every_place_a_number(layout: Layout) -> None:
    columns = {place for block in layout.blocks for place in block.places}
    places = [quoted_place(layout, quote) for quote in layout.quotes]
    assert {place for _, place in places} == columns
    assert len(set(places)) == len(places), "two numbers in one cell"


def test_names_of_the_paper_are_those_on_the_cards_of_the_baselines() -> None:
    cards = sorted(Path("baselines").glob("*/card.yaml"))
    assert len(cards) > 5
    for path in cards:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {one["method"] for one in card["published"]} == {paper_name(card["name"])}
    assert (paper_name("attlwb"), paper_name("lwb")) == ("AttLWB", "LWB")
    assert [paper_name(name) for name in ("AttLWB", "mine", "attlwb[loss=lp]", "warp")] == [None] * 4


def test_a_dataset_of_the_paper_fills_its_table_and_another_one_its_layout() -> None:
    tables = tables_of(
        on("iper", rows_of("attlwb", sn=1)),
        rows_of("attlwb", sn=1),
        on("youtube-dancer18", rows_of("attlwb", sn=2)),
    )
    assert list(tables) == [
        "table1-iper-imitation-offline",
        "table1-synthetic-imitation-offline",
        "table2-youtube-dancer18-imitation-offline",
    ]
    titles = [table.title.replace("\u00a0", " ") for table in tables.values()]
    assert titles[0].startswith("Table 1, motion imitation, one source: iper, sn = 1, T = 0, profile offline")
    assert titles[1].startswith("Layout of Table 1, motion imitation, one source: synthetic, sn = 1")
    assert titles[2].startswith("Table 2, motion imitation, two sources: youtube-dancer18, sn = 2")
    assert [any("the data are not: synthetic" in note for note in t.notes) for t in tables.values()] == [
        *(False, True, False)
    ]
    assert [row.name for row in tables["table2-youtube-dancer18-imitation-offline"].quoted][:2] == [
        *("pix2pixHD", "SPADE")
    ]


def test_another_number_of_sources_on_the_papers_data_is_the_layout_alone() -> None:
    tables = tables_of(on("iper", rows_of("attlwb", sn=2)), on("iper", rows_of("attlwb", sn=4)))
    assert list(tables) == ["table2-iper-imitation-offline"]
    assert next(iter(tables.values())).title.startswith(
        "Layout of Table 2, motion imitation, two sources: iper"
    )


def test_one_protocol_over_two_datasets_makes_two_files() -> None:
    rows = [
        [replace(r, dataset=name, protocol="mine") for r in rows_of("attlwb", sn=1)] for name in ("a", "b c")
    ]
    assert list(tables_of(*rows)) == ["table1-a-mine-offline", "table1-b-c-mine-offline"]


def test_rows_have_the_papers_names_and_order_ours_then_references() -> None:
    table = next(
        iter(
            tables_of(
                *(
                    rows_of(name, sn=1)
                    for name in ("mine", "attlwb", "pg2", "warp", "truth-shift[1]", "patb")
                ),
                references=KINDS,
            ).values()
        )
    )
    assert [row.name for row in table.rows] == ["PG2", "PATB", "AttLWB", "mine"]
    assert [row.title for row in table.rows] == ["pg2", "patb", "attlwb", ""]
    assert [row.name for row in table.references] == ["warp", "truth-shift[1]"]
    assert cell(table, "PG2", "PSNR", "Self-imitation").value != cell(table, "mine", "SSIM").value


def test_methods_stand_at_their_own_largest_t() -> None:
    table = next(
        iter(
            tables_of(
                *(rows_of("attlwb", sn=1, steps=steps, gain=steps) for steps in (0, 5, 20)),
                rows_of("pg2", sn=1),
            ).values()
        )
    )
    assert table.steps == 20
    assert [row.name.replace("\u00a0", " ") for row in table.rows] == ["PG2 (T = 0)", "AttLWB"]
    assert cell(table, "AttLWB", "PSNR").found.steps == 20


THREE = ("iper", "motionsynthetic", "fashionvideo")


def test_table_1_is_the_plain_mean_over_its_datasets() -> None:
    """Datasets of 4, 8 and 12 clips weigh the same."""
    groups = [
        on(dataset, rows_of(name, sn=1, clips=clips, gain=gain + place, seed=place, noise=0.2))
        for place, (dataset, clips) in enumerate(zip(THREE, (4, 8, 12), strict=True))
        for name, gain in (("attlwb", 1.0), ("lwb", 0.0))
    ]
    tables = tables_of(*groups)
    assert list(tables) == ["+".join(f"{d}-imitation" for d in THREE).join(("table1-", "-offline"))]
    table = next(iter(tables.values()))
    assert "average over iper, motionsynthetic, fashionvideo" in table.title
    assert any("plain mean of their values" in note for note in table.notes)
    evidence = evidence_of(*groups)
    for method, row in (("attlwb", "AttLWB"), ("lwb", "LWB")):
        values = [
            m.value
            for m in evidence.measurements
            if (m.method, m.setting, m.metric) == (method, "self", "PSNR") and m.value is not None
        ]
        shown = cell(table, row, "PSNR", "Self-imitation")
        assert shown.value == pytest.approx(sum(values) / 3, rel=1e-12)  # rounding of a sum of three
        # the weighted clips have the same mean, so that differences over clips are differences over datasets
        clips = shown.found.clip_values
        assert len(clips) == 24
        assert sum(clips.values()) / 24 == pytest.approx(shown.value, rel=1e-12)
        assert shown.found.low < shown.value < shown.found.high
    assert cell(table, "AttLWB", "PSNR", "Self-imitation").best
    assert cell(table, "AttLWB", "FID").value is not None, "values over a set are averaged as well"


def test_the_interval_of_the_average_is_that_of_independent_draws() -> None:
    """Known answer: variances of means of independent datasets add, divided by 9; those of the bootstrap are
    the clips' divided by their number.
    """
    groups = [on(d, rows_of("attlwb", sn=1, clips=16, seed=k, noise=1.0)) for k, d in enumerate(THREE)]
    found = cell(next(iter(tables_of(*groups).values())), "AttLWB", "PSNR", "Self-imitation").found
    variances = []
    for m in evidence_of(*groups).measurements:
        if (m.setting, m.metric) == ("self", "PSNR"):
            values = list(m.clip_values.values())
            mean = sum(values) / 16
            variances.append(sum((v - mean) ** 2 for v in values) / 16 / 16)
    expected = 2 * 1.96 * (sum(variances) / 9) ** 0.5
    assert found.high - found.low == pytest.approx(expected, rel=0.05)  # 10,000 draws know it to about 2 %


def test_a_method_without_one_of_the_datasets_has_no_average() -> None:
    groups = [on(d, rows_of("attlwb", sn=1)) for d in THREE] + [
        on(d, rows_of("lwb", sn=1)) for d in THREE[:2]
    ]
    table = next(iter(tables_of(*groups).values()))
    lacking = cell(table, "LWB", "PSNR", "Self-imitation")
    assert (lacking.text, lacking.value) == (MISSING, None)
    assert lacking.reason == "fashionvideo: not measured"
    assert any("missing for LWB: fashionvideo: not measured" in line for line in table.lacking)
    two = next(iter(tables_of(*groups[:2]).values()))
    assert any("Not run: fashionvideo" in note for note in two.notes)


def test_novel_views_of_both_datasets_stand_side_by_side() -> None:
    task = ("novel_view", "novel-view")
    both = tables_of(
        on("iper", rows_of("attlwb", sn=2), *task),
        on("motionsynthetic", rows_of("attlwb", sn=2, gain=3), *task),
    )
    table = next(iter(both.values()))
    assert table.groups == (("iPER", 3), ("MotionSynthetic", 3))
    assert [cell(table, "AttLWB", "PSNR", name).found.dataset for name in ("iPER", "MotionSynthetic")] == [
        *("iper", "motionsynthetic")
    ]
    assert table.quoted[0].cells[0].text == "23.342"
    assert table.quoted[0].cells[3].text == "25.575"
    other = next(iter(tables_of(on("synthetic", rows_of("attlwb", sn=2), *task)).values()))
    assert other.groups == (("synthetic", 3),)
    assert other.quoted[0].cells[0].text == "23.342"
    assert "Table 4, iPER" in other.quoted_title


def test_appearance_transfer_fills_table_3() -> None:
    rows = [
        on("iper", rows_of(name, sn=2), "appearance_transfer", "appearance-transfer")
        for name in ("lwb", "attlwb")
    ]
    table = tables_of(*rows)["table3-iper-appearance-transfer-offline"]
    assert [row.name for row in table.rows] == [row.name for row in table.quoted] == ["LWB", "AttLWB"]
    assert cell(table, "AttLWB", "Face-CS").value is not None


def test_table_5_compares_each_method_with_itself() -> None:
    rows = [
        rows_of(name, sn=2, steps=steps, gain=gain + steps / 100, clips=12, seed=7 * gain + steps, noise=0.1)
        for name, gain in (("attlwb", 0), ("lwb", 3))
        for steps in (0, 100, 200)
    ]
    table = tables_of(*rows, rows_of("warp", sn=2, clips=12), references=KINDS)[
        "table5-synthetic-imitation-offline"
    ]
    names = [row.name.replace("\u00a0", " ") for row in table.rows]
    assert names == [
        "AttLWB, without personalization (T = 0)",
        "AttLWB, with personalization (T = 100)",
        "LWB, without personalization (T = 0)",
        "LWB, with personalization (T = 100)",
    ]
    best = [cell(table, name, "PSNR").best for name in names]
    assert best == [False, True, False, True], "one best per method, though LWB is better throughout"
    assert cell(table, names[1], "FID").found.setting == "cross"
    assert any("FID was measured in cross-imitation" in note for note in table.notes)


def test_table_6_stands_on_the_losses_that_weights_were_trained_with() -> None:
    rows = [rows_of(f"attlwb[loss={loss}]", sn=2) for loss in reversed(list(LOSSES))]
    table = tables_of(*rows)["table6-synthetic-imitation-offline"]
    assert (
        [row.name for row in table.rows]
        == [row.name for row in table.quoted]
        == [*("AttLWB, loss=Lp", "AttLWB, loss=Lp+Ladv", "AttLWB, loss=Lp+Ladv+Lf", "AttLWB, loss=full")]
    )
    assert table.rows[0].title == "attlwb[loss=lp]"
    assert loss_of("lwb[loss=full]") == ("lwb", "full")
    assert [loss_of(name) for name in ("lwb", "lwb[loss=x]", "truth-blur[1]", "a[temporal=on]")] == [None] * 4
    assert "table6-synthetic-imitation-offline" not in tables_of(rows[0]), "one loss is no comparison"


def test_columns_that_were_not_measured_are_dashes_with_a_reason() -> None:
    rows = [row for row in rows_of("attlwb", sn=1) if row.setting == "self" and row.metric != "LPIPS"]
    table = next(iter(tables_of(rows).values()))
    assert [column.metric for column in table.columns] == [
        m for block in LAYOUTS[0].blocks for m in block.metrics
    ]
    lacking = [one for one in table.rows[0].cells if one.text == MISSING]
    assert len(lacking) == 6
    assert all(one.reason and one.value is None for one in lacking)
    assert [one.text for one in table.quoted[0].cells].count(MISSING) == 0


def test_what_is_not_filled_is_listed_with_what_fills_it() -> None:
    evidence = evidence_of(rows_of("attlwb", sn=1))
    lines = not_filled(evidence, fillings(evidence))
    assert [line[:7] for line in lines] == ["Table 2", "Table 3", "Table 4", "Table 5", "Table 6"]
    assert "sn = 2" in lines[0]
    assert all("iper-bench " in line for line in lines)
