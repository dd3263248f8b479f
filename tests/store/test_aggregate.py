"""Means and intervals over clips: known answers, laws, and what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from iper_bench.store.aggregate import aggregate, bootstrap_interval
from iper_bench.store.row import Row


def row(clip: str, value: float | None, **changes: Any) -> Row:
    standard: dict[str, Any] = {
        "unit": f"u-{clip}",
        "method": "m",
        "dataset": "d",
        "protocol": "p",
        "task": "motion_imitation",
        "setting": "self",
        "trial": f"self:{clip}",
        "clip": clip,
        "sn": 2,
        "steps": 0,
        "seed": 0,
        "profile": "offline",
        "metric": "PSNR",
        "value": value,
        "reason": None if value is not None else "no face",
        "count": 2 if value is not None else 0,
        "total": 2,
        "per_frame": None,
        "backbone": None,
        "definition": "x",
    }
    return Row(**{**standard, **changes})


def test_clips_weigh_alike_and_frames_by_their_number() -> None:
    rows = [
        row("a", 10.0, per_frame=[10.0], count=1, total=1),
        row("b", 20.0, per_frame=[19.0, None, 21.0, 20.0], count=3, total=4),
    ]
    (entry,) = aggregate(rows)
    assert entry["mean"] == 15.0
    assert entry["frame_mean"] == 17.5
    assert (entry["clips"], entry["clips_total"], entry["frames"], entry["frames_total"]) == (2, 2, 4, 5)


def test_a_missing_value_is_coverage_and_never_zero() -> None:
    (entry,) = aggregate([row("a", 10.0), row("b", None)])
    assert (entry["mean"], entry["clips"], entry["clips_total"]) == (10.0, 1, 2)
    assert (entry["low"], entry["high"]) == (None, None)
    assert entry["reason"] == "no face"
    (entry,) = aggregate([row("a", None), row("b", None)])
    assert entry["mean"] is None
    assert entry["frame_mean"] is None


def test_planned_clips_without_rows_count_as_missing() -> None:
    group = ("d", "p", "motion_imitation", "self", "m", 2, 0, 0)
    (entry,) = aggregate([row("a", 10.0)], {group: 5})
    assert (entry["clips"], entry["clips_total"]) == (1, 5)


def test_several_trials_of_a_clip_are_one_clip() -> None:
    rows = [row("a", 1.0, trial="t1"), row("a", 3.0, trial="t2"), row("b", 10.0)]
    (entry,) = aggregate(rows)
    assert entry["mean"] == 6.0


def test_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    rows = [
        row(f"c{i}", float(rng.normal()), metric=metric) for i in range(20) for metric in ("PSNR", "SSIM")
    ]
    wanted = aggregate(rows)
    random.Random(2).shuffle(rows)
    assert aggregate(rows) == wanted
    assert [entry["metric"] for entry in wanted] == ["PSNR", "SSIM"]


def test_pooled_values_have_no_interval() -> None:
    (entry,) = aggregate([row("*", 3.0, trial="*", metric="FID", count=96, total=96)])
    assert (entry["mean"], entry["low"], entry["frame_mean"], entry["pooled"]) == (3.0, None, None, True)
    with pytest.raises(ValueError, match="2 pooled rows"):
        aggregate([row("*", 3.0), row("*", 4.0)])


def test_definitions_never_mix() -> None:
    with pytest.raises(ValueError, match="different definitions: x, y"):
        aggregate([row("a", 1.0), row("b", 2.0, definition="y")])


def test_interval_against_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20.0
    # 2000 resamples fix a 95 % end to about 5 % of the half width
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_laws() -> None:
    values = np.random.default_rng(4).normal(size=12)
    low, high = bootstrap_interval(values)
    assert low is not None
    assert high is not None
    assert values.min() <= low <= values.mean() <= high <= values.max()
    assert bootstrap_interval(values) == (low, high)
    shifted = bootstrap_interval(values + 100.0)
    assert shifted == pytest.approx((low + 100.0, high + 100.0), abs=1e-9)
    assert bootstrap_interval(np.full(5, 7.0)) == (7.0, 7.0)
    assert bootstrap_interval(values[:1]) == (None, None)
