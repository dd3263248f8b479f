"""SHUP as a baseline: conditions, stages, inference, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from iper_bench.baselines.shup import method
from iper_bench.baselines.shup.inputs import bgr, seen_joints
from iper_bench.baselines.shup.method import Shup, ShupSettings, cropped_pair
from iper_bench.baselines.shup.objective import FeatureSpread

from iper_bench.baseline_kit.baseline import Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import stacked
from iper_bench.body.loading import load_body
from iper_bench.conditions.person_crop import person_scale
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources
from tests.baselines.shup.test_objective import distance

OVERFIT_STEPS = 70
SMALL = ShupSettings(
    side=64,
    steps=10,
    batch=2,
    perceptual="none",
    pixel_weight=1.0,
    width=4,
    deep=8,
    mask_width=4,
    last=4,
    judge_width=4,
    first_stage=0.5,
    judge_alone=2,
    rate=1e-3,
)


def clip_of() -> tuple[Clip, str]:
    dataset = DATASETS.get("synthetic")(root=None, size=64)
    return dataset.clips("train")[0], dataset.body


def example(rows: list[int]) -> Example:
    clip, body = clip_of()
    return Example(clip.frames(rows), clip.masks(rows), clip.track.take(rows), body, clip.name, tuple(rows))


def baseline(settings: ShupSettings = SMALL) -> Shup:
    torch.manual_seed(0)
    made = Shup(settings)
    made.start()
    return made


def batch_of(made: Shup, pairs: list[list[int]]) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    return stacked([made.condition(example(rows), rng) for rows in pairs])


def test_conditions_without_changes() -> None:
    made = baseline(replace(SMALL, change=False))
    pair = example([0, 30])
    given = made.condition(pair, np.random.default_rng(0))
    assert set(given) == {"source", "target", "pose_source", "pose_target", "prior", "transforms"}
    torch.testing.assert_close(torch.stack([given["source"], given["target"]]), bgr(pair.frames))


def test_changes_are_drawn_and_repeatable() -> None:
    made = baseline()
    pair = example([0, 30])
    first, again, other = (made.condition(pair, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["target"], other["target"])
    assert first["target"].max() <= 1.0


def test_crops_are_around_the_person() -> None:
    pair = example([0, 30])
    joints = seen_joints(load_body(pair.body), pair.track, 64)
    frames, moved = cropped_pair(pair.frames, joints)
    assert frames.shape == pair.frames.shape
    assert person_scale(moved).max() == pytest.approx(1.14 * 64 / 256)
    boxes = (moved.min(1) + moved.max(1)) / 2
    np.testing.assert_allclose(boxes.mean(0), 31.5, atol=1e-6)
    given = baseline(replace(SMALL, change=False, crop=True)).condition(pair, np.random.default_rng(0))
    torch.testing.assert_close(given["source"], bgr(frames)[0])


def test_stages() -> None:
    """Of ten steps five train the generator alone, two the discriminator alone, three both."""
    made = baseline()
    pairs = [[0, 20], [5, 30], [10, 3], [40, 12]]
    networks = {name: made.networks[name] for name in ("G", "D")}
    changed = []
    for step in range(10):
        need = made.need(step, 10)
        assert need == Need(2 if step < 5 else 4, 2)
        before = {name: next(one.parameters()).detach().clone() for name, one in networks.items()}
        terms = made.learn(batch_of(made, pairs[: need.people]), step, 10)
        assert np.isfinite(list(terms.values())).all()
        assert "total" in terms
        changed.append(
            "".join(
                name
                for name, one in networks.items()
                if not torch.equal(before[name], next(one.parameters()))
            )
        )
    assert changed == ["G"] * 5 + ["D"] * 2 + ["GD"] * 3
    assert made.rate(0, 10) == made.rate(9, 10) == 1e-3


def test_the_second_stage_starts_with_a_fresh_optimiser() -> None:
    made = baseline(replace(SMALL, judge_alone=0))
    pairs = [[0, 20], [5, 30], [10, 3], [40, 12]]
    made.learn(batch_of(made, pairs[:2]), 0, 10)
    assert made.optimisers["G"].state
    assert not made.optimisers["G against D"].state
    made.learn(batch_of(made, pairs), 5, 10)
    assert made.optimisers["G against D"].state


def test_deviations_are_measured_in_the_first_steps() -> None:
    """With slim untrained VGG19 features: the loss falls on the spread of the sources, saved as a network."""
    made = baseline(replace(SMALL, measured=2, pixel_weight=0.0, perceptual="efficientnet-lite0"))
    loss, spread = distance()
    made._distance = loss
    made.networks["spread"] = spread
    batch = batch_of(made, [[0, 20], [5, 30]])
    for step in range(3):
        made.learn(batch, step, 10)
    assert spread.batches == 2
    features = loss.features(batch["source"])
    for found, layer in zip(spread.deviations(), features, strict=True):
        expected = layer.std((0, 2, 3), correction=0)
        torch.testing.assert_close(found[:, 0, 0], expected, rtol=1e-3, atol=1e-4)


def test_vgg_needs_its_weights_in_training_only() -> None:
    settings = replace(SMALL, perceptual="vgg19")
    made = Shup(settings)
    assert isinstance(made.networks["spread"], FeatureSpread)
    with pytest.raises(UserError, match="weights of VGG19"):
        made.start()
    assert made._distance is None


@pytest.mark.parametrize(
    "wrong",
    [{"side": 48}, {"first_stage": 1.5}, {"pixel_weight": 0.0}, {"perceptual": "vgg19", "measured": 0}],
    ids=str,
)
def test_settings_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="settings of 'shup', field"):
        Shup(replace(SMALL, **wrong))


def test_drawn_frames() -> None:
    """Red comes first; a frame does not depend on the others; the same pose is drawn from the same inputs as
    in training.
    """
    made = baseline(replace(SMALL, change=False))
    made.networks["G"].eval()
    clip, body = clip_of()
    sources = Sources(clip.frames([0, 4]), clip.masks([0, 4]), clip.track.take([0, 4]), body)
    with torch.inference_mode():
        person = made.person(sources)
        drawn = made.draw(person, clip.track.take([9, 30]))
        assert drawn.shape == (2, 3, 64, 64)
        alone = made.draw(person, clip.track.take([30]))
        torch.testing.assert_close(alone[0], drawn[1], atol=1e-5, rtol=0)
        trained = made.drawn(batch_of(made, [[0, 30]])).image[0]
        torch.testing.assert_close(drawn[1], trained.flip(0), atol=1e-5, rtol=0)


def test_untrained_and_without_weights() -> None:
    with pytest.raises(UserError, match="'shup' needs weights"):
        method.create()


@pytest.mark.slow
def test_overfit() -> None:
    """Four pairs of one clip: the loss falls by a factor of 2.5 (measured: 3.6) and the targets are
    reconstructed at 25 dB (measured: 27.5; the sources in their place: 22.5).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        settings = replace(
            SMALL, change=False, rate=3e-3, first_stage=1.0, width=8, deep=16, mask_width=8, last=8
        )
        made = baseline(settings)
        rows = [[0, 20], [20, 36], [36, 0], [10, 30]]
        every = batch_of(made, rows)
        losses = []
        for step in range(OVERFIT_STEPS):
            chosen = torch.tensor([step % 4, (step + 1) % 4])
            batch = {name: value[chosen] for name, value in every.items()}
            losses.append(made.learn(batch, step, OVERFIT_STEPS)["total"])
        with torch.no_grad():
            error = (made.drawn(every).image - every["target"]).square().mean() / 4.0
        start, end = np.mean(losses[:4]), np.mean(losses[-8:])
        assert end < start / 2.5
        assert -10 * torch.log10(error).item() > 25.0
    finally:
        torch.set_num_threads(threads)
