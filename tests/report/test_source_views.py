"""Clips whose sources do not show the views asked for: marked wherever their numbers stand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from iper_bench.hashing import content_hash
from iper_bench.report.page import ReportFiles, write_report
from iper_bench.report.reading import read_evidence
from iper_bench.report.source_views import ODD_MARK, odd_views
from tests.report.made_up import PROTOCOL, rows_of, write_run

ANGLES = [0, 45, 90, 135, 180, 225, 270, 315]
FRAMES = [0, 2, 4, 6, 8, 10, 12, 14]
SOURCES = {"1": [0], "2": [0, 8], "4": [0, 4, 8, 12], "8": FRAMES}
WHOLE = {"angles": ANGLES, "frames": FRAMES, "headings": [float(a) for a in ANGLES], "own_bin": [True] * 8}
# nobody looks to the left edge: view 90 is filled by a frame of 60 degrees
LACKING = {
    **WHOLE,
    "headings": [0.0, 45.0, 60.04, 135.0, 180.0, 225.0, 270.0, 315.0],
    "own_bin": [True, True, False, True, True, True, True, True],
}
NO_LABELS = {"angles": [None] * 8, "frames": FRAMES, "headings": [None] * 8, "own_bin": [None] * 8}
LABELS = {**NO_LABELS, "angles": ANGLES}
NOTHING: dict[str, list[Any]] = {"angles": [], "frames": [], "headings": [], "own_bin": []}


def run_with(path: Path, **facts: Any) -> Path:
    """A run with sn = 1 and 4 over three clips; ``facts`` change the trials of the second, actor0/outfit1."""
    rows = [*rows_of("a", clips=3, sn=1), *rows_of("a", clips=3, sn=4)]
    trials = {}
    for row in rows:
        if row.clip != "*":
            trial = {"name": row.trial, "setting": row.setting, "source_clip": row.clip, "sources": SOURCES}
            trial |= {"protocol": PROTOCOL, "views_known": True, "views": WHOLE}
            if row.clip == "actor0/outfit1":
                trial |= facts
            trials[content_hash(row.trial)] = {
                key: value for key, value in trial.items() if value is not None
            }
    return write_run(path, rows, changes={"trials": trials})


TABLES = ("own_tables",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_odd_trial_marks_its_clip(tmp_path: Path, order: tuple[int, int]) -> None:
    """A protocol of single sources has several trials per clip; only one of these takes the odd view."""
    shots = [{"1": [0]}, {"1": [4]}]
    trials = {
        str(place): {
            **{"name": f"self:actor0/outfit1#{n}", "setting": "self", "source_clip": "actor0/outfit1"},
            **{"sources": shots[n], "protocol": PROTOCOL, "views_known": False, "views": LACKING},
        }
        for place, n in enumerate(order)
    }
    run = write_run(tmp_path / "run", rows_of("a", clips=3, sn=1), changes={"trials": trials})
    (one,) = odd_views(read_evidence([run]))
    assert (one.clip, one.sn) == ("actor0/outfit1", (1,))


@pytest.fixture
def marked(tmp_path: Path) -> ReportFiles:
    run = run_with(tmp_path / "run", views=LACKING, views_known=False)
    return write_report([run], tmp_path / "out", builders=TABLES)


def test_tables_with_such_sources_name_the_clips(marked: ReportFiles) -> None:
    one, four = marked.tables
    assert (one.sn, four.sn) == (1, 4)
    assert one.views_note is None
    assert ODD_MARK not in one.title
    assert four.title.endswith(ODD_MARK)
    assert four.views_note is not None
    assert "1 clip: actor0/outfit1" in four.views_note


def test_both_pages_and_the_terminal_show_the_mark(marked: ReportFiles) -> None:
    stream = io.StringIO()
    marked.print(Console(file=stream, width=400))
    pages = [path.read_text(encoding="utf-8") for path in (marked.html, marked.markdown)]
    for text in (*pages, stream.getvalue()):
        assert f"{ODD_MARK} sources of unknown or out-of-bin views" in text
    for text in pages:
        assert "outside its bin of 45 degrees: view 90: frame 4, heading 60.0" in text
        assert "Clips with unknown or out-of-bin source views" in text
    assert f"| actor0/outfit1 | {PROTOCOL} | 4, 8 | outside its bin" in pages[1]


def test_nothing_is_marked_when_every_view_is_there(tmp_path: Path) -> None:
    files = write_report([run_with(tmp_path / "run")], tmp_path / "out", builders=TABLES)
    for path in (files.html, files.markdown):
        text = path.read_text(encoding="utf-8")
        assert ODD_MARK not in text
        assert "out-of-bin" not in text


@pytest.mark.parametrize(
    ("facts", "sn", "words"),
    [
        ({"views": LACKING, "views_known": False}, (4, 8), "view 90"),
        ({"views": NO_LABELS, "views_known": False}, (1, 2, 4, 8), "does not state"),
        ({"views": NOTHING, "views_known": False}, (1, 2, 4, 8), "does not state"),
        ({"views": None, "views_known": False}, (1, 2, 4, 8), "older plan"),
        # a labelled list whose second source is no candidate
        ({"views": LABELS, "sources": {"1": [0], "2": [0, 9]}}, (2,), "does not state"),
    ],
)
def test_which_sn_stand_on_such_sources(
    tmp_path: Path, facts: dict[str, Any], sn: tuple[int, ...], words: str
) -> None:
    (found,) = odd_views(read_evidence([run_with(tmp_path / "run", **facts)]))
    assert (found.clip, found.sn) == ("actor0/outfit1", sn)
    assert words in found.text


@pytest.mark.parametrize("facts", [{"views": LABELS}, {"views": None}, {"views": None, "views_known": None}])
def test_labelled_lists_and_older_plans_are_believed(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert odd_views(read_evidence([run_with(tmp_path / "run", **facts)])) == []


def test_a_frame_that_stands_for_several_views(tmp_path: Path) -> None:
    """A clip of two frames, 0 and 180 degrees: sn = 2 is whole, sn = 4 repeats frame 0 for 90 and 270."""
    own = [True, False, False, False, True, False, False, False]
    views = {
        "angles": ANGLES,
        "frames": [0, 0, 0, 1, 1, 1, 0, 0],
        "headings": [0.0, 0.0, 0.0, 180.0, 180.0, 180.0, 0.0, 0.0],
        "own_bin": own,
    }
    sources = {"1": [0], "2": [0, 1], "4": [0, 0, 1, 0]}
    run = run_with(tmp_path / "run", views=views, views_known=False, sources=sources)
    (found,) = odd_views(read_evidence([run]))
    assert found.sn == (4,)
    assert found.text.count("view ") == 6


def test_the_plan_of_a_run_is_understood(tmp_path: Path) -> None:
    """What ``run`` writes is what is read here: a toy clip turned away from 90 degrees."""
    from iper_bench.run.benchmark import evaluate
    from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request, upright

    dataset = ToyDataset()
    dataset.clip("p1/c0").track.poses[2, :3] = upright(60.0)
    method = ToyMethod()
    request = toy_request(tmp_path / "run", sn=(1, 4), steps=(0,))
    evaluate(request, toy_protocol(tmp_path), dataset, {method.name: method}, ToyScorer())
    (found,) = odd_views(read_evidence([tmp_path / "run"]))
    assert (found.clip, found.sn) == ("p1/c0", (4, 8))
    assert found.text == "outside its bin of 45 degrees: view 90: frame 2, heading 60.0"
