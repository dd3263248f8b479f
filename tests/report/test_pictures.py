"""Plot and grid: what is drawn where, and equal bytes for equal input."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image as Pictures

from iper_bench.errors import UserError
from iper_bench.report.grid import GridRow, cell_for, draw_grid
from iper_bench.report.sweep_plot import Line, Point, draw_sweep, is_sweep, sweep_lines
from tests.report.made_up import rows_of
from tests.report.test_table import evidence_of

LINES = [Line(sn, tuple(Point(t, 20 + sn + t / 100, 19.5 + sn, 22 + sn) for t in (10, 50))) for sn in (1, 2)]


def test_plot_is_png_and_svg_with_equal_bytes() -> None:
    first, second = draw_sweep(LINES, title="run"), draw_sweep(LINES, title="run")
    assert first == second
    with Pictures.open(io.BytesIO(first.png)) as picture:
        assert picture.width > 1000
    assert first.svg.startswith(b"<?xml")
    assert not re.search(rb"<dc:date>|https?://matplotlib", first.svg)


def test_plot_without_points_is_refused() -> None:
    with pytest.raises(UserError, match="no value of PSNR to plot"):
        draw_sweep([], title="run")


def test_plot_takes_single_points_and_missing_intervals() -> None:
    assert draw_sweep([Line(1, (Point(0, 20.0, None, None),))], title="run").png


def test_lines_of_a_sweep() -> None:
    rows = [rows_of("a", sn=sn, steps=t, gain=t / 100) for sn in (2, 1) for t in (50, 0)]
    evidence = evidence_of(*rows)
    lines = sweep_lines(evidence, evidence.benches()[0], "a")
    assert [(line.sn, [p.steps for p in line.points]) for line in lines] == [(1, [0, 50]), (2, [0, 50])]
    first = lines[0].points[0]
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.value < first.high
    assert is_sweep(lines)
    assert not is_sweep([Line(2, (first,))])


def flat(colour: tuple[int, int, int], height: int = 64, width: int = 64) -> np.ndarray:  # type: ignore[type-arg]
    return np.full((height, width, 3), colour, dtype=np.uint8)


def test_every_image_stands_in_its_column() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    row = GridRow("t", tuple([flat(c)] for c in colours), ("", "", ""))
    grid = draw_grid([row], ["a", "b", "c"], cell=64)
    centres = [np.argwhere((grid == c).all(axis=2)).mean(axis=0)[1] for c in colours]
    assert centres == sorted(centres)
    assert [int((grid == c).all(axis=2).sum()) for c in colours] == [64 * 64] * 3


def test_many_sources_share_two_rows() -> None:
    one = draw_grid([GridRow("t", ([flat((9, 9, 9))],), ("",))], ["s"], cell=64)
    eight = draw_grid([GridRow("t", ([flat((9, 9, 9))] * 8,), ("",))], ["s"], cell=64)
    assert eight.shape == (one.shape[0], one.shape[1] + 64, 3)


def test_shape_is_kept() -> None:
    grid = draw_grid([GridRow("t", ([flat((250, 0, 0), 64, 32)],), ("",))], ["s"], cell=128)
    red = np.argwhere((grid == (250, 0, 0)).all(axis=2))
    assert (red.max(axis=0) - red.min(axis=0) + 1).tolist() == [128, 64]


def test_missing_pictures_keep_their_place() -> None:
    full = GridRow("t", ([flat((250, 0, 0))], [flat((0, 250, 0))]), ("", ""))
    lacking = GridRow("t", ([], [flat((0, 250, 0))]), ("not kept", ""))
    a, b = draw_grid([full], ["x", "y"], cell=64), draw_grid([lacking], ["x", "y"], cell=64)
    assert a.shape == b.shape
    assert np.array_equal((a == (0, 250, 0)).all(axis=2), (b == (0, 250, 0)).all(axis=2))
    assert not (b == (250, 0, 0)).all(axis=2).any()
    assert len(np.unique(b[30:80, :70].reshape(-1, 3), axis=0)) > 3, "hatching and letters"


def test_grid_is_the_same_twice() -> None:
    row = GridRow("self: actor", ([flat((1, 2, 3))],), ("",))
    assert np.array_equal(draw_grid([row], ["a"]), draw_grid([row], ["a"]))


def test_cells_enlarge_by_whole_factors() -> None:
    assert [cell_for(side) for side in (64, 128, 160, 256, 1024)] == [192, 256, 160, 256, 256]


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([], ["a"], "0 rows"),
        ([GridRow("t", ([],), ("x",))], ["a", "b"], "expected 2"),
        ([GridRow("t", ([np.zeros((4, 4))],), ("",))], ["a"], "uint8"),  # type: ignore[list-item]
        ([GridRow("t", ([np.zeros((0, 4, 3), np.uint8)],), ("",))], ["a"], "uint8"),
    ],
)
def test_bad_grids_are_refused(rows: list[GridRow], labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_grid(rows, labels)
