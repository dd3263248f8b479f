"""Networks and samplers of SHUP against the original's arrays, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from iper_bench.baselines.shup.network import (
    SameConv2d,
    ShupDiscriminator,
    ShupGenerator,
    check_side,
    limb_stack,
)
from iper_bench.baselines.shup.sampling import doubled, warped
from torch import Tensor, nn

from iper_bench.errors import UserError
from tests.baselines.shup.references import FILES, GEOMETRY, INPUTS, arrays_of, layers_of, reference


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_generator(path: Path) -> None:
    arrays, network = reference(path)
    drawn = network(*(arrays[name][None] for name in INPUTS))
    for made, name in zip(drawn, ("out", "mask_src", "bg_tgt", "fg_tgt", "fg_mask"), strict=True):
        torch.testing.assert_close(made[0], arrays[name], atol=1e-4, rtol=0)  # the sheet's tolerance


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda p: p.stem)
def test_samplers(path: Path) -> None:
    arrays = arrays_of(path)
    images = arrays["sampler_in_nchw"]
    # 1e-5: the sheet's tolerance
    torch.testing.assert_close(
        warped(images, arrays["sampler_theta"]), arrays["sampler_affine_out_nchw"], atol=1e-5, rtol=0
    )
    torch.testing.assert_close(doubled(images), arrays["sampler_upsample2_out_nchw"], atol=1e-5, rtol=0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_counts() -> None:
    with torch.device("meta"):
        generator = ShupGenerator()
        assert count(generator) == 7_863_314
        assert len([one for one in generator.modules() if isinstance(one, SameConv2d)]) == 52
        assert count(ShupGenerator(joints=18)) == 7_877_138
        sides = {64: 2_693_249, 128: 3_479_681, 256: 6_625_409, 512: 19_208_321}
        for side, parameters in sides.items():
            assert count(ShupDiscriminator(side)) == parameters
    entries = [count(one.entry) for one in (generator.masks, generator.background, generator.foreground)]
    assert entries == [9_472, 12_608, 94_144]
    assert count(layers_of(generator.masks)[2]) == 89_984


def test_padding_puts_the_odd_pixel_behind() -> None:
    row = torch.arange(1.0, 5.0).expand(1, 1, 4, 4)
    conv = SameConv2d(1, 1, 3, 2)
    assert conv.bias is not None
    assert conv.bias.tolist() == [0.0]
    for place, seen in (((0, 0), [[1, 3], [1, 3]]), ((2, 2), [[3, 0], [0, 0]])):
        nn.init.zeros_(conv.weight)
        conv.weight.data[0, 0, place[0], place[1]] = 1.0
        assert conv(row)[0, 0].tolist() == seen


def test_doubling_by_hand() -> None:
    row = torch.tensor([0.0, 2.0, 8.0]).expand(1, 1, 2, 3)
    # the last sample lies between the last pixel and the reflected one before it
    assert doubled(row)[0, 0, 0].tolist() == [0, 1, 2, 5, 8, 5]
    torch.testing.assert_close(doubled(row.mT).mT, doubled(row))


def test_warps_by_hand() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    shift = torch.tensor([[[1.0, 0, 1], [0, 1, 0]]])  # pixel x shows the image's pixel x + 1
    assert warped(image, shift)[0, 0, 0].tolist() == pytest.approx([1, 2, 3, 2], abs=1e-5)
    torch.testing.assert_close(warped(image, torch.eye(2, 3)[None]), image, atol=1e-5, rtol=0)
    far = torch.tensor([[[1.0, 0, 90], [0, 1, 0]]])  # the reflected pixel repeats for ever
    assert warped(image, far)[0, 0, 0].tolist() == pytest.approx([2, 2, 2, 2], abs=1e-5)


def test_only_what_is_cut_moves() -> None:
    source = torch.rand(1, 3, 64, 64)
    masks = torch.zeros(1, 2, 64, 64)
    masks[:, 0, 10:20, 10:20] = 1.0
    moved = torch.eye(2, 3).repeat(1, 2, 1, 1)
    moved[0, 0, 0, 2] = -5.0  # the target's x is the source's x + 5
    stack = limb_stack(source, masks, moved)
    assert stack.shape == (1, 6, 64, 64)
    torch.testing.assert_close(stack[0, :3, 10:20, 15:25], source[0, :, 10:20, 10:20], atol=1e-5, rtol=0)
    assert stack[0, 3:].abs().max() == 0


def small(side: int = 64) -> tuple[ShupGenerator, dict[str, Tensor]]:
    torch.manual_seed(0)
    inputs = {
        "source": torch.rand(2, 3, side, side) * 2 - 1,
        "pose_source": torch.rand(2, 14, side // 2, side // 2),
        "pose_target": torch.rand(2, 14, side // 2, side // 2),
        "prior": torch.randn(2, 11, side, side),
        "transforms": torch.eye(2, 3).repeat(2, 11, 1, 1),
    }
    return ShupGenerator(width=4, deep=6, mask_width=4, last=4), inputs


@pytest.mark.parametrize("side", [64, 96])
def test_shapes_and_ranges(side: int) -> None:
    generator, inputs = small(side)
    image, masks, background, foreground, alpha = generator(**inputs)
    assert image.shape == background.shape == foreground.shape == inputs["source"].shape
    torch.testing.assert_close(masks.sum(1), torch.ones(2, side, side))
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    torch.testing.assert_close(image, foreground * alpha + background * (1 - alpha))
    judge = ShupDiscriminator(side, width=2)
    assert judge(image, inputs["pose_source"], inputs["pose_target"]).shape == (2,)


def test_without_logits_the_masks_are_the_prior() -> None:
    generator, inputs = small()
    nn.init.zeros_(generator.mask_head.weight)
    torch.testing.assert_close(generator(**inputs).masks, torch.softmax(inputs["prior"], 1))


def test_the_target_pose_does_not_reach_the_background() -> None:
    generator, inputs = small()
    first = generator(**inputs)
    second = generator(**inputs | {"pose_target": torch.zeros(2, 14, 32, 32)})
    assert torch.equal(first.background, second.background)
    assert not torch.allclose(first.foreground, second.foreground)


def test_a_frame_does_not_depend_on_the_others() -> None:
    generator, inputs = small()
    alone = generator(**{name: value[1:] for name, value in inputs.items()})
    torch.testing.assert_close(alone.image, generator(**inputs).image[1:], atol=1e-6, rtol=0)


@pytest.mark.parametrize("side", [32, 48, 100])
def test_sides_that_cannot_be_halved(side: int) -> None:
    with pytest.raises(UserError, match="field 'side'"):
        check_side(side)
