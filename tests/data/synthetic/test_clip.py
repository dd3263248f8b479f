"""Laws of a rendered clip: what the truth says about the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.correspondence import correspond
from iper_bench.body.heading import heading_and_tilt
from iper_bench.data.clip import Clip
from iper_bench.data.synthetic.config import SyntheticConfig
from iper_bench.data.synthetic.dataset import SyntheticDataset, true_flow
from iper_bench.data.synthetic.scene import FLOOR_Y, build_scene

EVERY = range(18)


@pytest.fixture
def clip(tiny: SyntheticDataset) -> Clip:
    return tiny.clip("actor000/outfit0")


def test_shapes_and_types(clip: Clip) -> None:
    assert len(clip) == 18
    assert clip.subject == "actor000"
    assert clip.frames([3, 0]).shape == (2, 48, 48, 3)
    masks, rooms = clip.masks([3, 0]), clip.backgrounds([3, 0])
    assert masks is not None
    assert masks.shape == (2, 48, 48)
    assert rooms is not None
    assert rooms.shape == (2, 48, 48, 3)
    assert all(array.dtype == np.uint8 for array in (clip.frames([0]), masks, rooms))
    assert clip.frames([]).shape == (0, 48, 48, 3)


def test_order_and_repetition_of_indices(clip: Clip) -> None:
    frames = clip.frames(EVERY)
    assert np.array_equal(clip.frames([17, 2, 2, 16]), frames[[17, 2, 2, 16]])
    frames[:] = 0
    assert clip.frames([0]).any(), "the caller owns what is returned"


def test_frames_show_the_room_outside_the_matte(clip: Clip) -> None:
    frames, masks, rooms = clip.frames(EVERY), clip.masks(EVERY), clip.backgrounds(EVERY)
    assert masks is not None
    assert rooms is not None
    outside = masks == 0
    assert np.array_equal(frames[outside], rooms[outside])
    assert set(np.unique(masks)) <= {0, 64, 128, 191, 255}  # 2 x 2 samples
    assert (np.abs(frames.astype(int) - rooms)[masks == 255].sum(-1) > 0).mean() > 0.95


def test_the_track_is_where_the_person_is(clip: Clip) -> None:
    """The nude silhouette lies inside the matte up to a rim: clothes and hair add, nothing is displaced."""
    body = load_body("open-coarse")
    track = clip.track
    vertices = body.pose(torch.from_numpy(track.betas), torch.from_numpy(track.poses)).vertices
    nude = correspond(vertices, torch.from_numpy(track.cams), body.faces, 48).fim.numpy() >= 0
    masks = clip.masks(EVERY)
    assert masks is not None
    dressed = masks >= 128
    union = (nude | dressed).sum((1, 2))
    assert ((nude & dressed).sum((1, 2)) / union).min() > 0.72  # a rim of half a pixel of limbs 2 px wide
    assert dressed.sum() > nude.sum()


def test_the_turn_starts_at_the_front_and_goes_round(clip: Clip) -> None:
    headings, tilt = heading_and_tilt(clip.track.poses[:8, :3])
    steps = np.diff(np.unwrap(np.radians(headings)))
    assert abs((headings[0] + 180.0) % 360.0 - 180.0) < 1e-3
    assert np.allclose(np.abs(steps), np.pi / 4, atol=1e-4)  # float32 axis-angle
    assert tilt.max() < 1e-2


def test_person_stands_on_the_floor_and_stays_in_the_picture() -> None:
    scene = build_scene(SyntheticConfig(size=16), 3, "outfit1", "outfit1")
    cams = scene.track.cams
    image = cams[:, None, :1] * (scene.vertices[..., :2].numpy() + cams[:, None, 1:])
    assert np.abs(image).max() <= 0.971
    assert np.allclose(image[..., 1].max(1), FLOOR_Y, atol=1e-5)
    assert np.ptp(cams[:, 0]) == 0.0


def test_motion_is_smooth_also_where_action_begins() -> None:
    poses = build_scene(SyntheticConfig(size=16), 7, "outfit0", "outfit0").track.poses
    steps = np.abs(np.diff(poses[:, 3:], axis=0)).max(1)
    assert steps.max() < 0.6  # radians per frame on any axis; a jump between two key poses is 1 to 2.5
    assert steps[15] < 0.3, "from the last frame of the turn to the first of the action"


def test_a_larger_picture_shows_the_same(home: object) -> None:
    small = SyntheticDataset(SyntheticConfig(size=64)).clip("actor002/outfit0").frames([20])[0].astype(float)
    large = SyntheticDataset(SyntheticConfig(size=128)).clip("actor002/outfit0").frames([20])[0].astype(float)
    shrunk = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 2.5  # grey levels: fewer samples at edges, nothing else


def test_people_and_clothes_differ(home: object) -> None:
    dataset = SyntheticDataset(SyntheticConfig(size=32, turn_frames=1, action_frames=1))
    names = [
        "actor000/outfit0",
        "actor000/outfit1",
        "actor001/outfit0",
        "actor006/outfit0",
        "actor006/unseen0",
    ]
    rooms = [dataset.clip(name).backgrounds([0])[0].astype(int) for name in names]
    pictures = [dataset.clip(name).frames([0])[0].astype(int) for name in names]
    for first in range(len(names)):
        for second in range(first):
            assert np.abs(pictures[first] - pictures[second]).mean() > 3.0
            assert np.abs(rooms[first] - rooms[second]).mean() > 3.0
    betas = dataset.subject_betas()
    assert np.array_equal(betas["actor000"], dataset.clip(names[1]).track.betas)
    assert not np.array_equal(betas["actor000"], betas["actor001"])


def test_flow_from_a_frame_to_itself_is_the_identity(clip: Clip) -> None:
    flow = true_flow(clip, 4, 4)
    seen = (flow > -2.0).all(-1)
    centres = (np.arange(48, dtype=np.float32) + 0.5) / 24.0 - 1.0
    grid = np.stack(np.meshgrid(centres, centres), -1)
    assert np.abs(flow - grid)[seen].max() < 2e-4  # the rasteriser snaps corners to 1/65536 pixel
    masks = clip.masks([4])
    assert masks is not None
    assert (seen[masks[0] == 255]).mean() > 0.99
    assert not seen[masks[0] == 0].any()


def test_flow_warps_the_source_onto_the_target(home: object) -> None:
    """Sampling the source through the true flow gives the target's colours: light is all that changes."""
    clip = SyntheticDataset(SyntheticConfig(size=128)).clip("actor001/outfit1")
    flow = torch.from_numpy(true_flow(clip, 0, 1))[None]
    source = torch.from_numpy(clip.frames([0]).astype(np.float32)).permute(0, 3, 1, 2)
    target = clip.frames([1])[0].astype(np.float32)
    warped = torch.nn.functional.grid_sample(source, flow, align_corners=False)[0].permute(1, 2, 0).numpy()
    seen = (flow[0] > -2.0).all(-1).numpy()
    masks = clip.masks([1])
    assert masks is not None
    inner = seen & (masks[0] == 255)
    assert inner.sum() > 1000
    assert (
        np.abs(warped - target)[inner].mean()
        < 0.5 * np.abs(source[0].permute(1, 2, 0).numpy() - target)[inner].mean()
    )


def test_flow_does_not_see_through_the_body(clip: Clip) -> None:
    """The back, half a turn later, is hidden from the front but for a rim."""
    front, back = true_flow(clip, 0, 0), true_flow(clip, 0, 4)
    assert (back > -2.0).all(-1).sum() < 0.2 * (front > -2.0).all(-1).sum()


def test_true_flow_is_of_this_dataset_only(clip: Clip) -> None:
    with pytest.raises(TypeError, match="not of the dataset"):
        true_flow(object.__new__(_Other), 0, 1)


class _Other(Clip):
    name = "other"

    def frames(self, indices: object) -> np.ndarray:  # type: ignore[override]
        raise NotImplementedError

    def masks(self, indices: object) -> None:  # type: ignore[override]
        return None
