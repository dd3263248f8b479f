"""Losses and gradients of SPADE against the original's, by hand, and as laws."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from iper_bench.baselines.spade.method import Spade, SpadeSettings
from iper_bench.baselines.spade.network import SpadeDiscriminator, SpadeEncoder, SpadeGenerator
from iper_bench.baselines.spade.objective import (
    GAN_MODES,
    VGG_LAYERS,
    discriminator_gan,
    feature_matching,
    generator_gan,
    split_scales,
    style_divergence,
    vgg_distance,
)
from torch import Tensor, nn

from iper_bench.baseline_kit.vgg import Vgg19
from iper_bench.conditions.part_labels import label_edges, one_hot
from iper_bench.errors import UserError
from tests.baselines.spade.references import hidden_of, norm_of, tensors
from tests.oracles import config, load, oracle_files

LOSS = 1e-4  # relative, of single losses
GRADIENT = 1e-3  # relative, of gradient norms above 1e-3 of the largest; absolute that much of it below

D_FILES = oracle_files("baselines/spade_multiscale_d*.npz")
STEP_FILES = oracle_files("baselines/spade_training_losses*.npz")
ENCODER_FILES = oracle_files("baselines/spade_encoder*.npz")


def close(found: Tensor, truth: Tensor, name: str) -> None:
    """Compare two scalars of whatever shape."""
    assert found.item() == pytest.approx(truth.item(), rel=LOSS), name


@pytest.mark.parametrize("path", D_FILES, ids=lambda p: p.stem)
def test_gan_modes(path: Path) -> None:
    told, expected = config(path), tensors(path, "out/")
    options = told["opt"]
    network = SpadeDiscriminator(
        told["input_nc"], width=options["ndf"], layers=options["n_layers_D"], scales=options["num_D"]
    ).eval()
    network.load_state_dict(tensors(path, "sd/"))
    with torch.no_grad():
        outputs = network(tensors(path, "in/")["x"])
    for mode in GAN_MODES:
        close(discriminator_gan(outputs, True, mode), expected[f"{mode}_D_real"], mode)
        close(discriminator_gan(outputs, False, mode), expected[f"{mode}_D_fake"], mode)
        close(generator_gan(outputs, mode), expected[f"{mode}_G"], mode)


@pytest.mark.parametrize("path", ENCODER_FILES, ids=lambda p: p.stem)
def test_divergence(path: Path) -> None:
    expected = tensors(path, "out/")
    network = SpadeEncoder(width=config(path)["ngf"], latent=expected["mu"].shape[1]).eval()
    network.load_state_dict(tensors(path, "sd/"))
    with torch.no_grad():
        close(style_divergence(*network(tensors(path, "in/")["image"])), expected["kld"], "kld")


class Step:
    """Networks, inputs and options of one file of a training step."""

    def __init__(self, path: Path) -> None:
        self.options = options = config(path)["opt"]
        arrays, weights = tensors(path, "in/"), tensors(path, "sd/netG/")
        norm, kernel = norm_of(options["norm_G"])
        self.generator = SpadeGenerator(
            options["semantic_nc"],
            width=options["ngf"],
            side=options["crop_size"],
            upsampling=options["num_upsampling_layers"],
            norm=norm,
            kernel=kernel,
            hidden=hidden_of(weights),
            aspect=options["aspect_ratio"],
        ).eval()
        self.generator.load_state_dict(weights)
        self.discriminator = SpadeDiscriminator(
            options["semantic_nc"] + 3,
            width=options["ndf"],
            layers=options["n_layers_D"],
            scales=options["num_D"],
        ).eval()
        self.discriminator.load_state_dict(tensors(path, "sd/netD/"))
        vgg = tensors(path, "sd/vgg/")
        self.vgg = Vgg19(VGG_LAYERS[-1], divisor=64 // vgg["slice1.0.weight"].shape[0])
        self.vgg.load_state_dict({key.split(".", 1)[1]: value for key, value in vgg.items()})
        self.planes = one_hot(arrays["label"][:, 0], options["label_nc"] + options["contain_dontcare_label"])
        self.edges = label_edges(arrays["instance"][:, 0])
        if not options["no_instance"]:
            self.planes = torch.cat([self.planes, self.edges.unsqueeze(1)], 1)
        self.real = arrays["image"]

    def judged(self, drawn: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Outputs on drawn and real images."""
        pairs = torch.cat([torch.cat([self.planes, one], 1) for one in (drawn, self.real)])
        return split_scales(self.discriminator(pairs))


