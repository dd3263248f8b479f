"""Flow, visibility and parts of two posed meshes against the original's maps, by hand, and as laws."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body.loading import load_body
from iper_bench.conditions.body_flow import (
    BACKGROUND,
    HIDDEN,
    VISIBLE,
    BodyFlow,
    PairMaps,
    barycentric,
    body_flow,
    corr_bytes,
    median_of_body,
    merged_parts,
    pair_maps,
    read_corr,
    write_corr,
)
from iper_bench.conditions.part_labels import part_labels
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/diaf_geometry*.npz")


def reference_flow(arrays: dict[str, np.ndarray]) -> BodyFlow:
    return body_flow(
        arrays["in/verts2d_target"],
        arrays["in/verts2d_source"],
        arrays["in/faces"],
        arrays["in/face_map_target"],
        arrays["in/face_map_source"],
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_flow_and_visibility(path: Path) -> None:
    arrays = load(path)
    found = reference_flow(arrays)
    np.testing.assert_array_equal(found.visibility, arrays["out/vis"])
    # 1e-4 pixels: the reference stores float32
    np.testing.assert_allclose(found.places, arrays["out/corr"], atol=1e-4)
    np.testing.assert_allclose(found.flow().transpose(1, 2, 0), arrays["out/flow"], atol=1e-4)
    corners = np.repeat(arrays["in/tri"][None], len(arrays["in/pts"]), 0)
    np.testing.assert_allclose(barycentric(arrays["in/pts"], corners), arrays["out/bary"], atol=1e-9)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_file(path: Path, tmp_path: Path) -> None:
    arrays = load(path)
    expected = arrays["out/corr_file_bytes"].tobytes()
    assert corr_bytes(BodyFlow(arrays["out/corr"], arrays["out/vis"])) == expected
    (tmp_path / "given.corr").write_bytes(expected)
    found = read_corr(tmp_path / "given.corr")
    np.testing.assert_array_equal(found.places, arrays["out/corr"])
    np.testing.assert_array_equal(found.visibility, arrays["out/vis"])
    write_corr(tmp_path / "ours.corr", found)
    assert (tmp_path / "ours.corr").read_bytes() == expected


def test_one_triangle_by_hand() -> None:
    """A triangle that is twice as large in the source; the source shows another one only."""
    target = np.array([[0.0, 0], [4, 0], [0, 4]])
    face = np.array([[0, 1, 2]])
    shown = np.full((4, 4), -1)
    shown[1, 2] = 0
    found = body_flow(target, 2 * target + 1, face, shown, np.full((4, 4), -1))
    assert found.places[1, 2].tolist() == [5, 3]
    assert found.flow()[:, 1, 2].tolist() == [3, 2]
    assert found.visibility[1, 2] == HIDDEN
    assert (found.visibility == BACKGROUND).sum() == 15
    assert body_flow(target, target, face, shown, shown).visibility[1, 2] == VISIBLE
    far = body_flow(target, target + 100, face, shown, shown)
    assert far.flow()[:, 1, 2].tolist() == [4, 4]  # no farther than the image is wide and high


def test_a_triangle_without_area_is_named() -> None:
    with pytest.raises(ValueError, match="triangle 1 has no area"):
        barycentric(np.zeros((2, 2)), np.array([[[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 1], [2, 2]]]))


def test_median_of_body() -> None:
    labels = np.full((12, 9), BACKGROUND, np.uint8)
    labels[2:7, 2:7] = VISIBLE
    labels[4, 4] = HIDDEN  # a single pixel is smoothed away
    labels[9] = VISIBLE  # a thin line becomes background
    clean = median_of_body(labels, BACKGROUND, 3)
    assert clean[4, 4] == VISIBLE
    assert (clean[9] == BACKGROUND).all()
    assert ((clean != BACKGROUND) <= (labels != BACKGROUND)).all()  # background never becomes body
    np.testing.assert_array_equal(median_of_body(labels, BACKGROUND, 1), labels)
    with pytest.raises(ValueError, match="median window 4"):
        median_of_body(labels, BACKGROUND, 4)


def test_merged_parts() -> None:
    merged = merged_parts(np.arange(25, dtype=np.uint8))
    assert merged.tolist() == [0, 2, 5, 6, 2, 5, 6, 2, 5, 6, 2, 5, 6, 1, 3, 4, 1, 3, 4, 3, 4, 3, 4, 3, 4]
    with pytest.raises(ValueError, match="label 25"):
        merged_parts(np.array([25], np.uint8))


@cache
def maps(source: int, target: int, *, neighbours: bool = False, window: int = 1, size: int = 64) -> PairMaps:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    track = dataset.clips("train")[0].track.take([source, target])
    parameters = [torch.from_numpy(value)[None] for value in (track.betas, track.poses, track.cams)]
    return pair_maps(load_body(dataset.body), *parameters, size, window=window, neighbours=neighbours)


def test_a_frame_comes_from_itself() -> None:
    same = maps(3, 3)
    assert not (same.visibility == HIDDEN).any()
    assert abs(same.flow).max() < 1e-3  # pixels; corners are snapped to 1/65536 pixel before they are drawn
    np.testing.assert_array_equal(same.source_parts, same.target_parts)


def test_flow_carries_parts_over() -> None:
    """Law: a visible pixel's source has the same part, but for borders (one pixel) and hidden faces."""
    pair = maps(0, 20)
    rows, columns = np.nonzero(pair.visibility[0] == VISIBLE)
    x, y = (pair.flow[0, axis, rows, columns] for axis in (0, 1))
    there = pair.source_parts[0, np.rint(rows + y).astype(int), np.rint(columns + x).astype(int)]
    assert len(rows) > 50
    assert (there == pair.target_parts[0, rows, columns]).mean() > 0.85


def test_parts_are_the_part_labels() -> None:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    track = dataset.clips("train")[0].track.take([0, 20])
    expected = merged_parts(part_labels(load_body(dataset.body), track, 64))
    pair = maps(0, 20)
    np.testing.assert_array_equal(np.stack([pair.source_parts[0], pair.target_parts[0]]), expected)


def test_neighbours_show_more() -> None:
    plain, spread = maps(0, 20), maps(0, 20, neighbours=True)
    before, after = ((one.visibility == VISIBLE) for one in (plain, spread))
    assert (after >= before).all()
    assert after.sum() > before.sum()
    np.testing.assert_array_equal(plain.flow, spread.flow)


def test_pairs_of_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"expected \(N, 10\)"):
        pair_maps(
            load_body("open-coarse"), torch.zeros(1, 10), torch.zeros(1, 3, 72), torch.zeros(1, 3, 3), 64
        )


GOOD = corr_bytes(BodyFlow(np.zeros((2, 3, 2), np.float32), np.zeros((2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds 0 bytes"),
        (GOOD[:-1], "holds 61 bytes"),
        (GOOD + b"\0", "holds 63 bytes"),
        (b"\xff\xff\xff\xff" + GOOD[4:], "claims -1x2 pixels"),
        (b"\0\0\0\x7f" + GOOD[4:], "claims 2130706432x2 pixels"),
        (GOOD[:-1] + b"\3", "class 3"),
        (GOOD[:8] + b"\0\0\xc0\x7f" + GOOD[12:], "not finite"),
    ],
)
def test_damaged_files(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.corr").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_corr(tmp_path / "bad.corr")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the file"):
        read_corr(tmp_path / "none.corr")
