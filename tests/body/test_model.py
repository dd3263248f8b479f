"""Posing: against ``smplx`` on the same arrays, known answers, laws."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math

import pytest
import torch

from iper_bench.body import BodyModel, face_areas, face_normals, load_body, vertex_normals
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.model import JOINT_COUNT, POSE_BASIS
from iper_bench.body.smplx_arrays import smplx_arrays

# float32 sums of a few thousand terms of size one metre, in another order
SAME_ARRAYS = 1e-5
ROUNDING = 2e-6


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_body("open-coarse")


def random_poses(count: int, seed: int = 0) -> torch.Tensor:
    return 0.4 * torch.randn(count, 72, generator=torch.Generator().manual_seed(seed))


def random_betas(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 10, generator=torch.Generator().manual_seed(seed))


def with_pose_dirs(body: BodyModel) -> BodyModel:
    dirs = 1e-3 * torch.randn(body.vertex_count, 3, POSE_BASIS, generator=torch.Generator().manual_seed(2))
    return dataclasses.replace(body, pose_dirs=dirs)


@pytest.mark.parametrize("name", ["open-coarse", "open-mid"])
@pytest.mark.parametrize("pose_dirs", [False, True])
def test_posing_equals_smplx(name: str, pose_dirs: bool) -> None:
    smplx = pytest.importorskip("smplx")
    body = with_pose_dirs(load_body(name)) if pose_dirs else load_body(name)
    arrays = smplx.utils.Struct(**smplx_arrays(body))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a note about betas
        reference = smplx.SMPL("", data_struct=arrays, vertex_ids=dict(body.landmarks), batch_size=5)
    poses, betas = random_poses(5), random_betas(5)
    expected = reference(betas=betas, global_orient=poses[:, :3], body_pose=poses[:, 3:])
    posed = body.pose(betas, poses)
    torch.testing.assert_close(posed.vertices, expected.vertices, atol=SAME_ARRAYS, rtol=0)
    torch.testing.assert_close(posed.joints, expected.joints[:, :JOINT_COUNT], atol=SAME_ARRAYS, rtol=0)
    # the 21 landmarks are what smplx appends to its 24 joints
    landmarks = posed.vertices[:, list(body.landmarks.values())]
    for point in landmarks.unbind(1):
        assert (expected.joints[:, JOINT_COUNT:] - point[:, None]).norm(dim=-1).amin(1).max() < SAME_ARRAYS


def test_the_zero_pose_is_the_shaped_template(body: BodyModel) -> None:
    betas = random_betas(3)
    posed = body.pose(betas, torch.zeros(3, 72))
    shaped = body.template + (body.shape_dirs * betas[:, None, None]).sum(-1)
    torch.testing.assert_close(posed.vertices, shaped, atol=ROUNDING, rtol=0)
    torch.testing.assert_close(posed.joints, body.joint_regressor @ shaped, atol=ROUNDING, rtol=0)


def test_the_root_rotates_rigidly_about_the_pelvis(body: BodyModel) -> None:
    poses = random_poses(1)
    still = torch.cat([torch.zeros(1, 3), poses[:, 3:]], dim=1)
    turned, reference = body.pose(torch.zeros(10), poses), body.pose(torch.zeros(10), still)
    rotation = rotation_matrices(poses[0, :3])
    pelvis = reference.joints[:, :1]
    expected = (reference.vertices - pelvis) @ rotation.T + pelvis
    torch.testing.assert_close(turned.vertices, expected, atol=ROUNDING, rtol=0)


def test_the_half_turn_about_x_gives_the_y_down_frame(body: BodyModel) -> None:
    pose = torch.zeros(1, 72)
    pose[0, 0] = math.pi
    upright = body.pose(torch.zeros(10), torch.zeros(1, 72))
    turned = body.pose(torch.zeros(10), pose)
    crown, nose = int(body.template[:, 1].argmax()), body.landmarks["nose"]
    assert upright.vertices[0, crown, 1] > upright.joints[0, 0, 1]
    assert turned.vertices[0, crown, 1] < turned.joints[0, 0, 1]
    # the face looks towards the camera, which sits at negative z
    assert turned.vertices[0, nose, 2] < turned.joints[0, 15, 2]


def test_one_elbow_moves_only_that_arm(body: BodyModel) -> None:
    pose = torch.zeros(1, 72)
    pose[0, 18 * 3 + 1] = -1.0
    moved = (body.pose(torch.zeros(10), pose).vertices[0] - body.template).norm(dim=-1)
    below = body.skin_weights[:, [18, 20, 22]].sum(1)
    assert moved[below == 0].max() < ROUNDING
    assert moved[body.landmarks["lmiddle"]] > 0.3
    assert moved[body.landmarks["rmiddle"]] < ROUNDING


def test_offsets_move_the_surface_and_not_the_joints(body: BodyModel) -> None:
    poses = random_poses(2)
    offsets = 0.01 * vertex_normals(body.template, body.faces)
    plain = body.pose(torch.zeros(10), poses)
    dressed = body.pose(torch.zeros(10), poses, offsets)
    assert torch.equal(plain.joints, dressed.joints)
    distance = (plain.vertices - dressed.vertices).norm(dim=-1)
    # blended rotations shrink an offset, they never lengthen it
    assert distance.max() < 0.01 + ROUNDING
    assert distance.median() > 0.009


def test_the_batch_does_not_matter(body: BodyModel) -> None:
    poses, betas = random_poses(4), random_betas(4)
    together = body.pose(betas, poses).vertices
    alone = torch.cat([body.pose(betas[i], poses[i]).vertices for i in range(4)])
    torch.testing.assert_close(together, alone, atol=ROUNDING, rtol=0)
    shared = body.pose(betas[:1], poses).vertices
    repeated = body.pose(betas[:1].expand(4, 10), poses).vertices
    torch.testing.assert_close(shared, repeated, atol=ROUNDING, rtol=0)


def test_unequal_batches_are_refused(body: BodyModel) -> None:
    with pytest.raises(ValueError, match="3 shapes for 2 poses"):
        body.pose(random_betas(3), random_poses(2))


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e-4, 9.9e-3, 1.01e-2, 1.0, math.pi])
def test_rodrigues_equals_the_matrix_exponential(scale: float) -> None:
    axis = torch.nn.functional.normalize(torch.tensor([[0.3, -0.5, 0.8], [1.0, 0.0, 0.0]]), dim=-1)
    x, y, z = (scale * axis).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(2, 3, 3)
    expected = torch.linalg.matrix_exp(cross.double()).float()
    torch.testing.assert_close(rotation_matrices(scale * axis), expected, atol=5e-7, rtol=0)


def test_rodrigues_is_smooth_at_zero() -> None:
    angles = torch.zeros(1, 3, requires_grad=True)
    rotations = rotation_matrices(angles)
    assert torch.equal(rotations[0], torch.eye(3))
    rotations[0, 2, 1].backward()
    assert angles.grad is not None
    assert torch.equal(angles.grad, torch.tensor([[1.0, 0.0, 0.0]]))


def test_normals_of_a_known_triangle() -> None:
    vertices = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [5.0, 5.0, 5.0]])
    faces = torch.tensor([[0, 1, 2]])
    assert face_areas(vertices, faces).tolist() == [1.0]
    assert face_normals(vertices, faces).tolist() == [[0.0, 0.0, 1.0]]
    assert vertex_normals(vertices, faces).tolist() == [[0.0, 0.0, 1.0]] * 3 + [[0.0, 0.0, 0.0]]


def test_normals_turn_with_the_body_and_point_outward(body: BodyModel) -> None:
    poses = random_poses(1)
    poses[:, 3:] = 0
    rotation = rotation_matrices(poses[0, :3])
    rest = vertex_normals(body.template, body.faces)
    turned = vertex_normals(body.pose(torch.zeros(10), poses).vertices, body.faces)[0]
    torch.testing.assert_close(turned, rest @ rotation.T, atol=1e-4, rtol=0)  # normals of tiny faces
    crosses = torch.linalg.cross(body.template[body.faces[:, 0]], body.template[body.faces[:, 1]])
    volume = (crosses * body.template[body.faces[:, 2]]).sum() / 6
    assert 0.04 < volume < 0.12  # cubic metres: a person, and positive, so faces are seen from outside


def test_moving_to_its_own_device_changes_nothing(body: BodyModel) -> None:
    assert body.to("cpu") is body
    assert load_body("open-coarse") is load_body("open-coarse")
    meta = body.to("meta")
    assert {meta.template.device.type, meta.parts["00_head"].device.type, meta.parents.device.type} == {
        "meta"
    }
    assert meta.landmarks == body.landmarks
