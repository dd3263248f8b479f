"""VGG19 as a ladder of layers: against layers put together by hand, and its weights from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from iper_bench.baseline_kit.vgg import (
    PLAN,
    RELU1_1,
    RELU1_2,
    RELU2_1,
    RELU3_1,
    RELU4_1,
    RELU5_1,
    Vgg19,
    vgg19_of,
)
from iper_bench.errors import UserError
from tests.oracles import config, load, oracle_files

PATB = oracle_files("baselines/patb_training_losses*.npz")
PIX2PIXHD = oracle_files("baselines/pix2pixhd_training_losses*.npz")
SLIM = 16
ENDS = (RELU1_1, RELU2_1, RELU3_1, RELU4_1, RELU5_1)


def slim(last: int = RELU5_1, pooling: str = "max") -> Vgg19:
    torch.manual_seed(0)
    return Vgg19(last, divisor=SLIM, pooling=pooling)  # type: ignore[arg-type]


def images(side: int = 32) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def torchvision_file(path: Path, network: Vgg19) -> Path:
    """Its weights under torchvision's names, with later layers and a classifier."""
    state = {f"features.{key}": value for key, value in network.state_dict().items()}
    state["features.34.weight"], state["classifier.0.bias"] = torch.zeros(1), torch.zeros(4)
    torch.save(state, path)
    return path


def by_hand(network: Vgg19, x: torch.Tensor) -> dict[int, torch.Tensor]:
    """Every ReLU's output from the published plan of layers, without the network's own forward."""
    state, found, index = network.state_dict(), {}, 0
    for entry in PLAN:
        if index > network.last:
            break
        if isinstance(entry, int):
            x = F.conv2d(x, state[f"{index}.weight"], state[f"{index}.bias"], padding=1).clamp_min(0)
            index += 1
            found[index] = x
        else:
            x = F.max_pool2d(x, 2, 2)
        index += 1
    return found


@pytest.mark.parametrize("path", PIX2PIXHD, ids=lambda path: path.stem)
def test_official_slices(path: Path) -> None:
    """Reference: the key numbers of the released slices are torchvision's, and ours; the five ends weighted
    as released give the official term (relative 1e-4: float32 sums).
    """
    arrays = load(path)
    weights = {
        key.removeprefix("sd/vgg/").split(".", 1)[1]: torch.from_numpy(value)
        for key, value in arrays.items()
        if key.startswith("sd/vgg/")
    }
    network = Vgg19(divisor=64 // len(weights["0.bias"]))
    assert set(network.state_dict()) == set(weights)
    network.load_state_dict(weights)
    made, truth = (torch.from_numpy(arrays[key]) for key in ("out/fake_image", "in/image"))
    terms = zip((1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), network(made, ENDS), network(truth, ENDS), strict=True)
    distance = sum(weight * (ours - theirs).abs().mean().item() for weight, ours, theirs in terms)
    weight = float(config(path)["opt"]["lambda_feat"])
    assert weight * distance == pytest.approx(float(arrays["out/G_VGG"]), rel=1e-4)


@pytest.mark.parametrize("path", PATB, ids=lambda path: path.stem)
def test_official_plain_keys(path: Path) -> None:
    """Reference: PATB's slim network, keyed by torchvision's plain numbers, loads strictly up to relu1_2."""
    weights = {
        key.removeprefix("sd/vgg/"): torch.from_numpy(value)
        for key, value in load(path).items()
        if key.startswith("sd/vgg/")
    }
    network = Vgg19(RELU1_2, divisor=64 // len(weights["0.bias"]))
    network.load_state_dict(weights)
    assert set(network.state_dict()) == set(weights)


def test_layers_by_hand() -> None:
    """Known answer: every ReLU of the ladder, at the published numbers. 1e-5: the same float32 sums."""
    network, x = slim(), images()
    wanted = by_hand(network, x)
    found = network(x, sorted(wanted))
    for index, ours in zip(sorted(wanted), found, strict=True):
        assert ours.min() >= 0
        assert (ours - wanted[index]).abs().max() < 1e-5, index
    assert [tuple(one.shape[1:]) for one in network(x, ENDS)] == [
        (4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4), (32, 2, 2),
    ]  # fmt: skip


def test_parameters_of_the_published_size() -> None:
    """Known answer: all sixteen convolutions of configuration E have 20,024,384 weights and biases."""
    with torch.device("meta"):
        network = Vgg19(36)
    assert sum(one.numel() for one in network.parameters()) == 20_024_384
    assert not any(one.requires_grad for one in network.parameters())


def test_average_pooling() -> None:
    """Known answers: layer 4 halves by the mean or by the largest; layers before it are the same."""
    mean, largest, x = slim(4, "avg"), slim(4, "max"), images()
    (before, pooled), (same, highest) = mean(x, (RELU1_2, 4)), largest(x, (RELU1_2, 4))
    assert torch.equal(before, same)
    blocks = before.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2)).movedim(-3, -2)
    assert torch.allclose(pooled, blocks.mean((-1, -2)), atol=1e-6)
    assert torch.equal(highest, blocks.amax((-1, -2)))


