"""Several seeds in one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iper_bench.report.evidence import Evidence, Measurement, RunFacts
from iper_bench.report.seeds import over_seeds


def measured(seed: int, clips: dict[str, float], **changed: object) -> Measurement:
    value = sum(clips.values()) / len(clips) if clips else None
    one = Measurement(
        *("a", "d", "p", "self", 2, 10, "offline", "PSNR", value),
        clips=len(clips),
        count=4 * len(clips),
        total=4 * len(clips),
        clip_values=clips,
        clip_actors={clip: clip[0] for clip in clips},
        seed=seed,
    )
    return replace(one, **changed)  # type: ignore[arg-type]


def pooled(*ones: Measurement) -> Measurement:
    (found,) = over_seeds(Evidence((RunFacts(Path("run"), ""),), ones)).measurements
    return found


def test_a_single_seed_is_left_as_it_is() -> None:
    one = measured(3, {"a1": 1.0, "b1": 2.0})
    assert pooled(one) is one
    assert one.seeds == (3,)


def test_the_mean_over_seeds_clip_by_clip() -> None:
    found = pooled(measured(1, {"a1": 3.0, "b1": 5.0}), measured(0, {"a1": 1.0, "b1": 3.0}))
    assert found.seeds == (0, 1)
    assert found.value == pytest.approx(3.0)
    assert found.clip_values == {"a1": 2.0, "b1": 4.0}
    assert found.clip_actors == {"a1": "a", "b1": "b"}
    assert (found.clips, found.count) == (2, 16)


def test_seeds_that_agree_change_no_interval_and_their_order_nothing() -> None:
    clips = {f"{actor}{i}": float(i + ord(actor)) for actor in "abc" for i in range(3)}
    two = pooled(measured(0, clips), measured(1, clips))
    three = pooled(measured(2, clips), measured(0, clips), measured(1, clips))
    assert (two.low, two.high, two.actor_low) == (three.low, three.high, three.actor_low)
    assert two.value == pytest.approx(sum(clips.values()) / len(clips))
    assert pooled(measured(1, clips), measured(0, clips)) == two


def test_a_seed_without_a_value_is_said() -> None:
    found = pooled(measured(0, {"a1": 1.0}), measured(1, {}, reason="diverged"))
    assert found.value == 1.0
    assert found.reason == "1 of 2 seeds without a value; diverged"


def test_methods_settings_and_steps_stay_apart() -> None:
    base = measured(0, {"a1": 1.0})
    others = [replace(base, method="b"), replace(base, setting="cross"), replace(base, steps=0)]
    evidence = over_seeds(Evidence((RunFacts(Path("run"), ""),), (base, *others)))
    assert len(evidence.measurements) == 4
