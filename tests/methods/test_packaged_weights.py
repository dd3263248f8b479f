"""The weights that come with the package: what their card says is so, and they draw better than the warp."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from iper_bench.data.clip import Clip, Images
from iper_bench.data.synthetic.dataset import SyntheticDataset
from iper_bench.lwg.packaged import TrainedGenerator, load_trained, packaged_path
from iper_bench.methods.liquid_warping import LiquidWarping
from iper_bench.methods.method import Method, Sources, Targets
from iper_bench.methods.warp import Warp
from iper_bench.protocol.load import load_protocol
from iper_bench.protocol.trials import build_trials
from iper_bench.training.presets import preset

LARGEST_FILE = 15 << 20  # bytes; what a package may carry for a first look
FEWEST_CLIPS = 12  # held-out clips behind a claim
LEAST_GAIN = 2.0  # dB over the warp, on the card's clips


@pytest.fixture(scope="module")
def trained() -> TrainedGenerator:
    return load_trained()


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return dict(yaml.safe_load(packaged_path().with_suffix(".yaml").read_text(encoding="utf-8")))


def test_the_file_is_small() -> None:
    assert packaged_path().stat().st_size <= LARGEST_FILE


def test_the_card_tells_of_this_file(trained: TrainedGenerator, card: dict[str, Any]) -> None:
    training = trained.metadata["training"]
    assert card["file"] == packaged_path().name
    assert card["sha256"] == trained.sha256
    assert card["parameters"] == sum(p.numel() for p in trained.generator.parameters())
    assert set(card["deviations"]) == set(trained.deviations.active)
    assert {**trained.losses.to_json(), **card["losses"]} == trained.losses.to_json()
    for name in ("seed", "steps", "schedule", "fingerprint"):
        assert card["training"][name] == training[name], name
    assert card["training"]["fingerprint"] == SyntheticDataset().fingerprint
    assert "init" not in training  # one command, from nothing
    assert f"--preset {training['preset']} " in card["training"]["command"]


def test_the_command_on_the_card_still_trains_this(trained: TrainedGenerator, card: dict[str, Any]) -> None:
    settings = preset(trained.metadata["training"]["preset"])
    assert settings.steps == card["training"]["steps"]
    assert settings.generator == trained.config
    assert settings.deviations == trained.deviations
    assert settings.losses == trained.losses
    assert settings.inputs == trained.inputs


def test_the_claim_on_the_card_is_what_was_asked_for(card: dict[str, Any]) -> None:
    held_out = card["held_out"]
    assert held_out["clips"] >= FEWEST_CLIPS
    ours, warp = held_out["results"]["attlwb T=0"], held_out["results"]["warp"]
    assert ours["PSNR"] - warp["PSNR"] >= LEAST_GAIN
    assert ours["SSIM"] > warp["SSIM"]
    assert ours["LPIPS"] < warp["LPIPS"]


def _psnr(truth: Images, drawn: Images) -> float:
    error = np.mean((truth.astype(np.float64) - drawn) ** 2, axis=(1, 2, 3))
    return float(np.mean(10.0 * np.log10(255.0**2 / error)))


def _score(method: Method, clip: Clip, sources: Sequence[int], targets: Sequence[int]) -> float:
    material = Sources(clip.frames(sources), clip.masks(sources), clip.track.take(sources), "open-coarse")
    subject = method.personalize(material, steps=0, seed=0)
    drawn = np.concatenate(list(subject.render(Targets(clip.track.take(targets), same_person=True))))
    return _psnr(clip.frames(targets), drawn)


def test_they_beat_the_warp_on_held_out_people(
    trained: TrainedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three people who are not in training, four frames each."""
    monkeypatch.setenv("IPER_BENCH_HOME", str(tmp_path))
    dataset = SyntheticDataset()
    trials = [
        t for t in build_trials(load_protocol("synthetic-demo"), dataset, limit=3) if t.setting == "self"
    ]
    gains = []
    for trial in trials:
        clip, targets = dataset.clip(trial.source_clip), trial.target_frames[::4]
        ours, warp = (
            _score(method, clip, trial.sources[2], targets)
            for method in (LiquidWarping("attlwb", trained), Warp())
        )
        gains.append(ours - warp)
    assert len(gains) == 3
    assert min(gains) > 0.0
    # the card's gain, less what a dozen frames of the hardest motion may cost
    assert np.mean(gains) > LEAST_GAIN / 2
