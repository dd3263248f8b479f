"""Missing detections and averages, against the official runners and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from iper_bench.averages import (
    EMPTY_BATCH_VALUE,
    PAPER_BATCH,
    averaged,
    frame_mean,
    mean_of_batch_means,
)
from iper_bench.metrics.feature_meters import cosine_values, selected
from iper_bench.metrics.frechet import frechet_distance
from iper_bench.metrics.inception_score import inception_score
from iper_bench.metrics.profiles import PROFILES
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


def values_of(profile, metric, setting, ours, theirs):
    """Per-frame values of a metric of a profile, and the number that its rule makes of them."""
    definition = PROFILES.get(profile).definition(metric, setting)
    values = cosine_values(definition, ours, theirs)
    count = min(len(ours), len(theirs))
    return values, averaged(values[:count], definition["average"])


def in_batches(found, batch):
    """The value by batches of ``batch``, which is the reported one when that is the product's batch."""
    values, reported = found
    value = mean_of_batch_means(values, batch=batch, empty=EMPTY_BATCH_VALUE)
    if batch == PAPER_BATCH:
        assert reported == value
    return value


def stack(side):
    return np.stack([one.feature for one in side])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_paper_reference(path):
    arrays = load(path)
    batch = int(arrays["batch_size"])
    distances = [float(v) for v in arrays["lpips_item"]]
    official = float(arrays["paired_lps"])
    assert mean_of_batch_means(distances, batch=batch) == pytest.approx(official, abs=TOLERANCE)
    assert frame_mean(distances) == pytest.approx(float(arrays["micro_lps"]), abs=TOLERANCE)
    for part, key, name in (("os", "OS", "Body"), ("pcb", "PCB", "PCB")):
        ours, theirs = observations(arrays[f"{part}_pred"]), observations(arrays[f"{part}_ref"])
        for setting, runner in (("self", "paired"), ("cross", "unpaired")):
            value = values_of("paper", f"{name}-CS", setting, ours, theirs)
            official = float(arrays[f"{runner}_{key}-CS-reid"])
            assert in_batches(value, batch) == pytest.approx(official, abs=TOLERANCE)
            if f"micro_{key}-CS-reid" in arrays:
                micro = float(arrays[f"micro_{key}-CS-reid"])
                assert frame_mean(value[0]) == pytest.approx(micro, abs=TOLERANCE)
        chosen = [stack(side) for side in selected("all", ours, theirs)]
        assert frechet_distance(*chosen) == pytest.approx(float(arrays[f"unpaired_{key}-freid"]), **DISTANCE)
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
    paired = values_of("paper", "Face-CS", "self", ours, theirs)
    assert in_batches(paired, batch) == pytest.approx(float(arrays["paired_face-CS"]), abs=TOLERANCE)
    assert frame_mean(paired[0]) == pytest.approx(float(arrays["micro_face-CS_refvalid"]), abs=TOLERANCE)
    unpaired = values_of("paper", "Face-CS", "cross", ours, theirs)
    assert in_batches(unpaired, batch) == pytest.approx(float(arrays["unpaired_face-CS"]), abs=TOLERANCE)
    assert frame_mean(unpaired[0]) == pytest.approx(float(arrays["micro_face-CS_all"]), abs=TOLERANCE)
    face_fd = PROFILES.get("paper").definition("Face-FD", "cross")
    chosen = [stack(side) for side in selected(face_fd["selection"], ours, theirs)]
    assert frechet_distance(*chosen) == pytest.approx(float(arrays["unpaired_face-FD"]), **DISTANCE)
    both = values_of("standard", "Face-CS/detected", "self", ours, theirs)
    assert both[1] == pytest.approx(float(arrays["micro_face-CS_bothvalid"]), abs=TOLERANCE)


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
    penalised, value = values_of("standard", "Face-CS", "cross", ours, theirs)
    assert penalised == [1.0, 0.0, None, 0.0]
    assert value == pytest.approx(1 / 3)
    assert values_of("standard", "Face-CS/detected", "cross", ours, theirs)[0] == [1.0, None, None, 0.0]
    assert [len(side) for side in selected("own", ours, theirs)] == [3, 3]
    assert [len(side) for side in selected("reference", ours, theirs)] == [3, 3]
    assert [len(side) for side in selected("all", ours, theirs)] == [4, 4]


def test_nothing_detected_has_no_value():
    nothing = [Observation(None, False)] * 3
    for metric in ("Face-CS", "Face-CS/detected", "Body-CS"):
        assert values_of("standard", metric, "cross", nothing, nothing) == ([None] * 3, None)


def test_a_prediction_beyond_the_real_set_has_no_partner():
    one = Observation(np.ones(2, dtype=np.float32), True)
    for profile in ("standard", "paper"):
        values, _ = values_of(profile, "Face-CS", "cross", [one] * 3, [one] * 2)
        assert values == pytest.approx([1.0, 1.0, None], abs=1e-5)


def test_paper_leaves_out_an_empty_crop():
    one, lost = Observation(np.ones(2, dtype=np.float32), True), Observation(None, False)
    values, _ = values_of("paper", "Body-CS", "self", [one, lost, one], [one, one, lost])
    assert [value is None for value in values] == [False, True, True]


def test_batch_rule_weighs_the_last_batch_more():
    assert mean_of_batch_means([0.0, 0.0, 3.0], batch=2) == 1.5
    assert mean_of_batch_means([None, None, 3.0], batch=2, empty=0.0) == 1.5
    assert mean_of_batch_means([None, None, 3.0], batch=2) == 3.0
    assert mean_of_batch_means([], batch=2) is None
