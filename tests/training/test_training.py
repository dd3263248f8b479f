"""Training: samples are a function of (seed, step), a resumed run equals the uninterrupted one, training
learns.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.objective import StepBatch, objective
from iper_bench.training.generator_trainee import train_generator
from iper_bench.training.journal import LOG_FILE
from iper_bench.training.options import LoopOptions
from iper_bench.training.presets import PRESETS, learning_rate, preset
from iper_bench.training.samples import Sampler, spread_candidates
from iper_bench.training.state import STATE_FILE
from tests.training.small import SMALL, InterruptedSampler, new_sampler, new_state


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return new_sampler()


def draw(sampler: Sampler, step: int) -> StepBatch:
    return sampler.batch(step, people=2, source_counts=(2,), targets=2)


def test_samples_depend_on_seed_and_step_alone(sampler: Sampler) -> None:
    later_first = new_sampler()
    draw(later_first, 9)
    for name in StepBatch.__dataclass_fields__:
        ours, theirs = (getattr(draw(each, 4), name) for each in (sampler, later_first))
        assert (ours is None and theirs is None) or torch.equal(ours, theirs), name
    assert not torch.equal(draw(sampler, 4).target_images, draw(sampler, 5).target_images)
    assert not torch.equal(draw(sampler, 4).target_images, draw(new_sampler(6), 4).target_images)


def test_sample_shapes_and_ranges(sampler: Sampler) -> None:
    batch = draw(sampler, 0)
    assert batch.src_inputs.shape == (2, 2, 6, 64, 64)
    assert batch.bg_inputs.shape == (2, 2, 4, 64, 64)
    assert batch.tsf_inputs.shape == (2, 2, 6, 64, 64)
    assert batch.flows.shape == (2, 2, 2, 64, 64, 2)
    assert float(batch.src_inputs.abs().max()) <= 1.0
    assert set(batch.target_masks.unique().tolist()) <= {0.0, 1.0}


def test_spread_candidates_are_even_and_distinct() -> None:
    rng = np.random.default_rng(0)
    for sn in (1, 2, 4, 8):
        places = spread_candidates(rng, 16, sn)
        assert len(set(places)) == sn
        gaps = {(b - a) % 16 for a, b in zip(places, [*places[1:], places[0]], strict=True)}
        assert gaps == ({16 // sn} if sn > 1 else {0})


def test_objective_known_answers(sampler: Sampler) -> None:
    """A perfect output has zero reconstruction; a wrong mask costs -log(1e-6) per pixel."""
    batch = draw(sampler, 1)
    outputs = (
        batch.backgrounds,
        batch.source_images,
        batch.source_masks,
        batch.target_images,
        batch.target_masks,
    )
    _, terms = objective(outputs, batch, SMALL.losses, None)
    # Frames are composed exactly where the matte is 0 or 1, as it is here: only float rounding is left.
    for name in ("source", "background", "pixel"):
        assert float(terms[name]) < 1e-6
    wrong = (*outputs[:2], 1.0 - batch.source_masks, outputs[3], 1.0 - batch.target_masks)
    _, terms = objective(wrong, batch, SMALL.losses, None)
    assert float(terms["mask"]) == pytest.approx(-np.log(1e-6), rel=0.02)  # float32 1 - 1e-6


def test_resume_is_exact(sampler: Sampler, tmp_path: Path) -> None:
    whole = new_state()
    train_generator(whole, sampler, SMALL, None, LoopOptions(tmp_path / "whole", "id", 6))
    with pytest.raises(KeyboardInterrupt):
        train_generator(
            new_state(),
            new_sampler(kind=InterruptedSampler),
            SMALL,
            None,
            LoopOptions(tmp_path / "cut", "id", 6),
        )
    resumed = new_state()
    assert resumed.restore(tmp_path / "cut", "id")
    assert resumed.step == 3
    train_generator(resumed, new_sampler(), SMALL, None, LoopOptions(tmp_path / "cut", "id", 6))
    for key, value in whole.generator.state_dict().items():
        assert torch.equal(value, resumed.generator.state_dict()[key]), key
        assert torch.equal(whole.averaged[key], resumed.averaged[key]), key


@pytest.mark.slow
def test_training_lowers_the_loss(sampler: Sampler, tmp_path: Path) -> None:
    state = new_state()
    train_generator(state, sampler, SMALL, None, LoopOptions(tmp_path, "id", 60, log_every=20))
    lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert [line["step"] for line in lines] == [20, 40, 60]
    assert lines[-1]["total"] < 0.8 * lines[0]["total"]


def test_state_of_another_set_up_is_refused(tmp_path: Path) -> None:
    state = new_state()
    state.save(tmp_path, "one")
    with pytest.raises(UserError, match="another set-up"):
        new_state().restore(tmp_path, "two")


def test_damaged_state_is_one_line(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot be read"):
        new_state().restore(tmp_path, "one")


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UserError, match="tiny"):
        preset("tini")


def test_learning_rate_rises_stays_and_falls() -> None:
    settings = PRESETS["tiny"]
    rates = [learning_rate(settings, step, 1000) for step in range(1000)]
    assert rates[0] < rates[29] == pytest.approx(settings.rate)
    assert rates[200] == settings.rate
    assert rates[300] < settings.rate
    assert rates[-1] == pytest.approx(settings.final_rate, rel=0.2)  # last step is one short of the end
    assert all(a >= b for a, b in itertools.pairwise(rates[250:]))
