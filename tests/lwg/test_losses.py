"""Single loss terms and the released totals: references and known answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from iper_bench.errors import UserError
from iper_bench.lwg.discriminator import DiscriminatorConfig, build_discriminator
from iper_bench.lwg.losses import (
    adversarial_loss,
    mask_loss,
    reconstruction_loss,
    smoothness_loss,
    temporal_loss,
)
from iper_bench.lwg.objective import LossWeights, Outputs, StepBatch, TermKinds, objective
from iper_bench.lwg.released_objective import (
    Fakes,
    Lambdas,
    Reals,
    discriminator_loss,
    generator_loss,
    generator_term,
)
from tests.lwg.references import Reference, numbered, reference
from tests.oracles import config, oracle_files

RELATIVE = 1e-5  # means over up to 1e5 float32 numbers
TRAINERS = oracle_files("lwg/train_*.npz")


@pytest.mark.parametrize("path", oracle_files("lwg/loss_basic*.npz"), ids=lambda p: p.stem)
def test_terms_equal_the_released_ones(path: Path) -> None:
    ref = reference(path)
    scores = numbered(ref.inputs, "d")
    got = {
        "tv": smoothness_loss(ref.inputs["mask_pred"]),
        "mask_bce": mask_loss(ref.inputs["mask_pred"], ref.inputs["mask_gt"]),
        "l1": reconstruction_loss(ref.inputs["mask_pred"], ref.inputs["mask_gt"]),
        "temporal_smooth": temporal_loss(ref.inputs["seq"]),
    }
    targets = {int(name.rpartition("_")[2]) for name in ref.outputs if name.startswith("lsgan")}
    assert targets
    for target in targets:
        got[f"lsgan_list_target_{target}"] = adversarial_loss(scores, target)
        got[f"lsgan_single_target_{target}"] = adversarial_loss(scores[0], target)
    assert got.keys() == ref.outputs.keys()
    for name, wanted in ref.outputs.items():
        assert got[name].item() == pytest.approx(float(wanted[0]), rel=RELATIVE), name


def _sides(ref: Reference, trainer: str) -> tuple[Fakes, Reals]:
    x = ref.inputs
    fakes = Fakes(
        targets=x["fake_tsf_imgs"].clone().requires_grad_(True),
        backgrounds=x["fake_bg"],
        masks=x["fake_masks"],
        sources=None if trainer == "BaselineTrainer" else x["fake_src_imgs"],
    )
    reals = Reals(
        sources=x["real_src"],
        targets=x["real_tsf"],
        background=x["real_bg"],
        masks=x["body_mask"],
        tsf_inputs=x["input_G_tsf"],
        bg_inputs=x["input_G_bg"],
        body_boxes=x["body_bbox"],
        head_boxes=x["head_bbox"],
    )
    return fakes, reals


@pytest.mark.parametrize("path", TRAINERS, ids=lambda p: p.stem)
def test_totals_equal_the_released_trainers(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = DiscriminatorConfig.from_official(settings["dis_cfg"])
    network = build_discriminator(settings["discriminator"], sizes, use_aug_bg=settings["use_aug_bg"])
    network.load_state_dict(ref.weights, strict=True)
    weights = Lambdas.from_official(settings["lambdas"])
    fakes, reals = _sides(ref, settings["trainer"])
    total, terms = generator_loss(fakes, reals, network, weights=weights)
    critic, averages = discriminator_loss(fakes, reals, network, weights=weights)
    got = {"loss_G": total, "loss_D": critic, **terms, **averages}
    assert got.keys() == ref.outputs.keys()
    for name, wanted in ref.outputs.items():
        # Averages of scores of both signs may lie near 0: float32 sums of numbers near 1.
        assert got[name].item() == pytest.approx(float(wanted[0]), rel=RELATIVE, abs=1e-6), name


def _step(ref: Reference) -> tuple[Outputs, StepBatch]:
    """The same as one training step, in float64: colours are what composes to the file's images."""
    x = {k: v.double() if v.is_floating_point() else v for k, v in ref.inputs.items()}
    (bs, ns), nt = x["real_src"].shape[:2], x["real_tsf"].shape[1]
    masks, whole = x["fake_masks"], x["body_mask"]
    own = x["fake_bg"][:, :1]
    sources = masks[:, :-nt] if masks.shape[1] > nt else None

    def colours(images: Tensor, mask: Tensor) -> Tensor:
        return (images - mask * own) / (1.0 - mask)

    backgrounds = torch.zeros_like(x["fake_bg"])
    backgrounds[:, -1] = x["real_bg"]
    batch = StepBatch(
        src_inputs=torch.zeros(bs, ns, 6, *whole.shape[-2:]),
        bg_inputs=x["input_G_bg"],
        tsf_inputs=x["input_G_tsf"],
        flows=torch.zeros(0),
        source_images=x["real_src"],
        source_masks=whole[:, :ns],
        target_images=x["real_tsf"],
        target_masks=whole[:, ns:],
        backgrounds=backgrounds,
        background_known=torch.ones_like(backgrounds[:, :, :1]),
        body_boxes=x["body_bbox"].reshape(bs, nt, 4),
        head_boxes=x["head_bbox"].reshape(bs, nt, 4),
    )
    made = None if sources is None else colours(x["fake_src_imgs"], sources)
    outputs = Outputs(
        x["fake_bg"], made, sources, colours(x["fake_tsf_imgs"], masks[:, -nt:]), masks[:, -nt:]
    )
    return outputs, batch