def test_outputs_are_not_overwritten() -> None:
    """Law: asking for more layers changes none; a convolution keeps its negative values beside its ReLU."""
    network, x = slim(), images()
    kept = x.clone()
    convolved, activated = network(x, (0, RELU1_1))
    assert convolved.min() < 0
    assert torch.equal(activated, convolved.clamp_min(0))
    (alone,) = network(x, (RELU3_1,))
    assert torch.equal(network(x, ENDS)[2], alone)
    assert torch.equal(x, kept)


def test_frozen_but_transparent() -> None:
    """Law: gradients reach the images and no weight; training mode is never entered."""
    network, x = slim(RELU2_1), images().requires_grad_()
    network.train()
    assert not any(one.training for one in (network, *network.children()))
    network(x, (RELU2_1,))[0].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(one.grad is None for one in network.parameters())


@pytest.mark.parametrize("last", [-1, 37])
def test_layer_that_does_not_exist(last: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to 36"):
        Vgg19(last, divisor=SLIM)


def test_layer_behind_the_last() -> None:
    with pytest.raises(ValueError, match="expected numbers up to 6"):
        slim(RELU2_1)(images(), (RELU1_1, RELU3_1))


def test_weights_of_torchvision(tmp_path: Path) -> None:
    """Known answer: the file's features, with the later layers and the classifier left out."""
    path, wanted = torchvision_file(tmp_path / "vgg.pth", slim(RELU1_2)), slim(RELU1_2)
    torch.manual_seed(9)
    network = Vgg19(RELU1_2, divisor=SLIM)
    assert not np.array_equal(network(images(), (3,))[0], wanted(images(), (3,))[0])
    network.load_torchvision(torch.load(path, weights_only=True), source=str(path))
    assert torch.equal(network(images(), (3,))[0], wanted(images(), (3,))[0])


def test_of_a_file(tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = Vgg19(RELU1_2)
    found = vgg19_of(torchvision_file(tmp_path / "vgg.pth", whole), RELU1_2, pooling="avg")
    assert all(torch.equal(found.state_dict()[key], value) for key, value in whole.state_dict().items())


def test_without_a_file() -> None:
    with pytest.raises(UserError, match="needs the weights of VGG19") as caught:
        vgg19_of(None)
    assert "--perceptual-weights FILE, or --preset tiny" in str(caught.value)


def test_file_of_another_network(tmp_path: Path) -> None:
    """Bad input: widths of another network, missing layers, a file that is not there."""
    narrow = torchvision_file(tmp_path / "narrow.pth", slim(RELU1_2))
    with pytest.raises(UserError, match="shapes differ") as caught:
        vgg19_of(narrow, RELU1_2)
    assert str(narrow) in str(caught.value)
    with pytest.raises(UserError, match="keys are missing"):
        vgg19_of(narrow, RELU2_1)
    with pytest.raises(UserError, match=r"absent\.pth"):
        vgg19_of(tmp_path / "absent.pth", RELU1_2)
