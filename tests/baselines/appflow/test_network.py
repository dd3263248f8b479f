"""Sampling layers of appearance flow against the layer formulas; the network's sizes and laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from iper_bench.baselines.appflow.network import AppearanceFlow, encoded_side
from iper_bench.baselines.appflow.sampling import merged, moved, resized
from torch import nn

from iper_bench.errors import UserError
from tests.oracles import cases, load, oracle_files

FILES = oracle_files("baselines/appflow_ops*.npz")
TOLERANCE = 1e-5 * 255  # the oracle's own


def small(**changes: object) -> AppearanceFlow:
    torch.manual_seed(0)
    sizes: dict[str, object] = {
        "views": 5,
        "encoder": (4, 6, 8),
        "decoder": (6, 4, 4),
        "hidden": 12,
        "start": 3,
        "mask_hidden": 8,
        "mask_start": 2,
    }
    return AppearanceFlow(64, **(sizes | changes))  # type: ignore[arg-type]


def count_of(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_remap(path) -> None:
    arrays = load(path)
    image = torch.from_numpy(arrays["img"])[None]
    for flow, expected in zip(arrays["flow_px"], arrays["warped"], strict=True):
        found = moved(image, torch.from_numpy(flow)[None])[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    board = torch.from_numpy(arrays["checker"])[None, None]
    found = moved(board, torch.from_numpy(arrays["checker_flow_px"])[None])[0, 0].numpy()
    np.testing.assert_allclose(found, arrays["checker_warped"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_resize(path) -> None:
    arrays = load(path)
    for name in cases(arrays, "resize_to_"):
        expected = arrays[f"resize_to_{name}"]
        found = resized(torch.from_numpy(arrays["resize_in"])[None], expected.shape[-2:])[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_oracle_merge(path) -> None:
    arrays = load(path)
    images, logits = (torch.from_numpy(arrays[name])[None] for name in ("merge_pred", "merge_logits"))
    np.testing.assert_allclose(merged(images, logits)[0].numpy(), arrays["merge_out"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("side", "views", "confidence", "count"),
    [
        (224, 20, False, 93_035_844),
        (224, 19, False, 93_035_716),
        (224, 19, True, 93_035_861),
        (256, 20, False, 93_035_844),
        (256, 24, False, 93_036_356),
        (64, 20, False, 61_578_564),
        (128, 20, False, 67_870_020),
        (512, 20, False, 193_699_140),
    ],
)
def test_counts_of_the_paper(side: int, views: int, confidence: bool, count: int) -> None:
    with torch.device("meta"):
        network = AppearanceFlow(side, views=views, confidence=confidence)
    assert count_of(network) == count
    assert network.mask is not None
    assert count_of(network.mask) == 5_936_402


def test_sides_of_the_layers() -> None:
    assert [encoded_side(224, k) for k in range(7)] == [224, 112, 56, 28, 14, 7, 4]
    network = AppearanceFlow(
        224, views=20, encoder=(2,) * 6, decoder=(2,) * 5, hidden=4, start=1, mask_hidden=0
    )
    x, sides = torch.zeros(1, 4 + 256), []
    for layer in network.flow:
        x = layer(x)
        if isinstance(layer, nn.ConvTranspose2d):
            sides.append(x.shape[-1])
    assert sides == [15, 29, 57, 113, 225, 225]


def test_resizing_keeps_a_plane_and_its_corners() -> None:
    """Enlarged, a flow that grows evenly stays even; shrunk, a constant stays constant."""
    ramp = torch.linspace(0, 1, 9, dtype=torch.float64).expand(1, 2, 9, 9)
    expected = torch.linspace(0, 1, 15, dtype=torch.float64).expand(1, 2, 15, 15)
    torch.testing.assert_close(resized(ramp, (15, 15)), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(resized(ramp.mT, (15, 15)), expected.mT, rtol=0, atol=1e-12)
    flat = torch.full((1, 2, 15, 15), 3.0, dtype=torch.float64)
    torch.testing.assert_close(resized(flat, (4, 9)), flat[..., :4, :9], rtol=0, atol=1e-12)
    torch.testing.assert_close(resized(flat, (15, 15)), flat, rtol=0, atol=0)


def test_gradient_of_the_sampler() -> None:
    """By finite differences, away from whole pixels."""
    torch.manual_seed(0)
    image = torch.rand(1, 2, 5, 7, dtype=torch.float64)
    flow = (torch.randint(-2, 2, (1, 2, 5, 7)) + 0.2 + 0.6 * torch.rand(1, 2, 5, 7)).double()
    assert torch.autograd.gradcheck(lambda x: moved(image, x), flow.requires_grad_())


@torch.no_grad()
def test_zero_flow_is_the_identity() -> None:
    network = small()
    for one in network.flow[-1].parameters():
        one.zero_()
    image = torch.rand(2, 3, 64, 64) * 255
    found = network(image, torch.eye(5)[:2])
    assert found.confidence is None
    torch.testing.assert_close(moved(image, found.flow), image, rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_fresh_weights_begin_near_the_identity_and_see_the_view() -> None:
    network, image = small(), torch.rand(1, 3, 64, 64) * 255
    flows = [network(image, torch.eye(5)[k : k + 1]).flow for k in range(2)]
    assert max(one.abs().max() for one in flows) < 1.0  # pixel
    assert not torch.equal(*flows)


@torch.no_grad()
def test_outputs() -> None:
    image, code = torch.rand(2, 3, 64, 64) * 255, torch.eye(5)[:2]
    found = small(confidence=True)(image, code)
    assert found.flow.shape == (2, 2, 64, 64)
    assert found.confidence is not None
    assert found.confidence.shape == (2, 64, 64)
    assert found.mask is not None
    assert found.mask.shape == (2, 2, 64, 64)
    assert small()(image, code, mask=False).mask is None
    assert small(mask_hidden=0)(image, code).mask is None


def test_equal_sources_give_the_single_result() -> None:
    """Law: whatever the confidences."""
    torch.manual_seed(0)
    image, logits = torch.rand(2, 1, 3, 8, 8), torch.randn(2, 3, 8, 8)
    found = merged(image.expand(-1, 3, -1, -1, -1), logits)
    torch.testing.assert_close(found, image[:, 0], rtol=0, atol=1e-6)  # weights sum to 1 in float32


@pytest.mark.parametrize("changes", [{"encoder": ()}, {"decoder": ()}])
def test_sizes_that_do_not_fit(changes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UserError, match="convolutions"):
        small(**changes)
