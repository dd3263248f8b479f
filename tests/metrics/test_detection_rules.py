"""Missing detections and averages, against the official runners and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.metrics.averages import (
    EMPTY_BATCH_VALUE,
    PAPER_BATCH,
    frame_mean,
    mean_of_batch_means,
)
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.inception_score import inception_score
from iper_bench.metrics.profiles.detection_rules import (
    paper_selection,
    paper_similarities,
    stack,
    standard_selection,
    standard_similarities,
)
from iper_bench.metrics.psnr import psnr_paper
from iper_bench.metrics.source import Observation
from iper_bench.metrics.ssim import ssim_paper
from tests.oracles import load, oracle_files

TOLERANCE = 1e-6  # float32 means of the official runner
DISTANCE = {"rel": 2e-7, "abs": 1e-6}  # error of the official matrix square root itself
SCORE = 1e-5  # relative; the official inception score is float32
FILES = oracle_files("metrics/aggregation*.npz")


def observations(features, detected=None):
    flags = [True] * len(features) if detected is None else [bool(flag) for flag in detected]
    return [Observation(row, flag) for row, flag in zip(features, flags, strict=True)]


def in_batches(values, batch):
    """The value by batches of ``batch``, which is the reported one when that is the product's batch."""
    found = mean_of_batch_means(values.per_frame, batch=batch, empty=EMPTY_BATCH_VALUE)
    if batch == PAPER_BATCH:
        assert values.value == found
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_paper_reference(path):
    arrays = load(path)
    batch = int(arrays["batch_size"])
    distances = [float(v) for v in arrays["lpips_item"]]
    official = float(arrays["paired_lps"])
    assert mean_of_batch_means(distances, batch=batch) == pytest.approx(official, abs=TOLERANCE)
    assert frame_mean(distances) == pytest.approx(float(arrays["micro_lps"]), abs=TOLERANCE)
    for part, key in (("os", "OS"), ("pcb", "PCB")):
        ours, theirs = observations(arrays[f"{part}_pred"]), observations(arrays[f"{part}_ref"])
        for setting, runner in (("self", "paired"), ("cross", "unpaired")):
            value = paper_similarities("body", setting, ours, theirs)["CS"]
            official = float(arrays[f"{runner}_{key}-CS-reid"])
            assert in_batches(value, batch) == pytest.approx(official, abs=TOLERANCE)
            if f"micro_{key}-CS-reid" in arrays:
                micro = float(arrays[f"micro_{key}-CS-reid"])
                assert frame_mean(value.per_frame) == pytest.approx(micro, abs=TOLERANCE)
        selected = [stack(side) for side in paper_selection("body", ours, theirs)]
        assert frechet_distance(*selected) == pytest.approx(
            float(arrays[f"unpaired_{key}-freid"]), **DISTANCE
        )
    assert frechet_distance(arrays["inc_pred"], arrays["inc_ref"]) == pytest.approx(
        float(arrays["unpaired_fid"]), **DISTANCE
    )
    assert inception_score(arrays["inc_pred"]) == pytest.approx(float(arrays["unpaired_is"]), rel=SCORE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_paper_reference_of_faces(path):
    arrays = load(path)
    ours = observations(arrays["face_pred"], arrays["face_pred_detected"])
    theirs = observations(arrays["face_ref"], arrays["face_ref_detected"])
    batch = int(arrays["batch_size"])
    paired = paper_similarities("face", "self", ours, theirs)["CS"]
    assert in_batches(paired, batch) == pytest.approx(float(arrays["paired_face-CS"]), abs=TOLERANCE)
    assert frame_mean(paired.per_frame) == pytest.approx(
        float(arrays["micro_face-CS_refvalid"]), abs=TOLERANCE
    )
    unpaired = paper_similarities("face", "cross", ours, theirs)["CS"]
    assert in_batches(unpaired, batch) == pytest.approx(float(arrays["unpaired_face-CS"]), abs=TOLERANCE)
    assert frame_mean(unpaired.per_frame) == pytest.approx(float(arrays["micro_face-CS_all"]), abs=TOLERANCE)
    selected = [stack(side) for side in paper_selection("face", ours, theirs)]
    assert frechet_distance(*selected) == pytest.approx(float(arrays["unpaired_face-FD"]), **DISTANCE)
    both = standard_similarities("face", "self", ours, theirs)["CS/detected"]
    assert both.value == pytest.approx(float(arrays["micro_face-CS_bothvalid"]), abs=TOLERANCE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_paper_reference_of_pixels(path):
    arrays = load(path)
    batch = int(arrays["batch_size"])
    # tolerances of test_ssim.py and test_psnr.py
    for function, name, tolerance in ((ssim_paper, "ssim", 1e-12), (psnr_paper, "psnr", 1e-9)):
        each = [function(p, r) for p, r in zip(arrays["img_pred"], arrays["img_ref"], strict=True)]
        np.testing.assert_allclose(each, arrays[f"img_{name}_each"], rtol=0, atol=tolerance)
        assert mean_of_batch_means(each, batch=batch) == pytest.approx(
            float(arrays[f"img_{name}"]), abs=tolerance
        )
        assert frame_mean(each) == pytest.approx(float(arrays[f"micro_{name}"]), abs=tolerance)


def test_standard_penalises_lost_faces_and_ignores_frames_without_truth():
    e1, e2 = np.eye(2, dtype=np.float32)
    ours = [Observation(e1, True), Observation(None, False), Observation(e1, True), Observation(e1, True)]
    theirs = [Observation(e1, True), Observation(e1, True), Observation(None, False), Observation(e2, True)]
    values = standard_similarities("face", "cross", ours, theirs)
    assert values["CS"].per_frame == [1.0, 0.0, None, 0.0]
    assert values["CS"].value == pytest.approx(1 / 3)
    assert values["CS/detected"].per_frame == [1.0, None, None, 0.0]
    assert values["rate/prediction"].value == values["rate/reference"].value == 0.75
    assert values["CS/centroid"].value == pytest.approx(2 / np.sqrt(5))
    assert [len(side) for side in standard_selection("face", ours, theirs)] == [3, 3]


def test_nothing_detected_has_no_value():
    nothing = [Observation(None, False)] * 3
    values = standard_similarities("face", "cross", nothing, nothing)
    assert [values[name].value for name in ("CS", "CS/detected", "CS/centroid")] == [None] * 3
    assert values["rate/prediction"].value == 0.0


def test_a_prediction_beyond_the_real_set_has_no_partner():
    one = Observation(np.ones(2, dtype=np.float32), True)
    for rule in (standard_similarities, paper_similarities):
        assert rule("face", "cross", [one] * 3, [one] * 2)["CS"].per_frame == pytest.approx(
            [1.0, 1.0, None], abs=1e-5
        )


def test_paper_leaves_out_an_empty_crop():
    one, lost = Observation(np.ones(2, dtype=np.float32), True), Observation(None, True)
    values = paper_similarities("body", "self", [one, lost, one], [one, one, lost])["CS"]
    assert [value is None for value in values.per_frame] == [False, True, True]
    assert [len(side) for side in paper_selection("body", [one, lost, one], [one, one, one])] == [2, 3]


def test_batch_rule_weighs_the_last_batch_more():
    assert mean_of_batch_means([0.0, 0.0, 3.0], batch=2) == 1.5
    assert mean_of_batch_means([None, None, 3.0], batch=2, empty=0.0) == 1.5
    assert mean_of_batch_means([None, None, 3.0], batch=2) == 3.0
    assert mean_of_batch_means([], batch=2) is None
