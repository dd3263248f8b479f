"""View codes: by hand, against the protocols' headings, and as laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from iper_bench.body.heading import heading_and_tilt
from iper_bench.body.views import rotate_view
from iper_bench.conditions.view_codes import heading_codes, headings, original_turn_codes, turn_codes
from iper_bench.data.clip import BodyTrack
from tests.oracles import load, oracle_files
from tests.turning_clip import turning_track

FILES = oracle_files("datasets/yaw_rule*.npz")


def track_of(roots: np.ndarray) -> BodyTrack:
    """A track with root rotations (n, 3)."""
    poses = np.zeros((len(roots), 72), np.float32)
    poses[:, :3] = roots
    return BodyTrack(np.zeros(10, np.float32), poses, np.ones((len(roots), 3), np.float32))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_headings(path) -> None:
    arrays = load(path)
    names = sorted(key.removesuffix("_rotvec") for key in arrays if key.endswith("_rotvec"))
    assert names
    for name in names:
        found = headings(track_of(arrays[f"{name}_rotvec"]))
        apart = np.abs((found - arrays[f"{name}_heading"] + 180.0) % 360.0 - 180.0)
        clear = arrays[f"{name}_tilt"] < 0.99  # a chest that points up has no heading
        assert apart[clear].max() <= 1e-3, name  # rounded to 0.001 degrees, float32 roots


def test_headings_are_those_of_the_protocols() -> None:
    rng = np.random.default_rng(0)
    track = track_of(Rotation.random(50, random_state=rng).as_rotvec())
    expected, tilt = heading_and_tilt(track.poses[:, :3])
    apart = np.abs((headings(track) - expected + 180.0) % 360.0 - 180.0)
    assert apart[tilt < 0.99].max() <= 6e-4  # half of the last digit, and that of float64


def test_known_headings() -> None:
    facing = Rotation.from_euler("x", 180, degrees=True)
    for degrees in (0, 45, 90, 180, 270):
        turned = Rotation.from_euler("y", degrees, degrees=True) * facing
        assert headings(track_of(turned.as_rotvec()[None]))[0] == degrees


@pytest.mark.parametrize(
    ("degrees", "bins", "place"),
    [
        *[(0, 24, 0), (15, 24, 1), (-15, 24, 23), (7.4, 24, 0), (7.5, 24, 1), (352.4, 24, 23)],
        *[(352.5, 24, 0), (359.9999, 24, 0), (22.49999, 24, 2), (22.50001, 24, 2), (337.5, 24, 23)],
        *[(90, 8, 2), (360, 36, 0), (123, 1, 0)],
    ],
)
def test_known_heading_codes(degrees: float, bins: int, place: int) -> None:
    code = heading_codes(np.array(degrees), bins)
    assert code.dtype == np.float32
    np.testing.assert_array_equal(code, np.eye(bins)[place])


def test_every_frame_of_a_turn_has_a_code_of_its_own() -> None:
    """Sixteen frames of 22.5 degrees in 24 bins, from whichever of them one starts."""
    degrees = headings(turning_track(16))
    assert len(np.unique(heading_codes(degrees).argmax(1))) == 16
    for start in degrees:
        assert len(np.unique(turn_codes(np.full(16, start), degrees).argmax(1))) == 16


def test_turns_do_not_see_the_side_of_the_camera() -> None:
    """Law: turning both bodies changes no turn; changing places turns back."""
    track = turning_track(12)
    around = BodyTrack(track.betas, rotate_view(track.poses, 77.0), track.cams)
    one, other = headings(track), headings(around)
    np.testing.assert_array_equal(
        turn_codes(one[:-1], one[1:]).argmax(1), turn_codes(other[:-1], other[1:]).argmax(1)
    )
    there, back = turn_codes(one[:-1], one[1:]).argmax(1), turn_codes(one[1:], one[:-1]).argmax(1)
    np.testing.assert_array_equal((there + back) % 24, 0)


@pytest.mark.parametrize(
    ("source", "target", "place"),
    [
        (0, 0, 9),
        (0, 20, 10),
        (20, 0, 8),
        (0, 180, 18),
        (180, 0, 18),
        (0, 182, 0),
        (350, 30, 11),
        (0, 171, 18),
    ],
)
def test_original_turn_codes(source: float, target: float, place: int) -> None:
    code = original_turn_codes(np.array([source]), np.array([target]))
    assert code.shape == (1, 20)
    np.testing.assert_array_equal(code[0, :19], np.eye(19)[place])
    assert code[0, 19] == 1.0


def test_no_bins() -> None:
    with pytest.raises(ValueError, match="0 bins"):
        heading_codes(np.zeros(2), 0)
