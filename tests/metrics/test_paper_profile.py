"""What the profile `paper` says of itself is what it computes: the official evaluator on one trial alone."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.averages import OVER_ALL_TRIALS, averaged, frame_mean, mean_of_batch_means
from iper_bench.metrics.cropping import paper_frame
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.psnr import psnr_paper
from iper_bench.metrics.suite import FrameSet, MetricSuite

PAPER = PROFILES.get("paper")
LENGTHS = (18, 16, 5)  # frames per trial; none but the second fills its batches of 16
BATCH = 16
NOISE = (4, 12, 30)  # grey levels, so that trials differ


def trial(frames: int, noise: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(frames)
    truths = rng.integers(0, 256, (frames, 12, 12, 3), dtype=np.uint8)
    growing = np.linspace(1, noise, frames)[:, None, None, None]
    predictions = np.clip(truths + rng.normal(0, 1, truths.shape) * growing, 0, 255)
    return predictions.astype(np.uint8), truths


def test_a_trial_has_the_evaluators_value_and_the_rows_give_that_of_a_data_set(tmp_path):
    suite = MetricSuite(
        ["paper"], weights_dir=tmp_path, batch_size=7
    )  # how frames are read is another matter
    values, each = [], []
    for frames, noise in zip(LENGTHS, NOISE, strict=True):
        predictions, truths = trial(frames, noise)
        measured = suite.measure(FrameSet([predictions], truths=[truths]), "self").values
        values.append(next(value for value in measured if value.metric == "PSNR"))
        each.append(
            [
                psnr_paper(paper_frame(ours, 512), paper_frame(theirs, 512))
                for ours, theirs in zip(predictions, truths, strict=True)
            ]
        )
    for value, alone in zip(values, each, strict=True):
        batches = [alone[start : start + BATCH] for start in range(0, len(alone), BATCH)]
        assert value.value == pytest.approx(np.mean([np.mean(batch) for batch in batches]), abs=1e-9)
    # the evaluator batches over the trials end to end, which no mean over trials or frames can repeat
    official = mean_of_batch_means([value for alone in each for value in alone])
    over_trials = np.mean([value.value for value in values])
    over_frames = frame_mean([value for alone in each for value in alone])
    assert abs(over_trials - official) > 0.1
    assert abs(over_frames - official) > 0.1
    # what the store needs for it lies in the rows
    assert {value.average for value in values} == {"batches-16"}
    assert values[0].average in OVER_ALL_TRIALS
    rows = [one for value in values for one in value.per_frame]
    assert averaged(rows, values[0].average) == pytest.approx(official, abs=1e-9)


def test_every_metric_sees_the_evaluators_frame_and_average():
    for definition in PAPER.every("self"):
        assert definition["frame"] == "linear-512", definition.metric
        assert definition["average"].startswith("batches-16"), definition.metric
        assert "his_evaluators" in definition.source
    for definition in PAPER.every("cross"):
        assert definition["frame"] == "linear-512", definition.metric
    assert PROFILES.get("standard").definition("LPIPS")["frame"] == "native"
