"""Discriminators and crops against the released ones; laws of crops and lists."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from iper_bench.errors import UserError
from iper_bench.lwg.crops import body_boxes, crop_boxes, filled_rows, head_boxes
from iper_bench.lwg.discriminator import (
    DiscriminatorConfig,
    PatchDiscriminator,
    average_score,
    build_discriminator,
)
from tests.lwg.references import (
    largest_difference,
    numbered,
    own_keys,
    reference,
    released_count,
    released_keys,
)
from tests.oracles import config, load, oracle_files

TOLERANCE = 1e-6  # six convolutions, float32; another order of summation gives 5e-9


def _build(path: Path) -> nn.Module:
    settings = config(path)
    if "cfg" in settings:
        sizes = DiscriminatorConfig.from_official(settings["cfg"])
        return build_discriminator(settings["network"], sizes, use_aug_bg=settings["use_aug_bg"])
    options = dict(settings["kwargs"])
    channels, global_nc = options.pop("input_nc"), options.pop("global_nc", None)
    sizes = DiscriminatorConfig(cond_nc=channels, **options)
    if settings["network"] == "PatchDiscriminator":
        return PatchDiscriminator(channels, sizes)
    return build_discriminator("multi_scale", sizes, global_nc=global_nc)


@pytest.mark.parametrize("path", oracle_files("lwg/dis_*.npz"), ids=lambda p: p.stem)
def test_scores_equal_the_released_ones(path: Path) -> None:
    ref, network = reference(path), _build(path).eval()
    assert list(network.state_dict()) == list(ref.weights)
    network.load_state_dict(ref.weights, strict=True)
    names = {"local_x": "x"}
    with torch.no_grad():
        got = network(**{names.get(k, k): v for k, v in ref.inputs.items()})
    maps: list[Tensor] = [got] if isinstance(got, Tensor) else got
    wanted = numbered(ref.outputs)
    assert wanted
    for a, b in zip(maps, wanted, strict=True):
        assert largest_difference(a, b) < TOLERANCE
    if "avg" in ref.outputs:
        assert float(average_score(maps)) == pytest.approx(float(ref.outputs["avg"][0]), abs=TOLERANCE)


PATCH_NAMES = ("patch_global", "patch_global_local", "patch_global_body_head")


@pytest.mark.parametrize(
    ("name", "augmented"), [*itertools.product(PATCH_NAMES, (False, True)), ("multi_scale", False)]
)
def test_keys_and_shapes_are_the_released_ones(name: str, augmented: bool) -> None:
    with torch.device("meta"):
        network = build_discriminator(name, use_aug_bg=augmented)
    listing = f"iPERCore_D_{name}{'_augbg' if augmented else ''}"
    assert own_keys(network) == released_keys(listing)
    assert sum(p.numel() for p in network.parameters()) == released_count(listing)


@pytest.mark.parametrize(("side", "cells"), [(512, 30), (256, 14), (128, 6)])
def test_map_sizes(side: int, cells: int) -> None:
    with torch.device("meta"):
        network = PatchDiscriminator(6, DiscriminatorConfig())
        assert network(torch.empty(1, 6, side, side)).shape == (1, 1, cells, cells)


def test_background_map_comes_last_only_in_patch_global() -> None:
    sizes = DiscriminatorConfig(ndf=2, n_layers=2, max_nf_mult=2)
    boxes = torch.tensor([[0, 64, 0, 64]])
    x, bg_x = torch.zeros(1, 6, 64, 64), torch.zeros(1, 4, 64, 64)
    for name, position in (("patch_global", -1), ("patch_global_local", 0), ("patch_global_body_head", 0)):
        network = build_discriminator(name, sizes, use_aug_bg=True)
        maps = network(x, bg_x=bg_x, body_rects=boxes, head_rects=boxes)
        assert torch.equal(maps[position], network.bg_model(bg_x))  # type: ignore[operator]


def test_scores_do_not_depend_on_the_rest_of_the_batch() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(6, DiscriminatorConfig(ndf=4, n_layers=3)).eval()
    x = torch.randn(3, 6, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(network(x)[1:2], network(x[1:2]), atol=1e-5)


def test_crops_with_an_empty_box_are_left_out() -> None:
    images = torch.arange(2 * 16.0).reshape(2, 1, 4, 4)
    boxes = torch.tensor([[2, 2, 0, 4], [1, 3, 0, 2]])
    assert filled_rows(boxes) == [1]
    crop = crop_boxes(images, boxes, 2, 2)
    assert crop is not None
    assert torch.equal(crop, images[1:, :, 0:2, 1:3])
    assert crop_boxes(images, boxes[:1].repeat(2, 1), 2, 2) is None


def test_a_box_of_the_whole_image_is_the_image() -> None:
    images = torch.randn(2, 3, 8, 6, generator=torch.Generator().manual_seed(2))
    crop = crop_boxes(images, torch.tensor([[0, 6, 0, 8]] * 2), 8, 6)
    assert crop is not None
    assert torch.allclose(crop, images, atol=1e-6)


BODY_FACTOR_KEY = "util_body_bbox_f"  # the rest of the name is the factor
FACTOR = 1.25  # of the body boxes in datasets/joint_boxes*, by its description; "f11" is 1.1
TRUNCATION = 1  # pixel: float32 numbers beside a whole number are truncated to either side of it


def assert_boxes(found: Tensor, wanted: Tensor, name: str) -> None:
    apart = (found - wanted).abs()
    assert int(apart.max()) <= TRUNCATION, name
    assert float((apart > 0).float().mean()) < 0.1, name  # such numbers are rare


@pytest.mark.parametrize("path", oracle_files("lwg/boxes_from_joints*.npz"), ids=lambda p: p.stem)
def test_boxes_from_joints(path: Path) -> None:
    ref, size = reference(path), config(path)["image_size"]
    joints = ref.inputs["kps"]
    found = {"head_bbox": head_boxes(joints, size), "body_bbox": body_boxes(joints, size)}
    found["util_head_bbox"] = found["head_bbox"]  # two official functions, one rule
    for name in ref.outputs:
        if name.startswith(BODY_FACTOR_KEY):
            found[name] = body_boxes(joints, size, float(name.removeprefix(BODY_FACTOR_KEY)))
    assert found.keys() == ref.outputs.keys()
    for name, wanted in ref.outputs.items():
        assert_boxes(found[name], wanted, name)


@pytest.mark.parametrize("path", oracle_files("datasets/joint_boxes*.npz"), ids=lambda p: p.stem)
def test_boxes_of_the_training_data(path: Path) -> None:
    arrays = {key: torch.from_numpy(value) for key, value in load(path).items()}
    joints = arrays["kps19"]
    (size,) = (int(key.removeprefix("head_")) for key in arrays if key.removeprefix("head_").isdigit())
    assert_boxes(head_boxes(joints, size), arrays[f"head_{size}"], "head")
    for key, factor in ((f"body_{size}", FACTOR), (f"body_{size}_f11", 1.1)):
        assert_boxes(body_boxes(joints, size, factor), arrays[key], key)


def test_boxes_by_hand() -> None:
    joints = torch.zeros(1, 19, 2)
    joints[0, 0] = torch.tensor([-0.5, 0.5])
    joints[0, 1] = torch.tensor([0.5, -0.5])
    # all joints: 0.25 .. 0.75 of the side, widened by 1.2 to 0.2 .. 0.8; head joints: one point at 0.5
    assert body_boxes(joints, 100).tolist()[0] == pytest.approx([20, 80, 20, 80], abs=1)
    assert head_boxes(joints, 100).tolist()[0] == pytest.approx([45, 55, 45, 50], abs=1)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="did you mean patch_global"):
        build_discriminator("patch_globel")
    with pytest.raises(UserError, match="norm"):
        DiscriminatorConfig(norm_type="layer")
    with pytest.raises(UserError, match="n_layers"):
        DiscriminatorConfig.from_official({"n_layer": 3})
    with pytest.raises(ValueError, match="boxes"):
        build_discriminator("patch_global_local", DiscriminatorConfig(ndf=2))(torch.zeros(1, 6, 64, 64))
