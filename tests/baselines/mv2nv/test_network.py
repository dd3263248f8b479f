"""Networks of MV2NV against the official model, by hand, and as laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from iper_bench.baselines.mv2nv.layers import ConvLstmCell, RecurrentBlock, ResidualBlock
from iper_bench.baselines.mv2nv.network import (
    Discriminator,
    FlowModule,
    PixelModule,
    Sizes,
    Views,
    synthesise,
)
from iper_bench.baselines.mv2nv.sampling import coordinates, moved
from torch import Tensor, nn

from iper_bench.errors import UserError
from tests.baselines.mv2nv.oracle_weights import discriminator_of, flow_of, pixel_of
from tests.oracles import load, oracle_files

FILES = oracle_files("baselines/mv2nv_network*.npz")
TOLERANCE = 1e-4  # the oracle's own, float32 through some twenty layers
SMALL = Sizes(encoder=(4, 6, 8), decoder=(8, 6, 4), head=3, blocks=1)


def oracle_views(arrays: dict[str, np.ndarray]) -> Views:
    """What our modules make of the oracle's sources."""
    target, sources = (torch.from_numpy(arrays[name]) for name in ("target_pose", "source_poses"))
    images = torch.from_numpy(arrays["source_images"])
    codes = target[:, None] - sources
    return synthesise(flow_of(arrays), pixel_of(arrays), images, codes, legacy_border=True)


def small_views(sources: Tensor, codes: Tensor) -> Views:
    torch.manual_seed(0)
    return synthesise(FlowModule(2, SMALL), PixelModule(2, SMALL), sources, codes)


