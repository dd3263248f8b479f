"""The package's own metrics behind the runner: the plan states beforehand what the rows carry afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from iper_bench.errors import UserError
from iper_bench.metrics.frames import FrameSet
from iper_bench.metrics.metric import SETTINGS
from iper_bench.metrics.scores import MetricValue
from iper_bench.run.plan import Grid, make_plan
from iper_bench.run.scoring import SuiteScorer, rows_of_group, rows_of_unit, trial_places
from tests.run.toys import ToyDataset, ToyMethod, toy_protocol

SIDE = 48


@pytest.fixture(scope="module")
def scorer() -> SuiteScorer:
    return SuiteScorer(("offline",), weights_dir=None, device="cpu")


def test_the_plan_states_every_definition(scorer: SuiteScorer) -> None:
    described = scorer.definitions()["offline"]
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8) for _ in range(2)]
    boxes = np.tile(np.array([[8.0, 4.0, 40.0, 44.0]], np.float32), (2, 1))
    for setting in SETTINGS:
        truth = {"truths" if setting == "self" else "reals": iter(batches[1:])}
        given = {"truth_boxes" if setting == "self" else "real_boxes": boxes}
        frames = FrameSet(iter(batches[:1]), prediction_boxes=boxes, **truth, **given)
        scores = scorer.measure(frames, setting)
        values = scores.values + scorer.pool([scores.features], setting)
        assert values
        for value in values:
            assert value.definition in described["metrics"][value.metric]["definitions"]
            assert described["definitions"][value.definition]["metric"] == value.metric
    assert scorer.definitions()["offline"] == described
    assert described["metrics"]["PSNR"]["direction"] == "higher"
    assert described["comparable"] is False
    assert "networks" in described["why_not"]
    for definition in described["definitions"].values():
        assert set(definition["words"]) == set(definition["choices"])


def test_unknown_devices_and_profiles() -> None:
    for device in ("gpu", "cuda:99"):
        with pytest.raises(UserError, match="no device") as error:
            SuiteScorer(("offline",), weights_dir=None, device=device)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="did you mean offline"):
        SuiteScorer(("ofline",), weights_dir=None, device="cpu")


def test_rows(tmp_path: Path) -> None:
    grid = Grid.of((2,), (0,), ("cross",), (0,), None)
    plan = make_plan({"toy": ToyMethod()}, ToyDataset(), toy_protocol(tmp_path), grid, {})
    values = [
        MetricValue("offline", "A", 1.0, None, 2, 3, [1.0, None, math.inf], "net@12", "d1", "one left out"),
        MetricValue("offline", "B", None, "no face", 0, 3, None, None, "d2"),
        MetricValue("offline", "C", math.nan, None, 3, 3, None, None, "d3"),
    ]
    first, second, third = rows_of_unit(plan.units[0], "toy", values, {"torch": "2"})
    assert (first.value, first.reason, first.per_frame) == (1.0, "one left out", [1.0, None, None])
    assert (first.clip, first.trial, first.backbone) == ("p0/c0", plan.units[0].trial.name, "net@12")
    assert first.provenance == {"torch": "2", "method": plan.units[0].identity}
    assert (second.value, second.reason) == (None, "no face")
    assert (third.value, third.reason) == (None, "not a finite number (nan)")
    assert (first.average, first.detections, first.actor, first.place) == ("frames", None, "", 0)
    (pooled,) = rows_of_group(plan.units, "toy", values[:1], {})
    assert (pooled.clip, pooled.trial) == ("*", "*")
    assert pooled.unit != plan.units[0].id
    assert pooled.unit == rows_of_group(plan.units[::-1], "toy", values[:1], {})[0].unit


def test_rows_say_where_their_trial_stands_and_what_was_found(tmp_path: Path) -> None:
    grid = Grid.of((1, 2), (0,), SETTINGS, (0,), None)
    plan = make_plan({"toy": ToyMethod()}, ToyDataset(), toy_protocol(tmp_path), grid, {})
    places = trial_places(plan.trials)
    for setting in SETTINGS:
        ordered = [trial.name for trial in plan.trials if trial.setting == setting]
        assert [places[name] for name in ordered] == [0, 1, 2]
    found = {"reference": 3, "prediction": 2, "both": 2, "frames": 3}
    value = MetricValue(
        *("paper", "Face-CS", 1.0, None, 3, 3, [1.0, 1.0, 1.0], "net@12", "d1"),
        average="batches-16-zero",
        detections=found,
    )
    (row,) = rows_of_unit(plan.units[0], "toy", [value], {}, actor="p0", place=2)
    assert (row.average, row.detections, row.actor, row.place) == ("batches-16-zero", found, "p0", 2)
    (pooled,) = rows_of_group(plan.units, "toy", [value], {})
    assert (pooled.average, pooled.detections) == ("batches-16-zero", found)
