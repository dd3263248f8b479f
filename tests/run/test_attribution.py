"""Gaps of two definitions on frames, against the same chains written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from iper_bench.averages import mean_of_batch_means
from iper_bench.errors import UserError
from iper_bench.metrics import cropping
from iper_bench.metrics.bench import Bench
from iper_bench.metrics.cropping import paper_frame
from iper_bench.metrics.definition import Definition
from iper_bench.metrics.feature_cache import FeatureCache
from iper_bench.metrics.profiles import PROFILES
from iper_bench.metrics.psnr import psnr_by
from iper_bench.metrics.ssim import ssim_by
from iper_bench.metrics.suite import FrameSet, MetricSuite
from iper_bench.run.attribution import Batch, attribute

RNG = np.random.default_rng(0)
TRUTHS = RNG.integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
PREDICTIONS = np.clip(TRUTHS + RNG.normal(0, 25, TRUTHS.shape), 0, 255).astype(np.uint8)


def definition(profile: str, metric: str, setting: str | None = None) -> Definition:
    return PROFILES.get(profile).definition(metric, setting)


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """With the weights of pip and no others."""
    return Bench(weights_dir=tmp_path_factory.mktemp("weights"), device="cpu")


def changes(found):
    return [(tuple(s.field for s in step.switches), step.outcome.value) for step in found.steps]


def test_psnr_from_exact_to_wrapped_is_one_step(bench):
    pair = (definition("standard", "PSNR"), definition("legacy", "psnr/uint8-wrap"))
    (found,) = attribute([pair], [Batch(PREDICTIONS, TRUTHS)], bench)
    exact, wrapped = (
        np.mean(
            [psnr_by(p, t, arithmetic=a, data_range="255") for p, t in zip(PREDICTIONS, TRUTHS, strict=True)]
        )
        for a in ("exact", "uint8-wrap")
    )
    assert found.start.value == pytest.approx(exact, abs=1e-12)
    ((fields, value),) = changes(found)
    assert fields == ("arithmetic",)
    assert value == pytest.approx(wrapped, abs=1e-12)
    assert found.total == found.steps[0].change > 3  # noise reads better than it is


def test_ssim_from_standard_to_paper_by_hand(bench):
    """Frame, values, window, covariance, average: each with the function that stands for it."""
    pair = (definition("standard", "SSIM"), definition("paper", "SSIM"))
    (found,) = attribute([pair], [Batch(PREDICTIONS, TRUTHS)], bench)

    def mean(side, **choices):
        frames = (PREDICTIONS, TRUTHS) if side is None else (
            [paper_frame(frame, side) for frame in stream] for stream in (PREDICTIONS, TRUTHS)
        )  # fmt: skip
        return [ssim_by(p, t, **choices) for p, t in zip(*frames, strict=True)]

    old = {"values": "unit", "window": "gaussian-11", "covariance": "population"}
    chain = [
        mean(None, **old),
        mean(512, **old),
        mean(512, **{**old, "values": "signed"}),
        mean(512, **{**old, "values": "signed", "window": "uniform-7"}),
        mean(512, values="signed", window="uniform-7", covariance="sample"),
    ]
    wanted = [*(float(np.mean(values)) for values in chain), mean_of_batch_means(chain[-1])]
    assert [fields for fields, _ in changes(found)] == [
        (name,) for name in ("frame", "values", "window", "covariance", "average")
    ]
    assert [found.start.value, *(value for _, value in changes(found))] == pytest.approx(wanted, abs=1e-12)
    assert sum(step.change for step in found.steps) == pytest.approx(found.total, abs=1e-12)


def test_the_ends_are_the_numbers_of_the_suite_and_no_batch_changes_them(bench):
    astronaut = cropping.resize_pil(np.ascontiguousarray(skimage.data.astronaut()[:320, 64:384]), 96, 96)
    truths = np.stack([astronaut, np.roll(astronaut, 3, 1), np.full_like(astronaut, 90)])
    predictions = np.stack([cropping.resize_pil(cropping.resize_pil(one, 48, 48), 96, 96) for one in truths])
    predictions[1] = 128  # a face that the prediction lacks
    boxes = np.tile(np.array([10.0, 0.0, 86.0, 96.0]), (3, 1))
    names = [("Face-CS", "Face-CS/detected"), ("Body-CS", "Face-CS/detected"), ("PSNR", "PSNR/pooled")]
    pairs = [tuple(definition("offline", name, "self") for name in pair) for pair in names]
    whole = attribute(pairs, [Batch(predictions, truths, boxes, boxes)], bench)
    named = [name for pair in names for name in pair]
    suite = MetricSuite(["offline"], metrics=named, cache=bench.cache)
    values = suite.measure(FrameSet([predictions], [truths], None, boxes, boxes), "self").values
    wanted = {one.metric: one.value for one in values}
    for (first, second), found in zip(names, whole, strict=True):
        assert (found.start.value, found.end.value) == (wanted[first], wanted[second])
    assert whole[0].steps[0].outcome.count == 1  # one frame has a face on both sides
    single = [
        Batch(predictions[k : k + 1], truths[k : k + 1], boxes[k : k + 1], boxes[k : k + 1]) for k in range(3)
    ]
    for one, other in zip(whole, attribute(pairs, single, bench), strict=True):
        assert changes(one) == changes(other)


def test_networks_see_a_frame_once_for_all_steps(bench):
    looked = []

    class Noted(FeatureCache):
        def put(self, key, arrays, keep=False):
            looked.append(key)
            super().put(key, arrays, keep=keep)

    counted = Bench(weights_dir=None, device="cpu", cache=Noted())
    pair = (definition("offline", "tLPIPS/truth"), definition("offline", "tLPIPS/ratio"))
    attribute([pair, pair], [Batch(PREDICTIONS, TRUTHS)], counted)
    assert len(looked) == len(set(looked)) == 6  # three frames of each side


def test_choices_that_do_not_go_together_are_switched_at_once(bench):
    pair = (definition("offline", "tLPIPS/ratio"), definition("offline", "tLPIPS"))
    (found,) = attribute([pair], [Batch(PREDICTIONS, TRUTHS)], bench)
    ((fields, _),) = changes(found)
    assert fields == ("statistic", "average")
    assert "ratio" in found.steps[0].together
    (back,) = attribute([pair[::-1]], [Batch(PREDICTIONS, TRUTHS)], bench)
    assert [fields for fields, _ in changes(back)] == [("statistic",), ("average",)]
    assert back.total == pytest.approx(-found.total, abs=1e-12)


def test_missing_weights_are_said_in_the_step(bench):
    pair = (definition("offline", "LPIPS"), definition("standard", "LPIPS"))
    (found,) = attribute([pair], [Batch(PREDICTIONS, TRUTHS)], bench)
    assert found.start.value is not None
    assert changes(found) == [(("network", "values"), None), (("heads",), None)]
    assert "weights fetch lpips_alex" in found.steps[-1].outcome.reason
    assert found.total is None


def test_two_sides_that_are_not_paired(bench):
    pair = (definition("offline", "FID"), definition("offline", "KID"))
    sides = [Batch(predictions=PREDICTIONS), Batch(references=TRUTHS[:2])]
    (found,) = attribute([pair], sides, bench)
    suite = MetricSuite(["offline"], metrics=["FID", "KID"])
    scores = suite.measure(FrameSet([PREDICTIONS], reals=[TRUTHS[:2]]), "cross")
    wanted = {one.metric: one.value for one in suite.pool([scores.features])}
    assert (found.start.value, found.end.value) == (wanted["FID"], wanted["KID"])


def test_no_frames_and_no_difference(bench):
    one = definition("standard", "PSNR")
    (found,) = attribute([(one, one)], [], bench)
    assert (found.steps, found.start.reason, found.total) == ((), "no frames", None)


def test_a_definition_that_cannot_be_is_one_line(bench):
    lpips = definition("offline", "LPIPS")
    with pytest.raises(UserError, match="do not go together: efficientnet_lite0 takes its own values"):
        attribute([(lpips, lpips.having(values="unit"))], [], bench)
