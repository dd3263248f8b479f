"""Motion on a person: known cameras, ground contact, views."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.heading import heading_and_tilt
from iper_bench.data.clip import BodyTrack
from iper_bench.errors import UserError
from iper_bench.tasks.motion import MotionOptions, ViewOptions, drive, feet, look_around
from tests.turning_clip import turning_track

BODY = load_body("open-coarse")
CAMERA = 1e-5  # float32 arithmetic on values of about 1
ANGLE = 1e-3  # degrees; rotation vectors are float32


def walking(count: int = 6) -> BodyTrack:
    """A driver who comes nearer, walks to the right and bends a knee."""
    track = turning_track(count)
    poses = track.poses.copy()
    poses[:, 4 * 3] = np.linspace(0.0, 0.6, count)
    steps = np.linspace(0.0, 1.0, count)
    cams = np.stack([0.7 + 0.2 * steps, 0.3 * steps, 0.3 + 0.1 * steps], 1).astype(np.float32)
    return BodyTrack(np.full(10, 0.5, np.float32), poses, cams)


PERSON = BodyTrack(
    np.zeros(10, np.float32), turning_track(1).poses, np.array([[0.9, -0.1, 0.35]], np.float32)
)


def cams(**options: object) -> np.ndarray:
    return drive(BODY, PERSON, walking(), MotionOptions(smooth=False, **options)).track.cams  # type: ignore[arg-type]


def test_copy_takes_the_driver_as_he_is() -> None:
    driver = walking()
    motion = drive(BODY, PERSON, driver, MotionOptions("copy", smooth=False))
    assert np.array_equal(motion.track.cams, driver.cams)
    assert np.array_equal(motion.track.poses, driver.poses)
    assert np.array_equal(motion.track.betas, PERSON.betas)
    assert motion.frames == tuple(range(6))


def test_source_stands_still() -> None:
    assert (cams(camera="source") == PERSON.cams[0]).all()


def test_reference_place_with_the_source_scale() -> None:
    found = cams(camera="ref_txty")
    assert (found[:, 0] == PERSON.cams[0, 0]).all()
    assert np.array_equal(found[:, 1:], walking().cams[:, 1:])


@pytest.mark.parametrize("stabilise", [True, False])
def test_smooth_begins_at_the_source_camera(stabilise: bool) -> None:
    np.testing.assert_allclose(cams(stabilise=stabilise)[0], PERSON.cams[0], atol=CAMERA)


def test_smooth_without_stabilising_keeps_relative_steps() -> None:
    found, driver = cams(stabilise=False), walking().cams
    np.testing.assert_allclose(found[:, 0] / found[0, 0], driver[:, 0] / driver[0, 0], rtol=CAMERA)
    np.testing.assert_allclose(found[:, 1:] - found[:1, 1:], driver[:, 1:] - driver[:1, 1:], atol=CAMERA)


def test_stabilised_driver_stays_on_the_ground() -> None:
    """Scale and sideways steps are gone, and his lowest point keeps its height in the picture."""
    driver = walking()
    found = drive(BODY, PERSON, driver, MotionOptions(smooth=False)).track
    np.testing.assert_allclose(found.cams[:, 0], PERSON.cams[0, 0], rtol=CAMERA)
    np.testing.assert_allclose(found.cams[:, 1], PERSON.cams[0, 1], atol=CAMERA)
    ground = feet(BODY, driver.betas, driver.poses) + found.cams[:, 2]
    np.testing.assert_allclose(ground, ground[0], atol=CAMERA)


def test_feet_are_the_lowest_vertices() -> None:
    driver = walking()
    vertices = BODY.pose(torch.from_numpy(driver.betas), torch.from_numpy(driver.poses)).vertices
    assert np.array_equal(feet(BODY, driver.betas, driver.poses), vertices[..., 1].max(1).values.numpy())


def test_long_motion_is_smoothed_and_short_is_not() -> None:
    options = MotionOptions("copy")
    for count, changed in ((10, False), (11, True)):
        driver = walking(count)
        found = drive(BODY, PERSON, driver, options).track
        assert (not np.array_equal(found.cams, driver.cams)) == changed
        assert (options.to_json(count)["smooth"] is not None) == changed
    assert not MotionOptions(smooth=False).smoothed(100)


def test_view_turns_every_heading() -> None:
    before, _ = heading_and_tilt(drive(BODY, PERSON, walking(), MotionOptions("copy")).track.poses[:, :3])
    turned = drive(BODY, PERSON, walking(), MotionOptions("copy", view=90.0)).track.poses
    after, _ = heading_and_tilt(turned[:, :3])
    np.testing.assert_allclose((after - before) % 360.0, 90.0, atol=ANGLE)


def test_bullet_time_says_from_which_frames() -> None:
    motion = drive(BODY, PERSON, walking(), MotionOptions("copy", stops=((2, 3),)), range(16, 22))
    assert motion.frames == (16, 17, 18, 18, 18, 18, 19, 20, 21)
    assert len(motion) == len(motion.track) == 9


def test_turn_shows_every_side_and_keeps_the_camera() -> None:
    motion = look_around(BODY, PERSON, ViewOptions(5))
    headings, _ = heading_and_tilt(motion.track.poses[:, :3])
    np.testing.assert_allclose(headings, [0.0, 90.0, 180.0, 270.0, 0.0], atol=ANGLE)
    np.testing.assert_allclose(motion.track.cams[0], PERSON.cams[0], atol=CAMERA)
    assert (motion.track.cams[:, 0] == motion.track.cams[0, 0]).all()


def test_one_view_from_the_side() -> None:
    motion = look_around(BODY, PERSON, ViewOptions(1, rotate=(0.0, 90.0, 0.0)))
    np.testing.assert_allclose(heading_and_tilt(motion.track.poses[:, :3])[0], [90.0], atol=ANGLE)


def test_translation_and_zoom() -> None:
    plain = look_around(BODY, PERSON, ViewOptions(2)).track.cams
    moved = look_around(BODY, PERSON, ViewOptions(2, translate=(0.2, -0.1), zoom=1.5)).track.cams
    np.testing.assert_allclose(moved[:, 0], 1.5 * plain[:, 0], rtol=CAMERA)
    np.testing.assert_allclose(moved[:, 1:] - plain[:, 1:], [[0.2, -0.1]] * 2, atol=CAMERA)


def test_t_pose_or_own_pose() -> None:
    own, straight = (look_around(BODY, PERSON, ViewOptions(3, t_pose=t)).track.poses for t in (False, True))
    assert (own[:, 3:] == PERSON.poses[0, 3:]).all()
    assert (straight[:, 3:] == 0).all()


def test_options_that_contradict() -> None:
    with pytest.raises(UserError, match="stabilised motion with camera 'copy'"):
        MotionOptions("copy", stabilise=True)
    with pytest.raises(UserError, match=r"unknown camera 'smoth'.*did you mean smooth"):
        MotionOptions("smoth")
    assert not MotionOptions("copy").stabilised
    assert MotionOptions().stabilised
