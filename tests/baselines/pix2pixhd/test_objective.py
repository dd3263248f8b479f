"""pix2pixHD's losses against one official training step, and its schedule."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines.pix2pixhd.method import Pix2PixHd, Pix2PixHdSettings
from iper_bench.baselines.pix2pixhd.network import GlobalGenerator, MultiscaleDiscriminator
from iper_bench.baselines.pix2pixhd.objective import epoch_rate, step_rate

from iper_bench.baseline_kit.vgg import RELU5_1, Vgg19
from iper_bench.conditions.part_labels import label_edges, one_hot
from tests.baselines.oracle_state import weights
from tests.oracles import config, load, oracle_files

STEPS = oracle_files("baselines/pix2pixhd_training_losses*.npz")
RATES = oracle_files("baselines/pix2pixhd_edges_lr*.npz")


def slim_vgg(state: dict[str, torch.Tensor]) -> Vgg19:
    """From the released keys ``slice2.5.weight``."""
    plain = {key.split(".", 1)[1]: value for key, value in state.items()}
    network = Vgg19(RELU5_1, divisor=64 // plain["0.weight"].shape[0])
    network.load_state_dict(plain)
    return network


def assert_norms(loss: torch.Tensor, network: torch.nn.Module, wanted: np.ndarray) -> None:
    """The oracles' rule: relative 1e-3 above 1e-3 of the largest norm, absolute 1e-3 of it below."""
    gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    found = np.array([float(g.double().norm()) for g in gradients])
    large = wanted > 1e-3 * wanted.max()
    assert np.abs(found / wanted - 1)[large].max() < 1e-3
    assert np.abs(found - wanted)[~large].max(initial=0) < 1e-3 * wanted.max()


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_official_step(path: Path) -> None:
    arrays, known = load(path), config(path)["opt"]
    labels = torch.from_numpy(arrays["in/label"])[:, 0]
    edges = label_edges(torch.from_numpy(arrays["in/inst"])[:, 0]).unsqueeze(1)
    inputs = torch.cat([one_hot(labels, known["label_nc"]), edges], 1)
    assert np.array_equal(edges[:, 0].numpy(), arrays["out/input_semantics_lastchannel"])
    baseline = Pix2PixHd(Pix2PixHdSettings(side=32, steps=1, batch=2, weight_feature=known["lambda_feat"]))
    channels = int(arrays["out/input_nc"])
    baseline.networks["netG"] = GlobalGenerator(
        channels, known["ngf"], known["n_downsample_global"], known["n_blocks_global"]
    )
    baseline.networks["netD"] = MultiscaleDiscriminator(
        channels + 3, known["ndf"], known["n_layers_D"], known["num_D"]
    )
    for name, network in baseline.networks.items():
        network.load_state_dict(weights(arrays, f"sd/{name}/"))
    baseline._perceptual = slim_vgg(weights(arrays, "sd/vgg/"))
    truth = torch.from_numpy(arrays["in/image"])
    made = baseline.networks["netG"](inputs)
    assert np.abs(made.detach().numpy() - arrays["out/fake_image"]).max() < 1e-4
    total, terms = baseline.generator_loss(made, truth, inputs)
    for ours, theirs in (("gan", "G_GAN"), ("features", "G_GAN_Feat"), ("perceptual", "G_VGG")):
        assert terms[ours].item() == pytest.approx(float(arrays[f"out/{theirs}"]), rel=1e-4), ours
    assert total.item() == pytest.approx(float(arrays["out/loss_G"]), rel=1e-4)
    assert_norms(total, baseline.networks["netG"], arrays["out/grad_norm_netG"])
    judge = baseline.discriminator_loss(made.detach(), truth, inputs)
    assert judge.item() == pytest.approx(float(arrays["out/loss_D"]), rel=1e-4)
    assert_norms(judge, baseline.networks["netD"], arrays["out/grad_norm_netD"])


@pytest.mark.parametrize("path", RATES, ids=lambda path: path.stem)
def test_official_edges_and_rates(path: Path) -> None:
    arrays = load(path)
    edges = label_edges(torch.from_numpy(arrays["in/inst"])[:, 0])
    assert np.array_equal(edges.numpy(), arrays["out/edges"][:, 0])
    for name in (key for key in arrays if key.startswith("out/lr_")):
        constant, decay = (int("".join(filter(str.isdigit, part))) for part in name.split("_")[1:])
        wanted = arrays[name]
        found = [epoch_rate(2e-4, epoch + 1, constant, decay) for epoch in range(len(wanted))]
        assert np.allclose(found, wanted, rtol=1e-9), name


def test_schedule_over_steps() -> None:
    """Known answers: the first rate in the first half, 2e-6 at the end; it never rises."""
    rates = [step_rate(2e-4, step, 2000) for step in range(2000)]
    assert rates[0] == rates[1009] == 2e-4
    assert rates[1010] == pytest.approx(1.98e-4)
    assert rates[-1] == pytest.approx(2e-6)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
