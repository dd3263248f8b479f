"""Appearance flow as a baseline: its view codes, a step, what it draws, and learning one clip."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines import appflow
from iper_bench.baselines.appflow.method import Appflow, AppflowSettings, levels
from iper_bench.baselines.appflow.sampling import moved

from iper_bench.baseline_kit.card import PAPER, read_card
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import stacked
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.conditions.view_codes import headings, turn_codes
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Sources

SMALL = AppflowSettings(
    side=64,
    steps=10,
    batch=2,
    encoder=(8, 12, 16, 24),
    decoder=(16, 12, 8),
    hidden=64,
    start=8,
    mask_hidden=16,
    mask_start=4,
    drawn=6,
)
BODY = "open-coarse"
TURN = 16  # frames at the beginning of a clip that turn the person


@cache
def clip() -> tuple[Images, Images, BodyTrack]:
    """Frames, mattes and bodies of the turn of an embedded clip at 64 px."""
    one = DATASETS.get("synthetic")(root=None, size=64).clips("train")[0]
    rows = list(range(TURN))
    masks = one.masks(rows)
    assert masks is not None
    return one.frames(rows), masks, one.track.take(rows)


def example(*rows: int) -> Example:
    frames, masks, track = clip()
    chosen = list(rows)
    return Example(frames[chosen], masks[chosen], track.take(chosen), BODY, "clip", rows)


def baseline(**changes: object) -> Appflow:
    """A baseline of the small settings with weights of seed 0."""
    torch.manual_seed(0)
    return Appflow(replace(SMALL, **changes))  # type: ignore[arg-type]


def sources(*rows: int) -> Sources:
    frames, masks, track = clip()
    chosen = list(rows)
    return Sources(frames[chosen], masks[chosen], track.take(chosen), BODY)


def test_condition_of_a_pair() -> None:
    """Of two frames either may be the target; the code is the turn from the source to it."""
    one, seen = baseline(), set()
    for seed in range(8):
        found = one.condition(example(0, 3), np.random.default_rng(seed))
        frames, masks, track = clip()
        target = 3 if torch.equal(found["target"], to_network(frames[[3]])[0]) else 0
        seen.add(target)
        source = 3 - target
        torch.testing.assert_close(found["sources"], to_network(frames[[source]]), rtol=0, atol=0)
        degrees = headings(track)
        expected = turn_codes(degrees[[source]], degrees[[target]])
        np.testing.assert_array_equal(found["codes"].numpy(), expected)
        np.testing.assert_array_equal(found["mask"][0].numpy() > 0.5, masks[target] > 127)
    assert seen == {0, 3}


def test_silhouettes_stand_in_for_mattes() -> None:
    bare = replace(example(0, 3), masks=None)
    found = baseline().condition(bare, np.random.default_rng(0))
    known = baseline().condition(example(0, 3), np.random.default_rng(0))
    both, either = found["mask"] * known["mask"] > 0.5, found["mask"] + known["mask"] > 0.5
    assert both.sum() > 0.6 * either.sum()  # clothes and hair are not in it


def test_a_step_moves_every_layer() -> None:
    one = baseline()
    one.start()
    before = {key: value.clone() for key, value in one.network.state_dict().items()}
    pair = one.condition(example(0, 3), np.random.default_rng(0))
    terms = one.learn(stacked([pair, pair]), 0, 10)
    assert terms["total"] == pytest.approx(terms["l1"] + terms["mask"], rel=1e-6)
    same = [key for key, value in one.network.state_dict().items() if torch.equal(value, before[key])]
    assert not same


def test_rate_is_halved() -> None:
    one = baseline(learning_rate=1e-4, halving=50_000)
    rates = [one.rate(step, 200_000) for step in (0, 49_999, 50_000, 150_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 1.25e-5])


@torch.inference_mode()
def test_drawing_agrees_with_the_training_condition() -> None:
    one, (frames, _, track) = baseline(), clip()
    person = one.person(sources(0))
    drawn = one.draw(person, track.take([2, 5]))
    degrees = headings(track)
    code = torch.from_numpy(turn_codes(degrees[[0]], degrees[[5]]))
    image = levels(to_network(frames[:1]))
    expected = moved(image, one.network(image, code).flow) / 127.5 - 1
    torch.testing.assert_close(drawn[1:], expected, rtol=0, atol=1e-5)  # order of float32 sums
    assert drawn.shape == (2, 3, 64, 64)


@torch.inference_mode()
def test_black_behind_the_person() -> None:
    """The moved image where the mask sees the person, black elsewhere."""
    track = clip()[2].take([2])
    plain, cut = baseline(), baseline(behind="black")
    whole, drawn = (one.draw(one.person(sources(0)), track) for one in (plain, cut))
    outside = (drawn == -1).all(1)
    assert 0 < outside.sum() < outside.numel()
    torch.testing.assert_close(drawn[:, :, ~outside[0]], whole[:, :, ~outside[0]], rtol=0, atol=1e-6)


def test_several_sources() -> None:
    """They are merged; the same source twice gives what it gives once; the single form takes one."""
    one = baseline(confidence=True, sources=2, drawn=3)
    assert one.most_sources is None
    assert baseline().most_sources == 1
    found = one.condition(example(0, 3, 7), np.random.default_rng(0))
    assert found["sources"].shape == (2, 3, 64, 64)
    assert found["codes"].shape == (2, 24)
    one.start()
    assert np.isfinite(one.learn(stacked([found, found]), 0, 10)["total"])
    with torch.inference_mode():
        track = clip()[2].take([2])
        once, twice, two = (one.draw(one.person(sources(*rows)), track) for rows in ((0,), (0, 0), (0, 7)))
    torch.testing.assert_close(twice, once, rtol=0, atol=1e-5)
    assert (two - once).abs().max() > 1e-3


def test_the_original_code_has_twenty_inputs() -> None:
    one = baseline(code="original")
    assert one.condition(example(0, 3), np.random.default_rng(0))["codes"].shape == (1, 20)
    with torch.inference_mode():
        assert one.draw(one.person(sources(0)), clip()[2].take([2])).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "circel"}, "unknown code 'circel'"),
        ({"behind": "white"}, "unknown behind 'white'"),
        ({"behind": "black", "mask": False}, "behind is 'black' without a mask"),
        ({"sources": 2}, "sources is 2"),
        ({"bins": 0}, "bins is 0"),
        ({"halving": 0}, "halving is 0"),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        baseline(**changes)


def test_paper_preset_has_the_published_size() -> None:
    """With 24 instead of 20 view inputs, 128 weights each."""
    card = read_card(Path(appflow.__path__[0]) / "card.yaml")
    with torch.device("meta"):
        one = Appflow(from_plain(AppflowSettings, card.preset(PAPER), PAPER))
    assert sum(p.numel() for p in one.network.parameters()) == 93_035_844 + 4 * 128


def psnr(drawn: torch.Tensor, truth: torch.Tensor) -> float:
    """Of images in [-1, 1], dB."""
    return float(10 * torch.log10(4.0 / ((drawn - truth) ** 2).mean()))


@pytest.mark.slow
def test_overfits_one_clip() -> None:
    """Views 45 degrees aside are made from one source: error and distance to the truth fall."""
    one = baseline(mask=False, learning_rate=2e-3, decoder=(24, 16), batch=4)
    one.start()
    frames, _, track = clip()
    rows = [1, 2, 14, 15]
    pairs = []
    for row in rows:
        rng = np.random.default_rng(0)
        found = one.condition(example(0, row), rng)
        degrees = headings(track)
        found["sources"], found["target"] = to_network(frames[[0]]), to_network(frames[[row]])[0]
        found["codes"] = torch.from_numpy(turn_codes(degrees[[0]], degrees[[row]]))
        pairs.append(found)
    batch = stacked(pairs)
    losses = [one.learn(batch, step, 300)["total"] for step in range(300)]
    one.network.eval()
    with torch.inference_mode():
        drawn = one.draw(one.person(sources(0)), track.take(rows))
    assert losses[-1] < losses[0] / 1.8
    copied = psnr(batch["sources"][:, 0], batch["target"])
    assert psnr(drawn, batch["target"]) > max(30.0, copied + 4.0)
