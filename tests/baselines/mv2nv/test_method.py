"""MV2NV as a baseline: its view codes, both stages, what it draws, and learning one clip."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from iper_bench.baselines import mv2nv
from iper_bench.baselines.mv2nv.method import FLOW, JUDGE, PIXEL, Mv2nv, Mv2nvSettings

from iper_bench.baseline_kit.card import PAPER, read_card
from iper_bench.baseline_kit.example import Example
from iper_bench.baseline_kit.method import stacked
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.conditions.view_codes import heading_codes, headings
from iper_bench.data.clip import BodyTrack, Images
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.lwg.inputs import to_network
from iper_bench.methods.method import Sources

SMALL = Mv2nvSettings(
    side=64,
    steps=10,
    batch=1,
    encoder=(8, 12, 16, 24, 24),
    decoder=(24, 16, 16, 12, 8),
    head=6,
    blocks=1,
    judge=(4, 6, 8),
    source_counts=(1, 2),
    drawn=6,
    first_stage=0.4,
)
BODY = "open-coarse"
TURN = 16  # frames at the beginning of a clip that turn the person


@cache
def clip() -> tuple[Images, BodyTrack]:
    """Frames and bodies of the turn of an embedded clip at 64 px."""
    one = DATASETS.get("synthetic")(root=None, size=64).clips("train")[0]
    rows = list(range(TURN))
    return one.frames(rows), one.track.take(rows)


def example(*rows: int) -> Example:
    frames, track = clip()
    chosen = list(rows)
    return Example(frames[chosen], None, track.take(chosen), BODY, "clip", rows)


def sources(*rows: int) -> Sources:
    frames, track = clip()
    chosen = list(rows)
    return Sources(frames[chosen], None, track.take(chosen), BODY)


def baseline(**changes: object) -> Mv2nv:
    """A baseline of the small settings with weights of seed 0."""
    torch.manual_seed(0)
    return Mv2nv(replace(SMALL, **changes))  # type: ignore[arg-type]


def weights_of(one: Mv2nv) -> dict[str, torch.Tensor]:
    """Copies of all weights."""
    return {
        f"{name}/{key}": value.clone()
        for name, network in one.networks.items()
        for key, value in network.state_dict().items()
    }


def moved_by(step: int, **changes: object) -> tuple[set[str], set[str], dict[str, float]]:
    """Weights that ``step`` of 10 changed, those that it left alone, and its terms."""
    one = baseline(**changes)
    one.start()
    before = weights_of(one)
    pair = one.condition(example(0, 3, 7, 11), np.random.default_rng(0))
    terms = one.learn(stacked([pair]), step, 10)
    same = {key for key, value in weights_of(one).items() if torch.equal(value, before[key])}
    return set(before) - same, same, terms


def test_condition_of_an_example() -> None:
    """Codes are +1 at the target's heading and -1 at the source's."""
    found = baseline().condition(example(0, 3, 7), np.random.default_rng(0))
    frames, track = clip()
    images, codes = to_network(frames), torch.from_numpy(heading_codes(headings(track)))
    rows = {}
    for row in (0, 3, 7):
        for name, image in (("target", found["target"]), (0, found["sources"][0]), (1, found["sources"][1])):
            if torch.equal(image, images[row]):
                rows[name] = row
    assert sorted(rows.values()) == [0, 3, 7]
    for place in range(2):
        expected = codes[rows["target"]] - codes[rows[place]]
        torch.testing.assert_close(found["codes"][place], expected, rtol=0, atol=0)
        assert sorted(found["codes"][place].tolist())[::23] == [-1.0, 1.0]


def test_stages() -> None:
    """First both modules; then the discriminator at every second step, and both modules against it."""
    for step in (0, 3):
        moved, _, terms = moved_by(step)
        assert {key.split("/")[0] for key in moved} == {FLOW, PIXEL}
        assert "adversarial" not in terms
    moved, _, terms = moved_by(4)
    assert {key.split("/")[0] for key in moved} == {JUDGE}
    assert terms["total"] == terms["discriminator"]
    moved, still, terms = moved_by(5)
    assert {key.split("/")[0] for key in moved} == {FLOW, PIXEL}
    assert terms["adversarial"] > 0
    # as released: the first convolution of the flow blocks never learns
    assert {key for key in still if not key.startswith(JUDGE)} == {
        "flow/blocks.0.first.weight",
        "flow/blocks.0.first.bias",
    }
    assert {key for key in moved_by(5, textbook=True)[1] if not key.startswith(JUDGE)} == set()


def test_steps_take_their_number_of_sources() -> None:
    """With one source the second one has no effect; with two it has."""
    one = baseline()
    pair = one.condition(example(0, 3, 7), np.random.default_rng(0))
    other = dict(pair) | {"sources": torch.stack([pair["sources"][0], torch.zeros(3, 64, 64)])}
    for step, same in ((0, True), (1, False)):
        terms = []
        for batch in (pair, other):
            made = baseline()
            made.start()
            terms.append(made.learn(stacked([batch]), step, 10)["total"])
        assert (terms[0] == terms[1]) == same


@torch.inference_mode()
def test_drawing_agrees_with_the_training_condition() -> None:
    one, (frames, track) = baseline(), clip()
    person = one.person(sources(0, 7))
    drawn = one.draw(person, track.take([2, 5]))
    codes = torch.from_numpy(heading_codes(headings(track)))
    views = one.views(to_network(frames[[0, 7]])[None], (codes[5] - codes[[0, 7]])[None])
    torch.testing.assert_close(drawn[1:], views.merged(1), rtol=0, atol=1e-5)  # order of float32 sums
    assert drawn.shape == (2, 3, 64, 64)


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 3, 8])
def test_any_number_of_sources(count: int) -> None:
    one = baseline()
    assert one.most_sources is None
    drawn = one.draw(one.person(sources(*range(count))), clip()[1].take([9]))
    assert drawn.shape == (1, 3, 64, 64)
    assert drawn.abs().max() <= 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"side": 48}, "side is 48"),
        ({"source_counts": ()}, r"is \[\]"),
        ({"source_counts": (0, 1)}, r"is \[0, 1\]"),
        ({"bins": 0}, "is 0"),
        ({"first_stage": 1.5}, "is 1.5"),
        ({"judge": ()}, r"is \[\] at side 64"),
        ({"decoder": (8, 8)}, "5 encoder and 2 decoder widths"),
    ],
)
def test_settings_that_do_not_fit(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        baseline(**changes)


def test_paper_preset_has_the_published_sizes() -> None:
    """With 24 instead of 39 numbers in a code, 512 weights each."""
    card = read_card(Path(mv2nv.__path__[0]) / "card.yaml")
    with torch.device("meta"):
        one = Mv2nv(from_plain(Mv2nvSettings, card.preset(PAPER), PAPER))
    counts = {key: sum(p.numel() for p in value.parameters()) for key, value in one.networks.items()}
    assert counts == {FLOW: 23_260_467 - 15 * 512, PIXEL: 103_878_524 - 15 * 512, JUDGE: 690_401}


def psnr(drawn: torch.Tensor, truth: torch.Tensor) -> float:
    """Of images in [-1, 1], dB."""
    return float(10 * torch.log10(4.0 / ((drawn - truth) ** 2).mean()))


@pytest.mark.slow
def test_overfits_one_clip() -> None:
    """A view is made from two others: the objectives and the distance to the truth fall."""
    one = baseline(first_stage=1.0, flow_rate=3e-3, pixel_rate=3e-3, source_counts=(2,))
    one.start()
    frames, track = clip()
    images, codes = to_network(frames), torch.from_numpy(heading_codes(headings(track)))
    seen, rows = [0, 8], [2]
    batch = {
        "sources": images[seen][None],
        "target": images[rows],
        "codes": codes[rows][:, None] - codes[seen],
    }
    losses = [one.learn(batch, step, 120)["total"] for step in range(120)]
    for network in one.networks.values():
        network.eval()
    with torch.inference_mode():
        drawn = one.draw(one.person(sources(*seen)), track.take(rows))
    copied = psnr(batch["sources"][:, 0], batch["target"])
    assert losses[-1] < losses[0] / 3
    assert psnr(drawn, batch["target"]) > max(29.0, copied + 4.0)
