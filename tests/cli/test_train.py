"""``iper-bench train`` on the smallest embedded dataset: its options end to end, signals, mistyped values."""

from __future__ import annotations

import json
import os
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iper_bench.lwg.packaged import load_trained
from iper_bench.training.players import Players
from iper_bench.training.presets import PRESETS
from tests.cli.command_line import assert_one_line, run_line
from tests.training.small import SMALL

FILM = (
    "--size 32 --train-actors 1 --test-actors 1 --outfits 1 --outfit-actors 0 "
    "--turn-frames 4 --action-frames 4"
)


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sets variables; they must not leak into other tests."""
    monkeypatch.setattr(os, "environ", {**os.environ, "IPER_BENCH_DEVICE": "cpu"})
    monkeypatch.setitem(PRESETS, "small-test", replace(SMALL, steps=4))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one of them held out."""
    from iper_bench.cli.main import invoke

    folder = tmp_path_factory.mktemp("film")
    assert invoke(["data", "make-synthetic", "--out", str(folder / "made"), *FILM.split()]) == 0
    return folder / "made"


def command(film: Path, out: Path, *more: str) -> list[str]:
    plain = f"train --method attlwb --preset small-test --size 32 --dataset synthetic@{film} --out {out}"
    return [*plain.split(), *more]


def test_everything_at_once(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.full((40, 50, 3), 77, np.uint8)).save(images / "a.jpg")
    out = tmp_path / "out"
    options = (
        f"--backgrounds {images} --epochs 1 --batch 1 --accumulate 2 --ema 0.5 --schedule paper --workers 1 "
        "--validate-every 2 --log-images-every 2 --log-every 1 --save-every 2 --keep-every 3 --keep-newest 1 "
        "--keep-best --precision bf16"
    )
    outcome = run_line(capsys, *command(film, out, *options.split()))
    assert outcome.status == 0, outcome.err
    assert outcome.out.strip() == str(out / "weights.safetensors")
    assert "training: done, 4 items, loss " in outcome.err  # 8 frames, 1 person, 2 batches
    assert load_trained(out / "weights.safetensors").metadata["training"]["accumulate"] == 2
    scores = [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in scores] == [2, 4]
    assert all(line["profile"] == "offline" and line["PSNR"] > 0 and line["LPIPS"] > 0 for line in scores)
    assert (out / "weights-step-3.safetensors").is_file()
    assert len(list((out / "pictures" / "training").iterdir())) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_in_one_line_and_the_same_command_resumes(
    number: signal.Signals,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The weights are those of a training that nobody stopped."""
    arguments = command(film, tmp_path / "cut")
    real, calls = Players.step, []

    def step(*given: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(number)
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(Players, "step", step)
        outcome = run_line(capsys, *arguments)
    assert outcome.status == 130
    last = outcome.err.strip().splitlines()[-1]
    assert f"the same command resumes: {shlex.join(['iper-bench', *arguments])}" in last
    assert len(calls) == 2
    again = run_line(capsys, *arguments)
    assert again.status == 0, again.err
    assert "training: start, 2 items" in again.err
    assert run_line(capsys, *command(film, tmp_path / "whole")).status == 0
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("cut", "whole")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--schedule papr", "did you mean paper"),
        ("--precision fp61", "did you mean fp16"),
        ("--precision fp16", "needs a GPU"),
        ("--keep-best", "try: --validate-every N"),
        ("--steps 2 --epochs 2", "both --steps and --epochs"),
        ("--data-root elsewhere", "with one dataset that names no root"),
        ("--backgrounds nowhere", "nowhere: is not a folder"),
        ("--accumulate 0", "'--accumulate'"),
        ("--batch 100000000", "'--batch'"),
        ("--workers 1000000", "'--workers'"),
        ("--ema 1", "'--ema'"),
        ("--size 36", "try: --size 32 or 40"),
        ("--init nowhere.pth", "--init nowhere.pth: no such file"),
        ("--validate-every 1 --validate-profile ofline", "did you mean offline"),
    ],
)
def test_values_that_cannot_be_used_are_one_line(
    typed: str,
    words: str,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run_line(capsys, *command(film, tmp_path / "out", *typed.split())), words)
    assert not (tmp_path / "out").exists()


def test_mix_with_a_mistyped_dataset_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "train --method attlwb --dataset synthetic,synthetik --out"
    assert_one_line(run_line(capsys, *line.split(), str(tmp_path / "out")), "did you mean synthetic")
