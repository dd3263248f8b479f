"""Means over clips and over all trials: the evaluator's numbers, known answers, laws, what is refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iper_bench.averages import averaged
from iper_bench.store.aggregate import aggregate
from iper_bench.store.row import Row
from tests.oracles import load, oracle_files

ORACLES = oracle_files("metrics/aggregation*.npz")


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
    assert entry["reason"] == "1 of 2 trials without a value: no face"
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
    seen = {"reference": 5, "prediction": 4, "both": 4, "frames": 6}
    (entry,) = aggregate([row("*", 3.0, trial="*", metric="FID", count=96, total=96, detections=seen)])
    assert entry["detections"] == seen
    assert (entry["clip_mean"], entry["actors"]) == (None, None)
    assert (entry["mean"], entry["low"], entry["frame_mean"], entry["pooled"]) == (3.0, None, None, True)
    with pytest.raises(ValueError, match="2 pooled rows"):
        aggregate([row("*", 3.0), row("*", 4.0)])


def test_definitions_never_mix() -> None:
    with pytest.raises(ValueError, match="different definitions: x, y"):
        aggregate([row("a", 1.0), row("b", 2.0, definition="y")])
    with pytest.raises(ValueError, match="different averages: batches-16, frames"):
        aggregate([row("a", 1.0), row("b", 2.0, average="batches-16")])


def test_files_of_before_are_read() -> None:
    content = row("a", 1.0).to_json()
    for name in ("average", "detections", "actor", "place"):
        del content[name]
    assert Row.from_json(content) == row("a", 1.0)
    assert Row.from_json(json.loads(json.dumps(row("a", 1.0, detections={"both": 2}).to_json()))).detections


def test_detections_are_summed() -> None:
    seen = [{"reference": 2, "prediction": 1, "both": 1, "frames": 2}, None]
    rows = [row(name, 1.0, detections=one) for name, one in zip("abc", [*seen, seen[0]], strict=True)]
    assert aggregate(rows)[0]["detections"] == {"reference": 4, "prediction": 2, "both": 2, "frames": 4}
    assert aggregate([row("a", 1.0)])[0]["detections"] is None


def test_actors_are_drawn_with_all_their_clips() -> None:
    clips = [("a", "x", 1.0), ("b", "x", 1.0), ("c", "y", 4.0)]
    (entry,) = aggregate([row(clip, value, actor=actor) for clip, actor, value in clips])
    assert entry["mean"] == 2.0
    assert entry["actors"] == 2
    # x twice, y twice, or one of each: 1, 4, or (1 + 1 + 4) / 3
    assert (entry["actor_low"], entry["actor_high"]) == (1.0, 4.0)
    (entry,) = aggregate([row("a", 1.0, actor="x"), row("b", 3.0)])
    assert (entry["actors"], entry["actor_low"]) == (None, None)
    (entry,) = aggregate([row("a", 1.0, actor="x"), row("b", 3.0, actor="x")])
    assert (entry["actors"], entry["actor_low"]) == (1, None)
    assert entry["low"] is not None


def trials(values: list[float | None], lengths: list[int], **changes: Any) -> list[Row]:
    """Rows of trials of these lengths over one stretch of frames, named against the order of the protocol."""
    rows, start = [], 0
    for place, length in enumerate(lengths):
        frames = values[start : start + length]
        start += length
        value = averaged(frames, changes["average"])
        name = f"z{len(lengths) - place:02d}"
        count = sum(one is not None for one in frames)
        rows.append(row(name, value, per_frame=frames, place=place, count=count, total=length, **changes))
    return rows


@pytest.mark.parametrize("path", ORACLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trials_of_uneven_lengths_give_the_evaluators_numbers(path: Any, seed: int) -> None:
    data = load(path)

    def cosines(kind: str) -> np.ndarray:
        ours, theirs = (data[f"{kind}_{side}"].astype(np.float32) for side in ("pred", "ref"))
        ours, theirs = (
            one / (np.linalg.norm(one, axis=1, keepdims=True) + np.float32(1e-6)) for one in (ours, theirs)
        )
        return (ours * theirs).sum(axis=1)

    face = cosines("face")
    seen = [float(v) if there else None for v, there in zip(face, data["face_ref_detected"], strict=True)]
    cases: list[tuple[list[float | None], str, str, str]] = [
        (data["lpips_item"].tolist(), "batches-16", "self", "paired_lps"),
        (cosines("os").tolist(), "batches-16", "self", "paired_OS-CS-reid"),
        (cosines("os").tolist(), "batches-16", "cross", "unpaired_OS-CS-reid"),
        (face.tolist(), "batches-16", "cross", "unpaired_face-CS"),
        (seen, "batches-16-zero", "self", "paired_face-CS"),
        (data["img_ssim_each"].tolist(), "batches-16", "self", "img_ssim"),
        (data["img_psnr_each"].tolist(), "batches-16", "self", "img_psnr"),
    ]
    random_numbers = random.Random(seed)
    for values, rule, setting, wanted in cases:
        cuts = sorted(random_numbers.sample(range(1, len(values)), 4))
        lengths = [b - a for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
        rows = trials(values, lengths, average=rule, setting=setting)
        random_numbers.shuffle(rows)
        (entry,) = aggregate(rows)
        assert entry["mean"] == pytest.approx(float(data[wanted]), abs=1e-6), wanted
        assert entry["average"] == rule
        assert entry["reason"] is None
        assert entry["frame_mean"] == pytest.approx(np.mean([v for v in values if v is not None]), abs=1e-12)


def test_batches_run_over_the_seams_of_trials() -> None:
    """17 frames in trials of 10 and 7: a batch of 16 and one of a single frame."""
    values: list[float | None] = [0.0] * 16 + [1.0]
    (entry,) = aggregate(trials(values, [10, 7], average="batches-16"))
    assert entry["mean"] == 0.5
    assert entry["frame_mean"] == 1 / 17
    assert entry["clip_mean"] == pytest.approx((0.0 + 1 / 7) / 2)
    empty = [*[None] * 16, 1.0]
    (entry,) = aggregate(trials(empty, [10, 7], average="batches-16-zero"))
    assert entry["mean"] == 0.5
    (entry,) = aggregate(trials(empty, [10, 7], average="batches-16"))
    assert entry["mean"] == 1.0


def test_an_infinite_frame_makes_the_papers_number_missing() -> None:
    rows = trials([1.0] * 20, [8, 12], average="batches-16")
    words = "the value is +inf: 1 of 4 predictions equal their truth"
    lost = row("inf", None, reason=words, average="batches-16", place=2, total=4)
    (entry,) = aggregate([*rows, lost])
    assert (entry["mean"], entry["low"], entry["frame_mean"], entry["clip_mean"]) == (None,) * 4
    assert entry["reason"] == f"1 of 3 trials without a value: {words}"


def test_the_papers_number_over_a_part_says_so() -> None:
    rows = trials([1.0] * 20, [8, 12], average="batches-16")
    lost = row("lost", None, reason="empty crop", average="batches-16", place=2, total=4)
    (entry,) = aggregate([*rows, lost])
    assert (entry["mean"], entry["reason"]) == (1.0, "1 of 3 trials without a value: empty crop")
    group = ("d", "p", "motion_imitation", "self", "m", 2, 0, 0)
    (entry,) = aggregate(rows, {group: 4}, {group: 4})
    assert (entry["mean"], entry["reason"]) == (1.0, "2 of 4 trials without a value: no finished unit")
    (entry,) = aggregate([row("a", 1.0, average="batches-16")])
    assert (entry["mean"], entry["reason"]) == (
        None,
        "1 of 1 trials without a value: no values per frame on record",
    )


def test_predictions_without_a_partner_fill_no_batch() -> None:
    """Cross-imitation: 20 predictions and 15 real frames, then 2 pairs."""
    first: list[float | None] = [*[0.0] * 15, *[None] * 5]
    values = [*first, 1.0, 1.0]
    first_trial, second = trials(values, [20, 2], average="batches-16", setting="cross")
    (entry,) = aggregate([replace(first_trial, pairs=15), second])
    assert entry["mean"] == pytest.approx((1 / 16 + 1.0) / 2)
    (entry,) = aggregate(trials(values, [20, 2], average="batches-16", setting="self"))
    assert entry["mean"] == pytest.approx((0.0 + 1.0) / 2), "a frame without a face does fill its batch"


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    average = draw(st.sampled_from(["frames", "batches-16", "batches-16-zero"]))
    named = draw(st.booleans())
    value = st.one_of(st.none(), st.floats(-10, 10, allow_nan=False))
    rows = []
    for place in range(draw(st.integers(1, 5))):
        frames = draw(st.lists(value, min_size=1, max_size=40))
        number = averaged(frames, average)
        rows.append(
            row(
                f"c{draw(st.integers(0, 2))}",
                number,
                trial=f"t{place}",
                unit=f"u{place}",
                per_frame=frames,
                average=average,
                place=place,
                actor=f"a{draw(st.integers(0, 1))}" if named else "",
                count=sum(one is not None for one in frames),
                total=len(frames),
                detections=draw(st.sampled_from([None, {"reference": 1, "prediction": 2}])),
            )
        )
    return rows


@settings(max_examples=30, deadline=None)
@given(some_rows(), st.randoms(use_true_random=False))
def test_neither_order_nor_restarts_change_a_byte(rows: list[Row], numbers: random.Random) -> None:
    """A restart reads rows back from their files and meets them in another order."""
    wanted = json.dumps(aggregate(rows))
    again = [Row.from_json(json.loads(json.dumps(one.to_json()))) for one in rows]
    numbers.shuffle(again)
    assert json.dumps(aggregate(again)) == wanted


@settings(max_examples=30, deadline=None)
@given(some_rows(), st.data())
def test_how_frames_are_split_into_trials_does_not_change_the_papers_number(
    rows: list[Row], data: st.DataObject
) -> None:
    frames = [value for one in rows for value in one.per_frame or []]
    rule = data.draw(st.sampled_from(["batches-16", "batches-16-zero"]))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(frames) - 1)), max_size=4)))
    lengths = [b - a for a, b in zip([0, *cuts], [*cuts, len(frames)], strict=True)]
    (entry,) = aggregate(trials(frames, [one for one in lengths if one], average=rule))
    assert entry["mean"] == averaged(frames, rule)
