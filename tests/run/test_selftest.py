"""The golden frames and values, and the comparison of a machine with them."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from iper_bench.errors import UserError
from iper_bench.metrics.backbones import inception, osnet, ultralytics_yolo, yolov3_spp
from iper_bench.metrics.golden import pairs as golden_files
from iper_bench.metrics.golden.defects import DEFECTS, MOSAIC, NOISE, SHIFT
from iper_bench.metrics.golden.measurement import cases
from iper_bench.metrics.golden.pairs import golden_pairs
from iper_bench.metrics.golden.seeded_bench import PipBench, SeededBench, seeded_tensor
from iper_bench.metrics.golden.stored_value import (
    GPU_WIDER,
    PIP,
    SEEDED,
    StoredValue,
    choices_hash,
    golden_values,
)
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.weights import MissingWeightsError
from iper_bench.run import selftest as module
from iper_bench.run.selftest import selftest

MOST_BYTES = 350_000


@pytest.fixture(scope="module")
def pairs():
    return golden_pairs()


@pytest.fixture(scope="module")
def golden():
    return golden_values()


def value(golden, profile, setting, metric, weights=PIP):
    found = [one.value for one in golden.values if one.key == (weights, profile, setting, metric)]
    assert len(found) == 1
    return found[0]


def test_frames_are_small_and_of_one_size(pairs):
    folder = Path(golden_files.__file__).parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < MOST_BYTES
    assert pairs.truths.shape == pairs.predictions.shape == (len(DEFECTS), 160, 160, 3)
    assert pairs.truth_boxes.shape == pairs.prediction_boxes.shape == (len(DEFECTS), 4)


def test_defects_do_what_they_say(pairs):
    made = dict(zip(DEFECTS, zip(pairs.predictions, pairs.truths, strict=True), strict=True))
    assert (made["nothing"][0] == made["nothing"][1]).all()
    changed, true = made["shift"]
    assert (changed[:, SHIFT:] == true[:, :-SHIFT]).all()
    changed, true = made["noise"]
    assert np.abs(changed.astype(int) - true).max() == NOISE
    changed, true = made["mirror"]
    assert (changed[:, ::-1] == true).all()
    changed, true = made["mosaic"]
    assert len(np.unique(changed[:MOSAIC, :MOSAIC].reshape(-1, 3), axis=0)) == 1
    assert np.abs(changed[:MOSAIC, :MOSAIC].mean((0, 1)) - true[:MOSAIC, :MOSAIC].mean((0, 1))).max() < 1
    changed, true = made["blur"]
    assert changed[80, 80, 1] == true[78:83, 78:83, 1].sum() // 25
    changed, true = made["tint"]
    assert (changed <= true).all()
    changed, true = made["blocks"]
    assert 0 < np.abs(changed.astype(int) - true).mean() < 12


def test_boxes_follow_the_defects(pairs):
    boxes = dict(zip(DEFECTS, zip(pairs.prediction_boxes, pairs.truth_boxes, strict=True), strict=True))
    assert np.isnan(boxes["mosaic"][0]).all()
    ours, theirs = boxes["mirror"]
    assert ours[0] + theirs[2] == ours[2] + theirs[0] == 160
    ours, theirs = boxes["shift"]
    assert ours[0] == theirs[0] + SHIFT
    assert (boxes["tint"][0] == boxes["tint"][1]).all()


def test_other_frames_are_refused(monkeypatch):
    monkeypatch.setattr(golden_files, "DEFECTS", {**DEFECTS, "tint": DEFECTS["mirror"]})
    with pytest.raises(UserError, match="predictions are not those"):
        golden_pairs()
    monkeypatch.setattr(golden_files, "picture_name", lambda number: "frames.json")
    with pytest.raises(UserError, match="cannot be read"):
        golden_pairs()


def test_stored_pixel_values_are_those_of_other_code(pairs, golden):
    errors = ((pairs.predictions.astype(float) - pairs.truths) ** 2).mean(axis=(1, 2, 3))
    assert errors[0] == 0
    decibels = [10 * math.log10(255**2 / error) for error in errors[1:]]
    assert value(golden, "standard", "self", "PSNR") == pytest.approx(np.mean(decibels), rel=1e-12)
    pooled = 10 * math.log10(255**2 / errors.mean())
    assert value(golden, "offline", "self", "PSNR/pooled") == pytest.approx(pooled, rel=1e-12)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    similar = [
        structural_similarity(p, t, channel_axis=2, data_range=255, **settings)
        for p, t in zip(pairs.predictions, pairs.truths, strict=True)
    ]
    assert value(golden, "standard", "self", "SSIM") == pytest.approx(np.mean(similar), abs=1e-6)
    assert value(golden, "offline", "self", "Body-rate/prediction") == 7 / 8  # the mosaic has no body
    assert value(golden, "offline", "self", "Face-rate/reference") == 7 / 8  # one is seen from behind


def test_stored_values_are_of_todays_definitions(golden):
    known = {
        (weights, *case.key): choices_hash(case.definition)
        for weights in (PIP, SEEDED)
        for case in cases(list(PROFILES), weights)
    }
    for one in golden.values:
        if one.family != "boxes":
            assert known.get(one.key) == one.definition, f"{one.key}: python tools/make_golden_frames.py"


def test_every_metric_of_every_profile_has_a_value(golden):
    measured = {one.key[1:] for one in golden.values}
    lacking = {case.key for case in cases(list(PROFILES), PIP) if case.key not in measured}
    searched = {("standard", s, f"Body-rate/{side}") for s in ("self", "cross") for side in
                ("prediction", "reference")}  # fmt: skip
    assert lacking == searched  # by a detector whose box is checked by itself
    assert {"fasterrcnn box x0", "yolov3-spp box y1"} <= {metric for _, _, metric in measured}


def test_values_without_networks_are_the_same_here(golden):
    report = selftest(["legacy", "paper"])
    assert report.exit_status == 0, report.summary
    assert len(report.checks) == 6
    assert report.left == sum(one.weights == SEEDED and one.profile in ("legacy", "paper")
                              for one in golden.values)  # fmt: skip
    assert "6 values within tolerance; largest deviation" in report.summary
    assert f"torch {torch.__version__.split('+')[0]}" in report.machine
    assert report.content()["passed"] is True


@pytest.mark.slow
def test_offline_is_the_same_here():
    report = selftest(["offline"])
    assert report.exit_status == 0, [(one.stored.metric, one.deviation) for one in report.failed]
    assert len(report.checks) > 30


def changed(golden, metric, **fields):
    values = tuple(replace(one, **fields) if one.metric == metric else one for one in golden.values)
    return replace(golden, values=values)


@pytest.mark.parametrize(
    ("fields", "words"), [({"value": 20.0}, None), ({"definition": "0" * 16}, "another definition")]
)
def test_another_value_or_definition_fails(monkeypatch, golden, fields, words):
    monkeypatch.setattr(module, "golden_values", lambda: changed(golden, "psnr/grey", **fields))
    report = selftest(["legacy"])
    assert report.exit_status == 1
    (failed,) = report.failed
    assert failed.stored.metric == "psnr/grey"
    assert words is None or words in failed.reason
    assert "1 of 4 values are out of tolerance" in report.summary
    assert report.content()["passed"] is False


def test_a_value_that_is_no_number_fails():
    stored = StoredValue("a", "self", "b", PIP, 1.0, "pixels", "")
    assert module.Check(stored, 0.0, 1.0).passed
    assert not module.Check(stored, 1.0, math.nan).passed
    assert not module.Check(stored, 1.0, None, "no face").passed


def test_tolerances_are_wider_on_a_gpu_where_networks_run(golden):
    by_family = {one.family: one for one in golden.values}
    assert set(by_family) == set(golden.tolerances)
    for family, one in by_family.items():
        here, there = (golden.allowed(one, on_gpu=gpu) for gpu in (False, True))
        same = family in ("whole numbers", "pixels", "detection rates")
        assert there == pytest.approx(here if same else GPU_WIDER * here)
        assert golden.tolerances[family].reason


def test_seeded_tensors_known_answers():
    drawn = np.random.RandomState(zlib.crc32(b"a.weight")).standard_normal(12)
    kernel = seeded_tensor("a.weight", (2, 3, 2, 1)).numpy()
    np.testing.assert_array_equal(kernel.ravel(), np.float32(drawn * math.sqrt(2 / 6)))
    scale = seeded_tensor("a.weight", (12,)).numpy()
    np.testing.assert_array_equal(scale, np.float32(1 + 0.1 * drawn))
    spread = seeded_tensor("a.running_var", (4,)).numpy()
    assert ((spread > 0.5) & (spread < 1)).all()
    large = seeded_tensor("b.weight", (400, 500)).numpy().ravel()
    np.testing.assert_array_equal(large[:99_991], large[99_991:199_982])


def test_benches_know_what_they_should():
    with pytest.raises(MissingWeightsError, match="no weights from pip"):
        PipBench().weights(osnet.STANDARD_IDENTITY)
    with SeededBench() as bench:
        file = bench.weights(osnet.STANDARD_IDENTITY)
        assert file.path.is_file()
        assert bench.weights(osnet.STANDARD_IDENTITY) == file
        network = osnet.load_standard(file, torch.device("cpu"))  # through the loader of real weights
        first = seeded_tensor("conv1.conv.weight", (64, 3, 7, 7))
        held = torch.load(file.path, weights_only=True)
        assert torch.equal(held["conv1.conv.weight"], first)
        assert network.label.endswith(file.sha256[:12])
        with pytest.raises(MissingWeightsError, match="no seeded weights"):
            bench.weights(ultralytics_yolo.IDENTITY)
        other = bench.weights(inception.STANDARD_IDENTITY)
        assert other.sha256 != file.sha256
    assert not file.path.exists()


def test_the_seeded_darknet_file_has_the_length_of_a_real_one(tmp_path):
    with SeededBench() as bench:
        file = bench.weights(yolov3_spp.IDENTITY)
        assert file.path.stat().st_size == 4 * (yolov3_spp.HEADER + 63_052_381)
