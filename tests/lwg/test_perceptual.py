"""Perceptual and face losses: references with closed-form weights, laws, gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from iper_bench.errors import UserError
from iper_bench.lwg.crops import head_boxes
from iper_bench.lwg.face_identity import FaceIdentityLoss, Sphere20a
from iper_bench.lwg.perceptual import EfficientNetLiteLoss, VGG19Features, VGGPerceptualLoss
from tests.lwg.closed_form import fill
from tests.lwg.references import (
    Reference,
    largest_difference,
    own_keys,
    reference,
    released_count,
    released_keys,
)
from tests.oracles import oracle_files

#: of the largest value: up to 20 float32 convolutions with up to 4608 products per output; 2e-6 was measured,
#: also without oneDNN
RELATIVE = 2e-5
VGG_FILES = oracle_files("lwg/vgg_loss*.npz")
FACE_FILES = oracle_files("lwg/face_loss*.npz")
SUMMARY = "_mean_std_absmax"


def _summaries_agree(features: list[Tensor], ref: Reference) -> None:
    """Mean, deviation, largest value and every so many entries of the feature maps that a file describes."""
    levels = [level for level in range(len(features)) if f"feat{level}{SUMMARY}" in ref.outputs]
    assert levels
    parts = {level: ref.outputs[f"feat{level}_sub"] for level in levels}
    strides = _strides([(features[level].shape, parts[level].shape) for level in levels])
    for level in levels:
        feature, wanted = features[level], ref.outputs[f"feat{level}{SUMMARY}"].double()
        got = torch.stack([feature.mean(), feature.std(), feature.abs().max()]).double()
        scale = float(wanted[2])
        assert largest_difference(got, wanted) < RELATIVE * scale, level
        every = feature[tuple(slice(None, None, stride) for stride in strides)]
        assert largest_difference(every, parts[level]) < RELATIVE * scale, level


def _strides(shapes: list[tuple[torch.Size, torch.Size]]) -> list[int]:
    """Along each axis the smallest stride that takes every whole shape to its part's shape."""
    return [
        next(
            stride
            for stride in range(1, 1 + max(whole[axis] for whole, _ in shapes))
            if all(-(-whole[axis] // stride) == part[axis] for whole, part in shapes)
        )
        for axis in range(len(shapes[0][0]))
    ]


@pytest.mark.parametrize("path", VGG_FILES, ids=lambda p: p.stem)
def test_vgg_loss_equals_the_released_one(path: Path) -> None:
    ref = reference(path)
    loss = VGGPerceptualLoss(None, resize=True)
    fill(loss.vgg)  # the slices hold the layers in torchvision's order, so ordinals agree
    x, y = ref.inputs["x"], ref.inputs["y"]
    with torch.no_grad():
        assert float(loss(x, y)) == pytest.approx(float(ref.outputs["loss_resize224"][0]), rel=RELATIVE)
        loss.resize = False
        assert float(loss(x, y)) == pytest.approx(float(ref.outputs["loss_noresize"][0]), rel=RELATIVE)
        features, others = loss.vgg(x), loss.vgg(y)
    layers = torch.stack([(a - b).abs().mean() for a, b in zip(features, others, strict=True)])
    torch.testing.assert_close(layers, ref.outputs["per_layer_l1"].float(), rtol=RELATIVE, atol=0)
    _summaries_agree(features, ref)


def test_vgg_keys_are_the_released_ones() -> None:
    network = VGG19Features()
    assert [(f"vgg.{k}", s) for k, s in own_keys(network)] == released_keys("VGG19_perceptual_iPERCore")
    assert sum(p.numel() for p in network.parameters()) == released_count("VGG19_perceptual_iPERCore")


def test_vgg_reads_a_torchvision_file(tmp_path: Path) -> None:
    network = fill(VGG19Features())
    state = {f"features.{k.split('.', 1)[1]}": v for k, v in network.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(2, 2)
    state["features.30.weight"] = torch.zeros(2, 2)
    torch.save(state, tmp_path / "vgg19.pth")
    loaded = VGGPerceptualLoss(tmp_path / "vgg19.pth").vgg
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in network.state_dict().items())
    del state["features.28.bias"]
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(UserError, match=r"slice5\.28\.bias"):
        VGGPerceptualLoss(tmp_path / "short.pth")


def _images(seed: int, side: int = 64) -> Tensor:
    return 2.0 * torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed)) - 1.0


@pytest.fixture(scope="module")
def lite() -> EfficientNetLiteLoss:
    return EfficientNetLiteLoss()


def test_lite_loss_orders_images_by_their_damage(lite: EfficientNetLiteLoss) -> None:
    ramp = torch.linspace(-1, 1, 64)
    image = torch.stack(
        [ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.sin(9 * ramp).expand(64, 64)]
    )[None]
    noise = _images(1)
    with torch.no_grad():
        values = [float(lite(image + strength * noise, image)) for strength in (0.0, 0.02, 0.1, 0.5)]
    assert values[0] == 0.0
    assert values == sorted(values)
    assert values[1] > 0.0


