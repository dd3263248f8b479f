"""The ICCV generator and discriminators against the official ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from iper_bench.lwg.discriminator import DiscriminatorConfig
from iper_bench.lwg.iccv import ICCVGlobalLocalDiscriminator, ImpersonatorGenerator
from tests.lwg.references import assert_outputs, own_keys, reference, released_count, released_keys
from tests.oracles import config, oracle_files

TOLERANCE = 1e-5  # float32 networks of about 30 layers
RETURNED = ("img_bg", "src_img", "src_mask", "tsf_img", "tsf_mask")


@pytest.mark.parametrize("path", oracle_files("lwg/iccv_generator_*.npz"), ids=lambda p: p.stem)
def test_generator_equals_the_official_one(path: Path) -> None:
    settings, ref = config(path), reference(path)
    generator = ImpersonatorGenerator(
        settings["conv_dim"], settings["repeat_num"], align_corners=settings["grid_sample_align_corners"]
    ).eval()
    assert list(generator.state_dict()) == list(ref.weights)
    generator.load_state_dict(ref.weights, strict=True)
    x = ref.inputs
    with torch.no_grad():
        outputs = generator(x["bg_inputs"], x["src_inputs"], x["tsf_inputs"], x["T"])
    assert_outputs(ref, dict(zip(RETURNED, outputs, strict=True)), TOLERANCE)


@pytest.mark.parametrize("path", oracle_files("lwg/iccv_dis_*.npz"), ids=lambda p: p.stem)
def test_discriminator_equals_the_official_one(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = DiscriminatorConfig(
        cond_nc=settings["input_nc"], ndf=settings["ndf"], n_layers=settings["n_layers"]
    )
    network = ICCVGlobalLocalDiscriminator(sizes)
    network.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        assert_outputs(ref, {"out": network(**ref.inputs)}, TOLERANCE)


def test_keys_and_shapes_are_the_official_ones() -> None:
    with torch.device("meta"):
        generator = ImpersonatorGenerator()
        discriminator = ICCVGlobalLocalDiscriminator(DiscriminatorConfig())
    assert own_keys(generator) == released_keys("ICCV_G_impersonator")
    assert sum(p.numel() for p in generator.parameters()) == released_count("ICCV_G_impersonator")
    assert own_keys(discriminator) == released_keys("ICCV_D_global_local")


def test_two_flows_of_which_one_is_invisible_are_one_flow() -> None:
    generator = ImpersonatorGenerator(2, 1).eval()
    generator.reset(torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(1)
    bg, src, tsf = (torch.rand(1, c, 32, 32, generator=rng) for c in (4, 6, 6))
    flow = 2.0 * torch.rand(1, 32, 32, 2, generator=rng) - 1.0
    with torch.no_grad():
        one = generator(bg, src, tsf, flow)
        two = generator(bg, src, tsf, flow, torch.full_like(flow, -2.0))
    for a, b in zip(one, two, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_initial_weights_follow_the_seed() -> None:
    first, second = ImpersonatorGenerator(2, 1), ImpersonatorGenerator(2, 1)
    first.reset(torch.Generator().manual_seed(3))
    second.reset(torch.Generator().manual_seed(3))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
