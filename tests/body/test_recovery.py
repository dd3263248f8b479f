"""Body estimators: official values on closed-form weights, known answers, laws, weight files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from iper_bench.body.camera import project
from iper_bench.body.recovery.estimate import estimate_bodies, mean_bodies, recover_bodies
from iper_bench.body.recovery.hmr_iccv import (
    BODY_ARRAYS,
    HmrIccv,
    PreActivationBlock,
    PreActivationTrunk,
    ThetaRegressor,
)
from iper_bench.body.recovery.patch import spin_patch
from iper_bench.body.recovery.spin import Spin
from iper_bench.body.recovery.weights import (
    fill_strictly,
    load_estimator,
    load_hmr,
    load_spin,
    read_tensors,
)
from iper_bench.body.rotations import axis_angles
from iper_bench.errors import UserError
from tests.lwg.closed_form import fill, unit_values
from tests.lwg.references import largest_difference, own_keys, reference, released_count, released_keys
from tests.oracles import config, oracle_files

FULL = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/hmr_spin_full_rule*.npz")]
HEAD = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/hmr_spin_regressor_rule*.npz")]
ICCV = [pytest.param(path, id=path.stem) for path in oracle_files("lwg/iccv_hmr_regressor_rule*.npz")]
TOLERANCE = 1e-4  # absolute; 53 layers in float32
SIDE = 64  # pixels of the test frames


def spin_factor(key: str) -> float:
    """Factors on the closed-form weights, by the references' description."""
    if key.endswith(".bn3.weight"):
        return 0.15
    if key.endswith(".downsample.1.weight"):
        return 0.7
    return 0.1 if key in ("decpose.weight", "decshape.weight", "deccam.weight") else 1.0


@pytest.fixture(scope="module")
def spin() -> Spin:
    """SPIN with the references' weights; the initial pose is near the identity."""
    network = Spin()
    fill(network, spin_factor)
    network.init_pose += torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).repeat(24)
    network.init_cam.copy_(torch.tensor([[0.9, 0.0, 0.0]]))
    return network


def same_bodies(found: Tensor, expected: Tensor) -> None:
    """Rows of camera 3, axis-angle pose 72, shape 10. The poses of the references stay below pi."""
    assert float(expected[:, 3:75].unflatten(1, (24, 3)).norm(dim=-1).max()) < 3.1
    assert largest_difference(found, expected) < TOLERANCE


@pytest.mark.parametrize("path", FULL)
def test_spin_agrees_with_the_official_network(path, spin) -> None:
    ref = reference(path)
    ordinal = int(config(path)["input"].partition("k=")[2].partition(";")[0])
    count = len(ref.outputs["theta85"])
    coarse = torch.from_numpy(unit_values(ordinal, count * 3 * 49)).float().reshape(count, 3, 7, 7)
    images = 2 * F.interpolate(coarse, size=(224, 224), mode="bilinear", align_corners=True)
    with torch.inference_mode():
        stages = spin.stages(images)
        features = stages[-1].mean((2, 3))
        assert largest_difference(features, ref.outputs["xf"]) < TOLERANCE
        for number, stage in enumerate(stages, start=1):
            found = torch.stack([stage.mean(), stage.std(correction=0), stage.abs().max()]).double()
            assert largest_difference(found, ref.outputs[f"layer{number}_mean_std_absmax"]) < TOLERANCE
        same_bodies(spin(images).vector(), ref.outputs["theta85"])


@pytest.mark.parametrize("path", HEAD)
def test_every_iteration_agrees_with_the_official_regressor(path, spin) -> None:
    ref = reference(path)
    names = sorted(ref.outputs)
    assert names
    for name in names:
        iterations = int(name.removeprefix("theta85_iter"))
        with torch.inference_mode():
            same_bodies(spin.regress(ref.inputs["xf"], iterations).vector(), ref.outputs[name])


@pytest.mark.parametrize("path", ICCV)
def test_the_iccv_regressor_agrees_with_the_official_one(path) -> None:
    ref = reference(path)
    regressor = ThetaRegressor()
    fill(regressor, lambda key: 0.1 if key == "fc_blocks.fc3.weight" else 1.0)
    regressor.mean_theta[0] = 0.9
    with torch.inference_mode():
        assert largest_difference(regressor(ref.inputs["features"]), ref.outputs["theta85"]) < TOLERANCE


