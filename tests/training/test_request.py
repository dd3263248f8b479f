"""What is asked for beside the preset: identities, schedules, epochs, and what does not go together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iper_bench.data.dataset import DATASETS
from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.lwg.packaged import load_trained
from iper_bench.methods.method_choice import MethodChoice
from iper_bench.training.journal import VALIDATION_FILE
from iper_bench.training.keep import KeepPolicy
from iper_bench.training.presets import PRESETS, learning_rate
from iper_bench.training.request import TrainRequest
from iper_bench.training.train import train
from tests.training.small import SMALL
from tests.training.test_mix import Small


def plan(request: TrainRequest) -> dict[str, Any]:
    return json.loads((request.out / "plan.json").read_text())


class Splits(Small):
    """A dataset with training and test clips."""

    def splits(self) -> list[str]:
        return ["test", "train"]


class PixelScores:
    """Stands for the scores of a metric profile."""

    notes = {"profile": "pixels"}  # noqa: RUF012

    def __call__(self, predictions: np.ndarray, truths: np.ndarray) -> dict[str, float]:
        return {"PSNR": -float(np.abs(predictions.astype(int) - truths).mean())}


def test_plain_request_keeps_the_identity_of_before(request_for) -> None:
    """Known content: preset, dataset, seed, size and nothing else."""
    request = request_for(SMALL, steps=1, log_every=1, save_every=1, pictures_every=1, workers=1)
    train(request)
    wanted = {"preset": SMALL.to_json(), "dataset": "0", "seed": 0, "size": 64}
    assert plan(request)["identity"] == content_hash(wanted)
    assert not {"accumulate", "precision", "processes", "backgrounds"} & plan(request).keys()


@pytest.mark.parametrize(
    "changes",
    [{"accumulate": 2}, {"precision": "bf16"}, {"batch": 1}, {"ema": 0.5}, {"schedule": "constant"}],
)
def test_what_changes_numbers_changes_the_identity(request_for, changes: dict[str, Any]) -> None:
    train(request_for(SMALL, steps=1))
    with pytest.raises(UserError, match="another set-up"):
        train(request_for(SMALL, steps=1, **changes))


def test_backgrounds_are_in_the_identity_and_are_used(request_for, tmp_path: Path) -> None:
    images = tmp_path / "places"
    images.mkdir()
    Image.fromarray(np.full((80, 80, 3), 40, np.uint8)).save(images / "a.png")
    request = request_for(SMALL, steps=1, backgrounds=images)
    train(request)
    assert plan(request)["backgrounds"] == "places"
    (images / "a.png").rename(images / "b.png")
    with pytest.raises(UserError, match="another set-up"):
        train(request)
    front = TrainRequest("attlwb-front", "two-clips", "tiny", tmp_path / "f", backgrounds=images)
    with pytest.raises(UserError, match="without auxiliary backgrounds"):
        front.settings()


def test_schedules_are_the_papers_and_the_released() -> None:
    def rates(schedule: str) -> list[float]:
        settings = TrainRequest("attlwb", "d", "paper-256", Path("x"), schedule=schedule).settings()
        return [learning_rate(settings, step, 1000) for step in range(1001)]

    paper = rates("paper")
    assert paper[0] == paper[250] == 1e-4
    assert paper[625] == pytest.approx(5.5e-5)
    assert paper[1000] == pytest.approx(1e-5)
    assert set(rates("constant")) == {1e-4}
    plain = TrainRequest("attlwb", "d", "paper-256", Path("x")).settings()
    assert [learning_rate(plain, step, 1000) for step in range(1001)] == pytest.approx(paper)


def test_epochs_count_frames_over_people(request_for) -> None:
    """2 clips of 8 frames, 2 people, 2 batches: 4 steps an epoch; half a one is 2."""
    request = request_for(SMALL, epochs=0.5, accumulate=2)
    train(request)
    assert plan(request)["steps"] == 2
    assert load_trained(request.out / "weights.safetensors").metadata["training"]["steps"] == 2


def test_mix_trains_validates_and_keeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two datasets with two bodies; kept weights are whole weight files."""
    bodies = {"a": "open-coarse", "b": "open-mid"}

    def get(name: str) -> Any:
        return lambda root, size: Splits(name, (8,), body=bodies[name], size=size)

    monkeypatch.setattr(DATASETS, "get", get)
    monkeypatch.setitem(PRESETS, "asked", SMALL)
    request = TrainRequest(
        "attlwb",
        "a,b",
        "asked",
        tmp_path / "out",
        size=32,
        steps=4,
        batch=1,
        validate_every=2,
        keep=KeepPolicy(every=3, best=True),
    )
    train(request, scores=PixelScores())
    lines = [json.loads(line) for line in (request.out / VALIDATION_FILE).read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert all(line["clips"] == 2 and line["split"] == "test" for line in lines)
    best = max(lines, key=lambda line: line["PSNR"])["step"]
    kept = sorted(path.name for path in request.out.glob("weights-step-*.safetensors"))
    assert kept == sorted({"weights-step-3.safetensors", f"weights-step-{best}.safetensors"})
    trained = load_trained(request.out / "weights-step-3.safetensors")
    assert trained.metadata["training"]["steps"] == 3
    assert trained.metadata["training"]["dataset"] == "a,b"
    assert (request.out / "pictures" / "validation" / "step-0000004.png").is_file()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 1, "epochs": 1.0}, "both --steps and --epochs"),
        ({"schedule": "papr"}, "did you mean paper"),
        ({"keep": KeepPolicy(best=True)}, "try: --validate-every N"),
    ],
)
def test_what_does_not_go_together_is_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        TrainRequest("attlwb", "d", "tiny", Path("x"), **changes)


