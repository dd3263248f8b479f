"""Steps in series: known ones found, none in noise, laws, and against a search of all cuts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from iper_bench.report.trend import trends_of
from iper_bench.report.trend_plot import draw_trends, short_titles
from iper_bench.report.trend_steps import find_levels, noise_of, price


def starts(values: object, floor: float = 0.0) -> list[int]:
    """Where levels start, without the first."""
    return [level.start for level in find_levels(np.asarray(values, dtype=np.float64), floor=floor)][1:]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], []),
        ([5.0] * 9, []),
        ([1.0, 9.0], []),
        ([1.0, 1.0, 1.0, 2.0], [3]),
        ([1.0] * 6 + [2.0] * 4, [6]),
        ([1.0] * 5 + [2.0] * 5 + [1.0] * 5, [5, 10]),
        ([1.0] * 6 + [7.0] + [1.0] * 6, [6, 7]),
    ],
)
def test_without_noise_every_step_is_found(values: list[float], expected: list[int]) -> None:
    assert starts(values) == expected
    assert starts(np.array(values) + 1e6) == expected, "a large level hides no step"


def test_a_step_in_noise_is_found_where_it_is() -> None:
    """Six deviations in the middle of 40 values: found in all of 50 series, within one place."""
    generator = np.random.default_rng(3)
    for _ in range(50):
        values = generator.normal(size=40)
        values[20:] += 6.0
        found = starts(values)
        assert any(abs(place - 20) <= 1 for place in found)


@pytest.mark.parametrize("length", [6, 10, 20, 50])
def test_noise_has_no_steps(length: int) -> None:
    """The stated rate is 5 in 100; of 300 series that is 15, and three standard deviations more are 26."""
    values = np.random.default_rng(length).normal(size=(300, length))
    assert sum(len(starts(row)) > 0 for row in values) <= 26


def test_moving_and_scaling_moves_no_step() -> None:
    """Laws: shift and scale equivariance, also of the floor, and of a series turned round."""
    generator = np.random.default_rng(5)
    for _ in range(20):
        values = generator.normal(size=15) + 8.0 * (np.arange(15) >= 9)
        plain = find_levels(values, floor=0.3)
        moved = find_levels(250.0 - 40.0 * values, floor=12.0)
        assert [(a.start, a.stop) for a in plain] == [(b.start, b.stop) for b in moved]
        assert [250.0 - 40.0 * a.value for a in plain] == pytest.approx([b.value for b in moved])
        turned = find_levels(values[::-1], floor=0.3)
        assert [(15 - a.stop, 15 - a.start) for a in reversed(plain)] == [(b.start, b.stop) for b in turned]


def test_a_floor_hides_small_steps_only() -> None:
    values = [1.0] * 5 + [1.001] * 5 + [2.0] * 5
    assert starts(values) == [5, 10]
    assert starts(values, floor=0.01) == [10]


def cost_of(values: np.ndarray, cuts: tuple[int, ...], level_price: float) -> float:
    edges = (0, *cuts, values.size)
    parts = [values[a:b] for a, b in itertools.pairwise(edges)]
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + level_price * len(parts)


def test_the_cut_is_the_best_of_all() -> None:
    """Against all 2**8 ways of cutting nine values."""
    generator = np.random.default_rng(9)
    for _ in range(15):
        values = generator.normal(size=9) + 6.0 * (np.arange(9) >= generator.integers(1, 9))
        level_price = price(9) * noise_of(values) ** 2
        every = [cuts for count in range(9) for cuts in itertools.combinations(range(1, 9), count)]
        best = min(cost_of(values, cuts, level_price) for cuts in every)
        assert cost_of(values, tuple(starts(values)), level_price) == pytest.approx(best)


def test_noise_is_that_of_normal_values_and_no_step_spoils_it() -> None:
    """20,000 values: the median's relative standard error is below 1 %, so 4 % is four of them."""
    values = np.random.default_rng(1).normal(0.0, 2.5, 20_000)
    assert noise_of(values) == pytest.approx(2.5, rel=0.04)
    assert noise_of(values + 100.0 * (np.arange(20_000) >= 7000)) == pytest.approx(noise_of(values), rel=0.01)
    assert noise_of([1.0]) == 0.0


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_bad_series(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected finite numbers"):
        find_levels(values)
    with pytest.raises(ValueError, match="expected 0 or more"):
        find_levels([1.0], floor=-1.0)


def line(value: float | None, definition: str = "d", metric: str = "PSNR") -> dict[str, object]:
    held = {"value": value, "low": None, "high": None, "definition": definition, "tolerance": 0.05}
    return {"values": {f"synthetic p self sn=2 {metric} a": held}}


def test_trends_cut_at_another_definition_and_find_steps() -> None:
    values = [20.0, 20.01, 19.99, 20.0, 21.0, 21.01, 20.99]
    trends = trends_of([*(line(v) for v in values), line(50.0, "other"), line(None, "other")])
    assert [trend.name for trend in trends] == ["synthetic p self sn=2 PSNR a"]
    assert (trends[0].panel, trends[0].method) == ("synthetic p self sn=2 PSNR", "a")
    assert [len(stretch.points) for stretch in trends[0].stretches] == [7, 1]
    assert [(step.place, round(step.now)) for step in trends[0].steps] == [(4, 21)]


def test_wavering_within_the_tolerance_is_no_step() -> None:
    assert not trends_of([line(20.0 + (0.03 if i > 4 else 0.0)) for i in range(10)])[0].steps


def test_picture_is_the_same_twice() -> None:
    lines = [line(20.0 + i % 2, metric=metric) for i in range(3) for metric in ("PSNR", "SSIM")]
    trends, labels = trends_of(lines), [str(i) for i in range(10)]
    first, second = (draw_trends(trends, labels) for _ in range(2))
    assert first == second
    assert first.png.startswith(b"\x89PNG")
    assert b"<svg" in first.svg


def test_titles_leave_out_what_all_share() -> None:
    assert short_titles(["x self sn=2 PSNR", "x self sn=2 SSIM"]) == {
        "x self sn=2 PSNR": "PSNR",
        "x self sn=2 SSIM": "SSIM",
    }
    assert short_titles(["x PSNR"]) == {"x PSNR": "x PSNR"}
