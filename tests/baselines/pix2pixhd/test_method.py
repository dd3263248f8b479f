"""pix2pixHD as a baseline: what it is given, what it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines.pix2pixhd.method import Pix2PixHd, Pix2PixHdSettings

from iper_bench.baseline_kit.card import Card
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import BaselineMethod, BaselineSubject, stacked
from iper_bench.baseline_kit.opening import card_of
from iper_bench.data.clip import Clip
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.methods.method import Sources, Targets

SIDE = 64
SMALL = Pix2PixHdSettings(
    side=SIDE, steps=100, batch=2, width=8, halvings=2, blocks=1, judge_width=4, rate=2e-3, tuning_rate=2e-3,
    tuning_batch=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def clip() -> Clip:
    return DATASETS.get("synthetic")(root=None, size=SIDE).clips("test")[0]


@pytest.fixture
def card() -> Card:
    return card_of("pix2pixhd")


def example(clip: Clip, row: int) -> Example:
    return Example(clip.frames([row]), None, clip.track.take([row]), "open-coarse", clip.name, (row,))


def test_condition(clip: Clip) -> None:
    """Known answers: labels of 24 parts and the background, drawn where the person stands."""
    baseline = Pix2PixHd(SMALL)
    found = baseline.condition(example(clip, 0), np.random.default_rng(0))
    labels = found["labels"]
    mask = clip.masks([0])
    assert mask is not None
    inside = torch.from_numpy(mask[0] > 127)
    assert labels.shape == (SIDE, SIDE)
    assert ((labels > 0) & inside).sum() > 0.9 * (labels > 0).sum()
    assert len(labels.unique()) > 12
    planes = baseline.encoded(labels[None])
    assert planes.shape == (1, 25, SIDE, SIDE)
    assert torch.equal(planes.sum(1), torch.ones(1, SIDE, SIDE))


def test_edges_are_an_option(clip: Clip) -> None:
    baseline = Pix2PixHd(
        Pix2PixHdSettings(side=SIDE, steps=1, batch=1, width=4, halvings=2, blocks=1, edges=True)
    )
    labels = baseline.condition(example(clip, 0), np.random.default_rng(0))["labels"][None]
    planes = baseline.encoded(labels)
    assert planes.shape[1] == 26
    assert set(planes[:, -1].unique().tolist()) == {0.0, 1.0}


def test_bad_generator() -> None:
    with pytest.raises(UserError, match="field 'generator': is 'huge'"):
        Pix2PixHd(Pix2PixHdSettings(side=SIDE, steps=1, batch=1, generator="huge"))


@pytest.mark.parametrize("field", ["halvings", "layers", "scales"])
def test_absurd_depths(field: str) -> None:
    """A file with such settings is refused before 2 is raised to them."""
    with pytest.raises(UserError, match=f"field '{field}': is 1000000; expected 1 to 8"):
        Pix2PixHd(replace(SMALL, **{field: 1_000_000}))


def test_released_checkpoint(tmp_path: Path) -> None:
    baseline = Pix2PixHd(SMALL)
    state = {key: value + 1 for key, value in baseline.networks["netG"].state_dict().items()}
    torch.save(state, tmp_path / "latest_net_G.pth")
    assert baseline.official(tmp_path / "latest_net_G.pth") == (tmp_path / "latest_net_G.pth",)
    assert all(torch.equal(baseline.networks["netG"].state_dict()[key], state[key]) for key in state)


@pytest.mark.slow
def test_learns_two_sources_by_heart() -> None:
    """100 steps on the two sources of one clip: the perceptual term falls below 0.8 of the first, and they
    are drawn with more than 18.5 dB, at least 5 dB more than before.
    """
    clip = DATASETS.get("synthetic")(root=None, size=SIDE).clips("test")[1]
    torch.manual_seed(0)
    baseline = Pix2PixHd(replace(SMALL, perceptual="efficientnet-lite0", tuning_rate=4e-3))
    rows = [0, 8]
    sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), "open-coarse")
    targets = Targets(clip.track.take(rows), True)

    def decibels() -> float:
        made = np.concatenate(list(BaselineSubject(baseline, sources).render(targets))).astype(float)
        return float(-10 * np.log10(np.mean(((made - sources.frames) / 255) ** 2)))

    before = decibels()
    baseline.start()
    batch = stacked([baseline.condition(example(clip, row), np.random.default_rng(0)) for row in rows])
    terms = [baseline.tune(batch, step, 100)["perceptual"] for step in range(100)]
    assert np.mean(terms[-5:]) < 0.8 * terms[0]
    assert decibels() > max(18.5, before + 5)


def test_personalization_changes_the_frames(clip: Clip, card: Card) -> None:
    """T = 2 in a sweep is T = 2 alone: the rate is constant."""
    torch.manual_seed(0)
    method = BaselineMethod(Pix2PixHd(SMALL), card, "here")
    sources = Sources(clip.frames([0, 8]), clip.masks([0, 8]), clip.track.take([0, 8]), "open-coarse")
    targets = Targets(clip.track.take([20]), True)

    def drawn(steps: tuple[int, ...]) -> dict[int, np.ndarray]:
        return {
            count: np.concatenate(list(subject.render(targets)))
            for count, subject in method.checkpoints(sources, steps=steps, seed=0)
        }

    swept = drawn((0, 2, 4))
    assert (swept[0] != swept[2]).any()
    assert (swept[2] != swept[4]).any()
    assert np.array_equal(drawn((2,))[2], swept[2])
