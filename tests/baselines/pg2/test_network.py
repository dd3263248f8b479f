"""Networks of PG2 against the original's arrays, by hand, and as laws."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from iper_bench.baselines.pg2.network import (
    BatchDiscriminator,
    DifferenceGenerator,
    PoseGenerator,
    SameConv2d,
    block_count,
    same,
)
from torch import nn

from iper_bench.errors import UserError
from tests.baselines.pg2.references import FILES, reference


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_generators(path: Path) -> None:
    arrays, networks = reference(path)
    first = networks.first(arrays["src"], arrays["pose_tgt"])
    difference = networks.second(first, arrays["src"])
    # absolute 1e-4: the sheet's tolerance for outputs
    torch.testing.assert_close(first, arrays["G1"], atol=1e-4, rtol=0)
    torch.testing.assert_close(difference, arrays["diff_map"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_discriminator(path: Path) -> None:
    arrays, networks = reference(path)
    drawn = arrays["G1"] + arrays["diff_map"]
    logits = networks.judge(torch.cat([arrays["tgt"], drawn, arrays["src"]]))
    torch.testing.assert_close(logits, arrays["D_logits_target_G2_source"], atol=1e-4, rtol=0)
    in_evaluation = networks.judge.eval()(torch.cat([arrays["tgt"], drawn, arrays["src"]]))
    torch.testing.assert_close(in_evaluation, logits)  # batch statistics at all times


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


COUNTS = [  # the sheet: side, parameters of G1, G2, D
    (64, 38_862_019, 2_518_659, 10_865_537),
    (128, 72_372_035, 6_206_339, 10_871_681),
    (256, 122_103_235, 12_696_067, 10_896_257),
    (512, 191_365_187, 22_872_579, 10_994_561),
]


@pytest.mark.parametrize(("side", "first", "second", "judge"), COUNTS)
def test_counts(side: int, first: int, second: int, judge: int) -> None:
    blocks = block_count(side)
    with torch.device("meta"):
        generator = PoseGenerator((side, side), blocks=blocks)
        assert count(generator) == first
        assert count(DifferenceGenerator(blocks=blocks - 2)) == second
        assert count(BatchDiscriminator((side, side))) == judge
    assert generator.smallest == (8, 8)
    assert generator.code.weight.shape == (64, 64 * blocks * 128)
    assert generator.decode.weight.shape == (64 * 128, 64)


def test_counts_of_other_variants() -> None:
    with torch.device("meta"):
        assert count(PoseGenerator((128, 64), blocks=5)) == 70_795_075
        assert count(DifferenceGenerator(blocks=3, first_skip=False)) == 6_058_883
        assert count(BatchDiscriminator((128, 64), convs=4)) == 4_324_737
        assert count(PoseGenerator((256, 256), width=64)) == 31_458_051
        assert count(DifferenceGenerator(width=64)) == 3_177_731


def test_padding_puts_the_odd_pixel_behind() -> None:
    row = torch.arange(1.0, 5.0).view(1, 1, 1, 4).expand(1, 1, 4, 4)
    assert same(row, 3, 2)[0, 0, 0].tolist() == [1, 2, 3, 4, 0]
    assert same(row, 5, 2)[0, 0, 1].tolist() == [0, 1, 2, 3, 4, 0, 0]
    assert same(row, 3, 1)[0, 0, 1].tolist() == [0, 1, 2, 3, 4, 0]
    assert same(row, 1, 1).shape == row.shape
    conv = SameConv2d(1, 1, 3, 2)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    conv.weight.data[0, 0, 0, 0] = 1.0  # picks the upper left corner of every window: pixels 0 and 2
    assert conv(row)[0, 0].tolist() == [[1, 3], [1, 3]]


@pytest.mark.parametrize("size", [(64, 64), (64, 32), (128, 128)])
def test_sizes(size: tuple[int, int]) -> None:
    blocks = block_count(size[0])
    image, pose = torch.zeros(2, 3, *size), torch.ones(2, 18, *size)
    first = PoseGenerator(size, width=2, blocks=blocks, latent=3)(image, pose)
    second = DifferenceGenerator(width=2, blocks=blocks - 2)(first, image)
    assert first.shape == second.shape == image.shape
    assert BatchDiscriminator(size, width=2)(image).shape == (2,)


def test_the_pose_reaches_every_pixel_through_the_code() -> None:
    """The convolutions alone see a neighbourhood; the linear layers see the whole image."""
    torch.manual_seed(0)
    network = PoseGenerator((64, 64), width=4, blocks=4, latent=8).double()
    image = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1
    pose = -torch.ones(1, 18, 64, 64, dtype=torch.float64)
    moved = pose.clone()
    moved[:, 0, :4, :4] = 1.0
    difference = (network(image, pose) - network(image, moved)).abs().amax((0, 1))
    assert difference[-4:, -4:].min() > 0


def test_who_is_judged_together_matters() -> None:
    torch.manual_seed(0)
    judge = BatchDiscriminator((64, 64), width=4)
    images = torch.rand(4, 3, 64, 64) * 2 - 1
    together, some = judge(images)[:2], judge(images[:2])
    assert not torch.allclose(together, some, atol=1e-6)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(judge(images[order]), judge(images)[order])


@pytest.mark.parametrize("side", [16, 48, 100])
def test_sides_that_cannot_be_halved(side: int) -> None:
    with pytest.raises(UserError, match="field 'side'"):
        block_count(side)
