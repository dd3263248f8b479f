"""The three streams by themselves, and laws of the whole generator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iper_bench.lwg.background import BGNet
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.generator import LiquidWarpingGenerator, build_generator, compose
from iper_bench.lwg.source import SIDNet
from iper_bench.lwg.transfer import SkipDecoder, join_sources
from tests.lwg.references import assert_outputs, numbered, reference
from tests.oracles import oracle_files

TOLERANCE = 1e-5  # float32 networks of about 20 layers
SMALL = GeneratorConfig(bg_filters=(4, 6, 6), bg_res_blocks=1, filters=(4, 6), res_blocks=2, spade_hidden=8)
SIDE = 16


def _generator(
    deviations: Deviations | None = None, config: GeneratorConfig = SMALL
) -> LiquidWarpingGenerator:
    torch.manual_seed(5)
    generator = build_generator(config, deviations)
    assert isinstance(generator, LiquidWarpingGenerator)
    return generator


def _inputs(bs: int = 2, ns: int = 3, nt: int = 2, nb: int = 1) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(6)

    def draw(*shape: int) -> Tensor:
        return 2.0 * torch.rand(*shape, generator=rng) - 1.0

    bg = draw(bs, nb, 4, SIDE, SIDE)
    bg[:, :, 3] = (bg[:, :, 3] > 0).float()
    src, tsf = draw(bs, ns, 6, SIDE, SIDE), draw(bs, nt, 6, SIDE, SIDE)
    for condition in (src, tsf):
        condition[:, :, 5] = (condition[:, :, 5] > 0).float()
    return {"bg_inputs": bg, "src_inputs": src, "tsf_inputs": tsf, "Tst": draw(bs, nt, ns, SIDE, SIDE, 2)}


@pytest.mark.parametrize("path", oracle_files("lwg/net_BGNet*.npz"), ids=lambda p: p.stem)
def test_bgnet(path: Path) -> None:
    ref = reference(path)
    blocks = sum(k.endswith(".main.0.weight") for k in ref.weights)
    downs = [
        w for k, w in ref.weights.items() if k.count(".") == 2 and k.replace("weight", "bias") in ref.weights
    ]
    filters = [w.shape[0] for w in downs if w.dim() == 4]  # only the stem and the halvings have a bias
    net = BGNet(ref.inputs["x"].shape[1], filters, blocks)
    net.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        assert_outputs(ref, {"y": net(ref.inputs["x"])}, TOLERANCE)


@pytest.mark.parametrize("path", oracle_files("lwg/net_SIDNet*.npz"), ids=lambda p: p.stem)
def test_sidnet(path: Path) -> None:
    ref = reference(path)
    filters = [
        w.shape[0] for k, w in ref.weights.items() if k.startswith("encoders") and k.endswith("weight")
    ]
    blocks = sum(k.endswith(".main.0.weight") for k in ref.weights)
    net = SIDNet(ref.inputs["x"].shape[1], filters, blocks)
    net.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        encoded, residual = net.encode(ref.inputs["x"])
        image, mask = net(ref.inputs["x"])
    found = {f"enc{i}": t for i, t in enumerate(encoded)} | {f"res{i}": t for i, t in enumerate(residual)}
    assert_outputs(ref, found | {"img": image, "mask": mask}, TOLERANCE)


@pytest.mark.parametrize("path", oracle_files("lwg/net_SkipDecoder*.npz"), ids=lambda p: p.stem)
def test_skip_decoder(path: Path) -> None:
    ref = reference(path)
    encoded = numbered(ref.inputs, "e")
    net = SkipDecoder([t.shape[1] for t in encoded])
    net.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        assert_outputs(ref, {"y": net(ref.inputs["x_in"], encoded)}, TOLERANCE)


def test_cached_features_give_the_same_frames_as_the_whole_call() -> None:
    generator, inputs = _generator().eval(), _inputs()
    with torch.no_grad():
        background, sources, source_masks, images, masks = generator(**inputs, only_tsf=False)
        features = generator.encode_sources(inputs["src_inputs"])
        assert torch.equal(generator.decode_sources(features)[0], sources)
        assert torch.equal(generator.decode_sources(features)[1], source_masks)
        assert torch.equal(generator.background(inputs["bg_inputs"]), background)
        for t in range(inputs["tsf_inputs"].shape[1]):
            image, mask = generator.transfer(inputs["tsf_inputs"][:, t], features, inputs["Tst"][:, t])
            assert torch.equal(image, images[:, t])
            assert torch.equal(mask, masks[:, t])


def test_one_persons_features_serve_many_targets() -> None:
    generator, inputs = _generator().eval(), _inputs(bs=1, nt=3)
    with torch.no_grad():
        features = generator.encode_sources(inputs["src_inputs"])
        image, mask = generator.transfer(inputs["tsf_inputs"][0], features, inputs["Tst"][0])
        _, images, masks = generator(**inputs)
    assert torch.allclose(image, images[0], atol=1e-5)  # other batch size, other order of summation
    assert torch.allclose(mask, masks[0], atol=1e-5)


def test_outputs_do_not_depend_on_the_rest_of_the_batch() -> None:
    generator, inputs = _generator().eval(), _inputs(bs=3)
    with torch.no_grad():
        together = generator(**inputs, only_tsf=False)
        alone = generator(**{k: v[1:2] for k, v in inputs.items()}, only_tsf=False)
    for whole, single in zip(together, alone, strict=True):
        assert torch.allclose(whole[1:2], single, atol=1e-5)


def test_targets_do_not_depend_on_the_order_of_sources() -> None:
    generator, inputs = _generator().eval(), _inputs()
    turned = dict(inputs, src_inputs=inputs["src_inputs"][:, [1, 2, 0]], Tst=inputs["Tst"][:, :, [1, 2, 0]])
    with torch.no_grad():
        for straight, other in zip(generator(**inputs), generator(**turned), strict=True):
            assert torch.allclose(straight, other, atol=1e-5)


def test_sources_of_several_people_can_be_joined() -> None:
    generator, inputs = _generator().eval(), _inputs(bs=1, ns=4, nt=1)
    with torch.no_grad():
        features = generator.encode_sources(inputs["src_inputs"])
        parts = join_sources([features.take([0, 1]), features.take([2, 3])])
        whole = generator.transfer(inputs["tsf_inputs"][:, 0], features, inputs["Tst"][:, 0])
        joined = generator.transfer(inputs["tsf_inputs"][:, 0], parts, inputs["Tst"][:, 0])
    assert torch.equal(whole[0], joined[0])
    assert torch.equal(whole[1], joined[1])


def test_ranges_of_images_and_masks() -> None:
    with torch.no_grad():
        background, sources, source_masks, images, masks = _generator().eval()(**_inputs(), only_tsf=False)
    for colour in (background, sources, images):
        assert float(colour.abs().max()) <= 1.0
    for mask in (source_masks, masks):
        assert float(mask.min()) >= 0.0
        assert float(mask.max()) <= 1.0


def test_composition_keeps_the_released_polarity() -> None:
    background, colour = torch.full((1, 3, 2, 2), -1.0), torch.full((1, 3, 2, 2), 1.0)
    assert torch.equal(compose(background, colour, torch.ones(1, 1, 2, 2)), background)
    assert torch.equal(compose(background, colour, torch.zeros(1, 1, 2, 2)), colour)
    assert torch.equal(
        LiquidWarpingGenerator.compose(background, colour, torch.full((1, 1, 2, 2), 0.5)), 0.0 * colour
    )


def test_every_parameter_receives_a_gradient() -> None:
    generator = _generator()
    outputs = generator(**_inputs(), only_tsf=False)
    torch.stack([o.square().mean() for o in outputs]).sum().backward()
    # Biases straight before instance normalisation cannot matter; everything else must.
    silent = {
        n for n, p in generator.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)
    }
    assert not {n for n in silent if not (n.startswith("bg_net") and n.endswith("bias"))}


def test_wrong_flow_shape_is_named() -> None:
    generator, inputs = _generator(), _inputs(bs=1, ns=2)
    with pytest.raises(ValueError, match="2 sources"):
        generator.transfer(
            inputs["tsf_inputs"][:, 0],
            generator.encode_sources(inputs["src_inputs"]),
            inputs["Tst"][:, 0, :1],
        )


def test_known_background_passes_and_the_hole_is_completed() -> None:
    inputs = _inputs(bs=1)["bg_inputs"]
    plain, with_known = _generator(), _generator(Deviations(known_background=True))
    with torch.no_grad():
        completed, composited = plain.background(inputs), with_known.background(inputs)
    known = (inputs[:, :, 3:] > 0.5).expand_as(completed)
    assert torch.equal(composited[known], inputs[:, :, :3][known])
    assert torch.equal(composited[~known], completed[~known])


def test_silhouette_prior_moves_the_mask_logits_by_three() -> None:
    inputs = _inputs()
    with torch.no_grad():
        plain = _generator()(**inputs, only_tsf=False)
        prior = _generator(Deviations(silhouette_prior=True))(**inputs, only_tsf=False)
    for index, condition in ((2, inputs["src_inputs"]), (4, inputs["tsf_inputs"])):
        shift = torch.logit(prior[index]) - torch.logit(plain[index])
        assert torch.allclose(shift, 3.0 * (2.0 * condition[:, :, 5:] - 1.0), atol=1e-4)
    for index in (0, 1, 3):
        assert torch.equal(plain[index], prior[index])


def test_residual_colour_with_a_silent_head_is_the_initial_image() -> None:
    generator, inputs = _generator(Deviations(residual_colour=True, prefilled_hole=True)), _inputs()
    with torch.no_grad():
        for head in (generator.src_net.img_reg[0], generator.tsf_img_reg[0], generator.bg_net.main[-2]):
            head.weight.zero_()
        background, sources, _, images, _ = generator(**inputs, only_tsf=False)
    assert torch.equal(images, inputs["tsf_inputs"][:, :, :3])
    assert torch.equal(sources, inputs["src_inputs"][:, :, :3])
    assert torch.equal(background, inputs["bg_inputs"][:, :, :3])


def test_prefilled_hole_alone_changes_nothing_in_the_network() -> None:
    inputs = _inputs()
    with torch.no_grad():
        plain, flagged = _generator()(**inputs), _generator(Deviations(prefilled_hole=True))(**inputs)
    for a, b in zip(plain, flagged, strict=True):
        assert torch.equal(a, b)


def test_temporal_mode_needs_flows_between_targets() -> None:
    generator = _generator(config=replace(SMALL, temporal=True))
    with pytest.raises(ValueError, match="Ttt"):
        generator(**_inputs(bs=1))


def test_front_generator_has_no_background() -> None:
    generator = _generator(config=SMALL.with_name("AttLWB-Front-SPADE"))
    with pytest.raises(ValueError, match="no background"):
        generator.background(torch.zeros(1, 1, 4, SIDE, SIDE))


def test_input_concat_repeats_sources_in_order() -> None:
    generator = build_generator(replace(SMALL, name="InputConcat", num_source=4))
    inputs = _inputs(bs=1, ns=3, nt=2)
    x = generator.network_input(inputs["src_inputs"], inputs["tsf_inputs"])  # type: ignore[operator]
    assert x.shape == (1, 2, 27, SIDE, SIDE)
    assert torch.equal(x[0, 1, 18:24], inputs["src_inputs"][0, 0])
    assert torch.equal(x[0, 1, 24:], inputs["tsf_inputs"][0, 1, 3:])


@pytest.mark.parametrize("name", ["InputConcat", "AttLWB-AdaIN"])
def test_targets_without_an_initial_image_go_without_residual_colour(name: str) -> None:
    generator = build_generator(
        SMALL.with_name(name), Deviations(residual_colour=True, prefilled_hole=True)
    ).eval()
    inputs = _inputs()
    target = inputs["tsf_inputs"] if name == "InputConcat" else inputs["tsf_inputs"][:, :, 3:]
    head = generator.tsf_net.img_reg[0] if name == "InputConcat" else generator.tsf_img_reg[0]  # type: ignore
    with torch.no_grad():
        head.weight.zero_()
        generator.bg_net.main[-2].weight.zero_()  # type: ignore
        background, *_, images, _ = generator(
            inputs["bg_inputs"], inputs["src_inputs"], target, inputs["Tst"]
        )
    assert not images.any()
    assert torch.equal(background, inputs["bg_inputs"][:, :, :3])


def test_adain_generator_runs_on_conditions() -> None:
    inputs = _inputs()
    generator = build_generator(SMALL.with_name("AttLWB-AdaIN")).eval()
    with torch.no_grad():
        _, images, masks = generator(**dict(inputs, tsf_inputs=inputs["tsf_inputs"][:, :, 3:]))
    assert images.shape == (2, 2, 3, SIDE, SIDE)
    assert bool(torch.isfinite(masks).all())