def count_of(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@torch.no_grad()
def test_oracle_modules(path) -> None:
    arrays = load(path)
    views = oracle_views(arrays)
    for found, name in (
        (views.pixels, "pixel_out"),
        (views.pixel_logits, "pixel_conf_logit"),
        (views.flows, "flow_xy"),
        (views.warped, "flow_warped"),
        (views.flow_logits, "flow_conf_logit"),
    ):
        np.testing.assert_allclose(found.numpy(), arrays[name], rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@torch.no_grad()
def test_oracle_results_of_every_step(path) -> None:
    arrays = load(path)
    views = oracle_views(arrays)
    assert views.count == arrays["aggregate_per_step"].shape[1]
    for step in range(views.count):
        for found, name in (
            (views.merged(step), "aggregate_per_step"),
            (views.warped_only(step), "flow_only_aggregate_per_step"),
        ):
            np.testing.assert_allclose(found.numpy(), arrays[name][:, step], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@torch.no_grad()
def test_oracle_discriminator(path) -> None:
    arrays = load(path)
    network = discriminator_of(arrays)
    real = network(torch.from_numpy(arrays["target_image"])).numpy()
    np.testing.assert_allclose(real, arrays["d_real_logits"], rtol=0, atol=TOLERANCE)
    for step, expected in enumerate(arrays["d_fake_logits"].swapaxes(0, 1)):
        drawn = network(torch.from_numpy(arrays["pixel_out"][:, step])).numpy()
        np.testing.assert_allclose(drawn, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_sampler(path) -> None:
    """The oracle samples levels 0..1, our images lie in [-1, 1]; 1e-6: one step of float32."""
    arrays = load(path)
    image = torch.from_numpy(arrays["sampler_img"])[None] * 2 - 1
    for flow, expected in zip(arrays["sampler_flow_xy"], arrays["sampler_out"], strict=True):
        maps = torch.from_numpy(flow.astype(np.float32))[None, :, None, None].expand(1, 2, *image.shape[-2:])
        found = (moved(image, maps, legacy_border=True) + 1) / 2
        np.testing.assert_allclose(found[0].numpy(), expected, rtol=0, atol=1e-6)


def test_counts_of_the_paper() -> None:
    for codes, flow, pixel in (
        (39, 23_260_467, 103_878_524),
        (24, 23_252_787, 103_870_844),
        (19, 23_250_227, 103_868_284),
    ):
        with torch.device("meta"):
            assert count_of(FlowModule(codes, Sizes())) == flow
            assert count_of(PixelModule(codes, Sizes())) == pixel
    with torch.device("meta"):
        network, judge = PixelModule(39, Sizes()), Discriminator()
        assert count_of(judge) == 690_401
        assert count_of(network.encoder) == 2_808_800
        assert count_of(network.memory) == 99_104_768
        assert count_of(FlowModule(39, Sizes()).blocks) == 18_878_464


def test_known_coordinates() -> None:
    found = coordinates(4)
    torch.testing.assert_close(found[0, 2], torch.tensor([-1.0, -0.5, 0.0, 0.5]), rtol=0, atol=0)
    torch.testing.assert_close(found[1], found[0].T, rtol=0, atol=0)


def test_known_moves() -> None:
    """A flow of 2 / W shows the pixel to the right; a border is repeated, or lost as released."""
    image = torch.rand(1, 3, 8, 8)
    still = torch.zeros(1, 2, 8, 8)
    torch.testing.assert_close(moved(image, still), image, rtol=0, atol=1e-6)  # float32 coordinates
    legacy = moved(image, still, legacy_border=True)
    torch.testing.assert_close(legacy[..., :-1, :-1], image[..., :-1, :-1], rtol=0, atol=1e-6)
    assert (legacy[..., -1, :] == -1).all()
    assert (legacy[..., :, -1] == -1).all()
    right = still.clone()
    right[:, 0] = 2 / 8
    found = moved(image, right)
    torch.testing.assert_close(found[..., :-1], image[..., 1:], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[..., -1], image[..., -1], rtol=0, atol=1e-6)


def test_gradient_of_the_sampler() -> None:
    """By finite differences, away from whole pixels."""
    torch.manual_seed(0)
    image = torch.rand(1, 2, 6, 6, dtype=torch.float64)
    flow = ((torch.randint(-1, 2, (1, 2, 6, 6)) + 0.2 + 0.6 * torch.rand(1, 2, 6, 6)) / 3).double()
    for legacy in (False, True):
        assert torch.autograd.gradcheck(
            lambda x, y=legacy: moved(image, x, legacy_border=y), flow.requires_grad_()
        )


@torch.no_grad()
def test_known_cell() -> None:
    """Without weights the gates are those of the biases."""
    cell = ConvLstmCell(1)
    cell.conv.weight.zero_()
    cell.conv.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 3.0]))
    state = (torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, 1, 2, 2))
    memory, output = cell(torch.zeros(1, 1, 2, 2), state)
    expected = 0.5 / (1 + np.exp(-3.0)) + 0.5 * np.tanh(1.0)
    np.testing.assert_allclose(memory.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(output.numpy(), np.tanh(expected) / (1 + np.exp(-3.0)), rtol=1e-6)


def test_dead_convolution_of_the_flow_blocks() -> None:
    """As released the first convolution has no gradient; in the usual form it has."""
    x = torch.rand(1, 4, 5, 5)
    for textbook in (False, True):
        block = ResidualBlock(4, textbook=textbook)
        first, second = torch.autograd.grad(
            block(x).sum(), [block.first.weight, block.second.weight], allow_unused=True
        )
        assert (first is not None) == textbook
        assert second.abs().sum() > 0


@torch.no_grad()
def test_block_remembers() -> None:
    """Law: the second pass differs from the first; a block without weights is the identity."""
    block, x = RecurrentBlock(3), torch.rand(1, 3, 4, 4)
    once, states = block(x, None)
    again, _ = block(x, states)
    assert not torch.equal(once, again)
    for cell in block.cells:
        cell.conv.weight.zero_()
        cell.conv.bias.zero_()
    torch.testing.assert_close(block(x, None)[0], x, rtol=0, atol=0)


@torch.no_grad()
def test_order_of_the_sources() -> None:
    """Law: exchanging two sources exchanges what is warped, but changes what is painted."""
    torch.manual_seed(1)
    sources, codes = torch.rand(1, 2, 3, 16, 16) * 2 - 1, torch.randn(1, 2, 2)
    one, other = small_views(sources, codes), small_views(sources.flip(1), codes.flip(1))
    torch.testing.assert_close(one.warped, other.warped.flip(1), rtol=0, atol=1e-6)
    assert (one.pixels[:, 1] - other.pixels[:, 1]).abs().max() > 1e-4


@torch.no_grad()
def test_results_lie_between_the_images() -> None:
    torch.manual_seed(1)
    views = small_views(torch.rand(2, 3, 3, 16, 16) * 2 - 1, torch.randn(2, 3, 2))
    for step in range(3):
        torch.testing.assert_close(views.weights(step).sum(1), torch.ones(2, 16, 16), rtol=0, atol=1e-6)
        images = torch.cat([views.pixels[:, step : step + 1], views.warped[:, : step + 1]], 1)
        found = views.merged(step)
        assert (found <= images.amax(1) + 1e-6).all()
        assert (found >= images.amin(1) - 1e-6).all()


@torch.no_grad()
def test_later_sources_change_no_earlier_step() -> None:
    torch.manual_seed(1)
    sources, codes = torch.rand(2, 3, 3, 16, 16) * 2 - 1, torch.randn(2, 3, 2)
    many, few = small_views(sources, codes), small_views(sources[:, :2], codes[:, :2])
    torch.testing.assert_close(many.merged(1), few.merged(1), rtol=0, atol=1e-6)  # order of sums


@pytest.mark.parametrize("changes", [{"decoder": (8, 6)}, {"encoder": (4, 6), "decoder": (6, 4)}])
def test_sizes_that_do_not_fit(changes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UserError, match="decoder widths"):
        replace(SMALL, **changes)
