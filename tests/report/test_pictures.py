"""Plot and grid: what is drawn where, and equal bytes for equal input."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image as Pictures

from iper_bench.errors import UserError
from iper_bench.report.grid import GridRow, cell_for, draw_grid
from iper_bench.report.sweep_labels import Box, place_labels
from iper_bench.report.sweep_plot import Line, Point, draw_sweep, is_sweep, point_of, sweep_lines
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


def test_interval_of_a_point_draws_actors_and_then_their_clips() -> None:
    """Known answer: clips of one actor that agree say no more than one of them, so the interval over 4 actors
    with 6 like clips each is wider than over 24 clips, and equals that of 4 actors with one clip.
    """
    from dataclasses import replace

    from iper_bench.report.evidence import Measurement

    one = Measurement("a", "d", "p", "self", 1, 0, "offline", "PSNR", 21.5)
    alike = {f"actor{i}/{j}": 20.0 + i for i in range(4) for j in range(6)}
    actors = {clip: clip.partition("/")[0] for clip in alike}
    known = point_of(replace(one, clip_values=alike, clip_actors=actors), 21.5)
    alone = {clip: value for clip, value in alike.items() if clip.endswith("/0")}
    single = point_of(
        replace(one, clip_values=alone, clip_actors={clip: actors[clip] for clip in alone}), 21.5
    )
    unknown = point_of(replace(one, clip_values=alike), 21.5)
    assert (known.low, known.high) == pytest.approx((single.low, single.high), abs=0.1)
    assert known.high - known.low > 2 * (unknown.high - unknown.low)
    batches = point_of(replace(one, clip_values=alike, average="batches-16", low=1.0, high=2.0), 21.5)
    assert (batches.low, batches.high) == (1.0, 2.0), "no mean of clips: the run's own interval"


def test_other_metrics_have_no_quoted_panel() -> None:
    both, alone = draw_sweep(LINES, title="run"), draw_sweep(LINES, title="run", metric="SSIM", quoted=False)
    with Pictures.open(io.BytesIO(both.png)) as first, Pictures.open(io.BytesIO(alone.png)) as second:
        assert first.width > 1.8 * second.width


AXES = Box(200, 150, 400, 300)


def overlaps(boxes: list[Box]) -> int:
    return sum(a.overlap(b) > 0 for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("gap", [2.0, 8.0, 40.0])
def test_labels_never_cover_each_other_nor_a_point(gap: float) -> None:
    """Four lines of five points, as in Figure 14, from nearly equal to far apart."""
    points = [(50 + 70 * column, 100 + gap * line) for column in range(5) for line in range(4)]
    labels = [Box(x, y, 32, 9) for x, y in points]
    markers = [Box(x, y, 6, 6) for x, y in points]
    lines = [(points[i], points[i + 4]) for i in range(len(points) - 4)]
    placed = place_labels(labels, markers, lines, AXES)
    assert overlaps(placed) == 0
    assert sum(a.overlap(b) > 0 for a in placed for b in markers) == 0
    assert not any(box.outside(AXES) for box in placed)
    assert [(box.width, box.height) for box in placed] == [(32, 9)] * 20
    assert placed == place_labels(labels, markers, lines, AXES)
    near = [abs(a.y - b.y) + abs(a.x - b.x) for a, b in zip(labels, placed, strict=True)]
    assert max(near) < 120, "each beside its own point"


def test_a_lone_label_stands_above_its_point_and_within_the_axes() -> None:
    (free,) = place_labels([Box(200, 150, 30, 10)], [Box(200, 150, 6, 6)], [], AXES)
    assert (free.x, free.y > 155) == (pytest.approx(200), True)
    (top,) = place_labels([Box(200, 298, 30, 10)], [Box(200, 298, 6, 6)], [], AXES)
    assert not top.outside(AXES)


def test_overlap_of_boxes() -> None:
    assert Box(0, 0, 4, 2).overlap(Box(2, 1, 4, 2)) == 2
    assert Box(0, 0, 4, 2).overlap(Box(4, 0, 4, 2)) == 0, "touching is no overlap"


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
