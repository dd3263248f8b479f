"""The loop around the steps: exact resume with everything on, gradient accumulation, signals, failures."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iper_bench.errors import UserError
from iper_bench.lwg.objective import StepBatch
from iper_bench.training.generator_trainee import train_generator
from iper_bench.training.journal import LOG_FILE, VALIDATION_FILE
from iper_bench.training.keep import KEPT_FILE, KeepPolicy
from iper_bench.training.options import LoopOptions
from iper_bench.training.players import Players
from iper_bench.training.presets import Preset
from iper_bench.training.samples import Sampler
from iper_bench.training.state import STATE_FILE, TrainingState
from iper_bench.training.team import Team
from iper_bench.training.validation import Validator
from tests.training.small import GAN, SMALL, new_sampler, new_state

STEPS = 6
ALL = {
    "log_every": 4,
    "save_every": 4,
    "pictures_every": 2,
    "validate_every": 2,
    "keep": KeepPolicy(every=2, newest=2, best=True),
    "accumulate": 2,
}


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return new_sampler()


class DisturbedSampler(Sampler):
    """Does something while part 1 of step 2 is drawn."""

    def batch(self, step: int, **options: Any) -> StepBatch:
        if step == 2 and options["part"] == 1:
            self.disturb()
        return super().batch(step, **options)

    def disturb(self) -> None:
        raise MemoryError


class TerminatedSampler(DisturbedSampler):
    """SIGTERM arrives."""

    def disturb(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def validator(sampler: Sampler) -> Validator:
    """Scores that tell predictions apart."""

    def scores(predictions: np.ndarray, truths: np.ndarray) -> dict[str, float]:
        return {"PSNR": -float(np.abs(predictions.astype(int) - truths).mean())}

    return Validator([sampler.trial(1, [0, 3], [1, 5])], scores)


def train_all(folder: Path, state: TrainingState, sampler: Sampler, settings: Preset, **changes: Any) -> None:
    """Train with everything that can be switched on."""

    def export(path: Path) -> None:
        path.write_bytes(b"".join(value.numpy().tobytes() for value in state.averaged.values()))

    options = LoopOptions(folder, "id", STEPS, **{**ALL, **changes})
    train_generator(
        state, sampler, settings, None, options, validator=validator(new_sampler()), export=export
    )


def contents(folder: Path) -> dict[str, Any]:
    """What a training left, without times, TensorBoard's file and the container of the state."""
    found: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in (".png", ".safetensors") or path.name in (VALIDATION_FILE, KEPT_FILE)
    }
    lines = [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]
    return {**found, LOG_FILE: [{k: v for k, v in line.items() if k != "seconds"} for line in lines]}


def tensors(content: Any, path: str = "") -> dict[str, torch.Tensor]:
    """Every tensor of nested dictionaries by its place."""
    if isinstance(content, torch.Tensor):
        return {path: content}
    pairs = content.items() if isinstance(content, dict) else ()
    return {place: value for key, part in pairs for place, value in tensors(part, f"{path}/{key}").items()}


def states(*folders: Path) -> list[dict[str, torch.Tensor]]:
    return [tensors(torch.load(folder / STATE_FILE, weights_only=True)) for folder in folders]


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SMALL, GAN], ids=["plain", "adversarial"])
def test_resume_is_exact_with_everything_on(settings: Preset, sampler: Sampler, tmp_path: Path) -> None:
    """Killed by SIGTERM within step 2, which is finished first; log, pictures, scores and kept weights agree
    too. The second run makes its batches ahead in two threads.
    """
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train_all(whole, new_state(settings), sampler, settings)
    with pytest.raises(KeyboardInterrupt):
        train_all(cut, new_state(settings), new_sampler(kind=TerminatedSampler), settings)
    resumed = new_state(settings)
    assert resumed.restore(cut, "id")
    assert resumed.step == 3
    train_all(cut, resumed, new_sampler(), settings, workers=2)
    assert_equal(*states(whole, cut))
    found, wanted = contents(cut), contents(whole)
    assert found.keys() == wanted.keys()
    assert [key for key in wanted if found[key] != wanted[key]] == []
    assert sum(name.startswith("pictures") for name in wanted) == 2 * STEPS // 2
    assert "weights-step-6.safetensors" in wanted


def test_records_change_no_weight(sampler: Sampler, tmp_path: Path) -> None:
    train_all(tmp_path / "all", new_state(), sampler, SMALL)
    train_generator(
        new_state(), sampler, SMALL, None, LoopOptions(tmp_path / "bare", "id", STEPS, accumulate=2)
    )
    everything, bare = states(tmp_path / "all", tmp_path / "bare")
    assert_equal(everything, bare)


