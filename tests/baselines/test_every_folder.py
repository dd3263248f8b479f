"""What must hold for every folder under ``baselines/``, whoever added it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.card import PAPER, TINY
from iper_bench.baseline_kit.card_page import README_FILE, card_page, quotes_of
from iper_bench.baseline_kit.method import BaselineMethod
from iper_bench.baseline_kit.opening import baseline_class, card_of
from iper_bench.baseline_kit.plain_fields import from_plain
from iper_bench.baseline_kit.sampling import ExampleSampler
from iper_bench.baseline_kit.trainee import BaselineTrainee
from iper_bench.baseline_kit.weight_file import read_weights, save_weights
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.methods.baseline_folders import baseline_folders
from iper_bench.methods.method import METHODS, Method, Sources, Targets
from iper_bench.training.team import Team

NAMES = list(baseline_folders())
SIDE = 64
STEPS = 6


@pytest.fixture(scope="module")
def clips() -> list[tuple[Any, str]]:
    dataset = DATASETS.get("synthetic")(root=None, size=SIDE)
    return [(clip, dataset.body) for clip in dataset.clips("test")[:2]]


@pytest.fixture(scope="module")
def people(clips: list[tuple[Any, str]]) -> tuple[Sources, Targets]:
    clip, body = clips[0]
    rows = [0, 8]
    sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), body)
    return sources, Targets(clip.track.take([3, 20, 31]), True)


def small(name: str) -> Baseline[Any]:
    """The preset ``tiny`` at 64 px with two people a step, untrained."""
    kind = baseline_class(name)
    settings = from_plain(kind.Settings, card_of(name).preset(TINY), name)
    torch.manual_seed(0)
    return kind(replace(settings, side=SIDE, batch=2, steps=STEPS))


def trainee_of(name: str, clips: list[tuple[Any, str]]) -> tuple[Baseline[Any], BaselineTrainee]:
    baseline = small(name)
    sampler = ExampleSampler(clips, side=SIDE, seed=1)
    return baseline, BaselineTrainee(baseline, sampler, Team("cpu"), seed=1, steps=STEPS)


def advance(trainee: BaselineTrainee, count: int, *, pictures: bool = False) -> None:
    for _ in range(count):
        batch = trainee.draw(trainee.step, 0)
        terms = trainee.learn([batch], STEPS).terms
        if pictures:
            assert trainee.picture(batch).dtype == np.uint8
        assert "total" in terms
        assert all(np.isfinite(value) for value in terms.values())


def frames_of(method: Method, sources: Sources, targets: Targets) -> np.ndarray:
    return np.concatenate(list(method.personalize(sources, steps=0, seed=3).render(targets))).astype(int)


@pytest.mark.parametrize("name", NAMES)
def test_card_and_page(name: str) -> None:
    card, folder = card_of(name), baseline_folders()[name]
    assert card.differs, "no re-implementation is without differences"
    assert card.published, "every method here stands in a table of the paper"
    for row in card.published:
        assert quotes_of(row), f"table {row.table} has no rows of '{row.method}'"
    page = folder / README_FILE
    assert page.read_text(encoding="utf-8") == card_page(card), "python tools/baseline_readmes.py"


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_settings(name: str) -> None:
    kind, card = baseline_class(name), card_of(name)
    for preset in card.presets:
        settings = from_plain(kind.Settings, card.preset(preset), f"{name}, {preset}")
        assert settings.side % 8 == 0
        assert settings.perceptual in ("vgg19", "efficientnet-lite0", "none")
    assert card.preset(PAPER)["side"] >= 256
    assert kind.name == name


@pytest.mark.parametrize("name", NAMES)
def test_needs_weights(name: str) -> None:
    with pytest.raises(UserError, match=f"'{name}' needs weights"):
        METHODS.get(name)()


@pytest.mark.parametrize("name", NAMES)
def test_resumed_training_equals_the_uninterrupted_one(
    name: str, clips: list[tuple[Any, str]], tmp_path: Path
) -> None:
    """Bit for bit, in every stage: the six steps of the schedule pass through all of them. Pictures on the
    way change nothing.
    """
    whole, trainee = trainee_of(name, clips)
    advance(trainee, STEPS)
    _, first = trainee_of(name, clips)
    advance(first, STEPS // 2, pictures=True)
    first.save(tmp_path, "id")
    cut, second = trainee_of(name, clips)
    assert second.restore(tmp_path, "id")
    advance(second, STEPS - STEPS // 2)
    for network, other in zip(whole.networks.values(), cut.networks.values(), strict=True):
        ours, theirs = network.state_dict(), other.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_and_no_batch_changes_a_frame(
    name: str, people: tuple[Sources, Targets], tmp_path: Path
) -> None:
    """The exported file draws what the networks drew; a target alone or in another order is drawn the same.
    One level of tolerance: convolutions of another batch size sum in another order.
    """
    sources, targets = people
    baseline = small(name)
    save_weights(baseline, tmp_path / "w.safetensors", {"steps": 0})
    method = BaselineMethod(baseline, card_of(name), "here")
    drawn = frames_of(method, sources, targets)
    assert drawn.shape == (3, SIDE, SIDE, 3)
    file = read_weights(tmp_path / "w.safetensors", name)
    assert file is not None
    opened = METHODS.get(name)(weights=tmp_path / "w.safetensors")
    assert np.array_equal(frames_of(opened, sources, targets), drawn)
    backwards = Targets(targets.track.take([2, 1, 0]), True)
    assert abs(frames_of(method, sources, backwards)[::-1] - drawn).max() <= 1
    alone = Targets(targets.track.take([1]), True)
    assert abs(frames_of(method, sources, alone)[0] - drawn[1]).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_target_pose_is_looked_at(name: str, people: tuple[Sources, Targets]) -> None:
    """Law: another pose gives another frame, even untrained."""
    sources, targets = people
    drawn = frames_of(BaselineMethod(small(name), card_of(name), "here"), sources, targets)
    assert (drawn[0] != drawn[1]).any()
