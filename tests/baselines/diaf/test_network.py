"""Networks of DIAF against the original's arrays, its keys and counts, and as laws."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from iper_bench.baselines.diaf.flow_network import FlowUnet, FlowUnetV2, flow_network
from iper_bench.baselines.diaf.layers import BatchNorm, check_side, frames_alone, initialise
from iper_bench.baselines.diaf.network import (
    VISIBILITIES,
    DualUnetGenerator,
    PatchDiscriminator,
    PixelWarper,
    UnetGenerator,
    blended,
    by_visibility,
)
from iper_bench.baselines.diaf.warping import coarser_flow, coarser_visibility, warp
from torch import Tensor, nn

from iper_bench.errors import UserError
from tests.baselines.diaf.references import TOLERANCE, flow_network_of, generator_of, tensors, tolerance
from tests.oracles import config, oracle_files

KEYS = Path(__file__).parent / "released_keys"


def close(got: Tensor, wanted: Tensor, atol: float = TOLERANCE) -> None:
    torch.testing.assert_close(got, wanted.to(got.dtype), atol=atol, rtol=0)


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_warp*.npz"), ids=lambda p: p.stem)
def test_warp(path: Path) -> None:
    a, out, wrong = tensors(path, "in/"), tensors(path, "out/"), tensors(path, "neg/")
    close(warp(a["x"], a["flow"]), out["warp"])
    close(warp(a["x"], a["flow_large"]), out["warp_large"])
    close(warp(a["x"], a["flow"], a["mask"]), out["warp_mask"])
    assert (warp(a["x"], a["flow"]) - wrong["warp_align_corners_false"]).abs().mean() > 0.01
    for key in out:
        if key.startswith("flow_level"):
            level = int(key.removeprefix("flow_level"))
            close(coarser_flow(a["flow"], level), out[key])
            close(coarser_visibility(a["vis"], level), out[f"vis_level{level}"], 0)


def test_warp_by_whole_pixels() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4)
    still = torch.zeros(1, 2, 3, 4)
    close(warp(x, still), x, 1e-5)
    right = still.clone()
    right[:, 0] = 1.0  # every pixel takes its right neighbour; the last column takes what lies outside
    close(warp(x, right)[..., :-1], x[..., 1:], 1e-5)
    assert warp(x, right)[..., -1].abs().max() == 0
    assert (warp(x, right, torch.zeros(1, 1, 3, 4)) == -1).all()


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_flow_unet*.npz"), ids=lambda p: p.stem)
def test_flow_network(path: Path) -> None:
    a, out = tensors(path, "in/"), tensors(path, "out/")
    network = flow_network_of(config(path))
    network.load_state_dict(tensors(path, "sd/"))
    found = network.eval()(torch.cat([a["joint_1"], a["joint_2"]], 1))
    close(found.flow, out["flow_out"], tolerance(path))
    close(found.visibility, out["vis_out"], tolerance(path))
    close(found.features, out["feat_out"], tolerance(path))
    assert torch.equal(found.classes(), out["vis_argmax"])
    assert len(found.pyramid) == sum(key.startswith("flow_pyr_") for key in out)
    for level, flow in enumerate(found.pyramid):
        close(flow, out[f"flow_pyr_{level}"], tolerance(path))
    body = found.classes() < 2
    close(found.pixels(), 20 * found.flow * body)


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_dual_unet*.npz"), ids=lambda p: p.stem)
def test_generator(path: Path) -> None:
    a, out = tensors(path, "in/"), tensors(path, "out/")
    network = generator_of(config(path))
    network.load_state_dict(tensors(path, "sd/"))
    inputs = [a[key] for key in ("x_p", "x_a", "flow", "vis")]
    close(network.eval()(*inputs), out["eval"], tolerance(path))
    if "eval_no_flow" in out:
        close(network(*inputs[:2]), out["eval_no_flow"], tolerance(path))
    network.double().train()
    close(network(*(one.double() for one in inputs)), out["train_f64"])
    state = network.state_dict()
    after = [key for key in out if key.startswith("after_train_forward/")]
    assert after
    for key in after:  # the shared layers have counted twice
        close(state[key.removeprefix("after_train_forward/")], out[key])


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_pixel_warper*.npz"), ids=lambda p: p.stem)
def test_pixel_warper(path: Path) -> None:
    told, a, out = config(path), tensors(path, "in/"), tensors(path, "out/")
    network = PixelWarper(told["input_nc"], width=told["nf"], most=told["max_nf"], scales=told["num_scales"])
    network.load_state_dict(tensors(path, "sd/"))
    inputs = [a[key] for key in ("img_out_G", "img_warp", "vis_out", "flow_out")]
    logit = network.eval()(*inputs)
    close(logit, out["eval_logit"], tolerance(path))
    close(blended(logit, a["img_warp"], a["img_out_G"]), out["eval_img_out"], tolerance(path))
    network.double().train()
    close(network(*(one.double() for one in inputs)), out["train_logit_f64"])


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_unet*.npz"), ids=lambda p: p.stem)
def test_single_encoder(path: Path) -> None:
    told, a = config(path), tensors(path, "in/")
    x = torch.cat([a["img_1"], a["joint_2"]], 1)
    network = UnetGenerator(x.shape[1], width=told["nf"], most=told["max_nf"], scales=told["num_scales"])
    network.load_state_dict(tensors(path, "sd/"))
    close(network.eval()(x), tensors(path, "out/")["eval"], tolerance(path))


@pytest.mark.parametrize("path", oracle_files("baselines/diaf_discriminator*.npz"), ids=lambda p: p.stem)
def test_discriminator(path: Path) -> None:
    told, a, out = config(path), tensors(path, "in/"), tensors(path, "out/")
    network = PatchDiscriminator(told["input_nc"], width=told["ndf"], layers=told["n_layers"])
    network.load_state_dict(tensors(path, "sd/"))
    for mode in ("eval", "train"):
        logits = network.train(mode == "train")(a["x"])
        close(
            torch.sigmoid(logits) if told["use_sigmoid"] else logits,
            out[mode],
            2e-3 if mode == "train" else TOLERANCE,
        )


RELEASED: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "diaf_netG_dual_unet_residual_256": (lambda: DualUnetGenerator(), 11_881_539),
    "diaf_netG_dual_unet_residual_market": (lambda: DualUnetGenerator(scales=5, warped=4), 7_255_107),
    "diaf_netG_unet_baseline": (lambda: UnetGenerator(), 8_360_451),
    "diaf_netF_unet": (lambda: FlowUnet(), 29_338_189),
    "diaf_netF_unet_v2": (lambda: FlowUnetV2(), 6_588_685),
    "diaf_netPW_pixel_warper": (lambda: PixelWarper(), 8_358_017),
    "diaf_netD": (lambda: PatchDiscriminator(), 2_787_137),
}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", RELEASED)
def test_released_keys_and_counts(name: str) -> None:
    make, parameters = RELEASED[name]
    with (KEYS / f"{name}.csv").open(newline="") as file:
        expected = [(row["key"], row["shape"]) for row in csv.DictReader(file)]
    with torch.device("meta"):
        network = make()
    state = network.state_dict()
    found = [(key, "x".join(map(str, value.shape)) or "scalar") for key, value in state.items()]
    assert found == expected  # the order too: the original's optimisers number parameters by it
    assert count(network) == parameters


def test_counts_of_other_variants() -> None:
    counts = {"none": 9_993_795, "hard_gate": 9_993_795, "soft_gate": 10_183_107, "res_no_vis": 10_843_459}
    with torch.device("meta"):
        for visibility, parameters in counts.items():
            assert count(DualUnetGenerator(visibility=visibility)) == parameters
        assert count(DualUnetGenerator(pose=24)) == 11_881_731
        assert count(FlowUnet(48)) == 29_357_005


def test_both_encoders_halve_with_the_same_layers() -> None:
    network = DualUnetGenerator(width=4, most=8, scales=2, warped=1)
    state = network.state_dict()
    for level in range(2):
        for kind in ("1.weight", "2.running_mean"):
            pair = [state[f"{path}_{level}_downsample.{kind}"] for path in ("encp", "enca")]
            assert pair[0].data_ptr() == pair[1].data_ptr()


def test_shapes_at_256() -> None:
    network = flow_network("unet", 36, width=2, most=8, scales=5).eval()
    with torch.inference_mode():
        found = network(torch.zeros(1, 36, 256, 256))
    assert found.flow.shape == (1, 2, 256, 256)
    assert found.visibility.shape == (1, 3, 256, 256)
    assert [flow.shape[-1] for flow in found.pyramid] == [128, 64, 32, 16, 8]
    assert found.features.shape == (1, 4, 128, 128)
    judge = PatchDiscriminator(width=1)
    assert judge(torch.zeros(1, 24, 256, 256)).shape == (1, 1, 30, 30)
    assert judge(torch.zeros(1, 24, 512, 512)).shape == (1, 1, 62, 62)


def test_pyramids_by_hand() -> None:
    flow = torch.full((1, 2, 4, 4), 6.0)
    assert (coarser_flow(flow, 1) == 3).all()
    visibility = torch.tensor([[2.0, 1], [2, 2]]).view(1, 1, 2, 2)
    assert coarser_visibility(visibility, 1).item() == 1
    assert by_visibility(torch.ones(1, 1, 2, 2), visibility).flatten().tolist() == [0, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_the_source_moves_with_the_flow(visibility: str) -> None:
    """Law: a flow that points elsewhere draws another image; without warped scales it does not matter."""
    torch.manual_seed(0)
    inputs = torch.rand(1, 18, 16, 16), torch.rand(1, 3, 16, 16)
    visible = torch.zeros(1, 1, 16, 16)
    for warped, matters in ((1, True), (0, False)):
        network = DualUnetGenerator(width=4, most=8, scales=2, warped=warped, visibility=visibility).eval()
        still, moved = (network(*inputs, torch.full((1, 2, 16, 16), by), visible) for by in (0.0, 3.0))
        assert (still - moved).abs().max().item() > 1e-4 if matters else torch.equal(still, moved)


def test_frames_alone_are_batches_of_one() -> None:
    """Statistics of every frame give what training mode gives it alone, and leave the running ones."""
    torch.manual_seed(0)
    network = PixelWarper(width=4, most=8, scales=2).double()
    initialise(network)
    inputs = [torch.rand(3, channels, 16, 16, dtype=torch.float64) for channels in (3, 3, 1, 2)]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with frames_alone(network):
        together = network.eval()(*inputs)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not network.learned
    network.train()
    for k in range(3):
        close(network(*(one[k : k + 1] for one in inputs)), together[k : k + 1], 1e-9)
    assert network.learned
    assert not any(one.alone for one in network.modules() if isinstance(one, BatchNorm))


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="visibility 'residul'"):
        DualUnetGenerator(visibility="residul")
    with pytest.raises(UserError, match="flow network 'unet_v3'"):
        flow_network("unet_v3", 36, width=2, most=4, scales=1)
    with pytest.raises(UserError, match="side 48 cannot be halved 5 times"):
        check_side(48, 5, "netG")
    with pytest.raises(ValueError, match="without visibility"):
        DualUnetGenerator(width=4, most=4, scales=1, warped=1)(
            torch.zeros(1, 18, 8, 8), torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8)
        )
