"""The small body estimator: its patch, its file, what it says of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.body import load_body
from iper_bench.body.camera import project
from iper_bench.body.camera_track import crop_to_frame, normalise
from iper_bench.body.lbs import rotation_matrices
from iper_bench.body.recovery.estimate import estimate_bodies, mean_bodies
from iper_bench.body.recovery.patch import spin_patch
from iper_bench.body.recovery.small import NETWORK, SmallHmr, SmallHmrConfig, normalised
from iper_bench.body.recovery.small_joints import JointBody
from iper_bench.body.recovery.small_patch import cameras_in_patch, cut_patch, patch_place
from iper_bench.body.recovery.weights import load_estimator
from iper_bench.errors import UserError
from iper_bench.lwg.checkpoint import save_safetensors

CONFIG = SmallHmrConfig(side=32, widths=(4, 8), grid=2, squeezed=4, hidden=16)
SIDE = 64  # of the test frames
BOX = np.array([14.0, 40.0, 6.0, 58.0])


def network() -> SmallHmr:
    """Random weights that say something of every image."""
    torch.manual_seed(0)
    made = SmallHmr(CONFIG)
    for layer in (made.decpose, made.decshape, made.deccam):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return made.eval()


def smooth_frames(count: int = 2) -> np.ndarray:
    """Frames without a pattern finer than eight pixels."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    wide = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear", align_corners=True)
    return wide.permute(0, 2, 3, 1).byte().numpy()


def written(folder: Path, **changes: object) -> Path:
    path = folder / "hmr.safetensors"
    metadata = {"network": NETWORK, "config": CONFIG.to_json(), **changes}
    save_safetensors(network().state_dict(), path, {k: v for k, v in metadata.items() if v is not None})
    return path


def test_the_patch_is_that_of_spin() -> None:
    """At its side. SPIN's rounds to whole pixels: one pixel of these frames is under four levels."""
    frame = smooth_frames()[0]
    place = patch_place(BOX, 224, SIDE)
    ours = cut_patch(frame, place, 224).astype(float)
    theirs = spin_patch(frame, BOX)
    assert place.scale == theirs.scale
    assert np.abs(place.start - theirs.start).max() <= 1.5
    inside = (ours.min(-1) > 0) & (theirs.pixels.min(0) > 0)
    assert inside.mean() > 0.6
    assert np.abs(ours - theirs.pixels.transpose(1, 2, 0) * 255)[inside].mean() < 4.0


def test_the_patch_of_a_box_as_large_as_its_person_is_the_frame() -> None:
    """Scale 1: a patch is a part of the frame, pixel by pixel, black beyond its border."""
    frame = np.random.default_rng(0).integers(1, 256, (SIDE, SIDE, 3), np.uint8)
    longer = 32 * 200 / 224
    box = np.array([16 - longer / 2, 16 + longer / 2, 20 - 4, 20 + 4])
    place = patch_place(box, 32, SIDE)
    assert place.scale == pytest.approx(1.0)
    np.testing.assert_array_equal(cut_patch(frame, place, 32), frame[4:36, :32])
    out = cut_patch(frame, place._replace(start=place.start - 16), 32)
    np.testing.assert_array_equal(out[12:, 16:], frame[:20, :16])
    assert not out[:12].any()
    assert not out[:, :16].any()


@pytest.mark.parametrize("longer", [30.0, 200.0])
def test_a_mark_lands_where_the_place_says(longer: float) -> None:
    """In a patch that is larger, and one that is smaller than the box."""
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[120:126, 100:108] = 255  # its middle is x 104, y 123
    place = patch_place(np.array([90.0, 90.0 + longer / 2, 110.0, 110.0 + longer]), 128, 256)
    patch = cut_patch(frame, place, 128)[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:128, :128] + 0.5
    middle = np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum()
    expected = np.array([104.0, 123.0]) * place.scale + 128 - place.start
    np.testing.assert_allclose(middle, expected, atol=0.1)  # grey levels are whole numbers


def test_large_frames_are_averaged() -> None:
    """A chequerboard finer than the patch becomes grey, where skipping pixels would show stripes."""
    frame = np.indices((512, 512)).sum(0) % 2 * np.full((3, 1, 1), 255)
    frame = frame.transpose(1, 2, 0).astype(np.uint8)
    pixels = cut_patch(frame, patch_place(np.array([64.0, 448, 64, 448]), 32, 512), 32)
    assert np.abs(pixels[4:-4, 4:-4].astype(int) - 127).max() < 16