def test_lite_features_halve_five_times_at_a_common_scale(lite: EfficientNetLiteLoss) -> None:
    with torch.no_grad():
        features = lite.features(_images(2, 96))
    assert [f.shape[-1] for f in features] == [48, 24, 12, 6, 3]
    assert all(0.2 < float(f.std()) < 5.0 for f in features)


def test_loss_networks_are_frozen_and_pass_gradients_to_the_prediction_only(
    lite: EfficientNetLiteLoss,
) -> None:
    for loss in (lite, VGGPerceptualLoss(None, resize=False)):
        loss.train()
        assert not any(m.training for m in loss.modules())
        assert not any(p.requires_grad for p in loss.parameters())
        prediction, truth = _images(3).requires_grad_(True), _images(4).requires_grad_(True)
        loss(prediction, truth).backward()
        assert prediction.grad is not None
        assert float(prediction.grad.abs().sum()) > 0.0
        assert truth.grad is None


def test_lite_loss_does_not_depend_on_the_order_of_the_batch(lite: EfficientNetLiteLoss) -> None:
    a, b = torch.cat([_images(5), _images(6)]), torch.cat([_images(7), _images(8)])
    with torch.no_grad():
        assert float(lite(a, b)) == pytest.approx(float(lite(a.flip(0), b.flip(0))), rel=1e-5)


def test_too_small_images_are_named(lite: EfficientNetLiteLoss) -> None:
    with pytest.raises(UserError, match="16x16"):
        lite(_images(1, 16), _images(2, 16))


@pytest.mark.parametrize("path", oracle_files("lwg/sphere20a*.npz"), ids=lambda p: p.stem)
def test_sphere_features(path: Path) -> None:
    ref = reference(path)
    network = fill(Sphere20a())
    with torch.no_grad():
        features = network(ref.inputs["x"])
    _summaries_agree(features[:-1], ref)
    wanted = ref.outputs[f"feat{len(features) - 1}"]
    assert largest_difference(features[-1], wanted) < RELATIVE * float(wanted.abs().max())


def test_sphere_keys_are_the_released_ones() -> None:
    network = Sphere20a()
    assert own_keys(network) == released_keys("sphere20a")
    assert sum(p.numel() for p in network.parameters()) == released_count("sphere20a")


@pytest.mark.parametrize("path", FACE_FILES, ids=lambda p: p.stem)
def test_face_loss_equals_the_released_one(path: Path) -> None:
    ref = reference(path)
    loss = FaceIdentityLoss(None)
    fill(loss.network)
    images = ref.inputs["img1"], ref.inputs["img2"]
    with torch.no_grad():
        # Without boxes an official error takes both crops from the first image.
        same = float(loss(images[0], images[0], ref.inputs["bbox"]))
        assert same == pytest.approx(float(ref.outputs["loss_no_box"][0]), abs=1e-6)
        for boxes, name in (
            (ref.inputs["bbox"], "loss_bbox"),
            (ref.inputs["bbox_first_empty"], "loss_bbox_first_empty"),
            (ref.outputs["head_rects"], "loss_kps"),
        ):
            assert float(loss(*images, boxes)) == pytest.approx(float(ref.outputs[name][0]), rel=RELATIVE), (
                name
            )


def test_face_loss_without_any_face_is_a_connected_zero() -> None:
    loss = FaceIdentityLoss(None)
    prediction = _images(1).requires_grad_(True)
    value = loss(prediction, _images(2), torch.tensor([[3, 3, 0, 5]]))
    value.backward()
    assert float(value.detach()) == 0.0
    assert prediction.grad is not None
    with pytest.raises(ValueError, match="head boxes"):
        loss(prediction, _images(2))


def test_face_loss_reads_only_the_head() -> None:
    loss = FaceIdentityLoss(None)
    a, boxes = _images(3), torch.tensor([[10, 40, 5, 45]])
    b = a.clone()
    b[:, :, 50:] = 0.0
    with torch.no_grad():
        assert float(loss(a, b, boxes)) == 0.0
        b[:, :, 20:30, 20:30] = 0.0
        assert float(loss(a, b, boxes)) > 0.0


@pytest.mark.parametrize("path", FACE_FILES, ids=lambda p: p.stem)
def test_head_boxes_of_the_face_loss(path: Path) -> None:
    ref = reference(path)
    height, width = ref.inputs["img1"].shape[-2:]
    steps = 10_000
    unit = head_boxes(ref.inputs["kps"], steps).double() / steps
    cut = unit * torch.tensor([width, width, height, height]) - ref.outputs["head_rects"]
    # Both sides are truncated: ours to 1/steps of the side, the official one to a pixel.
    assert float(cut.min()) > -1.01 * max(width, height) / steps
    assert float(cut.max()) <= 1.0
