"""PATB's losses against one official training step, and its schedule."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines.patb.method import Patb, PatbSettings
from iper_bench.baselines.patb.network import PoseAttentionGenerator, ResnetDiscriminator
from iper_bench.baselines.patb.objective import (
    ImagePool,
    epoch_multiplier,
    perceptual_distance,
    step_multiplier,
)

from iper_bench.baseline_kit.vgg import RELU1_2, Vgg19
from tests.baselines.oracle_state import weights
from tests.oracles import config, load, oracle_files

STEPS = oracle_files("baselines/patb_training_losses*.npz")
PERCEPTUAL = oracle_files("baselines/patb_l1_perceptual*.npz")
RATES = oracle_files("baselines/patb_lr_schedule*.npz")


def slim_vgg(state: dict[str, torch.Tensor]) -> Vgg19:
    network = Vgg19(RELU1_2, divisor=64 // state["0.weight"].shape[0])
    network.load_state_dict(state)
    return network


def official_step(path: Path) -> tuple[Patb, dict[str, torch.Tensor], dict[str, np.ndarray]]:
    arrays, known = load(path), config(path)
    settings = PatbSettings(
        side=32,
        steps=1,
        batch=2,
        width=known["ngf"],
        blocks=known["n_blocks_G"],
        norm=known["norm"],
        least_squares=known["lsgan"],
        weight_gan=known["lambda_GAN"],
        weight_l1=known["lambda_A"],
        weight_perceptual=known["lambda_B"],
    )
    patb = Patb(settings)
    joints = arrays["in/BP1"].shape[1]
    # the oracle's networks were made without dropout, which shifts the layers' numbers
    patb.networks["netG"] = PoseAttentionGenerator(
        known["ngf"], known["n_blocks_G"], joints=joints, norm=known["norm"], dropout=False
    )
    for name, channels in (("netD_PP", 6), ("netD_PB", 3 + joints)):
        patb.networks[name] = ResnetDiscriminator(
            channels, known["ndf"], known["n_layers_D"], norm=known["norm"], dropout=False
        )
    for name, network in patb.networks.items():
        network.load_state_dict(weights(arrays, f"sd/{name}/"))
    patb._perceptual = slim_vgg(weights(arrays, "sd/vgg/"))
    batch = {key: torch.from_numpy(arrays[f"in/{key}"]).float() for key in ("P1", "P2", "BP1", "BP2")}
    return patb, batch, arrays


def assert_norms(loss: torch.Tensor, network: torch.nn.Module, wanted: np.ndarray) -> None:
    """The oracles' rule: relative 1e-3 above 1e-3 of the largest norm, absolute 1e-3 of it below."""
    gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
    found = np.array([0.0 if g is None else float(g.double().norm()) for g in gradients])
    large = wanted > 1e-3 * wanted.max()
    assert np.abs(found / wanted - 1)[large].max() < 1e-3
    assert np.abs(found - wanted)[~large].max(initial=0) < 1e-3 * wanted.max()


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_official_step(path: Path) -> None:
    patb, batch, arrays = official_step(path)
    made = patb.networks["netG"](batch["P1"], batch["BP1"], batch["BP2"])
    assert np.abs(made.detach().numpy() - arrays["out/fake_p2"]).max() < 1e-4
    conditions = {"netD_PP": batch["P1"], "netD_PB": batch["BP2"]}
    total, terms = patb.generator_loss(made, batch["P2"], conditions)
    names = {
        "l1": "origin_L1",
        "perceptual": "perceptual",
        "gan netD_PP": "G_GAN_PP",
        "gan netD_PB": "G_GAN_PB",
    }
    for ours, theirs in names.items():
        assert terms[ours].item() == pytest.approx(float(arrays[f"out/{theirs}"]), rel=1e-4), ours
    wanted = float(arrays["out/pair_L1loss"]) + float(arrays["out/pair_GANloss"])
    assert total.item() == pytest.approx(wanted, rel=1e-4)
    assert_norms(total, patb.networks["netG"], arrays["out/grad_norm_netG"])
    for name, condition in conditions.items():
        loss = patb.discriminator_loss(name, made.detach(), batch["P2"], condition)
        assert loss.item() == pytest.approx(float(arrays[f"out/loss_{name.removeprefix('net')}"]), rel=1e-4)
        assert_norms(loss, patb.networks[name], arrays[f"out/grad_norm_{name}"])


@pytest.mark.parametrize("path", PERCEPTUAL, ids=lambda path: path.stem)
def test_official_perceptual_term(path: Path) -> None:
    arrays, known = load(path), config(path)
    vgg = slim_vgg(weights(arrays))
    made, truth = (torch.from_numpy(arrays[f"in/{name}"]) for name in ("fake", "target"))
    for name in ("l1type", "l2type"):
        weight = known[name]
        found = float(perceptual_distance(vgg, made, truth, squared=not weight["percep_is_l1"]))
        wanted = float(arrays[f"out/{name}_perceptual"])
        assert weight["lambda_perceptual"] * found == pytest.approx(wanted, rel=1e-4)
        l1 = weight["lambda_L1"] * float((made - truth).abs().mean())
        assert l1 + weight["lambda_perceptual"] * found == pytest.approx(
            float(arrays[f"out/{name}_total"]), rel=1e-4
        )


@pytest.mark.parametrize("path", RATES, ids=lambda path: path.stem)
def test_official_rates(path: Path) -> None:
    arrays, known = load(path), config(path)
    constant, decay = (int(n) for n in arrays["in/niter_niterdecay"])
    wanted = arrays["out/lr_used_in_epoch_1_to_N"]
    found = [
        known["lr"] * epoch_multiplier(epoch + 1, constant, decay, known["epoch_count"])
        for epoch in range(len(wanted))
    ]
    assert np.allclose(found, wanted, rtol=1e-9, atol=1e-15)


def test_schedule_over_steps() -> None:
    """Known answers: the first rate for 499 of 700 parts, 0 in the last; it never rises."""
    rates = [step_multiplier(step, 7000) for step in range(7000)]
    assert rates[0] == rates[4989] == 1.0
    assert rates[4990] < 1.0
    assert rates[-1] == 0.0
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))


def test_image_pool() -> None:
    """Laws: size 0 gives back what came; a full pool gives old pairs about half of the time, never others."""
    given = torch.arange(6.0).view(6, 1, 1, 1)
    assert ImagePool(0).exchange(given) is given
    torch.manual_seed(0)
    pool = ImagePool(3)
    assert torch.equal(pool.exchange(given[:3]), given[:3])
    later = torch.cat([pool.exchange(given[3:] + 10 * turn) for turn in range(40)])
    old = (later - torch.cat([given[3:] + 10 * turn for turn in range(40)])).abs() > 0
    assert 0.3 < float(old.float().mean()) < 0.7
    again = ImagePool(3)
    again.restore(pool.state(), torch.device("cpu"))
    assert all(torch.equal(a, b) for a, b in zip(again.kept, pool.kept, strict=True))