def test_cameras_go_into_the_patch_and_back() -> None:
    cams = np.array([[0.9, 0.1, -0.2], [1.3, -0.4, 0.3]])
    place = patch_place(BOX, 32, SIDE)
    inside = cameras_in_patch(cams, place, 32, SIDE)
    back = crop_to_frame(inside, np.full((2, 1), place.scale), np.tile(place.start, (2, 1)), 32)
    np.testing.assert_allclose(normalise(back, np.full((2, 1), float(SIDE))), cams, atol=1e-9)
    # the middle of the box is the middle of the patch
    middle = torch.tensor([[[0.0, 0.0, 0.0]]])
    centred = np.array([[1.0, (27 / 32) - 1, 0.0]])  # x0 + x1 over the side, y0 + y1 over the side
    seen = project(middle, torch.from_numpy(cameras_in_patch(centred, place, 32, SIDE)).float())
    np.testing.assert_allclose(seen[0, 0, :2], [0.0, 0.0], atol=1e-6)


@pytest.mark.parametrize("box", [(5, 5, 0, 9), (0, np.nan, 0, 9), (-50, -10, 0, 9), (1, 1.5, 1, 1.5)])
def test_boxes_without_a_person_are_one_line(box: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="frame 7: no usable person box"):
        patch_place(np.array(box, float), 32, SIDE, "frame 7")


def test_recovered_bodies_project_to_the_same_pixels() -> None:
    """A point seen through the network's camera in the patch and through the returned one in the frame."""
    made, frames = network(), smooth_frames()
    boxes = np.stack([BOX, BOX + 3])
    found = estimate_bodies(made, frames, boxes)
    point = torch.tensor([[[0.2, -0.5, 0.1]]])
    for i in range(2):
        place = patch_place(boxes[i], CONFIG.side, SIDE)
        pixels = cut_patch(frames[i], place, CONFIG.side)
        with torch.inference_mode():
            said = made(normalised(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255.0))
        in_patch = (project(point, said.cams)[0, 0, :2].numpy() + 1) * CONFIG.side / 2
        in_frame = (project(point, torch.from_numpy(found.cams[i]))[0, 0, :2].numpy() + 1) * SIDE / 2
        np.testing.assert_allclose(
            in_frame * place.scale + CONFIG.side - place.start, in_patch, rtol=0, atol=0.01
        )
        turned = rotation_matrices(torch.from_numpy(found.poses[i]).reshape(24, 3))
        np.testing.assert_allclose(turned, said.rotations[0], atol=1e-4)
    assert np.abs(found.poses[0] - found.poses[1]).max() > 1e-4  # the image decides


def test_the_mean_body_sees_nothing() -> None:
    made, frames = network(), smooth_frames()
    boxes = np.stack([BOX, BOX])
    blind = mean_bodies(made, frames, boxes)
    other = mean_bodies(made, 255 - frames, boxes)
    for one, another in zip(blind, other, strict=True):
        np.testing.assert_array_equal(one, another)
    np.testing.assert_allclose(np.abs(blind.poses[0, :3]), [np.pi, 0, 0], atol=1e-5)  # upright, y down
    assert not blind.poses[:, 3:].any()
    seen = project(torch.zeros(1, 1, 3), torch.from_numpy(blind.cams[:1]))[0, 0, :2].numpy()
    np.testing.assert_allclose((seen + 1) * SIDE / 2, [27, 32], atol=1e-4)  # the middle of the box


def test_joints_are_those_of_the_body_model() -> None:
    rng = np.random.default_rng(0)
    body = load_body("open-coarse")
    betas = torch.from_numpy(rng.normal(size=(3, 10)).astype(np.float32))
    poses = torch.from_numpy(rng.normal(0, 0.4, (3, 72)).astype(np.float32))
    ours = JointBody(body).joints(betas, rotation_matrices(poses.reshape(3, 24, 3)))
    torch.testing.assert_close(ours, body.pose(betas, poses).joints, rtol=0, atol=1e-5)


def test_a_file_comes_back_as_the_network(tmp_path: Path) -> None:
    path = written(tmp_path)
    loaded = load_estimator(path)
    assert isinstance(loaded, SmallHmr)
    assert not loaded.training
    assert loaded.config == CONFIG
    for key, value in network().state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": None}, "says nothing about the network 'small-hmr'"),
        ({"config": None}, "no usable configuration"),
        ({"config": {**CONFIG.to_json(), "side": 33}}, "no usable configuration"),
        ({"config": {**CONFIG.to_json(), "hidden": 10**9}}, "no usable configuration"),
        ({"config": {**CONFIG.to_json(), "widths": "many"}}, "no usable configuration"),
        ({"config": {**CONFIG.to_json(), "hidden": 17}}, "of another shape: .*fc1"),
    ],
)
def test_a_file_that_says_something_else_is_one_line(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_estimator(written(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_safetensors({"conv.weight": torch.zeros(1)}, path, {})
    with pytest.raises(UserError, match=r"no body estimator that is known \(conv.weight\)"):
        load_estimator(path)