@pytest.mark.parametrize("name", ["HMR_SPIN_iPERCore", "HMR_SPIN_nkolot"])
def test_spin_has_the_released_state_dict(name, spin) -> None:
    assert own_keys(spin) == [(k, s.replace("scalar", "")) for k, s in released_keys(name)]
    assert sum(p.numel() for p in spin.parameters()) == released_count(name)


def test_hmr_has_the_released_state_dict() -> None:
    network = HmrIccv()
    released = [
        (key, shape.replace("scalar", ""))
        for key, shape in released_keys("HMR_ICCV_impersonator")
        if not key.startswith(BODY_ARRAYS)
    ]
    assert own_keys(network) == released
    assert sum(p.numel() for p in network.parameters()) == released_count("HMR_ICCV_impersonator")


def test_without_corrections_the_initial_body_comes_out() -> None:
    network = Spin().eval()
    for layer in (network.decpose, network.decshape, network.deccam):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    network.init_pose += torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).repeat(24)
    network.init_shape += 0.5
    network.init_cam += torch.tensor([0.9, 0.1, -0.2])
    with torch.inference_mode():
        vectors = network.regress(torch.rand(3, 2048)).vector()
    expected = torch.cat([torch.tensor([0.9, 0.1, -0.2]), torch.zeros(72), torch.full((10,), 0.5)])
    assert torch.equal(vectors, expected.expand(3, -1))