def compare_gradients(network: nn.Module, loss: Tensor, names: list[str], truth: Tensor) -> None:
    """L2 norms of the gradients of ``loss``, parameter by parameter."""
    own = dict(network.named_parameters())
    assert sorted(own) == sorted(names)
    gradients = torch.autograd.grad(loss, [own[name] for name in names], allow_unused=True)
    largest = truth.max().item()
    for name, gradient, expected in zip(names, gradients, truth.tolist(), strict=True):
        norm = 0.0 if gradient is None else gradient.norm().item()
        if expected > 1e-3 * largest:
            assert norm == pytest.approx(expected, rel=GRADIENT), name
        else:
            assert norm == pytest.approx(expected, abs=1e-3 * largest), name


@pytest.mark.parametrize("path", STEP_FILES, ids=lambda p: p.stem)
def test_generator_step(path: Path) -> None:
    step, expected = Step(path), tensors(path, "out/")
    options = step.options
    drawn = step.generator(step.planes)
    torch.testing.assert_close(step.edges, expected["edges"], rtol=0, atol=0)
    torch.testing.assert_close(drawn, expected["fake_image"], atol=1e-4, rtol=0)  # network tolerance
    of_drawn, of_real = step.judged(drawn)
    terms = {
        "G_GAN": generator_gan(of_drawn, options["gan_mode"]),
        "G_GAN_Feat": options["lambda_feat"] * feature_matching(of_drawn, of_real),
        "G_VGG": options["lambda_vgg"]
        * vgg_distance(step.vgg(drawn, VGG_LAYERS), step.vgg(step.real, VGG_LAYERS)),
    }
    for name, value in terms.items():
        if name == "G_GAN":  # a mean of predictions of both signs around 0: float32 rounding of their size
            assert value.item() == pytest.approx(expected[name].item(), rel=LOSS, abs=1e-6)
        else:
            close(value, expected[name], name)
    total = torch.stack([value.reshape(()) for value in terms.values()]).sum()
    close(total, expected["G_total"], "G_total")
    names = [str(name) for name in load(path)["meta/param_names_netG"]]
    compare_gradients(step.generator, total, names, expected["grad_norm_netG"])


@pytest.mark.parametrize("path", STEP_FILES, ids=lambda p: p.stem)
def test_discriminator_step(path: Path) -> None:
    step, expected = Step(path), tensors(path, "out/")
    with torch.no_grad():
        drawn = step.generator(step.planes)
    of_drawn, of_real = step.judged(drawn)
    on_drawn = discriminator_gan(of_drawn, False, step.options["gan_mode"])
    on_real = discriminator_gan(of_real, True, step.options["gan_mode"])
    close(on_drawn, expected["D_Fake"], "D_Fake")
    close(on_real, expected["D_real"], "D_real")
    names = [str(name) for name in load(path)["meta/param_names_netD"]]
    compare_gradients(step.discriminator, on_drawn + on_real, names, expected["grad_norm_netD"])


