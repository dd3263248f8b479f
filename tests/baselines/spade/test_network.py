"""Networks of SPADE against the original's arrays and keys, by hand, and as laws."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from iper_bench.baselines.spade.network import (
    SpadeBlock,
    SpadeDiscriminator,
    SpadeEncoder,
    SpadeGenerator,
    SpadeNorm,
)
from iper_bench.baselines.spade.spectral import SpectralConv2d
from torch import Tensor, nn

from iper_bench.conditions.part_labels import one_hot
from iper_bench.errors import UserError
from tests.baselines.spade.references import hidden_of, norm_of, tensors
from tests.oracles import cases, config, load, oracle_files

TOLERANCE = 1e-4  # absolute, of the references' description, for networks in evaluation mode
KEYS = Path(__file__).parent / "released_keys"


def tolerance(path: Path) -> float:
    """Of a network: the description's, or ten times the rounding of float32 where that is more."""
    return max(TOLERANCE, 10 * float(config(path).get("f32_vs_f64", 0.0)))


@pytest.mark.parametrize("path", oracle_files("baselines/spade_norm*.npz"), ids=lambda p: p.stem)
def test_norm(path: Path) -> None:
    told, arrays = config(path), tensors(path, "")
    labels = one_hot(arrays["in/label"][:, 0], told["label_nc"])
    for name in told["configs"]:
        weights = tensors(path, f"sd/{name}/")
        layer = SpadeNorm(told["norm_nc"], told["label_nc"], *norm_of(name), told["nhidden"])
        layer.load_state_dict(weights)
        for mode in ("eval", "train"):
            out = layer.train(mode == "train")(arrays["in/x"], labels)
            torch.testing.assert_close(out, arrays[f"out/{name}/{mode}"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("path", oracle_files("baselines/spade_resblock*.npz"), ids=lambda p: p.stem)
def test_block(path: Path) -> None:
    told, arrays = config(path), tensors(path, "")
    labels = one_hot(arrays["in/label"][:, 0], told["semantic_nc"])
    for channels, out in told["pairs"]:
        case = f"{channels}to{out}"
        weights, expected = tensors(path, f"sd/{case}/"), tensors(path, f"out/{case}/")
        block = SpadeBlock(channels, out, told["semantic_nc"], *norm_of(told["norm_G"]), hidden_of(weights))
        block.load_state_dict(weights)
        found = block.eval()(arrays[f"in/x_{case}"], labels)
        torch.testing.assert_close(found, expected["eval"], atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(block.conv_0.sigma(), expected["sigma_conv_0"], rtol=1e-5, atol=0)
        found = block.train()(arrays[f"in/x_{case}"], labels)
        torch.testing.assert_close(found, expected["train_first_forward"], atol=TOLERANCE, rtol=0)
        state = block.state_dict()
        for key in cases(load(path), f"out/{case}/after_train_forward/"):
            truth = expected[f"after_train_forward/{key}"]
            torch.testing.assert_close(state[key], truth, atol=1e-5, rtol=0)  # unit vectors in float32


@pytest.mark.parametrize("path", oracle_files("baselines/spade_generator*.npz"), ids=lambda p: p.stem)
def test_generator(path: Path) -> None:
    told = config(path)
    options, weights, expected = told["opt"], tensors(path, "sd/"), tensors(path, "out/")
    norm, kernel = norm_of(options["norm_G"])
    network = SpadeGenerator(
        options["semantic_nc"],
        width=options["ngf"],
        side=options["crop_size"],
        upsampling=options["num_upsampling_layers"],
        norm=norm,
        kernel=kernel,
        hidden=hidden_of(weights),
        aspect=options["aspect_ratio"],
    ).eval()
    network.load_state_dict(weights)
    seen: dict[str, Tensor] = {}
    for name in expected.keys() - {"image"}:
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.__setitem__(name, output)
        )
    label = tensors(path, "in/")["label"][:, 0]
    seen["image"] = network(one_hot(label, options["semantic_nc"]))
    assert seen.keys() == expected.keys()
    for name, truth in expected.items():
        torch.testing.assert_close(seen[name], truth, atol=tolerance(path), rtol=0)


@pytest.mark.parametrize("path", oracle_files("baselines/spade_encoder*.npz"), ids=lambda p: p.stem)
def test_encoder(path: Path) -> None:
    expected = tensors(path, "out/")
    network = SpadeEncoder(width=config(path)["ngf"], latent=expected["mu"].shape[1]).eval()
    network.load_state_dict(tensors(path, "sd/"))
    mean, log_variance = network(tensors(path, "in/")["image"])
    torch.testing.assert_close(mean, expected["mu"], atol=tolerance(path), rtol=0)
    torch.testing.assert_close(log_variance, expected["logvar"], atol=tolerance(path), rtol=0)


@pytest.mark.parametrize("path", oracle_files("baselines/spade_multiscale_d*.npz"), ids=lambda p: p.stem)
def test_discriminator(path: Path) -> None:
    told, expected = config(path), tensors(path, "out/")
    options = told["opt"]
    network = SpadeDiscriminator(
        told["input_nc"], width=options["ndf"], layers=options["n_layers_D"], scales=options["num_D"]
    ).eval()
    network.load_state_dict(tensors(path, "sd/"))
    outputs = network(tensors(path, "in/")["x"])
    assert len(outputs) == options["num_D"]
    for scale, layers in enumerate(outputs):
        truth = expected[f"d{scale}_pred"]
        torch.testing.assert_close(layers[-1], truth, atol=tolerance(path), rtol=0)
        for k, layer in enumerate(layers):
            assert list(layer.shape) == expected[f"d{scale}_layer{k}_shape"].tolist()
            mean = float(expected[f"d{scale}_layer{k}_meanabs"])
            assert float(layer.detach().abs().mean()) == pytest.approx(mean, abs=tolerance(path))


def count(network: nn.Module) -> int:
    """Parameters, buffers left out."""
    return sum(parameter.numel() for parameter in network.parameters())


COUNTS = [  # the sheet of the released networks, instantiated
    (184, "normal", 97_480_899, 234),
    (151, "normal", 96_492_483, 234),
    (36, "more", 93_048_003, 234),
    (25, "normal", 92_718_531, 234),
    (25, "more", 92_718_531, 234),
    (25, "most", 93_203_171, 272),
    (7, "normal", 92_179_395, 234),
    (7, "most", 92_601_827, 272),
]


@pytest.mark.parametrize(("labels", "upsampling", "parameters", "entries"), COUNTS)
def test_generator_counts(labels: int, upsampling: str, parameters: int, entries: int) -> None:
    with torch.device("meta"):
        network = SpadeGenerator(labels, upsampling=upsampling)
    assert (count(network), len(network.state_dict())) == (parameters, entries)


def test_other_counts() -> None:
    with torch.device("meta"):
        assert count(SpadeGenerator(184, latent=256)) == 112_626_883
        for channels, parameters in ((187, 5_904_514), (39, 5_601_410), (28, 5_578_882), (10, 5_542_018)):
            network = SpadeDiscriminator(channels)
            assert (count(network), len(network.state_dict())) == (parameters, 26)
        encoder = SpadeEncoder()
    assert (count(encoder), len(encoder.state_dict())) == (10_463_424, 22)


def test_parts_of_the_generator() -> None:
    with torch.device("meta"):
        network = SpadeGenerator(25)
    parts = {name: count(part) for name, part in network.named_children()}
    assert parts == {
        "fc": 231_424,
        "head_0": 23_656_960,
        "G_middle_0": 23_656_960,
        "G_middle_1": 23_656_960,
        "up_0": 13_593_344,
        "up_1": 4_939_520,
        "up_2": 2_038_016,
        "up_3": 943_616,
        "conv_img": 1_731,
    }


RELEASED = {
    "spade_netG_coco_256": lambda: SpadeGenerator(184),
    "spade_netG_ade20k_256": lambda: SpadeGenerator(151),
    "spade_netG_cityscapes_more": lambda: SpadeGenerator(36, side=512, upsampling="more", aspect=2.0),
    "spade_netD_coco_256": lambda: SpadeDiscriminator(187),
    "spade_netD_cityscapes": lambda: SpadeDiscriminator(39),
    "spade_netE_256": lambda: SpadeEncoder(),
}


@pytest.mark.parametrize("name", RELEASED)
def test_released_keys(name: str) -> None:
    with (KEYS / f"{name}.csv").open(newline="") as file:
        expected = {row["key"]: row["shape"] for row in csv.DictReader(file)}
    with torch.device("meta"):
        state = RELEASED[name]().state_dict()
    assert {key: "x".join(map(str, value.shape)) or "scalar" for key, value in state.items()} == expected


@pytest.mark.parametrize(("upsampling", "side"), [("normal", 16), ("more", 8), ("most", 4)])
def test_first_feature_map_at_512(upsampling: str, side: int) -> None:
    assert small(upsampling=upsampling, side=512).first == (side, side)
    assert small(upsampling=upsampling, side=512, aspect=2.0).first == (side // 2, side)


def small(**options: object) -> SpadeGenerator:
    """A generator of four labels."""
    return SpadeGenerator(4, width=2, hidden=4, **{"side": 32, **options})  # type: ignore[arg-type]


def labels_of(side: int, seed: int = 0) -> Tensor:
    """Two random maps of four labels in blocks of eight pixels."""
    torch.manual_seed(seed)
    return one_hot(
        torch.randint(0, 4, (2, side // 8, side // 8)).repeat_interleave(8, 1).repeat_interleave(8, 2), 4
    )


@pytest.mark.parametrize(("upsampling", "side"), [("normal", 64), ("more", 128), ("most", 128)])
def test_image_sizes(upsampling: str, side: int) -> None:
    image = small(side=side, upsampling=upsampling)(labels_of(side))
    assert image.shape == (2, 3, side, side)
    assert image.abs().max() <= 1


def test_without_scale_and_shift_the_plain_norm_is_left() -> None:
    layer = SpadeNorm(3, 4, "batch", 3, 8)
    for conv in (layer.mlp_gamma, layer.mlp_beta):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    x = torch.randn(2, 3, 16, 16)
    plain = nn.BatchNorm2d(3, affine=False)
    torch.testing.assert_close(layer(x, labels_of(32)), plain(x))


def test_the_divisor_is_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 5, 3)
    conv.settle(500)
    largest = torch.linalg.matrix_norm(conv.weight_orig.flatten(1), 2)
    torch.testing.assert_close(conv.sigma(), largest, rtol=1e-4, atol=0)  # float32, converged iterations
    scaled = SpectralConv2d(3, 5, 3)
    scaled.load_state_dict({**conv.state_dict(), "weight_orig": 7 * conv.weight_orig.detach()})
    x = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(scaled.eval()(x), conv.eval()(x))  # a scaled weight draws the same


def test_only_training_moves_the_vectors() -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 5, 3)
    before = conv.weight_u.clone()
    conv.eval()(torch.randn(1, 3, 8, 8))
    assert torch.equal(conv.weight_u, before)
    conv.train()(torch.randn(1, 3, 8, 8))
    assert not torch.equal(conv.weight_u, before)


def test_style_is_wanted_or_refused() -> None:
    with_style = small(latent=6)
    labels = labels_of(32)
    first, other = with_style.eval()(labels, torch.zeros(2, 6)), with_style(labels, torch.ones(2, 6) * 9)
    assert first.shape == other.shape == (2, 3, 32, 32)
    assert not torch.allclose(first, other, atol=1e-6)
    with pytest.raises(ValueError, match="style vector"):
        with_style(labels)
    with pytest.raises(ValueError, match="style vector"):
        small()(labels, torch.zeros(2, 6))


def test_bad_settings() -> None:
    with pytest.raises(UserError, match="side"):
        small(side=48)
    with pytest.raises(UserError, match="upsampling"):
        small(upsampling="moer")
    with pytest.raises(UserError, match="norm"):
        small(norm="bach")
