"""Warping and fusion blocks against the released ones, known answers, and laws of the attention."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from iper_bench.lwg.fusion import (
    SPADE,
    AdaINFusion,
    AddFusion,
    AttentionFusion,
    AverageFusion,
    SoftGateFusion,
    attend,
    resize_flow,
    split_batch,
    warp_feature,
    warp_sources,
)
from tests.lwg.references import Reference, largest_difference, reference
from tests.oracles import config, oracle_files

TOLERANCE = 1e-5  # one block, float32


def _cases(ref: Reference) -> list[str]:
    found = sorted({key.split("/")[0] for key in ref.inputs})
    assert found
    return found


def _warped(ref: Reference, bs: int, ns: int) -> Tensor:
    flows = ref.inputs["Tst"].reshape(bs, ns, *ref.inputs["Tst"].shape[-3:])
    return warp_sources(split_batch(ref.inputs["src_x"], (bs, ns)), flows)


@pytest.mark.parametrize("path", oracle_files("lwg/block_LWB_warp*.npz"), ids=lambda p: p.stem)
def test_warp_and_flow_resizing(path: Path) -> None:
    ref = reference(path)
    for case in _cases(ref):
        feature, flow, wanted = ref.inputs[f"{case}/x"], ref.inputs[f"{case}/T"], ref.outputs[f"{case}/warp"]
        if feature.dim() == 5:
            assert largest_difference(warp_sources(feature, flow).flatten(0, 1), wanted) < TOLERANCE
            continue
        assert largest_difference(warp_feature(feature, flow), wanted) < TOLERANCE
        resized = resize_flow(flow, feature.shape[-2], feature.shape[-1])
        assert largest_difference(resized, ref.outputs[f"{case}/T_resized"]) < TOLERANCE


@pytest.mark.parametrize("path", oracle_files("lwg/block_SelfAttention*.npz"), ids=lambda p: p.stem)
def test_attention_over_sources(path: Path) -> None:
    ref = reference(path)
    for case in _cases(ref):
        mixed, weights = attend(*(ref.inputs[f"{case}/{name}"] for name in "qkv"))
        assert largest_difference(mixed, ref.outputs[f"{case}/x"]) < TOLERANCE
        assert largest_difference(weights, ref.outputs[f"{case}/alpha"]) < TOLERANCE


@pytest.mark.parametrize("path", oracle_files("lwg/block_SPADE*.npz"), ids=lambda p: p.stem)
def test_spade(path: Path) -> None:
    settings, ref = config(path), reference(path)
    norm = "batch" if "batch" in settings.get("config_text", "instance") else "instance"
    kernel = ref.weights["mlp_gamma.weight"].shape[-1]
    block = SPADE(
        settings["norm_nc"], settings["cond_nc"], hidden=settings["nhidden"], kernel=kernel, norm=norm
    ).eval()
    block.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        gamma, beta = block.modulation(ref.inputs["condmap"])
        output = block(ref.inputs["x"], ref.inputs["condmap"])
    assert largest_difference(gamma, ref.outputs["gamma"]) < TOLERANCE
    assert largest_difference(beta, ref.outputs["beta"]) < TOLERANCE
    assert largest_difference(output, ref.outputs["out"]) < TOLERANCE


@pytest.mark.parametrize("path", oracle_files("lwg/block_AttLWB-SPADE*.npz"), ids=lambda p: p.stem)
def test_attention_block(path: Path) -> None:
    settings, ref = config(path), reference(path)
    bs, ns, nt = settings["bs"], settings["ns"], settings["nt"]
    block = AttentionFusion(
        settings["channel_q"], source_channels=settings["channel_s"], inner=settings["channel"]
    ).eval()
    assert list(block.state_dict()) == list(ref.weights)
    block.load_state_dict(ref.weights, strict=True)
    warped = _warped(ref, bs, ns)
    if nt:
        earlier = warp_sources(split_batch(ref.inputs["temp_x"], (bs, nt)), ref.inputs["Ttt"])
        warped = torch.cat([warped, earlier], 1)
    with torch.no_grad():
        assert largest_difference(block(ref.inputs["tsf_x"], warped), ref.outputs["out"]) < TOLERANCE


@pytest.mark.parametrize("path", oracle_files("lwg/block_AttLWB-AdaIN*.npz"), ids=lambda p: p.stem)
def test_adain_block(path: Path) -> None:
    settings, ref = config(path), reference(path)
    block = AdaINFusion(
        settings["channel_q"], source_channels=settings["channel_s"], inner=settings["channel"]
    ).eval()
    block.load_state_dict(ref.weights, strict=True)
    warped = _warped(ref, settings["bs"], settings["ns"])
    with torch.no_grad():
        mixed, _ = block.attention(ref.inputs["tsf_x"], warped)
        gamma, beta = block.statistics(mixed)
        fused = block(ref.inputs["tsf_x"], warped)
    for got, name in ((mixed, "x"), (gamma, "gamma"), (beta, "beta"), (fused, "adain")):
        assert largest_difference(got, ref.outputs[name]) < TOLERANCE, name


@pytest.mark.parametrize(
    "path",
    [*oracle_files("lwg/block_AddLWB*.npz"), *oracle_files("lwg/block_AvgLWB*.npz")],
    ids=lambda p: p.stem,
)
def test_plain_fusions(path: Path) -> None:
    settings, ref = config(path), reference(path)
    block: nn.Module = AddFusion() if settings["block"] == "AddLWB" else AverageFusion()
    fused = block(ref.inputs["tsf_x"], _warped(ref, settings["bs"], settings["ns"]))
    assert largest_difference(fused, ref.outputs["fused"]) < TOLERANCE


@pytest.mark.parametrize("path", oracle_files("lwg/block_SoftGate*.npz"), ids=lambda p: p.stem)
def test_soft_gates(path: Path) -> None:
    settings, ref = config(path), reference(path)
    block = SoftGateFusion(settings["channels"], average=settings["fuse_type"] == "avg")
    block.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        fused = block(ref.inputs["tsf_x"], _warped(ref, settings["bs"], settings["ns"]))
    assert largest_difference(fused, ref.outputs["x"]) < TOLERANCE


def test_one_source_gets_all_the_attention() -> None:
    rng = torch.Generator().manual_seed(1)
    query, keys, values = (
        torch.randn(2, *shape, generator=rng) for shape in ((4, 3, 3), (1, 4, 3, 3), (1, 4, 3, 3))
    )
    mixed, weights = attend(query, keys, values)
    assert torch.equal(weights, torch.ones(2, 1, 1, 3, 3))
    assert torch.equal(mixed, values[:, 0])


def test_attention_by_hand() -> None:
    # C = 4: scores are 4 / sqrt(4) = 2 and 0, so the first source weighs e^2 / (e^2 + 1).
    query = torch.ones(1, 4, 1, 1)
    keys = torch.stack([torch.ones(1, 4, 1, 1), torch.zeros(1, 4, 1, 1)], 1)
    values = torch.stack([torch.full((1, 4, 1, 1), 1.0), torch.full((1, 4, 1, 1), -1.0)], 1)
    mixed, weights = attend(query, keys, values)
    first = float(torch.exp(torch.tensor(2.0)) / (torch.exp(torch.tensor(2.0)) + 1.0))
    assert float(weights[0, 0, 0, 0, 0]) == pytest.approx(first, rel=1e-6)
    assert torch.allclose(mixed, torch.full((1, 4, 1, 1), 2.0 * first - 1.0), atol=1e-6)


def test_attention_does_not_depend_on_the_order_of_sources() -> None:
    rng = torch.Generator().manual_seed(2)
    block = AttentionFusion(6, spade_hidden=8)
    x, warped = torch.randn(2, 6, 5, 5, generator=rng), torch.randn(2, 4, 6, 5, 5, generator=rng)
    with torch.no_grad():
        straight, turned = block(x, warped), block(x, warped[:, [2, 0, 3, 1]])
    assert torch.allclose(straight, turned, atol=1e-5)  # sums over sources in another order


def test_attention_with_equal_sources_is_that_of_one() -> None:
    rng = torch.Generator().manual_seed(3)
    block = AttentionFusion(6, spade_hidden=8)
    x, warped = torch.randn(1, 6, 5, 5, generator=rng), torch.randn(1, 1, 6, 5, 5, generator=rng)
    with torch.no_grad():
        assert torch.allclose(block(x, warped), block(x, warped.expand(1, 5, -1, -1, -1)), atol=1e-5)


def test_invisible_pixels_are_zero_and_take_part_in_the_attention() -> None:
    block = AttentionFusion(3, spade_hidden=4)
    feature, flow = torch.ones(1, 1, 3, 4, 4), torch.full((1, 1, 4, 4, 2), -2.0)
    warped = warp_sources(feature, flow)
    assert torch.equal(warped, torch.zeros_like(warped))
    with torch.no_grad():
        mixed, _ = block.attention(
            torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)), warped
        )
    assert block.fv.bias is not None
    assert torch.allclose(mixed, block.fv.bias.detach()[None, :, None, None].expand(1, 3, 4, 4))


def test_identity_flow_returns_the_feature() -> None:
    size = 8
    centres = (2.0 * torch.arange(size) + 1.0 - size) / size
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    flow = torch.stack([x, y], -1)[None]
    feature = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(4))
    assert torch.allclose(warp_feature(feature, flow), feature, atol=1e-6)
