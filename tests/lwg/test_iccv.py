"""The ICCV generator and discriminators against the official ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.config import GENERATOR_NAMES, IMPERSONATOR, Deviations, GeneratorConfig
from iper_bench.lwg.discriminator import DiscriminatorConfig, PatchDiscriminator
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.iccv import ICCVGlobalLocalDiscriminator, ImpersonatorGenerator
from iper_bench.lwg.iccv_renderer import ICCVRenderer
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
        patch = PatchDiscriminator(6, DiscriminatorConfig())
    assert own_keys(generator) == released_keys("ICCV_G_impersonator")
    assert sum(p.numel() for p in generator.parameters()) == released_count("ICCV_G_impersonator")
    assert own_keys(discriminator) == released_keys("ICCV_D_global_local")
    assert sum(p.numel() for p in discriminator.parameters()) == released_count("ICCV_D_global_local")
    # The trainer's own discriminator is that of patch_global, whose listing has it under a name.
    listed = released_keys("iPERCore_D_patch_global")
    assert own_keys(patch) == [(key.removeprefix("global_model."), shape) for key, shape in listed]


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


def _config(width: int, blocks: int) -> GeneratorConfig:
    widths = tuple(width * 2**k for k in range(4))
    return GeneratorConfig(IMPERSONATOR, widths, blocks, widths, blocks)


def _renderer(deviations: Deviations | None = None) -> ICCVRenderer:
    renderer = build_generator(_config(2, 1), deviations).eval().requires_grad_(False)
    assert isinstance(renderer, ICCVRenderer)
    renderer.reset(torch.Generator().manual_seed(0))
    for parameter in renderer.parameters():
        if parameter.dim() > 1:
            parameter.mul_(5.0)
    return renderer


def _batch(ns: int, nt: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    shapes = {"bg_inputs": (1, 1, 4), "src_inputs": (1, ns, 6), "tsf_inputs": (1, nt, 6)}
    batch = {k: 2.0 * torch.rand(*shape, 32, 32, generator=rng) - 1.0 for k, shape in shapes.items()}
    return batch | {"Tst": 2.4 * torch.rand(1, nt, ns, 32, 32, 2, generator=rng) - 1.2}


@pytest.mark.parametrize("path", oracle_files("lwg/iccv_generator_*.npz"), ids=lambda p: p.stem)
def test_renderer_equals_the_official_generator(path: Path) -> None:
    settings, ref = config(path), reference(path)
    if not settings["grid_sample_align_corners"]:
        pytest.skip("the renderer samples as released, with align_corners=True")
    renderer: Any = build_generator(_config(settings["conv_dim"], settings["repeat_num"])).eval()
    renderer.load_state_dict(ref.weights, strict=True)
    x = {key: value[:, None] for key, value in ref.inputs.items()}
    flows = x.pop("T")[:, :, None]
    with torch.no_grad():
        outputs = renderer(**x, Tst=flows, only_tsf=False)
        short = renderer(**x, Tst=flows)
    assert_outputs(ref, {name: o[:, 0] for name, o in zip(RETURNED, outputs, strict=True)}, TOLERANCE)
    for got, wanted in zip(short, (outputs[0], *outputs[3:]), strict=True):
        assert torch.equal(got, wanted)


def test_further_sources_are_reconstructed_but_not_warped() -> None:
    renderer, batch = _renderer(), _batch(ns=3, nt=2)
    one = {**batch, "src_inputs": batch["src_inputs"][:, :1], "Tst": batch["Tst"][:, :, :1]}
    background, sources, source_masks, images, masks = renderer(**batch, only_tsf=False)
    assert sources.shape == (1, 3, 3, 32, 32)
    assert source_masks.shape == (1, 3, 1, 32, 32)
    assert images.std() > 0.05
    for got, wanted in zip((background, images, masks), renderer(**one), strict=True):
        assert torch.allclose(got, wanted, atol=TOLERANCE)


def test_joined_people_are_the_official_two_flows() -> None:
    renderer, batch = _renderer(), _batch(ns=2, nt=1)
    src, tsf, flows = batch["src_inputs"], batch["tsf_inputs"][:, 0], batch["Tst"][:, 0]
    people = [renderer.prepare(renderer.encode_sources(src[:, k : k + 1])) for k in range(2)]
    image, mask = renderer.render_targets(people[0].joined(people[1:]), tsf, flows)
    same = renderer.prepare(renderer.encode_sources(src[:, :1]))
    twice = renderer.render_targets(same.joined([same]), tsf, flows)
    official = ImpersonatorGenerator.forward(
        renderer, batch["bg_inputs"][:, 0], src[:, 0], tsf, flows[:, 0], flows[:, 1]
    )
    assert torch.allclose(twice[0], official[3], atol=TOLERANCE)  # the official call has one source for both
    assert torch.allclose(twice[1], official[4], atol=TOLERANCE)
    assert not torch.allclose(image, twice[0], atol=1e-3)
    assert mask.shape == (1, 1, 32, 32)


def test_deviations_act_as_in_the_other_generators() -> None:
    batch = _batch(ns=1, nt=1)
    every = Deviations(True, True, True, True)
    renderer = _renderer(every)
    for head in (renderer.bg_model.model[-2], renderer.tsf_model.img_reg[0], renderer.src_model.img_reg[0]):
        head.weight.zero_()  # type: ignore[union-attr,operator]
    background, sources, _, images, masks = renderer(**batch, only_tsf=False)
    plain = _renderer()(**batch, only_tsf=False)
    # the random mask is not binary: known * image + (1 - known) * image is rounded
    assert torch.allclose(background, batch["bg_inputs"][:, :, :3], atol=1e-6)
    assert torch.equal(sources, batch["src_inputs"][:, :, :3])
    assert torch.equal(images, batch["tsf_inputs"][:, :, :3])
    shift = torch.logit(masks) - torch.logit(plain[4])
    assert torch.allclose(shift, 3.0 * (2.0 * batch["tsf_inputs"][:, :, 5:] - 1.0), atol=1e-3)


def test_sizes_are_read_and_written_and_the_name_is_no_factory_name() -> None:
    released = GeneratorConfig.released(IMPERSONATOR)
    assert GeneratorConfig.from_json(released.to_json()) == released
    assert released.stride == 8
    assert IMPERSONATOR not in GENERATOR_NAMES
    with torch.device("meta"):
        assert own_keys(build_generator(released)) == released_keys("ICCV_G_impersonator")


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": (4, 8, 16)},
        {"bg_filters": (4, 8, 16, 16)},
        {"bg_res_blocks": 2},
    ],
)
def test_sizes_that_the_network_cannot_have_are_one_line(wrong: dict[str, Any]) -> None:
    sizes = _config(4, 1).to_json() | wrong
    with pytest.raises(UserError, match=r"\[4, 8, 16, 32\]"):
        GeneratorConfig.from_json(sizes)
