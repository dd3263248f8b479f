"""Official checkpoints: recognised by keys and shapes, converted, loaded, and drawing what they drew."""

from __future__ import annotations

import csv
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor, nn

from iper_bench.body import load_body
from iper_bench.body.recovery.spin import Spin
from iper_bench.body.recovery.weights import load_spin
from iper_bench.errors import UserError
from iper_bench.hashing import file_sha256
from iper_bench.lwg.checkpoint import load_safetensors, read_state_dict
from iper_bench.lwg.config import GENERATOR_NAMES, Deviations, GeneratorConfig
from iper_bench.lwg.convert import convert, describe
from iper_bench.lwg.discriminator import DiscriminatorConfig, PatchDiscriminator, build_discriminator
from iper_bench.lwg.face_identity import FaceIdentityLoss, Sphere20a
from iper_bench.lwg.generator import build_generator
from iper_bench.lwg.iccv import ICCVGlobalLocalDiscriminator, ImpersonatorGenerator
from iper_bench.lwg.official import recognise
from iper_bench.lwg.packaged import load_trained, require_layout
from iper_bench.lwg.perceptual import VGG19Features, VGGPerceptualLoss
from iper_bench.lwg.variant import PAPER, RELEASED
from tests.lwg.narrow import NARROW, filled, narrow_generator, outputs
from tests.lwg.references import KEYS, largest_difference

TWINS = {
    "AddLWB": "AvgLWB",
    "AvgLWB": "AddLWB",
    "SoftGateAddLWB": "SoftGateAvgLWB",
    "SoftGateAvgLWB": "SoftGateAddLWB",
}
D = DiscriminatorConfig(ndf=4, n_layers=2, max_nf_mult=2)


def save(module: nn.Module, path: Path, prefix: str = "") -> Path:
    torch.save({f"{prefix}{key}": value for key, value in module.state_dict().items()}, path)
    return path