@pytest.mark.parametrize("path", STEP_FILES, ids=lambda p: p.stem)
def test_the_method_is_made_of_these_terms(path: Path) -> None:
    """The baseline's own terms, with the oracle's networks put in place of its own."""
    step, expected = Step(path), tensors(path, "out/")
    options = step.options
    baseline = Spade(
        SpadeSettings(
            side=32,
            steps=10,
            batch=1,
            width=1,
            hidden=1,
            judge_width=1,
            rate=options["lr"],
            two_rates=not options["no_TTUR"],
            gan=options["gan_mode"],
            feature_weight=options["lambda_feat"],
            perceptual_weight=options["lambda_vgg"],
        )
    )
    baseline.networks = {"G": step.generator, "D": step.discriminator}
    baseline.start()
    baseline._vgg = step.vgg
    terms = baseline.generator_terms(step.planes, step.real)
    close(terms["features"], expected["G_GAN_Feat"], "features")
    close(terms["perceptual"], expected["G_VGG"], "perceptual")
    close(torch.stack(list(terms.values())).sum(), expected["G_total"], "total")
    judged = baseline.discriminator_terms(step.planes, step.real)
    close(judged["judged_drawn"], expected["D_Fake"], "drawn")
    close(judged["judged_real"], expected["D_real"], "real")
    rates = [one.param_groups[0]["lr"] for one in baseline.optimisers.values()]
    assert rates == pytest.approx(expected["lr_G_D"].tolist(), rel=1e-12)
    for one in baseline.optimisers.values():
        assert one.param_groups[0]["betas"] == (options["beta1"], options["beta2"])


def scales(*predictions: float) -> list[list[Tensor]]:
    """Outputs of scales with one hidden layer, constant predictions."""
    return [[torch.full((1, 2, 3, 3), value), torch.full((1, 1, 3, 3), value)] for value in predictions]


def test_known_values() -> None:
    assert discriminator_gan(scales(2.0, 0.0), True).item() == pytest.approx(0.5)  # (0 + 1) / 2
    assert discriminator_gan(scales(2.0, 0.0), False).item() == pytest.approx(2.0)  # (3 + 1) / 2
    assert generator_gan(scales(2.0, 0.0)).item() == pytest.approx(-1.0)
    assert generator_gan(scales(0.0), "original").item() == pytest.approx(math.log(2))
    assert generator_gan(scales(0.5), "ls").item() == pytest.approx(0.25)
    assert feature_matching(scales(1.0, 3.0), scales(0.0, 0.0)).item() == pytest.approx(2.0)
    assert style_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0.0
    assert style_divergence(torch.ones(2, 3), torch.zeros(2, 3)).item() == pytest.approx(3.0)
    with pytest.raises(UserError, match="GAN mode"):
        discriminator_gan(scales(1.0), True, "hing")


@pytest.mark.parametrize("mode", GAN_MODES)
def test_better_predictions_cost_less(mode: str) -> None:
    assert discriminator_gan(scales(0.9), True, mode) < discriminator_gan(scales(0.1), True, mode)
    assert discriminator_gan(scales(0.1), False, mode) < discriminator_gan(scales(0.9), False, mode)
    assert generator_gan(scales(0.9), mode) < generator_gan(scales(0.1), mode)


def test_halves_of_a_batch() -> None:
    outputs = [[torch.arange(4.0).view(4, 1, 1, 1)], [torch.arange(4.0).view(4, 1, 1, 1) * 10]]
    drawn, real = split_scales(outputs)
    assert drawn[0][0].flatten().tolist() == [0, 1]
    assert real[1][0].flatten().tolist() == [20, 30]


def test_no_gradient_reaches_the_truth() -> None:
    real = torch.randn(1, 2, 4, 4).requires_grad_()
    drawn = torch.randn(1, 2, 4, 4).requires_grad_()
    loss = feature_matching([[drawn, drawn]], [[real, real]]) + vgg_distance([drawn] * 5, [real] * 5)
    of_real, of_drawn = torch.autograd.grad(loss, [real, drawn], allow_unused=True)
    assert of_real is None
    assert of_drawn.abs().sum() > 0
