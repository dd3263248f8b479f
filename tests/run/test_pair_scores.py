"""Validation scores: the numbers of the metric suite, and what is said when their network is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.metrics.suite import FrameSet, MetricSuite
from iper_bench.run.pair_scores import PairScores


@pytest.fixture(scope="module")
def scores() -> PairScores:
    return PairScores("offline")


def frames(seed: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)


def test_numbers_are_those_of_the_suite(scores: PairScores) -> None:
    predictions, truths = frames(0), frames(1)
    predictions[1] = truths[1]  # identical frames are left out of PSNR
    suite = MetricSuite(["offline"]).measure(FrameSet([predictions], truths=[truths]), "self")
    wanted = {value.metric: value.value for value in suite.values if value.metric in ("PSNR", "LPIPS")}
    assert scores(predictions, truths) == wanted
    assert scores.notes["profile"] == "offline"
    assert "efficientnet" in scores.notes["network"]


def test_the_batch_changes_nothing(scores: PairScores, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, truths = frames(2, 5), frames(3, 5)
    wanted = scores(predictions, truths)
    monkeypatch.setattr("iper_bench.run.pair_scores.BATCH", 2)
    assert scores(predictions, truths) == wanted


def test_sides_of_different_lengths(scores: PairScores) -> None:
    with pytest.raises(ValueError, match="3 predictions and 2 truths"):
        scores(frames(0), frames(1)[:2])


def test_identical_frames(scores: PairScores) -> None:
    found = scores(frames(0), frames(0))
    assert math.isinf(found["PSNR"])
    assert found["LPIPS"] == pytest.approx(0.0, abs=1e-12)


def test_small_frames_are_one_line(scores: PairScores) -> None:
    with pytest.raises(UserError, match="LPIPS needs frames of 32 px"):
        scores(frames(0)[:, :16, :16], frames(1)[:, :16, :16])


def test_missing_network_is_one_line(tmp_path) -> None:
    with pytest.raises(UserError, match=r"LPIPS of profile .standard.: .*--validate-profile offline"):
        PairScores("standard", weights_dir=tmp_path)
    with pytest.raises(UserError, match="offline"):
        PairScores("ofline")
