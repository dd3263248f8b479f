"""Validation: which frames it takes, and that it disturbs nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.mix import Mix
from iper_bench.training.validation import TARGETS, Validator, held_out_split, spread, trial_frames
from tests.training.small import new_sampler
from tests.training.test_mix import Small


def test_spread_is_even_and_starts_at_the_first() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 4) == [0, 1, 2]
    assert spread(1, 1) == [0]


@pytest.mark.parametrize(("length", "candidates", "sn"), [(40, range(16), 2), (9, (0, 4), 2), (5, (0, 1), 1)])
def test_targets_are_no_sources(length: int, candidates, sn: int) -> None:
    places, targets = trial_frames(length, candidates, sn)
    assert len(set(places)) == sn
    assert len(set(targets)) == len(targets) == min(TARGETS, length - sn)
    assert not {candidates[place] for place in places} & set(targets)


def test_clip_of_sources_alone_takes_them_as_targets() -> None:
    assert trial_frames(2, (0, 1), 2) == ([0, 1], [0, 1])


def test_split_is_the_first_that_holds_clips() -> None:
    assert held_out_split(Mix((Small("a"), Small("b", split="test")))) == "test"
    assert held_out_split(Mix((Small("a", split="test"), Small("b", split="val")))) == "val"
    with pytest.raises(UserError, match="held-out clips to validate on"):
        held_out_split(Mix((Small("a"), Small("b", (), split="val"))))


def test_predictions_and_truths_reach_the_scores_as_frames() -> None:
    """The scores see all frames of all trials in order; the truth as prediction is the truth."""
    sampler = new_sampler()
    batches = [sampler.batch(step, people=1, source_counts=(2,), targets=3) for step in range(2)]
    seen = {}

    def scores(predictions: np.ndarray, truths: np.ndarray) -> dict[str, float]:
        seen["pair"] = (predictions, truths)
        return {"PSNR": float(np.abs(predictions.astype(int) - truths).max())}

    validator = Validator(batches, scores, {"split": "test"})
    assert validator.notes == {"clips": 2, "split": "test"}
    state = torch.random.get_rng_state()

    def darker(batch: StepBatch) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        return batch.target_images - 2.0 / 127.5

    measured, first = validator.measure(darker)
    assert measured == {"PSNR": 2.0}
    assert seen["pair"][0].shape == seen["pair"][1].shape == (6, 64, 64, 3)
    assert torch.equal(first, darker_outside(batches[0]))
    assert torch.equal(torch.random.get_rng_state(), state)


def darker_outside(batch: StepBatch) -> torch.Tensor:
    return batch.target_images - 2.0 / 127.5
