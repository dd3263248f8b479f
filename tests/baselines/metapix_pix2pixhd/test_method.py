"""MetaPix on pix2pixHD: tasks, meta-iterations, personalization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from iper_bench.baselines.metapix_pix2pixhd.method import START, MetaPixPix2PixHd, MetaPixSettings

from iper_bench.baseline_kit.baseline import Need
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import BaselineSubject, stacked
from iper_bench.baseline_kit.reptile import copied
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Targets

SIDE = 64
SMALL = MetaPixSettings(
    side=SIDE, steps=10, batch=2, width=6, halvings=2, blocks=1, judge_width=4, rate=2e-3, frames=3,
    inner_batch=3, inner_constant=2, inner_decay=1, pretrained=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def clip() -> Clip:
    return DATASETS.get("synthetic")(root=None, size=SIDE).clips("test")[1]


def example(clip: Clip, rows: list[int]) -> Example:
    return Example(clip.frames(rows), None, clip.track.take(rows), "open-coarse", clip.name, tuple(rows))


def task(baseline: MetaPixPix2PixHd, clip: Clip) -> dict[str, torch.Tensor]:
    return stacked([baseline.condition(example(clip, [0, 8, 20]), np.random.default_rng(0))])


def test_half_of_the_schedule_is_ordinary() -> None:
    """Known answers: two people of one frame each, then one task of three frames."""
    baseline = MetaPixPix2PixHd(SMALL)
    needs = [(one.people, one.frames) for one in (baseline.need(step, 10) for step in (0, 4, 5, 9))]
    assert needs == [(2, 1), (2, 1), (1, 3), (1, 3)]


def test_epsilon_moves_theta(clip: Clip) -> None:
    """Epsilon 0 leaves both players, epsilon 1 takes the inner result, half of it goes half of the way."""
    found = {}
    for epsilon in (0.0, 0.5, 1.0):
        torch.manual_seed(0)
        baseline = MetaPixPix2PixHd(replace(SMALL, epsilon=epsilon, pretrained=0.0))
        start = copied(baseline.networks)
        baseline.start()
        told = baseline.learn(task(baseline, clip), 0, 10)
        assert told["epsilon"] == epsilon
        found[epsilon] = copied(baseline.networks)
    for name, before in start.items():
        for key, value in before.items():
            assert torch.equal(found[0.0][name][key], value)
            half = (value + found[1.0][name][key]) / 2
            # float32 weights of about 0.02: 1e-6
            assert torch.allclose(found[0.5][name][key], half, atol=1e-6)
    assert any((found[1.0]["netG"][key] != value).any() for key, value in start["netG"].items())


def test_generator_only(clip: Clip) -> None:
    """Every task begins with the discriminator of the pre-training, which no task changes."""
    torch.manual_seed(0)
    baseline = MetaPixPix2PixHd(replace(SMALL, generator_only=True, pretrained=0.0))
    baseline.start()
    start = copied({START: baseline.networks[START]})
    for step in range(2):
        baseline.learn(task(baseline, clip), step, 10)
    assert all(torch.equal(start[START][k], v) for k, v in baseline.networks[START].state_dict().items())
    moved = baseline.networks["netD"].state_dict()
    assert any(not torch.equal(start[START][k], v) for k, v in moved.items())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"inner_batch": 2}, "field 'inner_batch': is 2; expected at least the 3 frames"),
        ({"frames": 0}, "field 'frames': is 0"),
        ({"inner_decay": -1}, "field 'inner_decay': is -1"),
        ({"inner_constant": 0, "inner_decay": 0}, "field 'inner_constant': is 0"),
        ({"pretrained": 1.5}, "field 'pretrained': is 1.5"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        MetaPixPix2PixHd(replace(SMALL, **wrong))


def test_every_task_begins_with_fresh_adams(clip: Clip) -> None:
    """Known answer: after two tasks of three inner steps both Adams have counted three."""
    torch.manual_seed(0)
    baseline = MetaPixPix2PixHd(replace(SMALL, pretrained=0.0))
    baseline.start()
    for step in range(2):
        baseline.learn(task(baseline, clip), step, 10)
    for name in ("netG", "netD"):
        states = baseline.optimisers[name].state_dict()["state"].values()
        assert {float(state["step"]) for state in states} == {3.0}


@pytest.mark.parametrize("meta", [True, False], ids=["task", "personalization"])
def test_rates_of_20_inner_steps(clip: Clip, meta: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known answer (the released schedule): the first rate eleven times, then down to a tenth of it, for both
    players; personalization with T = 20 has the same.
    """
    baseline = MetaPixPix2PixHd(replace(SMALL, pretrained=0.0, rate=2e-4, inner_constant=10, inner_decay=10))
    given: dict[str, list[float]] = {"netG": [], "netD": []}

    def update(optimiser: str, loss: torch.Tensor, rate: float, *, retain: bool = False) -> None:
        assert loss.requires_grad
        assert not retain
        given[optimiser].append(rate)

    baseline.start()
    monkeypatch.setattr(baseline, "update", update)
    if meta:
        baseline.learn(task(baseline, clip), 0, 10)
    else:
        batch = stacked(
            [baseline.condition(example(clip, [row]), np.random.default_rng(0)) for row in (0, 8)]
        )
        for step in range(20):
            baseline.tune(batch, step, 20)
    for rates in given.values():
        assert np.allclose(rates, [2e-4] * 11 + [2e-5 * left for left in range(9, 0, -1)])


def test_personalization_draws_as_a_task_does() -> None:
    """Known answer: an inner batch of single frames, whatever the number of sources."""
    baseline = MetaPixPix2PixHd(replace(SMALL, inner_batch=8))
    assert {baseline.tuning_need(sn) for sn in (1, 2, 5)} == {Need(8, 1)}


@pytest.mark.slow
def test_learns_one_person_by_heart(clip: Clip) -> None:
    """14 meta-iterations of 5 inner steps on two frames, then 10 steps on them: the perceptual term falls
    below 0.87 of the first (measured: 0.80), and they are drawn with more than 16 dB (measured: 18.7) before
    personalization and 17.5 after it (19.4; untrained: 13.0).
    """
    torch.manual_seed(0)
    baseline = MetaPixPix2PixHd(
        replace(
            SMALL, perceptual="efficientnet-lite0", pretrained=0.0, rate=4e-3, width=8, frames=2,
            inner_batch=2, inner_constant=3, inner_decay=2,
        )
    )  # fmt: skip
    rows = [0, 8]
    sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), "open-coarse")
    targets = Targets(clip.track.take(rows), True)

    def decibels() -> float:
        made = np.concatenate(list(BaselineSubject(baseline, sources).render(targets))).astype(float)
        return float(-10 * np.log10(np.mean(((made - sources.frames) / 255) ** 2)))

    baseline.start()
    frames = stacked([baseline.condition(example(clip, rows), np.random.default_rng(0))])
    terms = [baseline.learn(frames, step, 28)["perceptual"] for step in range(14)]
    assert np.mean(terms[-3:]) < 0.87 * terms[0]
    assert decibels() > 16
    baseline.new_optimisers()
    batch = stacked([baseline.condition(example(clip, [row]), np.random.default_rng(0)) for row in rows])
    for step in range(10):
        baseline.tune(batch, step, 10)
    assert decibels() > 17.5
