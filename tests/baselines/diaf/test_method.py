"""DIAF as a baseline: the original's second and third stage, conditions, stages, inference, checkpoints, and
learning one clip.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from iper_bench.baselines.diaf import method
from iper_bench.baselines.diaf.flow_truth import tensor_name
from iper_bench.baselines.diaf.method import FLOW, GENERATOR, WARPER, Diaf
from iper_bench.baselines.diaf.network import DualUnetGenerator, PatchDiscriminator, PixelWarper
from iper_bench.baselines.diaf.objective import content_distance
from iper_bench.baselines.diaf.settings import DiafSettings
from torch import Tensor, nn

from iper_bench.baseline_kit.card import read_card
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import stacked
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.body.loading import load_body
from iper_bench.conditions.keypoints import openpose18
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Sources
from tests.baselines.diaf.references import TOLERANCE, flow_network_of, slim_vgg, tensors
from tests.oracles import config, load, oracle_files

SMALL = DiafSettings(
    side=64,
    steps=20,
    batch=2,
    flow_batch=2,
    radius=2.5,
    median=3,
    shift_x=5,
    shift_y=2,
    flow_width=4,
    flow_most=32,
    flow_scales=4,
    width=4,
    most=24,
    scales=4,
    warped=3,
    judge_width=4,
)
NAMES = {"netF", "netG", "netD", "netPW", "netD_PW"}
STAGE_STEPS = {FLOW: 0, GENERATOR: 7, WARPER: 19}  # of 20; no discriminator plays at step 7 yet
LEARNING = {FLOW: {"netF"}, GENERATOR: {"netG"}, WARPER: {"netPW", "netD_PW"}}


@cache
def example(*indices: int) -> Example:
    """Frames of the first training clip of the embedded dataset."""
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    clip = dataset.clips("train")[0]
    return Example(
        clip.frames(indices), clip.masks(indices), clip.track.take(indices), dataset.body, clip.name, indices
    )


def made(settings: DiafSettings = SMALL) -> Diaf:
    torch.manual_seed(0)
    baseline = Diaf(settings)
    baseline.start()
    return baseline


def batch_of(baseline: Diaf, *pairs: tuple[int, int]) -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    return stacked([baseline.condition(example(*pair), rng) for pair in pairs])


def train(baseline: Diaf, batch: dict[str, Tensor], step: int, steps: int) -> dict[str, float]:
    for network in baseline.networks.values():
        network.train()
    torch.manual_seed(step)
    return baseline.learn(batch, step, steps)


def drawn(baseline: Diaf, source: int, *targets: int) -> Tensor:
    one = example(source)
    for network in baseline.networks.values():
        network.eval()
    with torch.inference_mode():
        person = baseline.person(Sources(one.frames, one.masks, one.track, one.body))
        return baseline.draw(person, example(*targets).track)


def parameters(network: nn.Module) -> Tensor:
    return torch.cat([value.detach().flatten() for value in network.parameters()])


# The original's second and third stage ---------------------------------------------------------------------


def of_reference(path: Path, stage: int) -> Diaf:
    """A baseline with the networks of a file; updates are recorded in ``norms`` instead of made."""
    told = config(path)
    baseline = Diaf(replace(SMALL, side=tensors(path, "in/")["img_1"].shape[-1], scales=3, flow_scales=2))
    judge = PatchDiscriminator(width=told["D"]["ndf"], layers=told["D"]["n_layers"])
    warper = told["PW"]
    networks: dict[str, tuple[nn.Module, str]] = {
        "netF": (flow_network_of(told["flow"]), "netF"),
        "netG": (
            DualUnetGenerator(
                width=told["G_nf"],
                most=told["G_max_nf"],
                scales=told["G_n_scale"],
                warped=told["G_n_warp_scale"],
                visibility=told["vis"],
            ),
            "netG",
        ),
        "netD" if stage == GENERATOR else "netD_PW": (judge, "netD"),
    }
    if stage == WARPER:
        network = PixelWarper(width=warper["nf"], most=warper["max_nf"], scales=warper["num_scales"])
        networks["netPW"] = network, "netPW"
    for name, (network, key) in networks.items():
        network.load_state_dict(tensors(path, f"sd/{key}/"))
        baseline.networks[name] = network.train()
    vgg, weights = slim_vgg(tensors(path, "sd/vgg/")), told["weights"]
    baseline.content = lambda x, y: content_distance(vgg, x, y, weights["content_layers"])
    own = {"l1_weight": weights["l1"], "content_weight": weights["content"], "gan_weight": weights["gan"]}
    baseline.settings = replace(baseline.settings, gan=told["D"]["loss"], **own)
    return baseline


PIPELINES = [
    *((path, GENERATOR) for path in oracle_files("baselines/diaf_pipeline_stage2*.npz")),
    *((path, WARPER) for path in oracle_files("baselines/diaf_pipeline_stage3*.npz")),
]


@pytest.mark.parametrize(("path", "stage"), PIPELINES, ids=lambda value: getattr(value, "stem", ""))
def test_step_of_the_original(path: Path, stage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a, out, baseline = tensors(path, "in/"), tensors(path, "out/"), of_reference(path, stage)
    norms: dict[str, Tensor] = {}

    def record(name: str, loss: Tensor, rate: float | None = None, *, retain: bool = False) -> None:
        own = list(baseline.networks[name].parameters())
        gradients = torch.autograd.grad(loss, own, retain_graph=True)
        norms[name] = torch.stack([one.norm() for one in gradients]).double()

    monkeypatch.setattr(baseline, "update", record)
    inputs = [a[key] for key in ("img_1", "img_2", "joint_1", "joint_2")]
    terms = baseline.learn_images(*inputs, stage=stage, plays=True)
    found = {"loss_l1": "l1", "loss_content": "content", "loss_G": "G", "loss_D": "D", "total_G": "total"}
    for key, term in found.items():
        assert terms[term] == pytest.approx(float(out[key]), rel=1e-4)
    assert next(iter(norms)).startswith("netD")  # the discriminator moves first
    for name, norm in norms.items():
        key = "netD" if name.startswith("netD") else name
        expected, names = out[f"grad_norm_{key}"].double(), load(path)[f"meta/param_names_{key}"]
        assert [one for one, _ in baseline.networks[name].named_parameters()] == list(names)
        large = expected > 1e-3 * expected.max()
        # the description's tolerances; the small ones are rounding
        torch.testing.assert_close(norm[large], expected[large], rtol=1e-2, atol=0)
        torch.testing.assert_close(norm, expected, rtol=1e-2, atol=1e-3 * float(expected.max()))
    flowed = baseline.flowed(a["img_1"], a["joint_1"], a["joint_2"])
    torch.testing.assert_close(flowed.flow, out["flow_out"], atol=TOLERANCE, rtol=0)
    assert torch.equal(flowed.visibility, out["vis_out"])
    assert torch.equal((flowed.visibility < 2).float(), out["mask_out"])
    torch.testing.assert_close(flowed.image, out["img_warp"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(("path", "stage"), PIPELINES, ids=lambda value: getattr(value, "stem", ""))
def test_images_of_the_original(path: Path, stage: int) -> None:
    a, out, baseline = tensors(path, "in/"), tensors(path, "out/"), of_reference(path, stage)
    flowed = baseline.flowed(a["img_1"], a["joint_1"], a["joint_2"])
    image = baseline.generated(a["img_1"], a["joint_2"], flowed)
    # 2e-3: the description's, for training mode in float32
    if stage == WARPER:
        torch.testing.assert_close(image, out["img_out_G"], atol=2e-3, rtol=0)
        image = baseline.pixel_warped(image, flowed)
    torch.testing.assert_close(image, out["img_out"], atol=2e-3, rtol=0)


# Conditions, stages ----------------------------------------------------------------------------------------


def test_condition() -> None:
    one = example(0, 9)
    found = made().condition(one, np.random.default_rng(0))
    assert torch.equal(torch.stack([found["image_1"], found["image_2"]]), to_network(one.frames))
    points = openpose18(load_body(one.body), one.track, 64)
    np.testing.assert_array_equal(np.stack([found["points_1"], found["points_2"]]), points)
    assert tensor_name(found["body"]) == one.body
    np.testing.assert_array_equal(found["poses"], one.track.poses)


def test_stages() -> None:
    baseline = made(replace(SMALL, flow_share=0.3, generator_share=0.5))
    stages = [baseline.stage(step, 20)[0] for step in range(20)]
    assert [stages.count(stage) for stage in (FLOW, GENERATOR, WARPER)] == [6, 10, 4]
    assert stages == sorted(stages)
    assert [baseline.stage(step, 20)[1] for step in (0, 6, 11, 16, 19)] == [0, 0, 0.5, 0, 0.75]
    assert [baseline.need(step, 20).people for step in (0, 6)] == [2, 2]
    without = made(replace(SMALL, flow_share=0.3, generator_share=0.5, warper=False))
    assert [without.stage(step, 20)[0] for step in (5, 6, 19)] == [FLOW, GENERATOR, GENERATOR]
    assert set(without.networks) == {"netF", "netG", "netD"}


def test_rates_of_the_original() -> None:
    """1e-4 in epochs 1-7, half of it in 8-15, a quarter in 16-23, an eighth in 24-30, then 2e-4."""
    baseline = Diaf(replace(SMALL, flow_share=0.5, generator_share=0.25))
    rates = [baseline.rate(step, 60) for step in range(30)]
    assert rates == [1e-4] * 7 + [5e-5] * 8 + [2.5e-5] * 8 + [1.25e-5] * 7
    assert {baseline.rate(step, 60) for step in range(30, 60)} == {2e-4}


@pytest.mark.parametrize("stage", STAGE_STEPS)
def test_who_learns(stage: int) -> None:
    baseline = made()
    before = {name: parameters(network) for name, network in baseline.networks.items()}
    terms = train(baseline, batch_of(baseline, (0, 9), (3, 20)), STAGE_STEPS[stage], 20)
    changed = {
        name for name, value in before.items() if not torch.equal(parameters(baseline.networks[name]), value)
    }
    assert changed == LEARNING[stage]
    assert ("D" in terms) == (stage == WARPER)
    assert all(np.isfinite(value) for value in terms.values())


def test_the_frozen_generator_keeps_counting() -> None:
    """In the third stage its running statistics go on, those of the flow network do not."""
    baseline = made()
    batch = batch_of(baseline, (0, 9), (3, 20))
    counters = [
        (name, key, value.clone())
        for name in ("netG", "netF")
        for key, value in baseline.networks[name].state_dict().items()
        if key.endswith("pre_conv.1.num_batches_tracked") or key.endswith("downsample.1.num_batches_tracked")
    ]
    train(baseline, batch, STAGE_STEPS[WARPER], 20)
    states = {name: network.state_dict() for name, network in baseline.networks.items()}
    moved = {name for name, key, value in counters if states[name][key] != value}
    assert {name for name, _, _ in counters} == {"netG", "netF"}
    assert moved == {"netG"}


# Inference -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_draw(statistics: str) -> None:
    baseline = made(replace(SMALL, statistics=statistics))
    before = {name: network.state_dict() for name, network in baseline.networks.items()}
    before = {name: {key: value.clone() for key, value in state.items()} for name, state in before.items()}
    together, alone = drawn(baseline, 0, 9, 20), drawn(baseline, 0, 20)
    assert together.shape == (2, 3, 64, 64)
    assert together.abs().max() <= 1
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=0)  # convolutions sum in another order
    for name, state in before.items():
        now = baseline.networks[name].state_dict()
        assert all(torch.equal(value, now[key]) for key, value in state.items())


def test_an_untrained_pixel_warper_is_left_out() -> None:
    baseline = made()
    plain = drawn(baseline, 0, 9)
    without = Diaf(replace(SMALL, warper=False))
    without.networks |= {name: baseline.networks[name] for name in ("netF", "netG")}
    assert torch.equal(drawn(without, 0, 9), plain)
    train(baseline, batch_of(baseline, (0, 9), (3, 20)), STAGE_STEPS[WARPER], 20)
    assert not torch.equal(drawn(baseline, 0, 9), plain)


# Checkpoints and settings ----------------------------------------------------------------------------------


def released(folder: Path, baseline: Diaf, *names: str, prefix: str = "") -> Path:
    """Files as the authors' training writes them, without the counters that PyTorch 0.4.0 did not have."""
    for name in names:
        state = baseline.networks[name].state_dict()
        kept = {prefix + key: value for key, value in state.items() if not key.endswith("batches_tracked")}
        torch.save(kept, folder / f"best_{name}.pth")
    return folder / "best_netG.pth"