def test_a_silent_block_passes_its_raw_input() -> None:
    """With a zero last convolution only the shortcut is left: every second pixel, neither normalised nor
    activated.
    """
    block = PreActivationBlock(32, 8, stride=2).eval()
    torch.nn.init.zeros_(block.conv3.weight)
    torch.nn.init.zeros_(block.conv3.bias)
    x = torch.randn(2, 32, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(block(x), x[:, :, ::2, ::2])
        assert block.shortcut is None


def test_strides_of_the_pre_activation_trunk() -> None:
    trunk = PreActivationTrunk().eval()
    sides: list[int] = []
    for number in range(1, 5):
        for block in getattr(trunk, f"layer{number}"):
            block.register_forward_hook(lambda module, args, out: sides.append(out.shape[-1]))
    with torch.inference_mode():
        assert trunk(torch.zeros(1, 3, 224, 224)).shape == (1, 2048)
    assert sides == [56, 56, 28, 28, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7]


def frames_and_boxes(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    corners = generator.integers(0, 20, (count, 2))
    return frames, np.stack(
        [corners[:, 0], corners[:, 0] + 25, corners[:, 1], corners[:, 1] + 40], axis=1
    ).astype(float)


def test_recovered_bodies_project_to_the_same_pixels(spin) -> None:
    """A point of the body seen through the network's camera in the patch, and through the returned camera in
    the frame, is one place of the photograph.
    """
    frames, boxes = frames_and_boxes(2)
    found = estimate_bodies(spin, frames, boxes)
    assert found.betas.shape == (10,)
    assert found.poses.shape == (2, 72)
    assert found.cams.shape == (2, 3)
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    point = torch.tensor([[[0.2, -0.5, 0.1]]])
    shapes = []
    for i, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
        patch = spin_patch(frame, box)
        image = (patch.pixels - mean[:, None, None]) / std[:, None, None]
        with torch.inference_mode():
            estimate = spin(torch.from_numpy(image).float()[None])
        shapes.append(estimate.betas[0].numpy())
        torch.testing.assert_close(
            torch.from_numpy(found.poses[i]), axis_angles(estimate.rotations).flatten(), rtol=0, atol=1e-4
        )
        in_patch = (project(point, estimate.cams)[0, 0, :2].numpy() + 1) * 112
        in_frame = (project(point, torch.from_numpy(found.cams[i]))[0, 0, :2].numpy() + 1) * SIDE / 2
        np.testing.assert_allclose(in_frame * patch.scale + 224 - patch.start, in_patch, rtol=0, atol=0.01)
    np.testing.assert_allclose(found.betas, np.mean(shapes, axis=0), rtol=0, atol=1e-4)


def test_hmr_looks_at_the_whole_frame() -> None:
    """The ICCV release: the square frame made 224 pixels large, in [-1, 1]; its camera is the frame's."""
    network = HmrIccv().eval()
    torch.nn.init.normal_(network.regressor.fc_blocks.fc3.weight, std=0.01)
    network.regressor.mean_theta[0] = 0.9
    frames = np.random.default_rng(1).integers(0, 256, (1, 224, 224, 3), np.uint8)
    with torch.inference_mode():
        image = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        expected = network(image).numpy()
    found = estimate_bodies(network, frames, np.array([[20.0, 90.0, 10.0, 200.0]]))
    np.testing.assert_allclose(found.cams, expected[:, :3], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.poses, expected[:, 3:75], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.betas, expected[0, 75:], rtol=1e-3, atol=1e-4)
    blind = mean_bodies(network, frames, None)
    np.testing.assert_allclose(blind.cams, [[0.9, 0.0, 0.0]], atol=1e-5)
    assert not blind.poses.any()


def test_no_boxes_means_the_whole_frame(spin) -> None:
    frames, _ = frames_and_boxes(1)
    whole = estimate_bodies(spin, frames, None)
    named = estimate_bodies(spin, frames, np.array([[0.0, SIDE, 0.0, SIDE]]))
    for one, other in zip(whole, named, strict=True):
        np.testing.assert_array_equal(one, other)


def test_released_files_load_strictly(spin, tmp_path) -> None:
    """The training checkpoint of nkolot/SPIN keeps its tensors under "model", maybe with "module."."""
    path = tmp_path / "spin.pt"
    state = {f"module.{key}": value for key, value in spin.state_dict().items()}
    torch.save({"model": state, "epoch": 3}, path)
    loaded = load_spin(path)
    assert not loaded.training
    for key, value in spin.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    assert isinstance(load_estimator(path), Spin)
    with pytest.raises(UserError, match=r"keys|missing") as caught:
        load_hmr(path)
    assert "\n" not in str(caught.value)


def test_hmr_files_may_hold_the_licensed_body(tmp_path) -> None:
    network = HmrIccv()
    path = tmp_path / "hmr.pth"
    torch.save({**network.state_dict(), "smpl.v_template": torch.zeros(4, 3)}, path)
    loaded = load_estimator(path)
    assert isinstance(loaded, HmrIccv)
    assert torch.equal(loaded.resnet.conv1.weight, network.resnet.conv1.weight)


def test_unfit_weights_are_refused_in_one_line(tmp_path) -> None:
    small = torch.nn.BatchNorm2d(2)
    before = {key: value.clone() for key, value in small.state_dict().items()}
    good = {key: value + 1 for key, value in before.items()}
    path = Path("w.pt")
    for change, message in (
        ({"bias": None}, "1 missing: bias"),
        ({"extra": torch.zeros(1)}, "1 unexpected: extra"),
        ({"bias": torch.zeros(3)}, "1 of another shape: bias"),
        ({"bias": torch.full((2,), torch.nan)}, "1 not finite: bias"),
    ):
        state = {k: v for k, v in {**good, **change}.items() if v is not None}
        with pytest.raises(UserError, match=message):
            fill_strictly(small, state, path)
        for key, value in small.state_dict().items():
            assert torch.equal(value, before[key])
    # files of old versions of torch have no counters
    fill_strictly(small, {k: v for k, v in good.items() if "num_batches" not in k}, path)
    assert torch.equal(small.bias, good["bias"])


def test_bad_files_are_refused_in_one_line(tmp_path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_tensors(tmp_path / "gone.pt")
    for name in ("junk.pt", "junk.safetensors"):
        (tmp_path / name).write_bytes(b"junk")
        with pytest.raises(UserError, match="not a weight file that can be read safely"):
            read_tensors(tmp_path / name)
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(UserError, match="holds no tensors"):
        read_tensors(tmp_path / "list.pt")
    torch.save({"a": torch.zeros(1), "epoch": 3}, tmp_path / "mixed.pt")
    with pytest.raises(UserError, match="holds more than tensors"):
        read_tensors(tmp_path / "mixed.pt")


def test_bad_frames_are_refused_in_one_line(spin, tmp_path) -> None:
    square = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    with pytest.raises(UserError, match=r"2 frames of 64x32 pixels.*square.*crop"):
        estimate_bodies(spin, square[:, :32], None)
    with pytest.raises(UserError, match="0 frames"):
        estimate_bodies(spin, square[:0], None)
    with pytest.raises(UserError, match="frame 1: no usable person box"):
        estimate_bodies(spin, square, np.array([[0.0, 40.0, 0.0, 40.0], [5.0, 5.0, 0.0, 9.0]]))
    with pytest.raises(ValueError, match=r"boxes \(1, 4\)"):
        estimate_bodies(spin, square, np.zeros((1, 4)))
    with pytest.raises(ValueError, match="expected uint8"):
        estimate_bodies(spin, square.astype(np.float32), None)
    with pytest.raises(UserError, match="no such file"):
        recover_bodies(square, None, tmp_path / "spin.pt")