@pytest.mark.parametrize("path", TRAINERS, ids=lambda p: p.stem)
def test_the_objective_that_trains_equals_the_released_trainers(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = DiscriminatorConfig.from_official(settings["dis_cfg"])
    network = build_discriminator(settings["discriminator"], sizes, use_aug_bg=settings["use_aug_bg"])
    network.load_state_dict(ref.weights, strict=True)
    network.double()
    given = Lambdas.from_official(settings["lambdas"])
    outputs, batch = _step(ref)
    halved = 1.0 if outputs.source_colours is None else 0.5
    weights = LossWeights(
        source=halved * given.lambda_rec,
        background=halved * given.lambda_rec,
        perceptual=given.lambda_tsf,
        mask=given.lambda_mask,
        smooth=given.lambda_mask_smooth,
        adversarial=given.lambda_D_prob,
    )
    critic = partial(generator_term, reals=batch.reals(), discriminator=network)
    total, terms = objective(
        outputs, batch, weights, reconstruction_loss, critic, kinds=TermKinds(background="last")
    )
    scale = weights.to_json()
    got = {name: scale[name] * value.item() for name, value in terms.items()}
    wanted = {name: float(value[0]) for name, value in ref.outputs.items()}
    assert total.item() == pytest.approx(wanted["loss_G"], rel=RELATIVE)
    assert got.get("source", 0.0) + got["background"] == pytest.approx(wanted["g_rec"], rel=RELATIVE)
    pairs = {"perceptual": "g_tsf", "adversarial": "g_adv", "mask": "g_mask", "smooth": "g_smooth"}
    for name, official in pairs.items():
        assert got[name] == pytest.approx(wanted[official], rel=RELATIVE), name


@pytest.mark.parametrize("path", TRAINERS[:1], ids=lambda p: p.stem)
def test_each_player_moves_only_its_own_side(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = DiscriminatorConfig.from_official(settings["dis_cfg"])
    network = build_discriminator(settings["discriminator"], sizes, use_aug_bg=settings["use_aug_bg"])
    fakes, reals = _sides(ref, settings["trainer"])
    discriminator_loss(fakes, reals, network)[0].backward()
    assert fakes.targets.grad is None
    assert all(p.grad is not None for p in network.parameters())
    generator_loss(fakes, reals, network)[0].backward()
    assert fakes.targets.grad is not None
    assert float(fakes.targets.grad.abs().sum()) > 0.0


@pytest.mark.parametrize("path", TRAINERS[:1], ids=lambda p: p.stem)
def test_face_term_is_weighted_and_added(path: Path) -> None:
    settings, ref = config(path), reference(path)
    sizes = DiscriminatorConfig.from_official(settings["dis_cfg"])
    network = build_discriminator(settings["discriminator"], sizes, use_aug_bg=settings["use_aug_bg"])
    fakes, reals = _sides(ref, settings["trainer"])
    plain, _ = generator_loss(fakes, reals, network)
    total, terms = generator_loss(
        fakes, reals, network, face=lambda a, b, boxes: (a - b).abs().sum() * 0.0 + 2.0
    )
    assert terms["g_face"].item() == pytest.approx(10.0)
    assert (total - plain).item() == pytest.approx(10.0, rel=1e-4)


def test_known_answers() -> None:
    assert float(adversarial_loss([torch.full((1, 1, 2, 2), 3.0), torch.zeros(1, 1, 4, 4)], 1.0)) == 2.5
    ramp = torch.arange(4.0).reshape(1, 1, 1, 4).expand(1, 1, 3, 4) / 4.0
    assert float(smoothness_loss(ramp)) == pytest.approx(0.25)
    half = torch.full((1, 1, 2, 2), 0.5)
    assert float(mask_loss(half, torch.ones_like(half))) == pytest.approx(0.6931472)
    assert float(temporal_loss(torch.zeros(1, 3, 3, 2, 2))) == 0.0


def test_generator_target_lies_between_fake_and_real() -> None:
    scores = torch.zeros(1, 1, 3, 3)
    assert [adversarial_loss(scores, y).item() for y in (-1.0, 0.0, 1.0)] == [1.0, 0.0, 1.0]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="no score maps"):
        adversarial_loss([], 0.0)
    with pytest.raises(UserError, match="lambda_mask"):
        Lambdas.from_official({"lambda_masks": 1.0})