def test_validation_without_held_out_clips_is_one_line(request_for) -> None:
    with pytest.raises(UserError, match=r"held-out clips.*--validate-every 0"):
        train(request_for(SMALL, steps=1, validate_every=1), scores=PixelScores())


def test_folder_with_other_things_is_refused(request_for) -> None:
    request = request_for(SMALL, steps=1)
    request.out.mkdir()
    (request.out / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"is not empty \(holiday\.jpg\)"):
        train(request)
    with pytest.raises(UserError, match=r"holiday\.jpg: is no folder"):
        train(replace(request, out=request.out / "holiday.jpg"))


def test_fewer_steps_than_there_are_is_one_line(request_for) -> None:
    """The weights of now can be asked for; a shorter training cannot be made of a longer one."""
    train(request_for(SMALL, steps=2))
    weights = (request_for(SMALL).out / "weights.safetensors").read_bytes()
    with pytest.raises(UserError, match=r"has 2 steps behind it.*--steps 2 for the weights of now"):
        train(request_for(SMALL, steps=1))
    train(request_for(SMALL, steps=2))
    assert (request_for(SMALL).out / "weights.safetensors").read_bytes() == weights


def test_a_training_killed_before_its_first_state_starts_again(request_for) -> None:
    """Weights kept on the way are its own, files that no list names are not."""
    request = request_for(SMALL, steps=2, keep=KeepPolicy(every=1))
    train(request)
    (request.out / "state.pt").unlink()
    (request.out / "weights.safetensors").unlink()
    train(request)
    assert sorted(path.name for path in request.out.glob("weights-step-*")) == [
        "weights-step-1.safetensors",
        "weights-step-2.safetensors",
    ]
    (request.out / "state.pt").unlink()
    (request.out / "weights.safetensors").unlink()
    (request.out / "weights-step-9.safetensors").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"is not empty \(weights-step-9"):
        train(request)


def test_fresh_spares_a_folder_that_is_no_training(request_for) -> None:
    request = request_for(SMALL, steps=1, resume=False)
    request.out.mkdir()
    (request.out / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is not empty"):
        train(request)
    (request.out / "holiday.jpg").unlink()
    train(request)
    train(request)  # over a training of before


def test_weights_name_their_method_in_one_way(request_for) -> None:
    """However it was typed, the same options find them."""
    request = replace(request_for(SMALL, steps=1), method="attlwb[temporal=on, loss=lp]")
    path = train(request)
    assert load_trained(path).metadata["training"]["method"] == "attlwb[loss=lp,temporal=on]"
    for typed in ("attlwb[temporal=on,loss=lp]", "attlwb[loss=lp, temporal=on]"):
        MethodChoice.parse(f"{typed}@{path}").open()
