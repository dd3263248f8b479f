"""pix2pixHD's networks against the official ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from iper_bench.baselines.pix2pixhd.network import (
    FeatureEncoder,
    GlobalGenerator,
    LocalEnhancer,
    MultiscaleDiscriminator,
    pooled,
)
from iper_bench.baselines.pix2pixhd.objective import feature_matching, gan_loss

from iper_bench.conditions.part_labels import one_hot
from tests.baselines.oracle_state import tolerance, weights
from tests.oracles import config, load, oracle_files

GLOBAL = oracle_files("baselines/pix2pixhd_global*.npz")
LOCAL = oracle_files("baselines/pix2pixhd_local_enhancer*.npz")
ENCODER = oracle_files("baselines/pix2pixhd_encoder*.npz")
JUDGES = oracle_files("baselines/pix2pixhd_multiscale_d*.npz")
KEYS = Path(__file__).parent / "released_keys"


def labels_of(arrays: dict[str, np.ndarray], channels: int) -> torch.Tensor:
    return one_hot(torch.from_numpy(arrays["in/label"])[:, 0], channels)


@pytest.mark.parametrize("path", GLOBAL, ids=lambda path: path.stem)
def test_official_global_generator(path: Path) -> None:
    arrays, known = load(path), config(path)
    network = GlobalGenerator(
        known["input_nc"], known["ngf"], known["n_downsample_global"], known["n_blocks_global"]
    )
    network.load_state_dict(weights(arrays))
    with torch.no_grad():
        made = network(labels_of(arrays, known["input_nc"]))
    assert np.abs(made.numpy() - arrays["out/image"]).max() < tolerance(known)


@pytest.mark.parametrize("path", LOCAL, ids=lambda path: path.stem)
def test_official_local_enhancer(path: Path) -> None:
    arrays, known = load(path), config(path)
    network = LocalEnhancer(
        known["input_nc"],
        known["ngf"],
        known["n_downsample_global"],
        known["n_blocks_global"],
        known["n_local_enhancers"],
        known["n_blocks_local"],
    )
    network.load_state_dict(weights(arrays))
    labels = labels_of(arrays, known["input_nc"])
    with torch.no_grad():
        found = {
            "image": network(labels),
            "input_downsampled": pooled(labels),
            "global_features": network.model(pooled(labels)),
            "model1_1": network.get_submodule("model1_1")(labels),
        }
    for name, value in found.items():
        assert np.abs(value.numpy() - arrays[f"out/{name}"]).max() < tolerance(known), name


@pytest.mark.parametrize("path", ENCODER, ids=lambda path: path.stem)
def test_official_encoder(path: Path) -> None:
    arrays, known = load(path), config(path)
    network = FeatureEncoder(known["feat_num"], known["nef"], known["n_down"])
    network.load_state_dict(weights(arrays))
    images, instances = (torch.from_numpy(arrays[f"in/{name}"]) for name in ("image", "inst"))
    with torch.no_grad():
        assert np.abs(network.model(images).numpy() - arrays["out/raw"]).max() < 1e-4
        assert np.abs(network(images, instances).numpy() - arrays["out/pooled"]).max() < 1e-4


@pytest.mark.parametrize("path", JUDGES, ids=lambda path: path.stem)
def test_official_discriminator(path: Path) -> None:
    arrays, known = load(path), config(path)
    network = MultiscaleDiscriminator(known["input_nc"], known["ndf"], known["n_layers_D"], known["num_D"])
    network.load_state_dict(weights(arrays))
    with torch.no_grad():
        judged = {side: network(torch.from_numpy(arrays[f"in/x_{side}"])) for side in ("fake", "real")}
    for side, scales in judged.items():
        for scale, outputs in enumerate(scales):
            found = outputs[-1].numpy()
            assert np.abs(found - arrays[f"out/{side}_scale{scale}_pred"]).max() < tolerance(known)
    for scale, outputs in enumerate(judged["fake"]):
        for index, output in enumerate(outputs):
            name = f"out/fake_scale{scale}_layer{index}"
            assert tuple(output.shape) == tuple(arrays[f"{name}_shape"])
            assert output.abs().mean().item() == pytest.approx(float(arrays[f"{name}_meanabs"]), rel=1e-4)
    losses = {
        "lsgan_fake_as_real": gan_loss(judged["fake"], True),
        "lsgan_fake_as_fake": gan_loss(judged["fake"], False),
        "lsgan_real_as_real": gan_loss(judged["real"], True),
        "feature_matching_lambda10": 10 * feature_matching(judged["fake"], judged["real"]),
    }
    for name, value in losses.items():
        assert value.item() == pytest.approx(float(arrays[f"out/{name}"]), rel=1e-4), name


@pytest.mark.parametrize(
    ("make", "released", "parameters"),
    [
        (lambda: GlobalGenerator(36), "pix2pixhd_netG_global_512p", 182_546_755),
        (lambda: GlobalGenerator(25), None, 182_512_259),
        (lambda: GlobalGenerator(18), "pix2pixhd_metapix_netG", 182_490_307),
        (lambda: GlobalGenerator(7), None, 182_455_811),
        (lambda: LocalEnhancer(36), "pix2pixhd_netG_local_1024p", 182_857_059),
        (lambda: MultiscaleDiscriminator(39), "pix2pixhd_netD_512p_numD2", 5_603_202),
        (lambda: MultiscaleDiscriminator(28), None, 5_580_674),
        (lambda: MultiscaleDiscriminator(21), "pix2pixhd_metapix_netD", 5_566_338),
        (lambda: MultiscaleDiscriminator(39, scales=3), "pix2pixhd_netD_1024p_numD3", 8_404_803),
        (lambda: FeatureEncoder(), "pix2pixhd_netE", 788_803),
    ],
)
def test_released_keys_and_parameters(make: Any, released: str | None, parameters: int) -> None:
    with torch.device("meta"):
        network = make()
    assert sum(one.numel() for one in network.parameters()) == parameters
    if released is not None:
        with (KEYS / f"{released}.csv").open(encoding="utf-8") as stream:
            wanted = {row["key"]: row["shape"] for row in csv.DictReader(stream)}
        found = {k: "x".join(map(str, v.shape)) for k, v in network.state_dict().items()}
        assert found == wanted


def test_sizes_of_the_scores() -> None:
    """Known answer (the sheet's table): 256 px give 35 x 35 and 19 x 19 scores."""
    with torch.device("meta"):
        judged = MultiscaleDiscriminator(28)(torch.empty(1, 28, 256, 256))
    assert [tuple(outputs[-1].shape) for outputs in judged] == [(1, 1, 35, 35), (1, 1, 19, 19)]


def test_laws() -> None:
    """Equal images have no feature distance; one image of a batch does not depend on the others."""
    torch.manual_seed(0)
    judge, generator = MultiscaleDiscriminator(6, 4), GlobalGenerator(3, 4, 2, 1)
    x = torch.rand(2, 6, 32, 32)
    with torch.no_grad():
        assert feature_matching(judge(x), judge(x)) == 0
        both, alone = generator(x[:, :3]), generator(x[1:, :3])
    assert torch.allclose(both[1:], alone, atol=1e-5)