def joined(parts: Sequence[StepBatch]) -> StepBatch:
    names = [field.name for field in fields(StepBatch) if getattr(parts[0], field.name) is not None]
    return StepBatch(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def test_accumulated_gradient_is_that_of_the_larger_batch(sampler: Sampler) -> None:
    """Of both players; the parts of a step have one sn and can be joined."""
    draw = {"people": 1, "source_counts": (2,), "targets": 2}
    parts = [sampler.batch(4, part=part, **draw) for part in range(2)]
    found = []
    for batches in (parts, [joined(parts)]):
        state = new_state(GAN)
        means = Players(state, replace(GAN, clip_norm=0.0), None, None, Team("cpu")).step(batches, 0, 10)
        networks = (state.generator, state.adversary.discriminator)  # type: ignore[union-attr]
        found.append((means, [p.grad for network in networks for p in network.parameters()]))
    (means, gradients), (wanted_means, wanted) = found
    assert means == pytest.approx(wanted_means, rel=1e-4)
    largest = max(float(gradient.abs().max()) for gradient in wanted)
    for got, want in zip(gradients, wanted, strict=True):
        # float32 sums in another order: 1e-5 of the largest gradient
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-5 * largest)


def test_parts_share_sn_and_nothing_else(sampler: Sampler) -> None:
    draw = {"people": 2, "source_counts": (1, 2, 4), "targets": 1}
    for step in range(6):
        first, second = (sampler.batch(step, part=part, **draw) for part in range(2))
        plain = sampler.batch(step, **draw)
        assert torch.equal(plain.flows, first.flows)
        assert first.flows.shape == second.flows.shape
        assert not torch.equal(first.flows, second.flows)


def test_long_clips_give_the_samples_of_whole_ones(sampler: Sampler) -> None:
    """Without memory for whole clips only the frames of a sample are prepared."""
    frugal = new_sampler(memory=0)
    for step in range(4):
        draw = {"people": 2, "source_counts": (2,), "targets": 3}
        got, wanted = frugal.batch(step, **draw), sampler.batch(step, **draw)
        for name in (field.name for field in fields(StepBatch)):
            if getattr(wanted, name) is not None:
                # Bodies are posed in batches of another size: rounding of float32.
                torch.testing.assert_close(getattr(got, name), getattr(wanted, name), rtol=0, atol=1e-5)
    assert frugal._store.whole(0) is not frugal._store.whole(0)
    assert sampler._store.whole(0) is sampler._store.whole(0)


def test_failure_within_a_step_keeps_the_step_before(tmp_path: Path) -> None:
    state = new_state()
    with pytest.raises(UserError, match=r"out of memory.*--accumulate"):
        train_all(tmp_path, state, new_sampler(kind=DisturbedSampler), SMALL)
    assert state.step == 2
    saved = new_state()
    assert saved.restore(tmp_path, "id")
    assert saved.step == 2


def test_failure_between_the_players_saves_nothing(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generator has stepped and the discriminator has not: such weights belong to no step."""
    state = new_state(GAN)
    real = type(state.adversary).learn

    def failing(self: Any, *arguments: Any) -> dict[str, float]:
        if state.step == 2:
            raise MemoryError
        return real(self, *arguments)

    monkeypatch.setattr(type(state.adversary), "learn", failing)
    with pytest.raises(UserError, match="out of memory"):
        train_generator(state, sampler, GAN, None, LoopOptions(tmp_path, "id", STEPS, save_every=1))
    saved = new_state(GAN)
    assert saved.restore(tmp_path, "id")
    assert saved.step == 2
    again = new_state(GAN)
    train_generator(again, sampler, GAN, None, LoopOptions(tmp_path / "two", "id", STEPS, seconds=1e-9))
    monkeypatch.undo()
    whole = new_state(GAN)
    train_generator(whole, sampler, GAN, None, LoopOptions(tmp_path / "whole", "id", STEPS))
    train_generator(saved, sampler, GAN, None, LoopOptions(tmp_path, "id", STEPS))
    assert_equal(whole.generator.state_dict(), saved.generator.state_dict())


def test_loss_that_is_no_number_stops_before_the_step(sampler: Sampler, tmp_path: Path) -> None:
    state = new_state()
    first = next(iter(state.generator.parameters()))
    with torch.no_grad():
        first.fill_(float("nan"))
    others = {k: v.clone() for k, v in list(state.generator.state_dict().items())[1:]}
    with pytest.raises(UserError, match=r"no number any more at step 1 \(total") as caught:
        train_generator(state, sampler, SMALL, None, LoopOptions(tmp_path, "id", STEPS))
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, state.generator.state_dict()[key]) for key, value in others.items())
    assert not (tmp_path / STATE_FILE).exists()


def test_bfloat16_trains_and_stays_near(sampler: Sampler, tmp_path: Path) -> None:
    """Forward passes with 8 significant bits: weights differ from float32's, the loss by about a percent."""
    totals = []
    for precision in ("no", "bf16"):
        options = LoopOptions(tmp_path / precision, "id", 4, log_every=4, precision=precision)
        train_generator(new_state(GAN), sampler, GAN, None, options)
        line = json.loads((tmp_path / precision / LOG_FILE).read_text().splitlines()[-1])
        totals.append(line["total"])
    assert totals[0] != totals[1]
    assert totals[0] == pytest.approx(totals[1], rel=0.05)
