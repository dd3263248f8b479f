"""What was detected stands below the scores, and what each policy makes of it."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from iper_bench.report.detections import DetectionRow, PolicyRow
from iper_bench.report.page import write_report
from iper_bench.report.render import print_table, to_markdown
from iper_bench.store.row import Row
from tests.report.made_up import rows_of, write_run
from tests.report.test_table import evidence_of, table_of

SEEN = {"reference": 20, "prediction": 15, "both": 12, "frames": 24}  # of each clip


def with_faces(method: str = "a", clips: int = 8) -> list[Row]:
    """Rows in which Face-CS was measured under all three policies."""
    rows = rows_of(method, clips=clips)
    found = []
    for row in rows:
        if row.metric != "Face-CS":
            found.append(row)
            continue
        for ending, factor in (("", 0.5), ("/detected", 1.0), ("/truth-box", 0.75)):
            if row.setting == "cross" and ending == "/truth-box":
                continue
            name = f"Face-CS{ending}"
            value = None if row.value is None else row.value * factor
            found.append(dataclasses.replace(row, metric=name, value=value, detections=SEEN, definition=name))
    return found


def test_counts_of_metrics_with_one_detector_share_a_row() -> None:
    table = table_of(with_faces())
    assert [row.cells for row in table.detections] == [
        (
            *("a", "self", "Face-CS, /detected, /truth-box"),
            *("160 (83 %)", "120 (62 %)", "96 (50 %)", "192"),
        ),
        ("a", "cross", "Face-CS, /detected", "160", "120 (62 %)", "96", "192"),
    ]


def test_scores_by_policy_are_the_measured_ones_and_their_bracket() -> None:
    evidence = evidence_of(with_faces())
    values = {(m.setting, m.metric): m.value for m in evidence.measurements}
    ours, cross = table_of(with_faces()).policies
    assert ours.values == tuple(
        values["self", name] for name in ("Face-CS", "Face-CS/detected", "Face-CS/truth-box")
    )
    low, high = ours.cells[3], ours.cells[4]
    assert ours.cells[-1] == f"[{low}, {high}]"
    assert (cross.setting, cross.values[2], cross.cells[5]) == ("cross", None, "–")


def test_a_single_policy_makes_no_bracket_and_no_detector_no_table() -> None:
    table = table_of(rows_of("a"))
    assert (table.detections, table.policies) == ((), ())
    assert "Detections" not in to_markdown(table)


def test_every_score_of_faces_has_its_counts_on_every_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [*with_faces("a", 3), *with_faces("b", 3)])
    files = write_report([run], tmp_path / "out")
    for path in (files.html, files.markdown):
        text = path.read_text(encoding="utf-8")
        for words in ("Detections: frames with a face or body", "60 (83 %)", "bracket", "at the truth", "72"):
            assert words in text, words
    stream = io.StringIO()
    print_table(files.tables[0], Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("36 (50 %)" in line for line in lines)
    assert "/truth-box" in stream.getvalue()
    assert "…" not in stream.getvalue(), "no name is cut"
    assert files.tables[0].detections[0].method == "a"


def test_methods_without_training_are_called_as_in_the_table() -> None:
    trained = [dataclasses.replace(row, steps=50) for row in with_faces("b")]
    table = table_of(with_faces("a"), trained, steps=50)
    assert {row.method for row in table.detections} == {"a (T\u00a0=\u00a00)", "b"}


@given(st.lists(st.one_of(st.none(), st.floats(-1, 1, allow_nan=False)), min_size=3, max_size=3))
def test_the_bracket_holds_every_score(values: list[float | None]) -> None:
    cells = PolicyRow("m", "self", "Face-CS", tuple(values)).cells
    found = [value for value in values if value is not None]
    assert cells[3:6].count("–") == 3 - len(found)
    if found:
        low, high = (float(text.replace("−", "-")) for text in cells[-1].strip("[]").split(", "))
        assert low - 5e-4 <= min(found) <= max(found) <= high + 5e-4
    else:
        assert cells[-1] == "–"


def test_no_frames_are_no_share() -> None:
    counts = {"reference": 0, "prediction": 0, "frames": 0}
    assert DetectionRow("m", "self", ("Face-CS",), counts).cells[3:] == ("0", "0", "–", "0")
