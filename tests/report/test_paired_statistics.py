"""Statistics over actors and their clips: against scipy and brute force, known answers, laws, error rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from iper_bench.report.draws import bootstrap_weights
from iper_bench.report.statistics import (
    ALPHA,
    EXACT_ACTORS,
    FEWEST_ACTORS,
    Paired,
    actor_flip_p_above,
    actor_sign_flip_p,
    actors_needed,
    actors_to_detect,
    detectable_spreads,
    nested_bootstrap,
    paired_by_actor,
    smallest_actor_p,
    smallest_detectable,
    tail_of,
    told_apart,
)


def made(seed: int, sizes: tuple[int, ...], shift: float = 0.3) -> Paired:
    """Differences with an effect of the actor and one of the clip."""
    random = np.random.default_rng(seed)
    return Paired(tuple(shift + random.normal() + random.normal(size=size) for size in sizes))


def singles(values: list[float]) -> Paired:
    return Paired(tuple(np.array([value]) for value in values))


def test_clips_are_gathered_by_actor_in_the_order_of_names() -> None:
    ours = {"b/2": 4.0, "a/1": 1.0, "c": 9.0, "b/1": 3.0, "gone": 0.0}
    theirs = {"a/1": 0.5, "b/1": 1.0, "b/2": 1.0, "c": 9.5}
    # clip 'c' has no known actor; an actor of that name is somebody else
    paired = paired_by_actor(ours, theirs, {"a/1": "a", "b/1": "c", "b/2": "c", "gone": "a"})
    assert [group.tolist() for group in paired.groups] == [[0.5], [2.0, 3.0], [-0.5]]
    assert (paired.actors, paired.clips, paired.mean) == (3, 4, 1.25)


def test_nothing_in_common_is_empty_and_has_no_mean() -> None:
    paired = paired_by_actor({"a": 1.0}, {"b": 1.0}, {})
    assert (paired.actors, paired.clips) == (0, 0)
    for function in (nested_bootstrap, actor_sign_flip_p):
        with pytest.raises(ValueError, match="clip"):
            function(paired)
    assert not told_apart(paired)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Paired((np.array([1.0, np.nan]),))
    with pytest.raises(ValueError, match="finite"):
        Paired((np.array([]),))


def test_flips_of_actors_are_those_of_scipy() -> None:
    """All clips of an actor change sign together, the statistic being the mean over clips."""
    paired = made(1, (3, 1, 2, 4, 2, 1, 3))
    sums = np.array([group.sum() for group in paired.groups])
    found = stats.permutation_test(
        (sums,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert actor_sign_flip_p(paired) == pytest.approx(found.pvalue, abs=1e-12)


def test_flips_within_a_margin_by_brute_force() -> None:
    paired, margin = made(2, (2, 1, 3, 1, 2)), 0.25
    totals = [group.sum() - margin * group.size for group in paired.groups]
    reached = [
        sum(s * t for s, t in zip(signs, totals, strict=True)) >= sum(totals) - 1e-9
        for signs in itertools.product((1, -1), repeat=len(totals))
    ]
    assert actor_flip_p_above(paired, margin) == np.mean(reached)
    below = actor_flip_p_above(Paired(tuple(-group for group in paired.groups)), margin)
    assert actor_sign_flip_p(paired, margin=margin) == min(1.0, 2 * min(np.mean(reached), below))


def test_two_halves_count_what_all_patterns_count_and_random_flips_agree() -> None:
    """20 actors by halves and by all 2**20 patterns; 29 actors by random flips, whose standard error at this
    p is 0.0006, five of them allowed.
    """
    values = np.random.default_rng(4).normal(0.3, 1.0, 20)
    total = np.zeros(1)
    for value in values:
        total = np.concatenate([total + value, total - value])
    assert actor_sign_flip_p(singles(values.tolist())) == 2 * np.mean(total >= values.sum() - 1e-9)
    longer = singles([*values.tolist(), *[0.0] * (EXACT_ACTORS + 1 - 20)])  # a zero changes no sum
    assert actor_sign_flip_p(longer) == pytest.approx(actor_sign_flip_p(singles(values.tolist())), abs=0.003)


def test_interval_of_one_clip_each_is_that_of_scipy() -> None:
    """The expanded percentile interval is scipy's at the level that leaves ``tail_of`` at either end. Two
    independent sets of 10,000 draws: the tail quantile's own error is about 3 % of the interval.
    """
    values = np.random.default_rng(5).normal(1.0, 2.0, 12)
    ours = nested_bootstrap(singles(values.tolist()))
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=10_000,
        confidence_level=1 - 2 * tail_of(12),
        random_state=1,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_interval_by_a_loop_that_draws_actors_and_then_clips() -> None:
    paired = made(6, (1, 4, 2, 3, 2, 5, 1, 2))
    random = np.random.default_rng(0)
    means = []
    for _ in range(4000):
        drawn = [paired.groups[i] for i in random.integers(0, paired.actors, paired.actors)]
        clips = np.concatenate([random.choice(group, group.size) for group in drawn])
        means.append(clips.mean())
    tail = tail_of(paired.actors)
    low, high = np.quantile(means, [tail, 1 - tail])
    found = nested_bootstrap(paired)
    assert found.low == pytest.approx(low, abs=0.08 * (high - low))  # 25 of 4000 draws lie beyond: 5 % error
    assert found.high == pytest.approx(high, abs=0.08 * (high - low))
    assert found.mean == pytest.approx(np.concatenate(paired.groups).mean())


def test_tail_approaches_the_percentile_interval() -> None:
    assert tail_of(6) == pytest.approx(stats.norm.cdf(np.sqrt(6 / 5) * stats.t.ppf(0.025, 5)))
    assert tail_of(100_000) == pytest.approx(0.025, rel=1e-3)
    assert all(tail_of(n) < tail_of(n + 1) for n in range(2, 40))


def test_names_and_order_change_no_digit() -> None:
    ours = {f"a{i}/c{j}": float(i * 1.7 % 1 + j * 0.31) for i in range(7) for j in range(2)}
    theirs = dict.fromkeys(ours, 0.4)
    actors = {clip: clip.split("/")[0] for clip in ours}
    renamed = {actor: f"z{9 - int(actor[1:])}" for actor in actors.values()}
    first = paired_by_actor(ours, theirs, actors)
    second = paired_by_actor(
        dict(reversed(ours.items())), theirs, {clip: renamed[actor] for clip, actor in actors.items()}
    )
    assert nested_bootstrap(first) == nested_bootstrap(second)
    assert actor_sign_flip_p(first) == actor_sign_flip_p(second)


def test_shift_scale_and_sign() -> None:
    paired = made(7, (2, 2, 1, 3, 2, 2, 2))
    base, p = nested_bootstrap(paired), actor_sign_flip_p(paired)
    assert base.low is not None
    assert base.high is not None
    moved = nested_bootstrap(Paired(tuple(3.0 * group + 5.0 for group in paired.groups)))
    assert moved.low == pytest.approx(3.0 * base.low + 5.0)
    assert actor_sign_flip_p(Paired(tuple(-2.0 * group for group in paired.groups))) == p
    assert actor_flip_p_above(paired, 0.1) >= actor_flip_p_above(paired, -0.1)


def test_repeated_clips_add_no_evidence_of_the_flips() -> None:
    """Twice the clips of the same actors with the same values: over actors nothing is gained, while clips
    taken for independent make the test surer.
    """
    paired = made(8, (2, 2, 2, 2, 2, 2), shift=0.9)
    doubled = Paired(tuple(np.repeat(group, 2) for group in paired.groups))
    assert actor_sign_flip_p(doubled) == actor_sign_flip_p(paired)
    flat = np.concatenate(paired.groups)
    assert actor_sign_flip_p(singles(np.repeat(flat, 2).tolist())) < actor_sign_flip_p(singles(flat.tolist()))


def test_fewer_than_six_actors_tell_nothing_whatever_their_clips() -> None:
    five = Paired(tuple(np.full(8, 3.0 + i / 10) for i in range(5)))
    assert actor_sign_flip_p(five) == smallest_actor_p(5) > ALPHA
    assert not told_apart(five)
    assert smallest_detectable(five) is None
    assert told_apart(Paired((*five.groups, np.full(8, 3.0))))
    assert actors_needed() == FEWEST_ACTORS


def test_one_actor_has_no_interval() -> None:
    found = nested_bootstrap(Paired((np.array([1.0, 2.0, 3.0]),)))
    assert (found.mean, found.low, found.high, found.count) == (2.0, None, None, 3)


def test_actors_needed_is_where_significance_begins() -> None:
    for comparisons in (1, 2, 10, 190, 2850):
        needed = actors_needed(comparisons)
        assert smallest_actor_p(needed) * comparisons < ALPHA
        assert needed == FEWEST_ACTORS or smallest_actor_p(needed - 1) * comparisons >= ALPHA
        assert detectable_spreads(needed, comparisons=comparisons) is not None
        assert detectable_spreads(needed - 1, comparisons=comparisons) is None
    with pytest.raises(ValueError, match="flips can separate"):
        actors_needed(3001)


def test_detectable_difference_of_known_spread() -> None:
    """16 actors, one clip each, standard deviation 1: (t(0.975, 15) + t(0.8, 15)) / 4 = (2.131 + 0.866) / 4,
    known from tables.
    """
    values = np.array([-1.0, 1.0] * 8) * np.sqrt(15 / 16)
    assert smallest_detectable(singles(values.tolist())) == pytest.approx(0.7494, abs=2e-4)
    # six actors: all must be better, so each with 0.8 ** (1 / 6) = 0.9635
    assert detectable_spreads(6) == pytest.approx(stats.norm.ppf(0.8 ** (1 / 6)))


def test_detectable_difference_falls_with_actors_and_rises_with_comparisons_power_and_spread() -> None:
    found = [detectable_spreads(n) for n in range(6, 60)]
    assert all(a is not None and b is not None and a > b for a, b in itertools.pairwise(found))
    paired = made(9, (2,) * 14)
    base = smallest_detectable(paired)
    assert base is not None
    for other in (
        smallest_detectable(paired, comparisons=10),
        smallest_detectable(paired, power=0.9),
        smallest_detectable(Paired(tuple(1.5 * group for group in paired.groups))),
    ):
        assert other is not None
        assert other > base


def test_actors_to_detect_is_where_the_detectable_difference_falls_below() -> None:
    paired = made(10, (2,) * 12)
    error = paired.standard_error
    assert error is not None
    spread = error * np.sqrt(12)
    needed = actors_to_detect(paired, 0.4, comparisons=3)
    assert needed is not None
    enough, short = (detectable_spreads(n, comparisons=3) for n in (needed, needed - 1))
    assert enough is not None
    assert short is not None
    assert enough * spread <= 0.4 < short * spread
    assert actors_to_detect(paired, 0.0) is None
    assert actors_to_detect(paired, 1e-6) is None
    assert actors_to_detect(singles([1.0] * 4), 1.0) == FEWEST_ACTORS


def test_standard_error_of_one_clip_each_is_the_textbook_one() -> None:
    values = np.random.default_rng(11).normal(size=9)
    assert singles(values.tolist()).standard_error == pytest.approx(stats.sem(values))


def test_false_alarms_stay_below_alpha_although_clips_of_an_actor_agree() -> None:
    """400 worlds of 8 actors with 3 clips and no difference: at most 5 % may be told apart. 0.05 has a
    standard error of 0.011; three of them are allowed. Over clips, four times as many would be.
    """
    random = np.random.default_rng(12)
    worlds = [
        Paired(tuple(random.normal(size=(8, 1)) + 0.5 * random.normal(size=(8, 3)))) for _ in range(400)
    ]
    assert np.mean([told_apart(world) for world in worlds]) <= 0.05 + 0.033
    naive = [told_apart(singles(np.concatenate(world.groups).tolist())) for world in worlds[:100]]
    assert np.mean(naive) > 0.15


def test_nested_error_is_the_spread_of_the_drawn_means() -> None:
    """The deviation of 10,000 draws has an error of 0.7 %; clips of unequal numbers add a little."""
    paired = made(15, (2, 3, 1, 4, 2, 2, 3, 2, 2, 3))
    values = np.concatenate(paired.ordered)
    means = np.concatenate([w @ values for w in bootstrap_weights(paired.sizes, 3, 10_000)])
    assert paired.nested_error == pytest.approx(means.std() * np.sqrt(10 / 9), rel=0.04)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("actors", "clips", "comparisons"),
    [(6, 3, 1), (8, 2, 1), (10, 2, 10), (14, 3, 1), (14, 3, 50), (24, 1, 10)],
)
def test_the_detectable_difference_is_found_in_four_of_five_worlds(
    actors: int, clips: int, comparisons: int
) -> None:
    """The formula takes the flips for a t test, which is optimistic where few patterns are allowed: 0.71 at
    the worst in docs/statistics.md. 400 worlds: standard error 0.02, two and a half of them allowed.
    """
    random = np.random.default_rng(13)
    large = Paired(tuple(random.normal(size=(2000, 1)) + random.normal(size=(2000, clips))))
    assert large.nested_error is not None
    assert large.standard_error is not None
    widening = large.nested_error / large.standard_error
    spreads = detectable_spreads(actors, comparisons=comparisons, widening=widening)
    assert spreads is not None
    shift = spreads * np.sqrt(1.0 + 1.0 / clips)
    found = []
    for _ in range(400):
        values = shift + random.normal(size=(actors, 1)) + random.normal(size=(actors, clips))
        paired = Paired(tuple(values))
        outside = nested_bootstrap(paired).excludes(0.0)
        found.append(outside and actor_sign_flip_p(paired) * comparisons < ALPHA)
    assert 0.71 - 0.05 <= np.mean(found) <= 0.8 + 0.05