def listed(name: str) -> dict[str, Tensor]:
    """Zeros with the keys and shapes of a listing; one stored number per tensor."""
    with (KEYS / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shapes = [[] if row["shape"] == "scalar" else [int(n) for n in row["shape"].split("x")] for row in rows]
    kinds = [getattr(torch, row["dtype"]) for row in rows]
    return {
        row["key"]: torch.zeros([], dtype=kind).expand(shape)
        for row, shape, kind in zip(rows, shapes, kinds, strict=True)
    }


@pytest.mark.parametrize("name", GENERATOR_NAMES)
def test_released_generators_are_recognised_with_their_sizes(name: str) -> None:
    found = recognise(listed(f"iPERCore_G_{name}"), source="x.pth")
    assert found.kind == "generator"
    assert set(found.names) == {name, TWINS.get(name, name)}
    sizes = GeneratorConfig.from_json({**found.sizes, "name": name})
    assert sizes == GeneratorConfig.released(name)


NETWORKS = {
    "iPERCore_D_multi_scale": "multi_scale",
    "iPERCore_D_patch_global": "patch_global",
    "iPERCore_D_patch_global_augbg": "patch_global",
    "iPERCore_D_patch_global_local": "patch_global_local",
    "iPERCore_D_patch_global_local_augbg": "patch_global_local",
    "iPERCore_D_patch_global_body_head": "patch_global_body_head",
    "iPERCore_D_patch_global_body_head_augbg": "patch_global_body_head",
    "ICCV_D_global_local": "global_local",
    "ICCV_G_impersonator": "impersonator",
    "VGG19_perceptual_iPERCore": "vgg19",
    "sphere20a": "sphere20a",
    "HMR_SPIN_iPERCore": "spin",
    "HMR_SPIN_nkolot": "spin",
    "HMR_ICCV_impersonator": "hmr",
}


@pytest.mark.parametrize("listing", NETWORKS)
def test_other_released_networks_are_recognised(listing: str) -> None:
    with (KEYS / "INDEX.csv").open(newline="") as file:
        count = {row["file"]: int(row["parameters"]) for row in csv.DictReader(file)}[f"{listing}.csv"]
    found = recognise(listed(listing), source="x.pth")
    assert found.names == (NETWORKS[listing],)
    assert found.parameters == count
    if "_D_" in listing:
        assert found.sizes["ndf"] == 64
        assert found.sizes["n_layers"] == 4
        assert found.sizes.get("use_aug_bg", False) == listing.endswith("augbg")


def test_every_listing_is_tried() -> None:
    tried = {f"iPERCore_G_{name}" for name in GENERATOR_NAMES} | NETWORKS.keys() | {"INDEX"}
    assert {path.stem for path in KEYS.glob("*.csv")} == tried


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", GENERATOR_NAMES)
def test_a_converted_generator_draws_what_the_network_draws(name: str, prefix: str, tmp_path: Path) -> None:
    network = narrow_generator(name)
    source = save(network, tmp_path / f"{name}_id_G.pth", prefix)
    result = convert(source, tmp_path / "out.safetensors", generator=name)
    trained = load_trained(result.weights, expected=name)
    assert trained.config == NARROW[name]
    assert trained.deviations == Deviations()
    assert trained.official
    assert (trained.variant, trained.inputs, trained.losses) == ("released", RELEASED.inputs, RELEASED.losses)
    assert (trained.perceptual, trained.kinds) == (RELEASED.perceptual, RELEASED.kinds)
    direct = load_trained(source, expected=name)  # the checkpoint itself, converted in memory
    assert (direct.config, direct.inputs, direct.losses) == (trained.config, trained.inputs, trained.losses)
    wanted = outputs(name, network)
    for generator in (trained.generator, direct.generator):
        for got, want in zip(outputs(name, generator), wanted, strict=True):
            assert torch.equal(got, want)


def test_the_released_sizes_go_through(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = build_generator(GeneratorConfig())
    network = filled(network, seed=3)
    source = save(network, tmp_path / "AttLWB-SPADE_id_G_2020-05-18.pth")
    result = convert(source, tmp_path / "attlwb.safetensors")
    source.unlink()
    trained = load_trained(result.weights, expected="AttLWB-SPADE")
    assert sum(p.numel() for p in trained.generator.parameters()) == 36_276_992
    for got, want in zip(
        outputs("AttLWB-SPADE", trained.generator), outputs("AttLWB-SPADE", network), strict=True
    ):
        assert torch.equal(got, want)


def test_the_same_checkpoint_gives_the_same_bytes_and_a_card(tmp_path: Path) -> None:
    source = save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth")
    one, two = (convert(source, tmp_path / folder / "w.safetensors") for folder in ("a", "b"))
    assert one.weights.read_bytes() == two.weights.read_bytes()
    assert one.card.read_bytes() == two.card.read_bytes()
    card = yaml.safe_load(one.card.read_text(encoding="utf-8"))
    assert card["file"] == "w.safetensors"
    assert card["sha256"] == file_sha256(one.weights)
    assert card["source"] == {"file": "G.pth", "sha256": file_sha256(source)}
    assert card["parameters"] == sum(v.numel() for v in load_safetensors(one.weights)[0].values())
    assert card["variant"] == "released"
    assert "as the source states" in card["licence"]


def test_the_paper_variant_and_half_precision(tmp_path: Path) -> None:
    network = narrow_generator("AttLWB-SPADE").half()
    result = convert(save(network, tmp_path / "G.pth"), tmp_path / "w.safetensors", variant="paper")
    trained = load_trained(result.weights)
    assert (trained.variant, trained.inputs, trained.losses) == ("paper", PAPER.inputs, PAPER.losses)
    assert {value.dtype for value in load_safetensors(result.weights)[0].values()} == {torch.float32}


@pytest.mark.parametrize("name", TWINS)
def test_twins_must_be_named(name: str, tmp_path: Path) -> None:
    source = save(narrow_generator(name), tmp_path / "G.pth")
    for attempt in (
        lambda: load_trained(source),
        lambda: load_trained(source, expected=(name, TWINS[name])),
        lambda: convert(source, tmp_path / "w.safetensors"),
    ):
        with pytest.raises(UserError, match=r"are those of .* and of .* alike.*--generator"):
            attempt()
    assert load_trained(source, expected=("AttLWB-SPADE", name)).config.name == name
    assert "same keys" in dict(describe(source))["network"]


@pytest.mark.parametrize("converted", [False, True])
def test_another_generator_than_expected_is_refused(converted: bool, tmp_path: Path) -> None:
    path = save(narrow_generator("InputConcat"), tmp_path / "G.pth")
    if converted:
        path = convert(path, tmp_path / "w.safetensors").weights
    with pytest.raises(
        UserError, match=r"weights of generator 'InputConcat'; expected those of AttLWB-SPADE"
    ):
        load_trained(path, expected="AttLWB-SPADE")
    assert load_trained(path, expected=("AttLWB-SPADE", "InputConcat")).config.num_source == 3
    with pytest.raises(UserError, match=r"'InputConcat'.*AddLWB or AvgLWB"):
        load_trained(path, expected=("AddLWB", "AvgLWB"))


def test_the_name_given_must_be_that_of_the_file(tmp_path: Path) -> None:
    path = save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth")
    for name, words in (("AddLWB", "expected those of AddLWB"), ("AttLWB", "did you mean")):
        with pytest.raises(UserError, match=words):
            convert(path, tmp_path / "w.safetensors", generator=name)
    assert not (tmp_path / "w.safetensors").exists()


def _discriminators() -> dict[str, nn.Module]:
    batch = replace(D, norm_type="batch")
    built: dict[str, nn.Module] = {
        f"{name}{'+bg' if bg else ''}": build_discriminator(name, D, use_aug_bg=bg)
        for name in ("patch_global", "patch_global_local", "patch_global_body_head")
        for bg in (False, True)
    }
    return built | {
        "multi_scale": build_discriminator("multi_scale", D),
        "multi_scale+": build_discriminator("multi_scale", D, global_nc=None),
        "global_local": ICCVGlobalLocalDiscriminator(D),
        "patch": PatchDiscriminator(6, D),
        "patch_global+batch": build_discriminator("patch_global", batch),
    }


@pytest.mark.parametrize("name", list(_discriminators()))
def test_narrow_discriminators_keep_their_tensors_and_sizes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = _discriminators()[name]
    result = convert(save(network, tmp_path / "D.pth"), tmp_path / "d.safetensors")
    state, metadata = load_safetensors(result.weights)
    assert metadata["network"]["name"] == name.partition("+")[0]
    assert {k: metadata["network"]["sizes"][k] for k in ("ndf", "n_layers", "max_nf_mult")} == {
        k: asdict(D)[k] for k in ("ndf", "n_layers", "max_nf_mult")
    }
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    with pytest.raises(UserError, match=r"holds the .*discriminator .*; expected"):
        load_trained(result.weights)
    with pytest.raises(UserError, match=r"holds the .*discriminator .*; expected AttLWB-SPADE"):
        load_trained(tmp_path / "D.pth", expected="AttLWB-SPADE")


def test_the_iccv_generator_keeps_its_outputs(tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = ImpersonatorGenerator(width=2, res_blocks=1)
    result = convert(save(network, tmp_path / "net_epoch_30_id_G.pth"), tmp_path / "g.safetensors")
    state, metadata = load_safetensors(result.weights)
    other = ImpersonatorGenerator(**metadata["network"]["sizes"])
    other.load_state_dict(state, strict=True)
    inputs = [
        torch.rand(1, 4, 16, 16),
        torch.rand(1, 6, 16, 16),
        torch.rand(1, 6, 16, 16),
        torch.zeros(1, 16, 16, 2),
    ]
    with torch.no_grad():
        pairs = zip(other(*inputs), network(*inputs), strict=True)
        assert all(largest_difference(got, want) == 0 for got, want in pairs)


def test_loss_networks_are_read_where_their_losses_read_them(tmp_path: Path) -> None:
    """VGG19 in all three ways of naming it, with layers that are not used; sphere20a with its classifier."""
    with torch.device("meta"):
        vgg, face = VGG19Features(), Sphere20a()
    filled(vgg)
    filled(face)
    named = {f"features.{key.split('.', 1)[1]}": value for key, value in vgg.state_dict().items()}
    extra = {"features.34.weight": torch.ones(1), "classifier.0.weight": torch.ones(1)}
    torch.save(named | extra, tmp_path / "vgg19.pth")
    images = torch.rand(1, 3, 32, 32)
    result = convert(tmp_path / "vgg19.pth", tmp_path / "vgg.safetensors")
    loss = VGGPerceptualLoss(result.weights, resize=False)
    assert all(torch.equal(a, b) for a, b in zip(loss.vgg(images), vgg(images), strict=True))
    assert yaml.safe_load(result.card.read_text())["left_out"] == 2
    for prefix in ("vgg.", ""):
        state = {f"{prefix}{key}": value for key, value in vgg.state_dict().items()}
        assert recognise(state, source="x").state.keys() == named.keys()

    torch.save(face.state_dict() | {"fc6.weight": torch.ones(2, 512)}, tmp_path / "sphere20a.pth")
    result = convert(tmp_path / "sphere20a.pth", tmp_path / "face.safetensors")
    crops = torch.rand(1, 3, 112, 96)
    found = FaceIdentityLoss(result.weights).network(crops)[-1]
    assert torch.equal(found, face(crops)[-1])


def test_the_body_estimator_is_read_under_model(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = Spin()
    filled(network)
    torch.save({"model": network.state_dict(), "epoch": 3}, tmp_path / "spin.pt")
    result = convert(tmp_path / "spin.pt", tmp_path / "spin.safetensors")
    other = load_spin(result.weights)
    features = torch.rand(1, 2048)
    for got, want in zip(other.regress(features), network.regress(features), strict=True):
        assert torch.equal(got, want)


def test_what_does_not_fit_is_counted_and_named(tmp_path: Path) -> None:
    state = narrow_generator("AttLWB-SPADE").state_dict()
    for key in [key for key in state if key.startswith("src_net.res_blocks.1")]:
        del state[key]
    state["tsf_img_reg.0.weight"] = torch.zeros(3, 9, 5, 5)
    state["extra"] = torch.zeros(1)
    torch.save(state, tmp_path / "G.pth")
    with pytest.raises(UserError) as caught:
        convert(tmp_path / "G.pth", tmp_path / "w.safetensors")
    for words in (
        "G.pth: looks like generator AttLWB-SPADE",
        "4 keys are missing: src_net.res_blocks.1.main.0.weight",
        "and 1 more",
        "1 keys are unexpected: extra",
        "tsf_img_reg.0.weight is 3x9x5x5 instead of 3x4x5x5",
    ):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": torch.ones(2), "b": torch.ones(2)}, r"none of the known networks has these 2 tensors \(a, b"),
        ({"tsf_net.encoders.layers.0.0.weight": torch.ones(4, 7, 3, 3)}, "takes 7 channels"),
        ({"tsf_net.encoders.layers.0.0.weight": torch.ones(4)}, r"shape \(4,\)"),
        ({"tsf_net.encoders.layers.0.0.weight": torch.ones(4, 6, 3, 3)}, "'bg_net.main.0.weight' is missing"),
        ({"global_model.model.0.weight": torch.ones(4, 6, 4, 4)}, "1 convolutions"),
    ],
)
def test_hardly_recognisable_files_get_one_line(state: dict[str, Tensor], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        recognise(state, source="x.pth")
    assert "\n" not in str(caught.value)


def test_a_file_with_settings_is_not_converted_again(tmp_path: Path) -> None:
    source = save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth")
    weights = convert(source, tmp_path / "w.safetensors").weights
    with pytest.raises(UserError, match=r"has its settings already.*weights show"):
        convert(weights, tmp_path / "v.safetensors")
    with pytest.raises(UserError, match="source and target are one file"):
        convert(weights, weights)
    with pytest.raises(UserError, match=r"expected NAME\.safetensors"):
        convert(source, source)
    with pytest.raises(UserError, match="unknown variant 'embedded'"):
        convert(source, tmp_path / "v.safetensors", variant="embedded")


def test_settings_that_ask_for_more_than_the_file_holds_cost_nothing(tmp_path: Path) -> None:
    from iper_bench.lwg.checkpoint import save_safetensors

    weights = convert(
        save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth"), tmp_path / "w.safetensors"
    ).weights
    state, metadata = load_safetensors(weights)
    for changes, words in (
        ({"res_blocks": 10**9}, "more layers than"),
        ({"filters": [10**6, 10**6]}, "shapes differ"),
        ({"filters": "wide"}, "weights lack their settings"),
    ):
        path = tmp_path / "bad.safetensors"
        save_safetensors(state, path, {**metadata, "generator": {**metadata["generator"], **changes}})
        with pytest.raises(UserError, match=words):
            load_trained(path)


def test_official_weights_refuse_a_derived_layout(tmp_path: Path) -> None:
    source = save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth")
    body = load_body("open-coarse")
    derived = replace(body, name="SMPL.pkl", uv_source="derived")
    official, own = load_trained(source), load_trained()
    with pytest.raises(UserError, match=r"SMPL\.pkl: official weights need .*put mapper_uv\.txt"):
        require_layout(official, derived)
    with pytest.raises(UserError, match=r"open-coarse: .*the open body does not have.*layout=any"):
        require_layout(official, body)
    require_layout(official, replace(body, uv_source="file"))
    require_layout(own, derived)


def test_show_says_what_a_file_is(tmp_path: Path) -> None:
    source = save(narrow_generator("AttLWB-SPADE"), tmp_path / "G.pth")
    before = dict(describe(source))
    assert before["network"].startswith("AttLWB-SPADE, filters 4-6, BGNet 4-6-5 with 1 blocks")
    assert "none in the file" in before["settings"]
    after = dict(describe(convert(source, tmp_path / "w.safetensors").weights))
    assert after["network"] == before["network"]
    assert after["variant"] == "released"
    assert after["deviations"] == "none"
    assert after["source"].startswith("G.pth, sha256 ")
    assert after["sha256"] == file_sha256(tmp_path / "w.safetensors")
    assert "known_background" in dict(describe(Path("attlwb-embedded-128.safetensors")))["deviations"]


def test_reading_a_plain_safetensors_of_a_release(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    network = narrow_generator("AttLWB-SPADE")
    save_file(network.state_dict(), tmp_path / "G.safetensors")
    assert read_state_dict(tmp_path / "G.safetensors").keys() == network.state_dict().keys()
    assert load_trained(tmp_path / "G.safetensors").official
