"""Headings and the yaw rule against the oracle, by hand, and as laws."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body.heading import heading_and_tilt, usable
from iper_bench.protocol.candidates import SOURCE_POSITIONS, VIEW_ANGLES, candidates_of, choose_candidates
from iper_bench.protocol.view import View, views_known
from tests.oracles import load, oracle_files

FILES = oracle_files("datasets/yaw_rule*.npz")


def facing(degrees: np.ndarray) -> np.ndarray:
    """Root rotations (N, 3) of upright bodies with the given headings: a half turn, then a turn about y."""
    turns = []
    for angle in np.deg2rad(np.asarray(degrees, dtype=np.float64)):
        c, s = np.cos(angle), np.sin(angle)
        about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        rotation = about_y @ np.diag([1.0, -1.0, -1.0])
        # a product of two half-planes' turns is a half turn: axis from the symmetric part
        axis = np.sqrt(np.maximum((np.diag(rotation) + 1.0) / 2.0, 0.0))
        if axis[2] * axis[0] and rotation[0, 2] < 0:
            axis[2] = -axis[2]
        turns.append(np.pi * axis / np.linalg.norm(axis))
    return np.array(turns)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle(path) -> None:
    arrays = load(path)
    names = sorted(key.removesuffix("_rotvec") for key in arrays if key.endswith("_rotvec"))
    assert names
    for name in names:
        headings, tilt = heading_and_tilt(arrays[f"{name}_rotvec"])
        apart = np.abs((headings - arrays[f"{name}_heading"] + 180.0) % 360.0 - 180.0)
        assert apart.max() <= 1e-5, name  # the oracle's own tolerance, degrees
        np.testing.assert_allclose(tilt, arrays[f"{name}_tilt"], atol=1e-7)  # float64 through two formulas
        valid = usable(tilt)
        np.testing.assert_array_equal(valid, arrays[f"{name}_usable"])
        found = choose_candidates(headings, valid)
        np.testing.assert_array_equal(found.frames, arrays[f"{name}_candidates"])
        np.testing.assert_array_equal(found.own_bin, arrays[f"{name}_in_bin"])


def test_known_headings() -> None:
    upright = np.array([[np.pi, 0.0, 0.0]])  # half turn about x: faces the camera
    heading, tilt = heading_and_tilt(upright)
    assert heading[0] == 0.0
    assert tilt[0] == pytest.approx(0.0, abs=1e-12)
    wanted = np.array([0.0, 45.0, 90.0, 180.0, 270.0, 315.0])
    heading, _ = heading_and_tilt(facing(wanted))
    np.testing.assert_allclose(heading, wanted, atol=1e-6)


def test_lying_body_is_not_usable() -> None:
    _, tilt = heading_and_tilt(np.array([[np.pi / 2, 0.0, 0.0], [np.pi, 0.0, 0.0]]))
    np.testing.assert_array_equal(usable(tilt), [False, True])
    with pytest.raises(ValueError, match="clear heading"):
        candidates_of(np.array([[np.pi / 2, 0.0, 0.0]]))


def test_full_turn_gives_every_view_once() -> None:
    headings = np.round((np.arange(16) * 22.5) % 360.0, 6)
    found = choose_candidates(headings, np.ones(16, dtype=bool))
    assert found.frames == tuple(range(0, 16, 2))
    assert found.headings == tuple(float(angle) for angle in VIEW_ANGLES)
    assert views_known(found.views)


def test_views_of_a_hand_made_turn() -> None:
    """Every bin has a frame, bin 45 two: frame 1 lies nearer to 45 than the last one."""
    headings = np.array([2.0, 40.0, 100.0, 137.0, 185.0, 224.0, 272.0, 310.0, 24.0])
    found = choose_candidates(headings, np.ones(9, dtype=bool))
    assert found.views == (
        View(0, 0, 2.0, True),
        View(1, 45, 40.0, True),
        View(2, 90, 100.0, True),
        View(3, 135, 137.0, True),
        View(4, 180, 185.0, True),
        View(5, 225, 224.0, True),
        View(6, 270, 272.0, True),
        View(7, 315, 310.0, True),
    )
    assert views_known(found.views)


def test_a_missing_view_is_marked_with_its_true_heading() -> None:
    """Nothing in [67.5, 112.5): the unchosen frames are 24 and 60 degrees, and 60 is nearer to 90."""
    headings = np.array([2.0, 40.0, 137.0, 185.0, 224.0, 272.0, 310.0, 24.0, 60.0])
    found = choose_candidates(headings, np.ones(9, dtype=bool))
    assert [view.frame for view in found.views] == [0, 1, 8, 2, 3, 4, 5, 6]
    assert found.views[2] == View(8, 90, 60.0, False)
    assert [view.known for view in found.views] == [True, True, False] + [True] * 5
    assert not views_known(found.views)
    assert str(found.views[2]) == "90: 8 (60.0, not its bin)"
    assert str(found.views[0]) == "0: 0 (2.0)"


def test_views_without_measurement() -> None:
    """A listed protocol: its angle is believed; without one the view is unknown."""
    assert View(3, 90).known
    assert not View(3, None).known
    assert (str(View(3, 90)), str(View(3, None))) == ("90: 3", "unknown: 3")
    assert not views_known(())


def test_bin_is_closed_below_and_open_above() -> None:
    # 337.5 and 22.4 belong to view 0, 22.5 to view 45
    found = choose_candidates(np.array([22.5, 337.5, 22.4]), np.ones(3, dtype=bool))
    assert found.frames[:2] == (2, 0)
    assert found.own_bin[:2] == (True, True)


def test_ties_go_to_the_smallest_index() -> None:
    found = choose_candidates(np.array([10.0, 350.0, 10.0]), np.ones(3, dtype=bool))
    assert found.frames[0] == 0


def test_fewer_frames_than_views_repeat_the_nearest() -> None:
    found = choose_candidates(np.array([0.0, 180.0]), np.ones(2, dtype=bool))
    assert found.frames == (0, 0, 0, 1, 1, 1, 0, 0)
    assert found.own_bin == (True, False, False, False, True, False, False, False)
    assert not views_known(found.views)


def test_frames_left_out_are_never_chosen_and_order_of_the_rest_is_kept() -> None:
    rng = np.random.default_rng(5)
    headings = np.round(rng.uniform(0, 360, 60), 6)
    valid = rng.uniform(size=60) < 0.6
    found = choose_candidates(headings, valid)
    assert all(valid[frame] for frame in found.frames)
    alone = choose_candidates(headings[valid], np.ones(valid.sum(), dtype=bool))
    assert found.frames == tuple(np.flatnonzero(valid)[list(alone.frames)])


def test_sources_are_nested() -> None:
    found = choose_candidates(np.round(np.arange(0, 360, 7.0), 6), np.ones(52, dtype=bool))
    sources = found.sources((1, 2, 4, 8))
    for few, many in ((1, 2), (2, 4), (4, 8)):
        assert set(sources[few]) < set(sources[many])
    assert {sn: len(frames) for sn, frames in sources.items()} == {sn: sn for sn in SOURCE_POSITIONS}
