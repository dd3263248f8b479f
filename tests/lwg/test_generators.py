"""Generators against the released modules: outputs, keys, shapes, parameter counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iper_bench.lwg.config import GENERATOR_NAMES, GeneratorConfig
from iper_bench.lwg.generator import build_generator
from tests.lwg.closed_form import fill
from tests.lwg.references import (
    Reference,
    assert_outputs,
    largest_difference,
    own_keys,
    reference,
    released_count,
    released_keys,
)
from tests.oracles import config, oracle_files

TOLERANCE = 5e-6  # float32 networks of about 30 layers; another order of summation gives up to 1.5e-6
DEEP_TOLERANCE = 1e-4  # released sizes: up to 2304 products per output and 40 layers

RETURNED = ("bg_img", "src_imgs", "src_masks", "tsf_imgs", "tsf_masks")  # in this order, as far as there are


def _named(ref: Reference, outputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """What a generator returned, under the names of the file."""
    return dict(zip([name for name in RETURNED if name in ref.outputs], outputs, strict=True))


@pytest.mark.parametrize("path", oracle_files("lwg/gen_*.npz"), ids=lambda p: p.stem)
def test_small_generators_equal_the_released_ones(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = GeneratorConfig.from_official(settings["cfg"], temporal=settings["temporal"])
    generator = build_generator(sizes).eval()
    assert list(generator.state_dict()) == list(ref.weights)
    generator.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        outputs = generator(**ref.inputs, only_tsf=False)
    assert_outputs(ref, _named(ref, outputs), TOLERANCE)


@pytest.mark.parametrize("path", oracle_files("lwg/gen_AttLWB-SPADE_*.npz"), ids=lambda p: p.stem)
def test_only_tsf_leaves_the_sources_out(path: Path) -> None:
    settings, ref = config(path), reference(path)
    generator = build_generator(
        GeneratorConfig.from_official(settings["cfg"], temporal=settings["temporal"])
    ).eval()
    generator.load_state_dict(ref.weights, strict=True)
    with torch.no_grad():
        background, images, masks = generator(**ref.inputs)
    for got, name in ((background, "bg_img"), (images, "tsf_imgs"), (masks, "tsf_masks")):
        assert largest_difference(got, ref.outputs[name]) < TOLERANCE


def _damping(key: str) -> float:
    if key.endswith(".main.2.weight"):
        return 0.2
    return 0.5 if "_reg.0.weight" in key else 1.0


@pytest.mark.parametrize("path", oracle_files("lwg/gendefault_*.npz"), ids=lambda p: p.stem)
def test_released_sizes_equal_the_released_generators(path: Path) -> None:
    ref = reference(path)
    with torch.device("meta"):
        generator = build_generator(GeneratorConfig.released(config(path)["network"]))
    fill(generator, _damping)
    with torch.no_grad():
        outputs = generator(**ref.inputs, only_tsf=False)
    assert_outputs(ref, _named(ref, outputs), DEEP_TOLERANCE)


@pytest.mark.parametrize("name", GENERATOR_NAMES)
def test_keys_and_shapes_are_the_released_ones(name: str) -> None:
    with torch.device("meta"):
        generator = build_generator(GeneratorConfig.released(name))
    # Order matters too: optimiser states and closed-form weights address parameters by position.
    assert own_keys(generator) == released_keys(f"iPERCore_G_{name}")
    assert sum(p.numel() for p in generator.parameters()) == released_count(f"iPERCore_G_{name}")


def test_parts_of_the_released_generator_have_the_known_sizes() -> None:
    with torch.device("meta"):
        generator = build_generator(GeneratorConfig())
    counts = {name: sum(p.numel() for p in child.parameters()) for name, child in generator.named_children()}
    assert counts["bg_net"] == 8_537_088
    assert counts["src_net"] == 9_164_288
    assert counts["tsf_net_enc"] == 372_096
    assert counts["tsf_net_dec"] == 2_810_688
    assert counts["enc_attlwbs"] == 1_808_960
    assert counts["res_attlwbs"] == 6_496_512
    assert counts["res_blocks"] == 7_080_960
    assert counts["tsf_img_reg"] + counts["tsf_att_reg"] == 6_400
