"""Training pairs of view synthesis: by hand, and on clips whose turn is known."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.body.views import rotate_view
from iper_bench.conditions.view_codes import headings
from iper_bench.conditions.view_pairs import ALIKE, pose_distances, views_of_one_pose
from iper_bench.data.clip import BodyTrack
from iper_bench.data.dataset import DATASETS
from tests.turning_clip import turning_track


def moving(turn: int, action: int, seed: int = 0) -> BodyTrack:
    """A turn, then frames whose joints are all bent by angles at random."""
    track = turning_track(turn + action)
    poses = track.poses.copy()
    poses[turn:, 3:] += np.random.default_rng(seed).uniform(0.2, 1.0, (action, 69)).astype(np.float32)
    return BodyTrack(track.betas, poses, track.cams)


def test_known_distance() -> None:
    """One joint bent by 46 degrees is 2 degrees in the mean of 23 joints."""
    track = turning_track(3)
    poses = track.poses.copy()
    poses[2, 3:6] = [np.deg2rad(46.0), 0, 0]
    apart = pose_distances(BodyTrack(track.betas, poses, track.cams))
    expected = np.array([[0, 0, 2], [0, 0, 2], [2, 2, 0]], dtype=np.float64)
    np.testing.assert_allclose(apart, expected, atol=1e-4)  # arc cosine near 1, of float32 poses


def test_distances_do_not_see_the_view() -> None:
    track = moving(4, 4)
    around = BodyTrack(track.betas, rotate_view(track.poses, 130.0), track.cams)
    apart = pose_distances(track)
    np.testing.assert_allclose(pose_distances(around), apart, atol=1e-9)
    np.testing.assert_allclose(apart, apart.T, atol=1e-9)


@pytest.mark.parametrize("count", [1, 3])
def test_only_the_turn_is_chosen(count: int) -> None:
    track, rng = moving(6, 10), np.random.default_rng(3)
    targets, sources = set(), set()
    for _ in range(60):
        target, found = views_of_one_pose(track, count, rng)
        assert len(found) == count
        assert len({target, *found}) == count + 1
        targets.add(target)
        sources.update(found)
    assert targets == sources == set(range(6))


def test_a_clip_without_a_turn_gives_its_closest_poses() -> None:
    track = moving(0, 8)
    apart = pose_distances(track) + np.diag(np.full(8, np.inf))
    target, (source,) = views_of_one_pose(track, 1, np.random.default_rng(0))
    assert apart[target, source] == apart.min() > ALIKE


def test_slow_motion_is_no_other_side() -> None:
    """Frames of one pose whose headings are 4 degrees apart, between views that are 90 degrees apart."""
    track = turning_track(4)
    still = np.stack([rotate_view(track.poses[:1], 4.0 * k)[0] for k in range(1, 4)])
    poses = np.concatenate([track.poses, still])
    track = BodyTrack(track.betas, poses, np.ones((7, 3), np.float32))
    degrees, rng = headings(track), np.random.default_rng(0)
    for _ in range(40):
        target, (source,) = views_of_one_pose(track, 1, rng)
        turn = abs(degrees[target] - degrees[source])
        assert 15.0 <= turn <= 345.0


def test_the_embedded_dataset() -> None:
    """Its clips begin with a turn of 16 frames."""
    clip = DATASETS.get("synthetic")(root=None, size=64).clips("train")[0]
    rng, inside = np.random.default_rng(0), 0
    for _ in range(40):
        rows = rng.choice(len(clip), 12, replace=False)
        target, sources = views_of_one_pose(clip.track.take(list(rows)), 1, rng)
        inside += max(rows[target], rows[sources[0]]) < 16
    assert inside >= 30


def test_too_few_frames() -> None:
    with pytest.raises(ValueError, match="3 sources and a target of 3 frames"):
        views_of_one_pose(turning_track(3), 3, np.random.default_rng(0))
