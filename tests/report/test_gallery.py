"""The qualitative grids: which picture stands where, as a table and as a PNG; what is missing is hatched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iper_bench.report import gallery
from iper_bench.report.frame_index import NOT_KEPT, FrameIndex, Missing, Picture
from iper_bench.report.gallery_details import most_different
from iper_bench.report.gallery_grid import GalleryGrid
from iper_bench.report.gallery_layouts import layouts
from iper_bench.report.grid import BLANK, GridRow, draw_grid
from tests.report import framed
from tests.report.framed import context_of, framed_rows, write_framed

TRIALS = ("self:a/0", "self:b/0", "cross:a/0<-b/0")


def grids_of(*runs: Path, clips: int = 4) -> dict[str, GalleryGrid]:
    context = context_of(*runs, clips=clips)
    found = [grid for stock in gallery.stocks(context, FrameIndex(runs)) for grid in layouts(stock)]
    return {grid.name.rpartition("-")[2]: grid for grid in found}


def test_imitation_has_a_row_per_trial_with_sources_reference_and_methods(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["attlwb", "warp"], trials=TRIALS))
    grids = grids_of(run)
    assert sorted(grids) == ["comparison", "imitation"]
    grid = grids["imitation"]
    assert grid.columns == ("sources (sn = 2)", "reference", "attlwb", "warp")
    assert [line.title for line in grid.lines] == [
        f"{trial}, frame 8" for trial in TRIALS
    ]  # middle of 0, 8, 16
    sources, reference, attlwb, warp = grid.lines[0].cells
    assert [one.number for one in sources if isinstance(one, Picture)] == [0, 12]
    assert [one.number for one in (*reference, *attlwb, *warp) if isinstance(one, Picture)] == [8, 8, 8]
    assert grid.missing == ()


def test_trials_are_the_first_by_name_of_every_setting(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["warp"], trials=TRIALS))
    titles = [line.title for line in grids_of(run, clips=1)["imitation"].lines]
    assert titles == ["self:a/0, frame 8", "cross:a/0<-b/0, frame 8"]


def test_details_show_one_part_of_the_frame_in_every_column(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["attlwb", "warp"], trials=TRIALS))
    grid = grids_of(run)["comparison"]
    details = [line for line in grid.lines if line.detail]
    assert len(details) == 3
    source, reference, *results = details[0].cells
    assert source == ()
    crops = [[one.crop for one in cell if isinstance(one, Picture)] for cell in (reference, *results)]
    assert crops[0] == crops[1] == crops[2]
    assert len(crops[0]) == 2
    assert None not in crops[0]
    assert details[2].cells[1] == ()  # cross: the reference shows somebody else there


def test_transfer_shows_clothes_and_truth(tmp_path: Path) -> None:
    rows = framed_rows(["warp"], trials=["transfer:a/0<-c/0"], task="appearance_transfer")
    worn = {"reference": {"clip": "c/0", "sources": {"2": [0, 12]}}}
    grid = grids_of(write_framed(tmp_path / "run", rows, trial_facts=worn))["transfer"]
    assert grid.columns == ("source", "reference clothes", "warp", "truth")
    assert [len(cell) for cell in grid.lines[0].cells] == [2, 2, 1, 1]
    assert not grid.missing


def test_novel_views_stand_in_a_row_by_angle(tmp_path: Path) -> None:
    rows = framed_rows(["copy", "warp"], trials=["view:a/0"], task="novel_view")
    angles = {"target_angles": [15.0 * t for t in range(framed.LENGTH)]}
    grid = grids_of(write_framed(tmp_path / "run", rows, trial_facts=angles))["views"]
    assert grid.columns == ("source", "0°", "120°", "240°")
    assert [line.title for line in grid.lines] == ["view:a/0, truth", "view:a/0, copy", "view:a/0, warp"]


def test_ablation_and_more_sources(tmp_path: Path) -> None:
    rows = [*framed_rows(["attlwb"], steps=0), *framed_rows(["attlwb"], steps=20)]
    rows += framed_rows(["attlwb"], sn=1, steps=20)
    grids = grids_of(write_framed(tmp_path / "run", rows))
    assert grids["ablation"].columns == ("source", "reference", "attlwb, T = 0", "attlwb, T = 20")
    assert grids["sources"].columns == ("reference", "sn = 1", "sn = 2")
    shown = [line.cells[1][0] for line in grids["sources"].lines]
    other = [line.cells[2][0] for line in grids["sources"].lines]
    assert len({*shown, *other}) == 4  # two trials, another unit per sn


def test_one_png_holds_the_frames_as_they_are(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["attlwb", "warp"], trials=TRIALS[:1]))
    panel = gallery.build(context_of(run))
    assert panel is not None
    for asset in panel.assets:
        asset.write(tmp_path / "report" / asset.name)
    assert {p.name for p in (tmp_path / "report" / "figures").iterdir()} == {
        "gallery-1-imitation.png",
        "gallery-1-comparison.png",
    }
    drawn = np.asarray(Image.open(tmp_path / "report" / "figures" / "gallery-1-imitation.png"))
    frame = FrameIndex([run]).read(framed_picture(run, "warp").container, [8])[0]
    large = np.repeat(np.repeat(frame, 5, axis=0), 5, axis=1)  # 32 pixels, five times: 160
    corners = np.argwhere((drawn == large[0, 0]).all(axis=-1))
    found = [drawn[y : y + 160, x : x + 160] for y, x in corners]
    assert any(one.shape == large.shape and (one == large).all() for one in found)


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    rows = framed_rows(["attlwb", "warp"], trials=TRIALS[:1])
    written = []
    for name in ("one", "two"):
        panel = gallery.build(context_of(write_framed(tmp_path / name, rows)))
        assert panel is not None
        for asset in panel.assets:
            asset.write(tmp_path / "reports" / name / asset.name)
        files = sorted(p for p in (tmp_path / "reports" / name).rglob("*") if p.is_file())
        written.append((panel.html, panel.markdown, [(p.name, p.read_bytes()) for p in files]))
    assert written[0] == written[1]


def test_a_line_of_details_is_lower_and_what_belongs_nowhere_stays_white() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    full = GridRow("t", ([image], [image]), ("", ""))
    detail = GridRow("", ([], [image]), (BLANK, ""), share=0.5)
    height = draw_grid([full], ["a", "b"], cell=64).shape[0]
    drawn = draw_grid([full, detail], ["a", "b"], cell=64)
    assert 32 < drawn.shape[0] - height < 64  # half a cell and its line of text
    assert (drawn[height:, :64] == 255).all()
    hatched = draw_grid([full, replace(detail, reasons=("gone", ""))], ["a", "b"], cell=64)
    assert not (hatched[height:, :64] == 255).all()


def framed_picture(run: Path, method: str) -> Picture:
    grid = grids_of(run)["imitation"]
    shown = grid.lines[0].cells[grid.columns.index(method)][0]
    assert isinstance(shown, Picture)
    return shown


def test_damage_is_hatched_with_its_reason_and_never_ends_the_report(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["<script>", "warp"], trials=TRIALS))
    held = framed_picture(run, "warp").container.owner
    gone = framed_picture(run, "<script>").container.owner
    (run / "predictions" / held / "00008.png").write_bytes(b"broken")
    shutil.rmtree(run / "predictions" / gone)
    shutil.rmtree(run / "exhibits" / sorted(p.name for p in (run / "exhibits").iterdir())[0])
    panel = gallery.build(context_of(run))
    assert panel is not None
    assert NOT_KEPT in panel.html
    assert "not saved in the run" in panel.html
    assert "<script>" not in panel.html
    assert "<script>" not in panel.markdown
    for asset in panel.assets:
        asset.write(tmp_path / "report" / asset.name)
    assert (tmp_path / "report" / "figures" / "gallery-1-imitation.png").stat().st_size > 1000
    assert Missing(NOT_KEPT).reason in panel.markdown


def test_no_panel_where_no_prediction_was_kept(tmp_path: Path) -> None:
    run = write_framed(tmp_path / "run", framed_rows(["warp"]))
    shutil.rmtree(run / "predictions")
    assert gallery.build(context_of(run)) is None


def test_the_place_of_the_largest_difference_is_found() -> None:
    one = np.zeros((40, 60, 3), np.uint8)
    other = one.copy()
    other[20:30, 40:50] = 200
    other[2, 2] = 30
    first, second = most_different([one, other, one])
    assert first == pytest.approx((20 / 40, 40 / 60, 30 / 40, 50 / 60))
    assert second[0] <= 2 / 40 < second[2]
    assert second[1] <= 2 / 60 < second[3]


def test_places_are_those_of_a_plain_search_and_do_not_overlap() -> None:
    images = list(np.random.default_rng(2).integers(0, 255, (3, 24, 24, 3), dtype=np.uint8))
    spread = np.stack(images).astype(float).std(axis=0).sum(-1)
    sums = {(y, x): spread[y : y + 6, x : x + 6].sum() for y in range(19) for x in range(19)}
    first, second = most_different(images)
    y, x = max(sums, key=lambda place: sums[place])
    assert first == pytest.approx((y / 24, x / 24, (y + 6) / 24, (x + 6) / 24))
    apart = {place: s for place, s in sums.items() if abs(place[0] - y) >= 6 or abs(place[1] - x) >= 6}
    v, u = max(apart, key=lambda place: apart[place])
    assert second[:2] == pytest.approx((v / 24, u / 24))


def test_equal_images_have_no_details() -> None:
    image = np.full((20, 20, 3), 7, np.uint8)
    assert most_different([image, image.copy()]) == []
    with pytest.raises(ValueError, match="two or more"):
        most_different([image])
