"""Presets: each is a variant with named exceptions, the numbers of the first three are those of before
variants, and what cannot be trained is refused before anything is made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.config import Deviations, GeneratorConfig
from iper_bench.lwg.discriminator import DiscriminatorConfig
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import LossWeights
from iper_bench.lwg.packaged import load_trained
from iper_bench.lwg.variant import VARIANTS
from iper_bench.training.presets import PRESETS, Preset, check_size, make_preset
from iper_bench.training.train import train

WITHOUT_FACE = {"face": "none", "face_weight": 0.0}
OVERRIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "tiny": ("embedded", {}),
    "packaged": ("embedded", {}),
    "tiny-gan": ("embedded", {"discriminator": "patch_global", "losses.adversarial": 1.0}),
    "faithful": (
        "released",
        {
            "inputs.initial_image": "averaged",
            "inputs.only_visible": True,
            "inputs.visibility_size": 512,
            "inputs.neighbours": 1,
            "inputs.foreground": "nearest-colour",
            "inputs.band": 6,
            "inputs.background_dilate": 5,
            "inputs.blank": "grey",
            "losses.perceptual": 0.5,
            "losses.pixel": 10.0,
            "losses.adversarial": 0.0,
            "kinds.background": "known",
            "perceptual": "efficientnet-lite0",
            "discriminator": None,
            **WITHOUT_FACE,
        },
    ),
    "small": ("embedded", {}),
    **{
        f"paper-{size}": ("paper", {"perceptual": "efficientnet-lite0", **WITHOUT_FACE})
        for size in (256, 512, 1024)
    },
    "released-512": ("released", WITHOUT_FACE),
}


def test_exceptions_of_every_preset_are_the_documented_ones() -> None:
    assert PRESETS.keys() == OVERRIDES.keys()
    for name, (variant, overrides) in OVERRIDES.items():
        assert PRESETS[name].choices.name == variant
        assert PRESETS[name].choices.overrides() == overrides, name


@pytest.mark.parametrize("name", ["tiny", "packaged", "faithful"])
def test_numbers_of_before_the_variants(name: str) -> None:
    """Field by field what stood here as plain numbers; the steps of the longer two are tuned elsewhere."""
    faithful = name == "faithful"
    longer: dict[str, Any] = {
        "people": 2,
        "targets": 2,
        "source_counts": (1, 2, 2, 2, 4),
        "steps": PRESETS[name].steps,
        "constant": 0.4,
        "warm_up": 100,
        "ema": 0.998,
    }
    schedule = {"targets": 1, "steps": 300, "ema": 0.99} if name == "tiny" else longer
    expected = Preset(
        generator=GeneratorConfig(
            bg_filters=(16, 32, 32, 64), bg_res_blocks=3, filters=(16, 32, 64), res_blocks=3, spade_hidden=32
        ),
        deviations=Deviations() if faithful else Deviations(True, True, True, True),
        inputs=InputOptions(prefill=not faithful),
        losses=LossWeights(perceptual=0.5, pixel=10.0)
        if faithful
        else LossWeights(source=3.0, background=5.0, perceptual=0.5, pixel=10.0, mask=1.0, smooth=0.05),
        **schedule,
    )
    found = PRESETS[name]
    assert replace(found, variant=expected.variant) == expected
    assert found.to_json() == expected.to_json()


def test_identities_of_training_folders_stay() -> None:
    """Known hashes of the presets at these numbers of steps: a new field must not change what is off."""
    hashes = {
        "packaged": (5000, "bb68e9043e5fa10d"),
        "faithful": (5000, "aae89e3dc7fbce5d"),
        "tiny": (700, "775865be1c446cc0"),
    }
    for name, (steps, wanted) in hashes.items():
        assert content_hash(replace(PRESETS[name], steps=steps).to_json()) == wanted, name


def test_every_switch_is_in_the_identity() -> None:
    """What changes a number changes the identity; the variant's name alone does not."""
    base = PRESETS["tiny"]
    assert replace(base, variant="paper").to_json() == base.to_json()
    seen = [base.to_json()]
    for each in ("released", "paper"):
        for switch, value in VARIANTS[each].switches().items():
            if value == VARIANTS["embedded"].switches()[switch] or switch == "discriminator":
                continue
            changes = {switch: value}
            if switch == "losses.adversarial":
                changes["discriminator"] = "patch_global"
            changed = make_preset("embedded", base.generator, changes, targets=1, steps=300, ema=0.99)
            assert changed.to_json() not in seen, switch
        seen = [base.to_json()]


