"""PATB's networks against the official ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from iper_bench.baselines.patb.network import PoseAttentionGenerator, ResnetDiscriminator
from iper_bench.baselines.patb.objective import gan_loss

from tests.baselines.oracle_state import tolerance, weights
from tests.oracles import config, load, oracle_files

GENERATORS = oracle_files("baselines/patb_generator*.npz")
DISCRIMINATORS = oracle_files("baselines/patb_discriminator*.npz")
KEYS = Path(__file__).parent / "released_keys"


@pytest.mark.parametrize("path", GENERATORS, ids=lambda path: path.stem)
def test_official_generator(path: Path) -> None:
    arrays, settings = load(path), config(path)
    network = PoseAttentionGenerator(
        settings["ngf"],
        settings["n_blocks"],
        settings["n_downsampling"],
        settings["input_nc"][1] // 2,
        settings["norm"],
        settings["use_dropout"],
    )
    network.load_state_dict(weights(arrays))
    network.eval()
    given = [torch.from_numpy(arrays[f"in/{name}"]).float() for name in ("P1", "BP1", "BP2")]
    with torch.no_grad():
        made = network(*given)
        body = network.model
        image, pose = body.stream1_down(given[0]), body.stream2_down(torch.cat(given[1:], 1))
        found = {"fake_p2": made, "stream1_down": image, "stream2_down": pose}
        for index, block in enumerate(body.att):
            image, pose = block(image, pose)
            if index == 0:
                found |= {"att0": image, "att0_x2": pose}
        found["att_last"] = image
    for name, value in found.items():
        assert np.abs(value.numpy() - arrays[f"out/{name}"]).max() < tolerance(settings), name


@pytest.mark.parametrize("path", DISCRIMINATORS, ids=lambda path: path.stem)
def test_official_discriminator(path: Path) -> None:
    arrays, settings = load(path), config(path)
    network = ResnetDiscriminator(
        settings["input_nc"],
        settings["ndf"],
        settings["n_blocks"],
        settings["n_downsampling"],
        settings["norm"],
        settings["use_dropout"],
        probability=settings["use_sigmoid"],
    )
    network.load_state_dict(weights(arrays))
    network.eval()
    x = torch.from_numpy(arrays["in/x"])
    with torch.no_grad():
        scores = network(x[:, :3], x[:, 3:])
    assert np.abs(scores.numpy() - arrays["out/pred"]).max() < tolerance(settings)
    for real, name in ((True, "real"), (False, "fake")):
        loss = float(gan_loss(scores, real, least_squares=settings["gan"] == "lsgan"))
        assert loss == pytest.approx(float(arrays[f"out/gan_loss_target_{name}"]), rel=1e-4)


@pytest.mark.parametrize(
    ("make", "released", "parameters"),
    [
        (lambda: PoseAttentionGenerator(), "patb_netG_fashion_instance", 41_358_019),
        (lambda: PoseAttentionGenerator(norm="batch"), "patb_netG_market_batch", 41_365_763),
        (lambda: PoseAttentionGenerator(joints=24), None, 41_395_651),
        (lambda: ResnetDiscriminator(6), "patb_netD_PP_fashion_instance", 3_928_384),
        (lambda: ResnetDiscriminator(21), "patb_netD_PB_fashion_instance", 3_975_424),
        (lambda: ResnetDiscriminator(6, norm="batch"), "patb_netD_PP_market_batch", 3_930_368),
        (lambda: ResnetDiscriminator(21, norm="batch"), "patb_netD_PB_market_batch", 3_977_408),
    ],
)
def test_released_keys_and_parameters(make: Any, released: str | None, parameters: int) -> None:
    with torch.device("meta"):
        network = make()
    assert sum(one.numel() for one in network.parameters()) == parameters
    if released is None:
        return
    with (KEYS / f"{released}.csv").open(encoding="utf-8") as stream:
        wanted = {row["key"]: row["shape"] for row in csv.DictReader(stream)}
    found = {k: "x".join(map(str, v.shape)) or "scalar" for k, v in network.state_dict().items()}
    assert {k: v for k, v in found.items() if "batches" not in k} == {
        k: v for k, v in wanted.items() if "batches" not in k
    }
    assert set(found) == set(wanted)


def test_laws() -> None:
    """Known answer: with zero attention logits an update is half of the image stream's. Dropout is off in
    evaluation and on in training.
    """
    torch.manual_seed(0)
    network = PoseAttentionGenerator(4, 2).eval()
    block = network.model.att[0]
    for parameter in block.conv_block_stream2[-1].parameters():
        torch.nn.init.zeros_(parameter)
    image, pose = torch.randn(1, 16, 8, 8), torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        updated, code = block(image, pose)
        assert torch.allclose(updated, image + 0.5 * block.conv_block_stream1(image))
        assert torch.equal(code[:, 16:], updated)
        given = (torch.randn(1, 3, 32, 24), torch.rand(1, 18, 32, 24), torch.rand(1, 18, 32, 24))
        assert torch.equal(network(*given), network(*given))
        assert network(*given).shape == (1, 3, 32, 24)
        network.train()
        assert not torch.equal(network(*given), network(*given))
