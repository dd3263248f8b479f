"""The suite as the runner uses it: one pass, coverage, missing values, pooling, independence of batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch

from iper_bench.errors import UserError
from iper_bench.hashing import content_hash
from iper_bench.metrics.backbones import facenet, inception, lpips_trunks, osnet, yolov3_spp
from iper_bench.metrics.cropping import resize_pil
from iper_bench.metrics.metric import METRICS, SETTINGS
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.scores import features_of_arrays
from iper_bench.metrics.suite import FrameSet, MetricSuite

SIDE = 96


@pytest.fixture(scope="module")
def clip():
    """Five frames with a face and one without, and the box of the 'body' that carries it."""
    astronaut = np.ascontiguousarray(skimage.data.astronaut()[:320, 64:384])
    rng = np.random.default_rng(0)
    shifts = rng.integers(-8, 9, (5, 2))
    frames = [resize_pil(np.roll(astronaut, tuple(s), (0, 1)), SIDE, SIDE) for s in shifts]
    frames.append(resize_pil(skimage.data.coffee()[:256, :256], SIDE, SIDE))
    boxes = np.tile(np.array([10.0, 0.0, 86.0, 96.0]), (6, 1))
    return np.stack(frames), boxes


@pytest.fixture(scope="module")
def suite():
    return MetricSuite(["offline"])


def blurred(frames, amount):
    return np.stack([resize_pil(resize_pil(f, SIDE // amount, SIDE // amount), SIDE, SIDE) for f in frames])


def batches(frames, size):
    return (frames[start : start + size] for start in range(0, len(frames), size))


def by_name(values):
    return {value.metric: value for value in values}


def test_every_metric_of_a_profile_is_described():
    for name in PROFILES:
        profile = PROFILES.get(name)
        for setting in SETTINGS:
            for definition in profile.every(setting):
                assert setting in METRICS[definition.metric].settings, (name, definition.metric)
                assert all(definition.words().values()), (name, definition.metric)
            names = [definition.metric for definition in profile.every(setting)]
            assert len(set(names)) == len(names)
            if name == "legacy":
                assert all(definition.source for definition in profile.every(setting))


def test_identical_predictions_reach_each_metrics_best_value(suite, clip):
    frames, boxes = clip
    scores = suite.measure(
        FrameSet([frames], truths=[frames], prediction_boxes=boxes, truth_boxes=boxes), "self"
    )
    values = by_name(scores.values)
    assert list(values) == [one.metric for one in PROFILES.get("offline").metrics["self"]]
    assert values["PSNR"].value is None
    assert "identical" in values["PSNR"].reason
    for name in ("SSIM", "LPIPS", "Body-CS", "Face-CS", "Face-CS/detected"):
        assert values[name].value == pytest.approx(METRICS[name].identical, abs=1e-12), name
    # the coffee cup has no face: left out, never 0
    assert (values["Face-CS"].count, values["Face-CS"].total) == (5, 6)
    assert values["Face-CS"].per_frame[-1] is None
    assert values["Face-rate/reference"].value == pytest.approx(5 / 6)
    crossed = suite.measure(
        FrameSet([frames], reals=[frames], prediction_boxes=boxes, real_boxes=boxes), "cross"
    )
    for value in suite.pool([crossed.features]):
        # the unbiased estimate of KID is negative for a set against itself, the bias of 1 / n
        assert value.value <= 1e-7 if value.metric == "KID" else value.value == pytest.approx(0, abs=1e-7)


def test_worse_predictions_score_worse(suite, clip):
    frames, boxes = clip
    found = []
    for amount in (2, 6):
        pair = FrameSet([blurred(frames, amount)], [frames], [frames], boxes, boxes, boxes)
        values = by_name(suite.measure(pair, "self").values)
        crossed = suite.measure(
            FrameSet([blurred(frames, amount)], None, [frames], boxes, None, boxes), "cross"
        )
        found.append({**values, **by_name(suite.pool([crossed.features]))})
    for name in ("PSNR", "PSNR/pooled", "SSIM", "LPIPS", "Body-CS", "FID", "KID", "Body-FD"):
        better, worse = found[0][name].value, found[1][name].value
        assert (better > worse) == (METRICS[name].direction == "higher"), name


@pytest.mark.parametrize("setting", SETTINGS)
def test_values_do_not_depend_on_batches_or_cache(clip, setting):
    frames, boxes = clip
    results = []
    for size, sizes in ((16, (6, 6)), (1, (4, 5)), (4, (1, 3))):
        fresh = MetricSuite(["offline"], batch_size=size)
        for _ in range(2):  # the second time from the cache
            truth = batches(frames, sizes[1])
            results.append(
                fresh.measure(
                    FrameSet(batches(blurred(frames, 2), sizes[0]), truth, truth, boxes, boxes, boxes),
                    setting,
                )
            )
    for other in results[1:]:
        assert other.values == results[0].values
        arrays, reference = other.feature_arrays(), results[0].feature_arrays()
        assert sorted(arrays) == sorted(reference)
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, reference[key])


def test_values_do_not_depend_on_the_order_of_frames(suite, clip):
    frames, boxes = clip
    predictions = blurred(frames, 2)

    def measured(order):
        pair = FrameSet([predictions[order]], [frames[order]], None, boxes[order], boxes[order])
        return suite.measure(pair, "self").values

    order = np.array([3, 5, 0, 2, 1, 4])
    for first, second in zip(measured(np.arange(6)), measured(order), strict=True):
        if METRICS[first.metric].module == "flicker":
            continue  # it is about the frame before
        assert first.value == second.value
        if first.per_frame is not None:
            assert [first.per_frame[i] for i in order] == second.per_frame


def test_pooling_joins_units_and_survives_storage(suite, clip):
    frames, boxes = clip
    predictions = blurred(frames, 2)

    def unit(rows):
        pair = FrameSet([predictions[rows]], None, [frames[rows]], boxes[rows], None, boxes[rows])
        return suite.measure(pair, "cross")

    whole = suite.pool([unit(slice(None)).features])
    stored = [features_of_arrays(unit(rows).feature_arrays()) for rows in (slice(0, 2), slice(2, 6))]
    for first, second in zip(whole, suite.pool(stored), strict=True):
        assert second.value == pytest.approx(first.value, rel=1e-9)
        assert (first.count, first.total, first.note) == (second.count, second.total, second.note)
        assert "no more samples than dimensions" in first.note or first.metric == "KID"
    face = by_name(whole)["Face-FD"]
    assert face.count <= 5
    assert face.total == 6


def test_what_cannot_be_measured_has_a_reason(suite):
    grey = np.full((3, SIDE, SIDE, 3), 90, np.uint8)
    values = by_name(suite.measure(FrameSet([grey + 1], truths=[grey]), "self").values)
    assert values["Body-CS"].value is None
    assert "no body boxes were given" in values["Body-CS"].reason
    assert values["Face-CS"].reason == "no face found in the reference"
    assert values["PSNR"].value == pytest.approx(48.13, abs=0.01)
    crossed = suite.measure(FrameSet([grey], reals=[grey]), "cross")
    pooled = by_name(suite.pool([crossed.features]))
    assert pooled["Face-FD"].reason == "no face features in the predictions"
    assert pooled["FID"].value == pytest.approx(0, abs=1e-9)
    small = np.zeros((1, 8, 40, 3), np.uint8)
    values = by_name(suite.measure(FrameSet([small + 3], [small]), "self").values)
    assert "smaller than 11x11" in values["SSIM"].reason
    assert "needs frames of 32 px" in values["LPIPS"].reason
    assert values["PSNR"].value is not None
    empty = by_name(suite.measure(FrameSet([], truths=[]), "self").values)
    assert all(value.value is None and value.reason for value in empty.values())
    assert all(v.value is None and v.reason for v in suite.pool([]))


def test_profiles_without_weights_say_what_to_give(clip, tmp_path):
    frames, boxes = clip
    bare = MetricSuite(["paper", "standard"], weights_dir=tmp_path)
    scores = bare.measure(FrameSet([blurred(frames, 2)], [frames], None, boxes, boxes), "self")
    values = {(value.profile, value.metric): value for value in scores.values}
    for profile in ("paper", "standard"):
        assert values[(profile, "PSNR")].value is not None
        for metric, file in (
            ("LPIPS", "alexnet"),
            ("Body-CS", "osnet"),
            ("Face-CS", "20180402-114759-vggface2"),
        ):
            value = values[(profile, metric)]
            assert value.value is None
            assert file in value.reason
            assert "--weights-dir" in value.reason
    assert values[("paper", "PSNR")].definition != values[("standard", "PSNR")].definition
    for value in bare.pool([], "cross"):
        assert value.value is None
        assert "--weights-dir" in value.reason


def test_paper_and_standard_run_with_given_weights(clip, tmp_path, monkeypatch):
    from facenet_pytorch import InceptionResnetV1

    alex = lpips_trunks.TRUNKS["alex"]
    unknown = replace(alex, identity=replace(alex.identity, hash_in_name=False))
    monkeypatch.setitem(lpips_trunks.TRUNKS, "alex", unknown)
    monkeypatch.setattr(inception, "PAPER_IDENTITY", replace(inception.PAPER_IDENTITY, hash_in_name=False))
    torch.manual_seed(0)
    trunk = {f"features.{k}": v for k, v in lpips_trunks.trunk_module("alex").state_dict().items()}
    torch.save(trunk, tmp_path / lpips_trunks.TRUNKS["alex"].identity.files[0])
    torch.save(InceptionResnetV1(pretrained=None).state_dict(), tmp_path / facenet.IDENTITY.files[0])
    torch.save(inception.torchvision_graph().state_dict(), tmp_path / inception.PAPER_IDENTITY.files[0])
    state = osnet.graph(instance_norm=True).state_dict()
    torch.save(state, tmp_path / osnet.PAPER_IDENTITY.files[0])
    (tmp_path / yolov3_spp.IDENTITY.files[0]).write_bytes(b"toy")
    monkeypatch.setattr(yolov3_spp, "fill_from_darknet", lambda network, path: None)
    row = np.zeros((1, 85), dtype=np.float32)
    row[0, :6] = (200, 200, 150, 300, 0.9, 0.9)
    found = iter([row] * 5 + [row * 0] * 7)  # the last frames show nobody
    monkeypatch.setattr(yolov3_spp.PaperPersonDetector, "raw", lambda self, image: next(found))
    frames, boxes = clip
    predictions = blurred(frames[3:], 2)
    full = MetricSuite(["paper", "standard"], weights_dir=tmp_path)
    pair = FrameSet([predictions], [frames[3:]], None, boxes[3:], boxes[3:])
    scores = {(v.profile, v.metric): v for v in full.measure(pair, "self").values}
    assert scores[("paper", "LPIPS")].value > 0
    assert scores[("paper", "LPIPS")].backbone.startswith("lpips_alex@")
    assert scores[("paper", "Face-CS")].count == 2
    assert scores[("standard", "Face-CS")].total == 3
    crossed = full.measure(FrameSet([predictions], None, [frames[3:]], boxes[3:], None, boxes[3:]), "cross")
    pooled = {(v.profile, v.metric): v for v in full.pool([crossed.features])}
    assert pooled[("paper", "FID")].value > 0
    assert pooled[("paper", "IS")].value >= 1
    assert scores[("paper", "Body-CS")].count == 3
    assert 0 <= scores[("paper", "Body-CS")].value <= 1  # features after a ReLU are not negative
    assert pooled[("paper", "Body-FD")].value > 0
    assert pooled[("standard", "FID")].value is None


def test_definitions_are_complete_and_hash_to_their_names(suite, clip):
    frames, boxes = clip
    scores = suite.measure(
        FrameSet([frames], truths=[frames], prediction_boxes=boxes, truth_boxes=boxes), "self"
    )
    definitions = suite.definitions()
    told = ("words", "source")  # for people; they are no part of the passport
    for name, text in definitions.items():
        assert content_hash({key: value for key, value in text.items() if key not in told}) == name
    for value in scores.values:
        assert definitions[value.definition]["metric"] == value.metric
    hashes = [value.definition for value in scores.values]
    assert len(set(hashes)) == len(hashes)


def test_truths_are_embedded_once_for_all_methods(clip, monkeypatch):
    frames, boxes = clip
    fresh = MetricSuite(["offline"])
    calls = []
    pair = FrameSet([blurred(frames, 2)], [frames], None, boxes, boxes)
    fresh.measure(pair, "self")
    network = fresh._bench.once("network/efficientnet_lite0", lambda: pytest.fail("loaded twice"))
    forward = network._forward
    monkeypatch.setattr(network, "_forward", lambda inputs: (calls.append(len(inputs)), forward(inputs))[1])
    fresh.measure(FrameSet([blurred(frames, 4)], [frames], None, boxes, boxes), "self")
    # bodies, faces and what is at the truth's boxes of the six predictions; none of the truths
    assert 6 <= sum(calls) <= 18


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({"predictions": [np.zeros((2, 8, 8, 3), np.float32)]}, "float32"),
        ({"predictions": [np.zeros((8, 8, 3), np.uint8)]}, r"\(B, H, W, 3\)"),
        ({"predictions": [np.zeros((2, 8, 8, 1), np.uint8)]}, r"\(2, 8, 8, 1\)"),
        ({"predictions": [np.zeros((3, 16, 16, 3), np.uint8)]}, "one truth per prediction"),
        ({"predictions": [np.zeros((2, 17, 16, 3), np.uint8)]}, "one size"),
        (
            {"predictions": [np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 9, 16, 3), np.uint8)]},
            "size changes",
        ),
        ({"prediction_boxes": np.zeros((1, 4))}, "at least 2 rows"),
        ({"truths": None}, "without truth frames"),
    ],
)
def test_bad_streams_are_refused_in_one_line(suite, frames, message):
    good = {
        "predictions": [np.zeros((2, 16, 16, 3), np.uint8)],
        "truths": [np.zeros((2, 16, 16, 3), np.uint8)],
    }
    with pytest.raises(UserError, match=message) as caught:
        suite.measure(FrameSet(**{**good, **frames}), "self")
    assert "\n" not in str(caught.value)


def test_bad_requests_are_refused(suite, tmp_path):
    with pytest.raises(UserError, match="did you mean standard"):
        MetricSuite(["standrad"])
    with pytest.raises(UserError, match="different names"):
        MetricSuite(["offline", "offline"])
    with pytest.raises(UserError, match="not a folder"):
        MetricSuite(["offline"], weights_dir=tmp_path / "absent")
    with pytest.raises(UserError, match="did you mean self"):
        suite.measure(FrameSet([]), "selv")
    with pytest.raises(UserError, match="batch size 0"):
        MetricSuite(["offline"], batch_size=0)
