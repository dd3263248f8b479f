"""Inputs of SHUP against the original's arrays and as laws; random changes of training pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines.shup.augmentation import Change, mirror_matrix, random_change
from iper_bench.baselines.shup.inputs import bgr, seen_joints, shup_inputs, source_maps, target_maps
from iper_bench.baselines.shup.network import limb_stack
from iper_bench.baselines.shup.sampling import warped

from iper_bench.body.loading import load_body
from iper_bench.conditions.limb_masks import limb_masks, mask_prior
from iper_bench.conditions.limb_transforms import LIMBS
from iper_bench.data.dataset import DATASETS
from tests.baselines.shup.references import GEOMETRY
from tests.conditions.test_limb_masks import ORIGINAL, standing
from tests.oracles import load


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_warped_stack(path: Path) -> None:
    """Colours, masks, transforms and sampler together."""
    arrays = load(path)
    size = len(arrays["case0_image_rgb_uint8"])
    source, target = arrays["joints_src_xy"][0], arrays["joints_tgt_xy"][0]
    prior = torch.from_numpy(mask_prior(limb_masks(source[None], size, ORIGINAL)))
    transforms = target_maps(source, target[None], size)["transforms"]
    masks = torch.softmax(prior, 1)
    image = bgr(arrays["case0_image_rgb_uint8"][None])
    still = masks[:, :1] * image
    found = torch.cat([still, limb_stack(image, masks[:, 1:], transforms[:, 1:])], 1)[0].numpy()
    stride = size // arrays["case0_warped_stack_bgr_stride4"].shape[-1]
    # 1e-4: the sheet's tolerance
    np.testing.assert_allclose(
        found[:, ::stride, ::stride], arrays["case0_warped_stack_bgr_stride4"], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_moved_limb_masks_lie_on_the_target_limbs(path: Path) -> None:
    arrays = load(path)
    size = len(arrays["case0_image_rgb_uint8"])
    source, target = arrays["joints_src_xy"][0], arrays["joints_tgt_xy"][0]
    masks = torch.from_numpy(limb_masks(source[None], size, ORIGINAL)).float()[0, :, None]
    transforms = target_maps(source, target[None], size)["transforms"][0, 1:]
    moved = warped(masks, transforms)[:, 0].flatten(1).argmax(1).numpy()
    peaks = np.stack([moved % size, moved // size], 1)
    # Neighbouring pixels of a flat peak differ by less than float32 resolves.
    assert np.abs(peaks - arrays["case0_warped_limbmask_argmax_xy"]).max() <= 1
    assert np.abs(peaks - arrays["case0_target_limb_midpoint_xy"]).max() <= 1.0


def test_inputs_of_a_pair() -> None:
    source = standing()[0]
    target = source + np.array([3.0, -2.0])
    inputs = shup_inputs(source, target, 64)
    shapes = {name: tuple(value.shape) for name, value in inputs.items()}
    assert shapes == {
        "pose_source": (14, 32, 32),
        "prior": (11, 64, 64),
        "pose_target": (14, 32, 32),
        "transforms": (11, 2, 3),
    }
    assert all(value.dtype == torch.float32 for value in inputs.values())
    torch.testing.assert_close(inputs["transforms"][0], torch.eye(2, 3))
    shift = torch.tensor([[1.0, 0, -3], [0, 1, 2]])  # from the target back to the source
    torch.testing.assert_close(inputs["transforms"][1:], shift.expand(10, 2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs["pose_source"], source_maps(source, 64)["pose_source"])
    torch.testing.assert_close(inputs["pose_target"], source_maps(target, 64)["pose_source"])


def test_colours_are_reversed() -> None:
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    frames[..., 0] = 255  # red
    assert bgr(frames)[0, :, 0, 0].tolist() == [-1.0, -1.0, 1.0]


def test_joints_lie_on_the_person() -> None:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    clip = dataset.clips("train")[0]
    rows = [0, 20]
    joints = seen_joints(load_body(dataset.body), clip.track.take(rows), 64)
    mattes = clip.masks(rows)
    assert mattes is not None
    for matte, points in zip(mattes, joints, strict=True):
        places = points[[1, 2, 5, 8, 11]].round().astype(int)  # trunk: deep inside
        assert (matte[places[:, 1], places[:, 0]] > 127).all()
    front = joints[0]  # the first frame faces the camera: the right arm is on the image's left
    assert front[2, 0] < front[5, 0]
    assert front[8, 0] < front[11, 0]
    assert front[0, 1] < front[1, 1] < front[8, 1] < front[10, 1]


def test_changes_move_joints_with_pixels() -> None:
    """A bright spot at a joint stays at the joint, which has become its partner in the mirror."""
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(12):
        change = random_change(rng, 64)
        joints = np.tile([20.0, 24.0], (14, 1))
        joints[5] = [40.0, 30.0]  # the left shoulder
        frame = np.zeros((1, 64, 64, 3), np.uint8)
        frame[0, 29:32, 39:42] = 120
        image = change.images(frame)[0, :, :, 0] + 1.0
        y, x = (np.indices(image.shape) * (image > 0.3)).sum((1, 2)) / (image > 0.3).sum()
        partner = change.joints(joints)[2 if change.mirrored else 5]
        assert np.abs([x - partner[0], y - partner[1]]).max() < 0.75  # of a spot of 3 x 3 pixels
        seen.add(change.mirrored)
    assert seen == {True, False}


def test_mirror_and_brightness() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    change = Change(mirror_matrix(64), True, 1.0)
    plain = frames.astype(np.float32) / 127.5 - 1.0
    np.testing.assert_allclose(change.images(frames), plain[:, :, ::-1], atol=1e-6)
    bright = Change(np.eye(2, 3), False, 1.05).images(frames)
    np.testing.assert_allclose(bright, np.minimum(plain * 1.05, 1.0), atol=1e-6)
    assert bright.min() < -1.0  # clipped above only, as in the original


def test_changes_stay_within_the_limits() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        change = random_change(rng, 256)
        linear = change.matrix[:, :2]
        assert 0.9 - 1e-9 <= np.sqrt(abs(np.linalg.det(linear))) <= 1.05 + 1e-9
        assert (np.linalg.det(linear) < 0) == change.mirrored
        middle = linear @ [127.5, 127.5] + change.matrix[:, 2]
        assert np.abs(middle - 127.5).max() <= 4 * np.sqrt(2)
        assert 0.95 <= change.factor <= 1.05


def test_limbs_of_the_transforms() -> None:
    """Joint by joint: the matrices take a target's joints to the source's."""
    rng = np.random.default_rng(1)
    source, targets = rng.uniform(10, 50, (14, 2)), rng.uniform(10, 50, (3, 14, 2))
    matrices = target_maps(source, targets, 64)["transforms"].numpy()
    for k, limb in enumerate(LIMBS[:-1]):
        for joint in limb:
            there = np.concatenate([targets[:, joint], np.ones((3, 1))], 1)
            found = np.einsum("nij,nj->ni", matrices[:, k + 1], there)
            np.testing.assert_allclose(found, np.tile(source[joint], (3, 1)), atol=1e-3)  # float32
