"""Variants: what each says, how a set-up departs from one, what is refused, what weight files tell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iper_bench.errors import UserError
from iper_bench.lwg import variant as module
from iper_bench.lwg.config import GeneratorConfig
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.inputs import InputOptions
from iper_bench.lwg.objective import TermKinds
from iper_bench.lwg.packaged import TrainedGenerator, load_trained, save_trained
from iper_bench.lwg.variant import (
    EMBEDDED,
    PAPER,
    RELEASED,
    VARIANTS,
    Variant,
    choices_of,
    perceptual_network,
    variant,
)

NARROW = GeneratorConfig(bg_filters=(2, 2), bg_res_blocks=1, filters=(2, 2), res_blocks=1, spade_hidden=2)
# Switch: released, paper, embedded; from the paper's section 3 and iPERCore's train_aug_bg.toml.
TABLE = {
    "inputs.initial_image": ("uv-merge", "averaged", "averaged"),
    "inputs.fill_unseen": (True, False, True),
    "inputs.only_visible": (False, True, True),
    "inputs.visibility_size": (0, 0, 512),
    "inputs.neighbours": (3, 1, 1),
    "inputs.foreground": ("edge-colours", "cut", "nearest-colour"),
    "inputs.band": (4, 0, 6),
    "inputs.matte_erode": (3, 1, 3),
    "inputs.person": ("matte", "silhouette", "matte"),
    "inputs.background_dilate": (11, 1, 5),
    "inputs.prefill": (False, False, True),
    "inputs.blank": ("zero", "zero", "grey"),
    "deviations.known_background": (False, False, True),
    "deviations.prefilled_hole": (False, False, True),
    "deviations.silhouette_prior": (False, False, True),
    "deviations.residual_colour": (False, False, True),
    "losses.source": (5.0, 10.0, 3.0),
    "losses.background": (5.0, 0.0, 5.0),
    "losses.perceptual": (10.0, 10.0, 0.5),
    "losses.pixel": (0.0, 0.0, 10.0),
    "losses.mask": (5.0, 2.5, 1.0),
    "losses.smooth": (1.0, 2.5, 0.05),
    "losses.adversarial": (1.0, 1.0, 0.0),
    "kinds.mask": ("bce-matte", "l2-silhouette", "bce-matte"),
    "kinds.background": ("last", "known", "known"),
    "perceptual": ("vgg19", "vgg19", "efficientnet-lite0"),
    "face": ("sphere20a-layers", "sphere20a", "none"),
    "face_weight": (5.0, 5.0, 0.0),
    "discriminator": ("patch_global_body_head", "patch_global_body_head", None),
    "discriminator_scores": ("mean", "sum", "mean"),
    "auxiliary_backgrounds": (True, False, True),
}


@pytest.mark.parametrize(("column", "name"), list(enumerate(["released", "paper", "embedded"])))
def test_every_switch_of_every_variant(column: int, name: str) -> None:
    assert VARIANTS[name].name == name
    assert VARIANTS[name].switches() == {switch: row[column] for switch, row in TABLE.items()}
    assert VARIANTS[name].overrides() == {}


def test_the_four_deviations_are_off_but_in_the_embedded_variant() -> None:
    for each in (RELEASED, PAPER):
        assert each.deviations.active == ()
        assert not each.inputs.prefill
        assert each.losses.pixel == 0
    assert len(EMBEDDED.deviations.active) == 4


def test_a_prefilled_hole_is_told_to_builder_and_network_alike() -> None:
    for each in VARIANTS.values():
        assert each.inputs.prefill == each.deviations.prefilled_hole


def test_the_documented_table_names_every_switch_and_its_value() -> None:
    """A cell begins with the value; a dash is a value that is not read."""
    rows = {}
    for line in (module.__doc__ or "").splitlines():
        cells = re.split(r"  +", line.strip())
        if len(cells) == 5 and not line.startswith(("=", "switch")):
            rows[cells[0]] = cells[1:4]
    deviations = rows.pop("deviations.*, all four")
    rows |= {name: deviations for name in TABLE if name.startswith("deviations.")}
    assert rows.keys() == TABLE.keys()
    for name, cells in rows.items():
        for k, cell in enumerate(cells):
            value = TABLE[name][k]
            written = "none" if value is None else f"{value:g}" if type(value) is float else str(value)
            before = cells[k - 1] if cell == "the same" else cell
            assert cell == "-" or before.split(" (")[0] == written, (name, cell)


def test_overrides_are_what_was_changed() -> None:
    changes = {
        "inputs.band": 9,
        "losses.pixel": 2.0,
        "discriminator": None,
        "deviations.silhouette_prior": True,
    }
    changed = RELEASED.overridden(changes)
    assert changed.overrides() == changes
    assert changed.inputs == replace(RELEASED.inputs, band=9)
    assert RELEASED.overrides() == {}
    assert changed.overridden({key: RELEASED.switches()[key] for key in changes}) == RELEASED
    # setting what holds already is no override
    assert RELEASED.overridden({"inputs.band": RELEASED.inputs.band}).overrides() == {}


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda: variant("relased"), "released"),
        (lambda: RELEASED.overridden({"losses.pixels": 1.0}), "losses.pixel"),
        (lambda: replace(PAPER, perceptual="vgg16"), "vgg19"),
        (lambda: replace(PAPER, face="sphere20"), "sphere20a"),
        (lambda: replace(PAPER, discriminator_scores="max"), "mean"),
        (lambda: TermKinds(mask="l2"), "l2-silhouette"),  # type: ignore[arg-type]
        (lambda: TermKinds(background="lost"), "last"),  # type: ignore[arg-type]
        (lambda: perceptual_network("vgg", None), "vgg19"),
    ],
)
def test_unknown_names_give_the_nearest(call, nearest: str) -> None:
    with pytest.raises(UserError, match=nearest):
        call()


def test_choices_come_back_from_a_file(tmp_path: Path) -> None:
    changed = PAPER.overridden({"inputs.band": 3, "face": "none", "face_weight": 0.0})
    for choices in (RELEASED, PAPER, EMBEDDED, changed):
        assert choices_of(written(tmp_path / "w.safetensors", choices).metadata) == choices
    assert choices_of({}) == EMBEDDED
    with pytest.raises(UserError, match="released"):
        choices_of({"variant": "relased"})


def test_a_perceptual_network_is_never_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'vgg19' needs its weights.*--perceptual-weights FILE"):
        perceptual_network("vgg19", None)
    with pytest.raises(UserError, match=r"'efficientnet-lite0' takes no weights file"):
        perceptual_network("efficientnet-lite0", tmp_path / "vgg19.pth")
    asked = []
    monkeypatch.setattr(module, "VGGPerceptualLoss", lambda weights: asked.append(weights) or "vgg")
    assert perceptual_network("vgg19", tmp_path / "vgg19.pth") == "vgg"
    assert asked == [tmp_path / "vgg19.pth"]


def written(path: Path, choices: Variant | None) -> TrainedGenerator:
    """A file of random weights with the settings of ``choices``, read again."""
    state: dict[str, Tensor] = build_generator(NARROW).state_dict()
    told = choices or EMBEDDED
    save_trained(
        state,
        path,
        config=NARROW,
        deviations=told.deviations,
        inputs=told.inputs,
        losses=told.losses,
        training={},
        choices=choices,
    )
    return load_trained(path)


@pytest.mark.parametrize("each", list(VARIANTS.values()), ids=lambda v: v.name)
def test_weights_name_their_variant(each: Variant, tmp_path: Path) -> None:
    trained = written(tmp_path / "w.safetensors", each)
    assert trained.variant == trained.metadata["variant"] == each.name
    assert trained.metadata["overrides"] == {}
    assert (trained.perceptual, trained.kinds) == (each.perceptual, each.kinds)
    assert (trained.inputs, trained.losses) == (each.inputs, each.losses)


def test_weights_tell_the_overrides(tmp_path: Path) -> None:
    changes = {"kinds.mask": "bce-matte", "perceptual": "efficientnet-lite0", "discriminator": None}
    trained = written(tmp_path / "w.safetensors", PAPER.overridden(changes))
    assert trained.variant == "paper"
    assert trained.metadata["overrides"] == changes
    assert (trained.perceptual, trained.kinds.mask) == ("efficientnet-lite0", "bce-matte")


def test_weights_without_a_variant_are_those_of_before(tmp_path: Path) -> None:
    trained = written(tmp_path / "w.safetensors", None)
    assert trained.metadata.keys() == {"generator", "deviations", "inputs", "losses", "training"}
    assert trained.variant is None
    assert (trained.perceptual, trained.kinds) == (EMBEDDED.perceptual, EMBEDDED.kinds)
    assert trained.inputs == InputOptions()


def test_packaged_weights_use_the_embedded_choices() -> None:
    trained = load_trained()
    assert trained.inputs == EMBEDDED.inputs
    assert trained.deviations == EMBEDDED.deviations
    assert trained.losses == EMBEDDED.losses
    assert (trained.perceptual, trained.kinds) == (EMBEDDED.perceptual, EMBEDDED.kinds)
    assert trained.variant in (None, "embedded")


def test_released_and_embedded_share_the_keys_of_the_network() -> None:
    """A variant changes no parameter: the same weights load in all of them."""
    shapes = []
    for each in VARIANTS.values():
        state = build_generator(NARROW, each.deviations).state_dict()
        shapes.append({key: value.shape for key, value in state.items()})
    assert shapes[0] == shapes[1] == shapes[2]
    assert torch.Size([]) not in shapes[0].values()
