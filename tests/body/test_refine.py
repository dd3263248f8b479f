"""Refinement by 2-D points, the points it compares, person boxes: known answers, laws, an oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from iper_bench.body import load_body
from iper_bench.body.camera import project
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.model import BodyModel
from iper_bench.body.recovery.estimate import RecoveredBodies
from iper_bench.body.recovery.keypoint_joints import JOINTS, LAYOUTS, PointBody
from iper_bench.body.recovery.person_box import (
    boxes_from_bodies,
    boxes_from_keypoints,
    boxes_from_mattes,
    enlarged_mask_boxes,
    filled_boxes,
    union_box,
)
from iper_bench.body.recovery.refine import (
    STIFFNESS,
    TEMPORAL,
    RefineOptions,
    _loss,
    _Window,
    refine_track,
    reprojection,
)
from iper_bench.errors import UserError
from tests.oracles import load, oracle_files
from tests.turning_clip import turning_track

SIDE = 256  # pixels of the frames
FRAMES = 4
BOXES = [pytest.param(path, id=path.stem) for path in oracle_files("datasets/joint_boxes*.npz")]


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body("open-coarse")


@pytest.fixture(scope="module")
def truth() -> RecoveredBodies:
    """A slow turn with bent elbows and knees, in which the arms rise."""
    track = turning_track(4 * FRAMES).take(range(FRAMES))
    poses = track.poses.copy()
    for frame in range(FRAMES):
        poses[frame, 48:54] += 0.1 * frame
        poses[frame, [3 * 4, 3 * 5]] = 0.3
        poses[frame, [3 * 18 + 1, 3 * 19 + 1]] = -0.5, 0.5
    return RecoveredBodies(track.betas, poses, track.cams)


def disturbed(track: RecoveredBodies, angle: float = 0.12, shape: float = 0.3) -> RecoveredBodies:
    """Every joint turned at random, by another angle in every frame."""
    random = np.random.default_rng(0)
    turns = Rotation.from_rotvec(random.normal(0, angle, (len(track.poses) * 24, 3)))
    poses = (Rotation.from_rotvec(track.poses.reshape(-1, 3)) * turns).as_rotvec().astype(np.float32)
    betas = track.betas + random.normal(0, shape, 10).astype(np.float32)
    return RecoveredBodies(betas, poses.reshape(len(track.poses), 72), track.cams)


def seen(body: BodyModel, track: RecoveredBodies, layout: str) -> np.ndarray:
    """(T, J, 3): what a perfect detector says."""
    points = PointBody(body, layout)
    poses = torch.from_numpy(track.poses).double().reshape(-1, 24, 3)
    posed = points.pose(torch.from_numpy(track.betas).double(), rotation_matrices(poses)).points
    image = (project(posed, torch.from_numpy(track.cams))[..., :2] + 1) / 2 * SIDE
    return torch.cat([image, torch.ones_like(image[..., :1])], dim=2).numpy()


def joint_error(body: BodyModel, track: RecoveredBodies, truth: RecoveredBodies) -> float:
    """Mean distance of the joints, relative to the root, metres."""
    joints = []
    for each in (track, truth):
        posed = body.pose(torch.from_numpy(each.betas), torch.from_numpy(each.poses)).joints
        joints.append(posed - posed[:, :1])
    return float((joints[0] - joints[1]).norm(dim=-1).mean())


def assert_same(found: RecoveredBodies, expected: RecoveredBodies) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_points_are_those_of_the_whole_body(body, truth, layout) -> None:
    """Reference: the body posed with all its vertices; 1e-5 m, float32 against float64."""
    points = PointBody(body, layout)
    betas = torch.linspace(-1, 1, 10)
    whole = body.pose(betas, torch.from_numpy(truth.poses))
    rotations = rotation_matrices(torch.from_numpy(truth.poses).double().reshape(-1, 24, 3))
    found = points.pose(betas.double(), rotations)
    np.testing.assert_allclose(found.joints, whole.joints, atol=1e-5)
    joints = {"right_wrist": 21, "left_knee": 4, "pelvis": 0, "left_shoulder": 16, "right_ankle": 8}
    vertices = {**body.landmarks, "head_top": int(body.template[:, 1].argmax())}
    compared = 0
    for place, name in enumerate(LAYOUTS[layout]):
        if name in joints or name in vertices:
            wanted = whole.joints[:, joints[name]] if name in joints else whole.vertices[:, vertices[name]]
            np.testing.assert_allclose(found.points[:, place], wanted, atol=1e-5)
            compared += 1
    assert compared >= 4


def test_places_that_detectors_define_otherwise_do_not_count(body) -> None:
    for layout, ignored in (("body25", 3), ("coco17", 2), ("cocoplus19", 3), ("smpl24", 0)):
        counts = PointBody(body, layout).counts
        assert len(counts) == int(layout[-2:])
        assert int((counts == 0).sum()) == ignored
    with pytest.raises(UserError, match=r"unknown keypoint layout 'body52'.*did you mean body25"):
        PointBody(body, "body52")


def test_a_body_without_landmarks_leaves_their_points_out(body, truth) -> None:
    from dataclasses import replace

    bare = replace(body, landmarks={})
    counts = PointBody(bare, "coco17").counts
    assert counts[:5].tolist() == [0] * 5
    wanted = seen(body, truth, "coco17")
    _, report = refine_track(bare, disturbed(truth), wanted, "coco17", side=SIDE)
    assert report.after.mean < report.before.mean / 4


@pytest.mark.parametrize(
    ("layout", "arms", "legs", "rest"),
    [
        (
            "body25",
            ((2, 3, 4), (5, 6, 7)),
            ((9, 10, 11), (12, 13, 14)),
            ((15, 17, 22, 23, 24), (16, 18, 19, 20, 21)),
        ),
        ("cocoplus19", ((8, 7, 6), (9, 10, 11)), ((2, 1, 0), (3, 4, 5)), ((16, 18), (15, 17))),
        ("coco17", ((6, 8, 10), (5, 7, 9)), ((12, 14, 16), (11, 13, 15)), ((2, 4), (1, 3))),
    ],
)
def test_limbs_run_outwards(body, layout, arms, legs, rest) -> None:
    """Published numbers of the right and the left limb, and of eyes, ears and feet, in the T-pose: the left
    hand points along +x.
    """
    upright = torch.eye(3, dtype=torch.float64).expand(1, 24, 3, 3)
    points = PointBody(body, layout).pose(torch.zeros(10, dtype=torch.float64), upright).points[0].numpy()
    for side, arm, leg, others in zip((-1, 1), arms, legs, rest, strict=True):
        assert (np.diff(side * points[list(arm), 0]) > 0.1).all()
        assert (np.diff(points[list(leg), 1]) < -0.2).all()
        assert (side * points[[*arm, *leg, *others], 0] > 0).all()


def test_left_and_right_are_not_exchanged(body) -> None:
    """A person who faces the camera has his left hand on the right side of the picture, in every layout."""
    front = turning_track(1)
    twins = {"leye": "reye", "lear": "rear", "LHeel": "RHeel", "LBigToe": "RBigToe", "LSmallToe": "RSmallToe"}
    still = RecoveredBodies(front.betas, front.poses, front.cams)
    for layout, names in LAYOUTS.items():
        points = dict(zip(names, seen(body, still, layout)[0, :, 0], strict=True))
        for name, x in points.items():
            other = name.replace("left_", "right_") if name.startswith("left_") else twins.get(name)
            if other is not None:
                assert x > points[other], (layout, name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_exact_points_draw_a_disturbed_track_to_the_truth(body, truth, layout) -> None:
    start, points = disturbed(truth), seen(body, truth, layout)
    found, report = refine_track(body, start, points, layout, side=SIDE)
    assert report.after.mean < report.before.mean / 4
    assert joint_error(body, found, truth) < 0.75 * joint_error(body, start, truth)
    assert found.cams is not start.cams
    np.testing.assert_array_equal(found.cams, start.cams)  # the camera is not refined
    assert report.unseen == report.kept == ()
    again = reprojection(body, found, points, layout, side=SIDE)
    assert again.mean == pytest.approx(report.after.mean, abs=1e-3)  # float32 poses
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "options",
    [
        RefineOptions("adam", iterations=60),
        RefineOptions(robust="huber"),
        RefineOptions(temporal_weight=TEMPORAL),
        RefineOptions(camera=True),
        RefineOptions(window=2),
        RefineOptions(window=2, temporal_weight=TEMPORAL),
    ],
    ids=str,
)
def test_every_option_refines(body, truth, options) -> None:
    start, points = disturbed(truth), seen(body, truth, "body25")
    found, report = refine_track(body, start, points, "body25", side=SIDE, options=options)
    assert report.after.mean < report.before.mean / 4
    assert joint_error(body, found, truth) < 0.75 * joint_error(body, start, truth)
    assert found.poses.shape == start.poses.shape


def test_distances_are_pixels_weighted_by_confidence(body, truth) -> None:
    keypoints = seen(body, truth, "smpl24")
    keypoints[..., :2] += [3.0, 4.0]
    keypoints[1, 0, :2] += [30.0, 40.0]
    keypoints[1, 1:, 2] = 0.5
    far = reprojection(body, truth, keypoints, "smpl24", side=SIDE)
    second = (55.0 + 23 * 0.5 * 5.0) / (1 + 23 * 0.5)
    np.testing.assert_allclose(far.per_frame, [5.0, second, 5.0, 5.0], rtol=1e-4)
    assert far.mean == pytest.approx((3 * 24 * 5.0 + 55.0 + 23 * 0.5 * 5.0) / (3 * 24 + 12.5), rel=1e-4)


def test_the_default_is_the_released_optimiser() -> None:
    options = RefineOptions()
    assert (options.optimiser, options.iterations, options.step, options.camera) == (
        "lbfgs",
        None,
        None,
        False,
    )
    from iper_bench.body.recovery.refine import OPTIMISERS

    assert OPTIMISERS == {"lbfgs": (20, 1.0), "adam": (100, 0.01)}


@pytest.mark.parametrize(
    "options", [RefineOptions(camera=True), RefineOptions("adam", iterations=10)], ids=["lbfgs", "adam"]
)
def test_an_exact_track_stays(body, truth, options) -> None:
    points = seen(body, truth, "body25")
    found, report = refine_track(body, truth, points, "body25", side=SIDE, options=options)
    assert report.before.mean < 1e-6  # both sides in float64
    for one, other in zip(found, truth, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("robust", ["geman-mcclure", "huber"])
def test_what_is_minimised_is_the_documented_sum(body, truth, robust) -> None:
    """Term by term in numpy, bodies posed by the whole model; its float32 costs 1e-5 of the sum."""
    random = np.random.default_rng(2)
    first, options = disturbed(truth), RefineOptions(robust=robust, radius=0.1, temporal_weight=0.3)
    keypoints = seen(body, truth, "smpl24")
    keypoints[..., 2] = random.uniform(0, 1, keypoints.shape[:2])
    turns = random.normal(0, 0.1, (FRAMES, 24, 3))
    betas, cams = first.betas + 0.5, first.cams * [1.1, 1.0, 1.0]
    points = PointBody(body, "smpl24")
    window = replace(
        _Window.of(first, keypoints, points, SIDE),
        **{"corrections": torch.from_numpy(turns), "betas": torch.from_numpy(betas).double()},
        cams=torch.from_numpy(cams),
    )

    rotations = Rotation.from_rotvec(first.poses.reshape(-1, 3)) * Rotation.from_rotvec(turns.reshape(-1, 3))
    poses = rotations.as_rotvec().astype(np.float32).reshape(FRAMES, 72)
    joints = body.pose(torch.from_numpy(betas), torch.from_numpy(poses)).joints.double().numpy()
    image = cams[:, None, :1] * (joints[..., :2] + cams[:, None, 1:])
    found = keypoints[..., :2] / SIDE * 2 - 1
    apart = np.linalg.norm((image - found) / first.cams[:, None, :1], axis=2)
    geman = apart**2 * 0.01 / (apart**2 + 0.01)
    huber = np.where(apart > 0.1, 0.2 * apart - 0.01, apart**2)
    stiffness = np.array([STIFFNESS.get(name, 1.0) for name in JOINTS])
    relative, matrices = joints - joints[:, :1], rotations.as_matrix().reshape(FRAMES, -1)
    expected = (
        (keypoints[..., 2] ** 2 * (geman if robust == "geman-mcclure" else huber)).sum()
        + options.pose_weight * (stiffness * (turns**2).sum(2)).sum()
        + options.shape_weight * FRAMES * 10 * 0.5**2
        + 0.3 * (np.diff(relative, axis=0) ** 2).sum()
        + 0.3 * 0.1 * (np.diff(matrices, axis=0) ** 2).sum()
    )
    assert float(_loss(points, window, options)) == pytest.approx(expected, rel=1e-5)


def test_points_of_confidence_0_have_no_influence(body, truth) -> None:
    start, points = disturbed(truth), seen(body, truth, "body25")
    points[:, [4, 20], 2] = 0
    points[2, :, 2] = 0
    clean, report = refine_track(body, start, points, "body25", side=SIDE)
    points[:, [4, 20], :2] = np.nan
    points[2, :, :2] = 1e9
    dirty, _ = refine_track(body, start, points, "body25", side=SIDE)
    assert_same(dirty, clean)
    assert report.unseen == (2,)
    assert np.isnan(report.after.per_frame[2])
    np.testing.assert_array_equal(clean.poses[2], start.poses[2])  # nothing is known there
    assert (clean.poses[1] != start.poses[1]).any()


def test_without_any_point_nothing_changes(body, truth) -> None:
    points = np.zeros((FRAMES, 25, 3))
    found, report = refine_track(body, truth, points, "body25", side=SIDE)
    assert_same(found, truth)
    assert np.isnan(report.before.mean)
    assert np.isnan(report.after.mean)


def test_an_outlier_is_not_followed(body, truth) -> None:
    """One wrist in another corner of the picture: Geman-McClure lets go of it, the rest still fits."""
    start, points = disturbed(truth, 0.05), seen(body, truth, "body25")
    straight, _ = refine_track(body, start, points, "body25", side=SIDE)
    points[:, 4, :2] = 5.0
    found, _ = refine_track(body, start, points, "body25", side=SIDE)
    assert joint_error(body, found, straight) < 0.02


@pytest.mark.parametrize("window", [128, 2])
def test_time_has_no_direction(body, truth, window) -> None:
    """Refining the film backwards gives the same bodies backwards. The sums run in another order, and 20
    iterations carry that to at most 1e-3 of a rotation entry.
    """
    start, points = disturbed(truth), seen(body, truth, "body25")
    options = RefineOptions(temporal_weight=TEMPORAL, window=window)
    found, _ = refine_track(body, start, points, "body25", side=SIDE, options=options)
    mirrored = RecoveredBodies(start.betas, start.poses[::-1].copy(), start.cams[::-1].copy())
    back, _ = refine_track(body, mirrored, points[::-1].copy(), "body25", side=SIDE, options=options)
    one, other = (
        Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix() for poses in (found.poses, back.poses[::-1])
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


def test_the_shape_of_a_long_clip_knows_no_neighbours(body, truth) -> None:
    """It is found from frames far apart, which need not resemble each other."""
    first, keypoints = disturbed(truth), seen(body, truth, "smpl24")
    shapes = [
        refine_track(
            body,
            first,
            keypoints,
            "smpl24",
            side=SIDE,
            options=RefineOptions(temporal_weight=weight, window=2),
        )[0].betas
        for weight in (0.0, 10.0)
    ]
    np.testing.assert_array_equal(*shapes)
    assert np.abs(shapes[0] - first.betas).max() > 0.01


def test_the_temporal_term_calms_the_motion(body, truth) -> None:
    start, points = disturbed(truth), seen(body, truth, "coco17")
    points[..., :2] += np.random.default_rng(1).normal(0, 2.0, points[..., :2].shape)

    def unrest(track: RecoveredBodies) -> float:
        joints = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses)).joints
        return float((joints[2:] - 2 * joints[1:-1] + joints[:-2]).norm(dim=-1).mean())

    unrests = []
    for weight in (0.0, TEMPORAL, 50 * TEMPORAL):
        options = RefineOptions(temporal_weight=weight)
        unrests.append(unrest(refine_track(body, start, points, "coco17", side=SIDE, options=options)[0]))
    assert unrests[0] > unrests[1] > unrests[2]


def test_windows_join_smoothly(body, truth) -> None:
    """The step from one window to the next is much like that of a film refined as a whole."""
    steps = []
    for window in (128, 2):
        options = RefineOptions(temporal_weight=2.0, window=window)
        found, _ = refine_track(
            body, disturbed(truth), seen(body, truth, "smpl24"), "smpl24", side=SIDE, options=options
        )
        joints = body.pose(torch.from_numpy(found.betas), torch.from_numpy(found.poses)).joints
        joints = joints - joints[:, :1]
        steps.append(float((joints[2] - joints[1]).norm(dim=-1).mean()))
    assert steps[1] < 2 * steps[0]  # without the margin: eleven times


def test_a_wrong_camera_is_found_when_it_is_asked_for(body, truth) -> None:
    points = seen(body, truth, "smpl24")
    moved = RecoveredBodies(truth.betas, truth.poses, truth.cams + np.array([0.05, 0.03, -0.03], np.float32))
    stiff = {"pose_weight": 1e3, "shape_weight": 1e3}
    options = RefineOptions(camera=True, iterations=40, **stiff)
    found, report = refine_track(body, moved, points, "smpl24", side=SIDE, options=options)
    assert report.after.mean < 0.2
    np.testing.assert_allclose(found.cams, truth.cams, atol=0.01)


def test_a_larger_person_is_refined_alike(body, truth) -> None:
    """Distances are measured at the body: twice the scale and twice the pixels give the same bodies."""
    start, points = disturbed(truth), seen(body, truth, "body25")
    found, _ = refine_track(body, start, points, "body25", side=SIDE)
    twice = np.concatenate([points[..., :2] * 2, points[..., 2:]], axis=2)
    larger, _ = refine_track(body, start, twice, "body25", side=2 * SIDE)
    np.testing.assert_allclose(larger.poses, found.poses, atol=1e-5)
    near = RecoveredBodies(start.betas, start.poses, start.cams * np.array([2, 1, 1], np.float32))
    middle = (points[..., :2] - SIDE / 2) * 2 + SIDE / 2
    zoomed = np.concatenate([middle, points[..., 2:]], axis=2)
    nearer, _ = refine_track(body, near, zoomed, "body25", side=SIDE)
    np.testing.assert_allclose(nearer.poses, found.poses, atol=1e-3)


def test_wrong_arguments(body, truth) -> None:
    with pytest.raises(ValueError, match=r"keypoints \(4, 24, 3\); expected \(4, 25, 3\)"):
        refine_track(body, truth, np.zeros((FRAMES, 24, 3)), "body25", side=SIDE)
    for options in (
        {"optimiser": "sgd"},
        {"robust": "l2"},
        {"radius": 0.0},
        {"pose_weight": -1.0},
        {"window": 0},
    ):
        with pytest.raises(ValueError, match=r"optimiser|weights|window"):
            RefineOptions(**options)


@pytest.mark.parametrize("path", BOXES)
def test_mask_boxes_are_the_released_ones(path) -> None:
    arrays = load(path)
    masks = arrays["masks"][:, 0]
    for factor, name in ((1.25, "mask_box"), (1.05, "mask_box_f105")):
        boxes, valid = enlarged_mask_boxes(masks, factor)
        np.testing.assert_array_equal(boxes, arrays[name])
        np.testing.assert_array_equal(valid, arrays["mask_valid"] > 0)


def test_boxes_by_hand() -> None:
    points = np.zeros((3, 4, 3), np.float32)
    points[0] = [[3, 9, 1], [5, 2, 0.1], [4, 4, 1], [99, 99, 0]]
    points[1, :2] = [[3, 9, 1], [5, 2, 1]]  # two points are no person
    points[2, :3] = [[3, 9, 1], [3, 2, 1], [3, 5, 1]]  # neither is a line
    boxes = boxes_from_keypoints(points)
    assert boxes[0].tolist() == [3, 5, 2, 9]
    assert np.isnan(boxes[1:]).all()
    mattes = np.zeros((2, 5, 8), np.uint8)
    mattes[0, 1:4, 2:7] = 200
    mattes[0, 0, 0] = 127
    found = boxes_from_mattes(mattes)
    assert found[0].tolist() == [2, 7, 1, 4]
    assert (mattes[0, 1:4, 2:7] >= 128).all()
    assert np.isnan(found[1]).all()
    assert union_box(np.concatenate([boxes, found])).tolist() == [2, 7, 1, 9]


def test_frames_without_a_box_take_the_nearest() -> None:
    boxes = np.full((8, 4), np.nan, np.float32)
    boxes[2], boxes[6] = [1, 2, 3, 4], [5, 6, 7, 8]
    assert filled_boxes(boxes)[:, 0].tolist() == [1, 1, 1, 1, 1, 5, 5, 5]  # the earlier of two
    assert filled_boxes(boxes[::-1])[:, 0].tolist() == [5, 5, 5, 5, 1, 1, 1, 1]
    full = filled_boxes(boxes)
    np.testing.assert_array_equal(filled_boxes(full), full)
    for function in (filled_boxes, union_box):
        with pytest.raises(UserError, match="masks: shows nobody in any frame"):
            function(boxes[:2], "masks")


def test_the_box_of_a_posed_body_holds_its_points(body, truth) -> None:
    boxes = boxes_from_bodies(body, truth.betas, truth.poses, truth.cams, SIDE)
    joints = boxes_from_keypoints(seen(body, truth, "smpl24").astype(np.float32))
    assert (boxes[:, [0, 2]] < joints[:, [0, 2]]).all()
    assert (boxes[:, [1, 3]] > joints[:, [1, 3]]).all()
    twice = boxes_from_bodies(body, truth.betas, truth.poses, truth.cams, 2 * SIDE)
    np.testing.assert_allclose(twice, 2 * boxes, rtol=1e-6)
