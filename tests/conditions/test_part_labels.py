"""Part labels by hand on the open body, and as laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body.camera import project
from iper_bench.body.loading import load_body
from iper_bench.body.silhouette import silhouettes
from iper_bench.conditions.part_labels import LABEL_COUNT, face_labels, label_edges, one_hot, part_labels
from iper_bench.data.clip import BodyTrack
from tests.oracles import load, oracle_files

BODY = load_body("open-coarse")
SIZE = 96
HALF_TURN = (np.pi, 0.0, 0.0)


def standing(*cams: tuple[float, float, float]) -> BodyTrack:
    """A T-pose that looks to the camera, once per camera."""
    poses = np.zeros((len(cams), 72), np.float32)
    poses[:, :3] = HALF_TURN
    return BodyTrack(np.zeros(10, np.float32), poses, np.asarray(cams, np.float32))


def test_every_face_has_the_joint_that_moves_its_first_vertex_most() -> None:
    labels = face_labels(BODY)
    weights = BODY.skin_weights.numpy()[BODY.faces[:, 0].numpy()]
    own = weights[np.arange(len(weights)), labels.numpy() - 1]
    np.testing.assert_array_equal(own, weights.max(1))
    assert labels.min() >= 1
    assert labels.max() <= 24


def test_known_parts_lie_where_their_joints_are() -> None:
    """A body that looks to the camera has its left side on the image's right side."""
    track = standing((0.9, 0.0, 0.1))
    labels = part_labels(BODY, track, SIZE)[0]
    joints = BODY.pose(torch.zeros(10), torch.from_numpy(track.poses)).joints
    points = (project(joints, torch.from_numpy(track.cams))[0, :, :2].numpy() + 1) / 2 * SIZE
    for joint in (0, 4, 5, 15, 18, 19):  # pelvis, knees, head, elbows
        rows, columns = np.nonzero(labels == joint + 1)
        assert len(rows), joint
        nearest = np.hypot(columns + 0.5 - points[joint, 0], rows + 0.5 - points[joint, 1]).min()
        assert nearest < 4, joint  # a part begins at its joint; pixels, at a body 85 px high
    columns_of = [np.nonzero(labels == part)[1].mean() for part in (19, 20)]  # left and right elbow
    assert columns_of[0] > SIZE / 2 > columns_of[1]
    head, pelvis = (np.nonzero(labels == part)[0].mean() for part in (16, 1))
    assert head < pelvis


def test_labels_cover_the_silhouette_and_nothing_else() -> None:
    track = standing((0.9, 0.0, 0.1), (0.4, 0.5, -0.2), (1.4, -0.3, 0.4))
    labels = part_labels(BODY, track, SIZE)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(
        labels > 0, silhouettes(BODY, track.betas, track.poses, track.cams, SIZE) > 0
    )


def test_a_frame_does_not_depend_on_the_others() -> None:
    cams = [(0.5 + 0.02 * k, 0.01 * k, 0.1) for k in range(18)]  # more than are drawn at once
    together = part_labels(BODY, standing(*cams), 32)
    for row in (0, 15, 16, 17):
        np.testing.assert_array_equal(part_labels(BODY, standing(cams[row]), 32)[0], together[row])


def test_shifting_the_camera_by_whole_pixels_shifts_the_map() -> None:
    step = 8 * 2 / 64  # eight pixels of 64 in [-1, 1]
    still, moved = part_labels(BODY, standing((0.5, 0.0, 0.0), (0.5, step / 0.5, 0.0)), 64)
    np.testing.assert_array_equal(np.roll(still, 8, axis=1), moved)


def test_no_frames_give_no_maps() -> None:
    assert part_labels(BODY, standing((0.9, 0.0, 0.0)).take([]), 16).shape == (0, 16, 16)
    with pytest.raises(ValueError, match="size 0"):
        part_labels(BODY, standing((0.9, 0.0, 0.0)), 0)


def test_one_hot() -> None:
    labels = torch.tensor([[[0, 3], [24, 0]]], dtype=torch.uint8)
    planes = one_hot(labels)
    assert planes.shape == (1, LABEL_COUNT, 2, 2)
    assert planes.dtype == torch.float32
    assert (planes.sum(1) == 1).all()
    assert planes[0, 3, 0, 1] == planes[0, 24, 1, 0] == planes[0, 0, 0, 0] == planes[0, 0, 1, 1] == 1
    torch.testing.assert_close(planes.argmax(1), labels.long(), rtol=0, atol=0)
    with pytest.raises(ValueError, match="from 0 to 24"):
        one_hot(labels, 24)


def test_edges() -> None:
    labels = torch.tensor([[0, 0, 0, 0], [0, 5, 5, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    expected = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]])
    torch.testing.assert_close(label_edges(labels), expected.float(), rtol=0, atol=0)
    torch.testing.assert_close(label_edges(labels.T), expected.float().T, rtol=0, atol=0)
    assert not label_edges(torch.full((2, 3, 4), 7)).any()


@pytest.mark.parametrize("path", oracle_files("baselines/pix2pixhd_edges_lr*.npz"), ids=lambda p: p.stem)
def test_edges_of_the_original(path: Path) -> None:
    arrays = load(path)
    edges = label_edges(torch.from_numpy(arrays["in/inst"].astype(np.int64)))
    np.testing.assert_array_equal(edges.numpy(), arrays["out/edges"].reshape(edges.shape))
