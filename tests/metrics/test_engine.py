"""What definitions are made of: choices, passports, one pass, coverage, temporal metrics, the choice of
metrics.
"""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.averages import averaged
from iper_bench.errors import UserError
from iper_bench.metrics import cropping
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.definition import Definition, Passport
from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.kinds import KINDS
from iper_bench.metrics.metric import METRICS, SETTINGS
from iper_bench.metrics.pair_meters import pixel_function
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.profiles.profile import with_person_detector
from iper_bench.metrics.psnr import psnr, psnr_paper
from iper_bench.metrics.reading import Reading
from iper_bench.metrics.scorer import meter
from iper_bench.metrics.ssim import ssim, ssim_paper
from iper_bench.metrics.suite import FrameSet, MetricSuite

SIDE = 96
PAIR = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def clip():
    """Three frames, the third without a face; predictions that are a little off; boxes."""
    astronaut = cropping.resize_pil(np.ascontiguousarray(skimage.data.astronaut()[:320, 64:384]), SIDE, SIDE)
    coffee = cropping.resize_pil(skimage.data.coffee()[:256, :256], SIDE, SIDE)
    truths = np.stack([astronaut, np.roll(astronaut, 3, 1), coffee])
    predictions = np.stack([cropping.resize_pil(cropping.resize_pil(f, 48, 48), SIDE, SIDE) for f in truths])
    return predictions, truths, np.tile(np.array([10.0, 0.0, 86.0, 96.0]), (3, 1))


def by_name(values):
    return {value.metric: value for value in values}


def test_a_definition_takes_one_known_choice_per_field():
    good = PROFILES.get("standard").definition("SSIM")
    assert list(good.choices) == list(good.kind.fields)
    with pytest.raises(UserError, match="did you mean uniform-7"):
        good.having(window="uniform7")
    with pytest.raises(UserError, match="did you mean window"):
        good.having(windw="uniform-7")
    with pytest.raises(ValueError, match="no choice for"):
        Definition("SSIM", good.kind, {"frame": "native"})


def test_every_choice_of_every_kind_is_used_by_a_definition_or_put_into_words():
    for kind in KINDS.values():
        for field, choices in kind.fields.items():
            assert all(text and not text.endswith(".") for text in choices.values()), (kind.name, field)


def test_a_passport_changes_with_what_changes_the_number_only():
    definition = PROFILES.get("standard").definition("SSIM")
    base = Passport("standard", "self", definition, {})
    assert base.id == Passport("standard", "self", definition.having(), {}).id
    others = [
        Passport("offline", "self", definition, {}),
        Passport("standard", "cross", definition, {}),
        Passport("standard", "self", definition.having(window="uniform-7"), {}),
        Passport("standard", "self", definition, {"network": "x@1"}),
    ]
    assert len({base.id, *(one.id for one in others)}) == 5


def test_the_pixel_definitions_are_the_functions_they_stand_for():
    ours, theirs = PAIR
    for profile, metric, function in (
        ("standard", "PSNR", psnr),
        ("paper", "PSNR", psnr_paper),
        ("standard", "SSIM", ssim),
        ("paper", "SSIM", ssim_paper),
    ):
        definition = PROFILES.get(profile).definition(metric)
        assert pixel_function(definition)(ours, theirs) == pytest.approx(function(ours, theirs), rel=1e-12)


def test_legacy_variants_differ_from_the_right_number():
    suite = MetricSuite(["standard", "legacy"], metrics=["PSNR", "SSIM", *_pixel_legacy()])
    found = {v.metric: v.value for v in suite.measure(FrameSet([PAIR[:1]], truths=[PAIR[1:]]), "self").values}
    assert found["psnr/uint8-wrap"] > found["PSNR"] + 1  # noise reads better than it is
    assert found["ssim/white-pad-40"] > found["SSIM"] + 0.1
    assert found["psnr/grey"] != found["PSNR"]
    assert found["ssim/grey"] != found["SSIM"]


def _pixel_legacy():
    return ("psnr/uint8-wrap", "psnr/grey", "ssim/white-pad-40", "ssim/grey")


def test_coverage_and_every_policy(clip):
    predictions, truths, boxes = clip
    blind = predictions.copy()
    blind[0] = 128  # a face that the prediction lacks
    suite = MetricSuite(["offline"])
    values = by_name(suite.measure(FrameSet([blind], [truths], None, boxes, boxes), "self").values)
    penalised, detected = values["Face-CS"], values["Face-CS/detected"]
    assert penalised.detections == {"reference": 2, "prediction": 1, "both": 1, "frames": 3}
    assert penalised.per_frame[0] == 0.0
    assert penalised.per_frame[2] is None  # the cup has no face
    assert detected.per_frame == [None, penalised.per_frame[1], None]
    at_truth = values["Face-CS/truth-box"]
    assert at_truth.count == 2  # cropped where the truth has its face, whatever is there
    assert at_truth.per_frame[0] is not None
    same = by_name(suite.measure(FrameSet([truths], [truths], None, boxes, boxes), "self").values)
    assert same["Face-CS/truth-box"].value == pytest.approx(1, abs=1e-12)


