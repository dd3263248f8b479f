"""Personalization of baselines: T in a sweep is T alone, nothing is kept that only training needs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.baseline_kit.baseline import Baseline
from iper_bench.baseline_kit.method import BaselineMethod, BaselineSubject
from iper_bench.baseline_kit.opening import baseline_class, card_of, make_baseline
from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.lwg.perceptual import FrozenModule
from iper_bench.methods.method import Sources, Targets
from tests.baseline_kit.toy import toy_installed

SIDE = 32


class Loss(FrozenModule):
    """A loss network, of which one is enough."""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Baseline[Any]]]:
    """The toy along one personalization, with a loss network and a judge drawn by ``start``."""
    with toy_installed(tmp_path / "folders"):
        kind = baseline_class("toy-paint")
        start = kind.start

        def with_more(self: Any) -> None:
            start(self)
            self.loss = Loss().freeze()
            self.networks["D"] = torch.nn.Linear(3, 3)

        monkeypatch.setattr(kind, "start", with_more)
        monkeypatch.setattr(kind, "tunes_anew", False)
        # what t steps give does not depend on how many follow
        monkeypatch.setattr(kind, "rate", lambda self, step, steps: 1e-2)
        yield kind


@pytest.fixture(scope="module")
def people() -> tuple[Sources, Targets]:
    dataset = DATASETS.get("synthetic")(root=None, size=SIDE)
    clip = dataset.clips("test")[0]
    rows = [0, 8]
    sources = Sources(clip.frames(rows), clip.masks(rows), clip.track.take(rows), dataset.body)
    return sources, Targets(clip.track.take(range(20, 23)), True)


def method_of(kind: type[Baseline[Any]]) -> BaselineMethod:
    return BaselineMethod(make_baseline(kind, "tiny"), card_of(kind.name), "here")


def frames_of(subject: Any, targets: Targets) -> np.ndarray:
    return np.concatenate(list(subject.render(targets)))


def test_every_steps_of_a_sweep_is_that_alone(
    toy: type[Baseline[Any]], people: tuple[Sources, Targets]
) -> None:
    """Frames drawn after the sweep has gone on, in any order, are those of T alone."""
    sources, targets = people
    method = method_of(toy)
    held = dict(method.checkpoints(sources, steps=(4, 0, 2, 3), seed=3))
    assert list(held) == [0, 2, 3, 4]
    for steps in (3, 0, 4, 2):
        torch.manual_seed(99 + steps)  # whatever happened before
        alone = method_of(toy).personalize(sources, steps=steps, seed=3)
        assert np.array_equal(frames_of(held[steps], targets), frames_of(alone, targets))
    other = method.personalize(sources, steps=4, seed=4)
    assert not np.array_equal(frames_of(held[4], targets), frames_of(other, targets))


def test_what_start_draws_depends_on_the_seed(
    toy: type[Baseline[Any]], people: tuple[Sources, Targets]
) -> None:
    judges = []
    for before in (0, 1):
        torch.manual_seed(before)
        subject = method_of(toy).personalize(people[0], steps=1, seed=3)
        assert isinstance(subject, BaselineSubject)
        judges.append(subject._baseline.networks["D"].weight)
    assert torch.equal(*judges)


def test_subjects_hold_what_they_draw_with(toy: type[Baseline[Any]], people: tuple[Sources, Targets]) -> None:
    """One loss network, no optimiser; a subject that is let go frees its networks."""
    method = method_of(toy)
    held = [one for _, one in method.checkpoints(people[0], steps=(0, 1, 2, 3), seed=3)]
    baselines = [one._baseline for one in held if isinstance(one, BaselineSubject)]
    assert baselines[0] is method._baseline
    assert len({id(one.networks["G"]) for one in baselines}) == 4
    assert len({id(one.loss) for one in baselines[1:]}) == 1  # type: ignore[attr-defined]
    assert not any(one.optimisers for one in baselines)
    gone = weakref.ref(baselines[1].networks["G"])
    del held[1], baselines[1]
    assert gone() is None


def test_loss_that_is_no_number(
    toy: type[Baseline[Any]], people: tuple[Sources, Targets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy, "tune", lambda self, batch, step, steps: {"total": float("nan")})
    with pytest.raises(UserError, match=r"no number any more at step 1 .*of personalization"):
        method_of(toy).personalize(people[0], steps=2, seed=3)