def narrow(variant: str, **overrides: Any) -> Preset:
    generator = GeneratorConfig(
        bg_filters=(4, 6, 6, 8), bg_res_blocks=1, filters=(4, 6, 8), res_blocks=1, spade_hidden=8
    )
    return make_preset(variant, generator, overrides, DiscriminatorConfig(ndf=4, n_layers=2), steps=2)


@pytest.mark.parametrize(
    ("variant", "kept", "told"),
    [
        ("embedded", {"losses.perceptual": 0.0}, {"losses.perceptual": 0.0}),
        ("paper", {}, {}),
        ("released", {}, {}),
    ],
)
def test_every_variant_trains_and_its_weights_say_so(request_for, variant: str, kept: Any, told: Any) -> None:
    """With a discriminator and without perceptual and face networks, which are overrides too."""
    overrides = {**kept, **WITHOUT_FACE, "losses.perceptual": 0.0}
    path = train(request_for(narrow(variant, **overrides)))
    trained = load_trained(path)
    assert trained.variant == variant
    named = VARIANTS[variant].switches()
    assert trained.metadata["overrides"] == {k: v for k, v in overrides.items() if v != named[k]}
    assert told.items() <= trained.metadata["overrides"].items()
    assert trained.inputs == VARIANTS[variant].inputs
    assert trained.kinds == VARIANTS[variant].kinds
    assert all(bool(torch.isfinite(value).all()) for value in trained.generator.state_dict().values())


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        (narrow("paper", perceptual="efficientnet-lite0"), "face term 'sphere20a' needs its weights"),
        (narrow("released", **{"losses.perceptual": 0.0}), "--face-weights FILE"),
        (narrow("released", **WITHOUT_FACE), "perceptual network 'vgg19' needs its weights"),
        (PRESETS["released-512"], "--perceptual-weights FILE"),
    ],
)
def test_missing_terms_and_weights_are_one_line_and_make_nothing(request_for, preset, words: str) -> None:
    request = request_for(preset)
    with pytest.raises(UserError, match=words) as caught:
        train(request)
    assert "\n" not in str(caught.value)
    assert not request.out.exists()


def test_weights_for_another_network_are_refused(request_for, tmp_path: Path) -> None:
    request = request_for(narrow("embedded"), perceptual_weights=tmp_path / "vgg19.pth")
    with pytest.raises(UserError, match="takes no weights file"):
        train(request)


def test_unknown_variant_or_switch_names_the_nearest() -> None:
    with pytest.raises(UserError, match="released"):
        make_preset("relesed", GeneratorConfig())
    with pytest.raises(UserError, match=r"losses\.pixel"):
        make_preset("released", GeneratorConfig(), {"losses.pixl": 1.0})


def test_sizes_that_cannot_be_trained_are_one_line() -> None:
    check_size(PRESETS["tiny"], 40)
    with pytest.raises(UserError, match=r"--size: size 100 .*multiple of 8; try: --size 96 or 104"):
        check_size(PRESETS["tiny"], 100)
    with pytest.raises(UserError, match=r"size 24 is too small for perceptual network.*at least 32"):
        check_size(PRESETS["tiny"], 24)
    with pytest.raises(UserError, match="size 128 is too small for discriminator"):
        check_size(PRESETS["released-512"], 128)