def test_flicker_by_hand(clip):
    predictions, truths, boxes = clip
    names = ["LPIPS", "tLPIPS", "tLPIPS/truth", "tLPIPS/excess", "tLPIPS/ratio"]
    suite = MetricSuite(["offline"], metrics=names, batch_size=2)
    pair = FrameSet([predictions], [truths], None, boxes, boxes)
    values = by_name(suite.measure(pair, "self").values)
    lpips = MetricSuite(["offline"], metrics=["LPIPS"])

    def distances(frames):
        steps = FrameSet([frames[1:]], [frames[:-1]])
        return by_name(lpips.measure(steps, "self").values)["LPIPS"].per_frame

    ours, theirs = distances(predictions), distances(truths)
    assert values["tLPIPS"].per_frame == [None, *ours]
    assert values["tLPIPS/truth"].per_frame == [None, *theirs]
    assert values["tLPIPS/excess"].value == pytest.approx(np.mean(np.subtract(ours, theirs)), rel=1e-12)
    assert values["tLPIPS/ratio"].value == pytest.approx(np.mean(ours) / np.mean(theirs), rel=1e-12)
    one = by_name(suite.measure(FrameSet([predictions[:1]], [truths[:1]]), "self").values)
    assert all(one[name].value is None and one[name].reason for name in names[1:])


def test_fid_of_a_clip_is_the_fid_of_its_frames(clip):
    predictions, truths, boxes = clip
    suite = MetricSuite(["offline"], metrics=["FID", "FID/clip"])
    unit = suite.measure(FrameSet([predictions], None, [truths], boxes, None, boxes), "cross")
    alone = by_name(unit.values)["FID/clip"]
    assert alone.value == pytest.approx(by_name(suite.pool([unit.features]))["FID"].value, rel=1e-12)
    assert "3 predictions, 3 references, 1280 dimensions" in alone.note


def test_metrics_are_chosen_by_name():
    suite = MetricSuite(["offline", "standard"], metrics=["SSIM"])
    values = suite.measure(FrameSet([PAIR[:1]], truths=[PAIR[1:]]), "self").values
    assert [(v.profile, v.metric) for v in values] == [("offline", "SSIM"), ("standard", "SSIM")]
    with pytest.raises(UserError, match="did you mean SSIM"):
        MetricSuite(["offline"], metrics=["SSIN"])
    with pytest.raises(UserError, match="did you mean fasterrcnn"):
        MetricSuite(["offline"], person_detector="faster-rcnn")
    every = MetricSuite(["legacy"], metrics=["all"])
    names = {v.metric for v in every.measure(FrameSet([PAIR[:1]], truths=[PAIR[1:]]), "self").values}
    assert names == set(PROFILES.get("legacy").names())


def test_another_person_detector_is_another_passport():
    body = PROFILES.get("standard").definition("Body-CS")
    given_box = with_person_detector(body, "given")
    assert (given_box["detector"], given_box["box"]) == ("given", "clipped")
    assert with_person_detector(given_box, "fasterrcnn") == body
    face = PROFILES.get("standard").definition("Face-CS")
    assert with_person_detector(face, "given") is face
    assert Passport("standard", "self", body, {}).id != Passport("standard", "self", given_box, {}).id


def test_definitions_build_or_say_what_is_missing(tmp_path):
    from iper_bench.metrics.weights import MissingWeightsError

    bench = Bench(weights_dir=tmp_path, device="cpu")
    for name in PROFILES:
        for setting in SETTINGS:
            for definition in PROFILES.get(name).every(setting):
                reason = None
                try:
                    built = meter(definition, bench)
                except MissingWeightsError as error:
                    reason = str(error)
                if reason is None:
                    assert built.definition is definition
                else:
                    assert "weights-dir" in reason or "pip install" in reason
                assert definition.metric in METRICS


def test_a_frame_is_searched_once_for_all_that_ask(clip, monkeypatch):
    predictions, truths, boxes = clip
    suite = MetricSuite(["offline"], metrics=["all"])
    pair = FrameSet([predictions], [truths], None, boxes, boxes)
    suite.measure(pair, "self")
    fresh = MetricSuite(["offline"], metrics=["all"])
    found = []
    fresh.measure(FrameSet([predictions[:0]], [truths[:0]]), "self")
    detector = fresh._bench.once("detector/mtcnn-30-head", lambda: pytest.fail("not built"))
    find = type(detector).find
    monkeypatch.setattr(
        type(detector), "find", lambda self, frame, box: (found.append(1), find(self, frame, box))[1]
    )
    fresh.measure(pair, "self")
    assert len(found) == 6  # three predictions and three truths, whatever the number of metrics


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats(-50, 50)), max_size=60),
    rule=st.sampled_from(["frames", "batches-16", "batches-16-zero"]),
)
def test_averages_lie_within_their_values(values, rule):
    value = averaged(values, rule)
    present = [one for one in values if one is not None] + ([0.0] if rule == "batches-16-zero" else [])
    if value is not None:
        assert min(present) - 1e-9 <= value <= max(present) + 1e-9


def test_a_reading_keeps_references_and_of_predictions_what_is_small(clip):
    kept = []

    class Noted(FeatureCache):
        def put(self, key, arrays, keep=False):
            kept.append(keep)
            super().put(key, arrays, keep=keep)

    _, truths, boxes = clip
    cache = Noted()
    for keep in (True, False):
        reading = Reading(truths[:1], boxes[:1], cache, keep=keep)
        for count in (1, 50_000):
            arrays = (np.zeros(count, np.float32),)
            reading.cached(f"{keep}{count}", [None], lambda positions, a=arrays: [a] * len(positions))
    assert kept == [True, True, True, False]