@pytest.mark.parametrize("prefix", ["", "module."])
def test_official(prefix: str, tmp_path: Path) -> None:
    theirs = made()
    torch.manual_seed(1)
    ours = Diaf(SMALL)
    assert not torch.equal(drawn(ours, 0, 9), drawn(theirs, 0, 9))
    assert len(ours.official(released(tmp_path, theirs, "netF", "netG", prefix=prefix))) == 2
    assert torch.equal(drawn(ours, 0, 9), drawn(theirs, 0, 9))
    ours.official(released(tmp_path, theirs, "netF", "netG", "netPW", prefix=prefix))
    warper = ours.networks["netPW"]
    assert isinstance(warper, PixelWarper)
    assert warper.learned
    assert not torch.equal(drawn(ours, 0, 9), drawn(theirs, 0, 9))


def test_official_files_that_do_not_fit(tmp_path: Path) -> None:
    baseline = made()
    path = released(tmp_path, baseline, "netG")
    with pytest.raises(UserError, match="the flow network's file is missing"):
        baseline.official(path)
    released(tmp_path, baseline, "netPW")
    with pytest.raises(UserError, match="holds netPW"):
        baseline.official(tmp_path / "best_netPW.pth")
    for name in ("a_netF.pth", "b_netF.pth"):
        (tmp_path / name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="2 files with 'netF'"):
        baseline.official(path)
    (tmp_path / "b_netF.pth").unlink()
    with pytest.raises(UserError, match="weights do not fit the network"):
        baseline.official(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 40}, "side 40 cannot be halved 4 times"),
        ({"flow_scales": 6}, "side 64 cannot be halved 7 times"),
        ({"statistics": "batches"}, "statistics 'batches'"),
        ({"joint_maps": "disc"}, "kind of joint maps 'disc'"),
        ({"gan": "wgan"}, "gan 'wgan'"),
        ({"warped": 5}, "5 warped scales"),
        ({"flow_share": 0.7, "generator_share": 0.4}, "shares 0.7 and 0.4"),
    ],
)
def test_settings_that_make_no_network(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Diaf(replace(SMALL, **change))


def test_presets() -> None:
    """The preset paper is the original's network, field by field what the settings say by default."""
    card = read_card(Path(method.__file__).parent / "card.yaml")
    paper = from_plain(DiafSettings, card.preset("paper"), "paper")
    defaults = DiafSettings(side=256, steps=300_000, batch=8, perceptual="vgg19")
    for field, value in vars(defaults).items():
        assert getattr(paper, field) == pytest.approx(value), field
    with torch.device("meta"):
        networks = Diaf(paper).networks
    assert set(networks) == NAMES
    tiny = Diaf(from_plain(DiafSettings, card.preset("tiny"), "tiny"))
    count = sum(value.numel() for network in tiny.networks.values() for value in network.parameters())
    assert 300_000 < count < 3_000_000


@pytest.mark.slow
def test_learns_one_clip() -> None:
    """Two pairs of one clip, through all three stages: errors of the flow and of the image fall, and the
    target is drawn.
    """
    settings = replace(
        SMALL, shift_x=0, shift_y=0, width=8, flow_rate=3e-3, rate=3e-3, flow_share=0.3, generator_share=0.5
    )
    baseline, steps = made(settings), 120
    batch = batch_of(baseline, (0, 9), (3, 20))
    logs: dict[int, list[dict[str, float]]] = {FLOW: [], GENERATOR: [], WARPER: []}
    for step in range(steps):
        logs[baseline.stage(step, steps)[0]].append(train(baseline, batch, step, steps))
    for stage, factor in ((FLOW, 4.0), (GENERATOR, 4.0)):
        assert logs[stage][-1]["total"] < logs[stage][0]["total"] / factor
    truth = to_network(example(9).frames)
    error = (drawn(baseline, 0, 9) - truth).square().mean().item()
    assert 10 * np.log10(4 / error) > 19.0  # dB; about 23
