"""How often the statistics over actors are right: the figures of ``docs/statistics.md``.

Made-up worlds with a known truth: actors with an effect of their own and two or three clips each. Printed:
how often the 95 % interval holds the true mean, how often a difference is told where there is none, how
often the smallest detectable difference is found, and how often a table of equal methods shows any
difference.

    python benchmarks/statistics_power.py [--worlds 2000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from iper_bench.report.evidence import Measurement
from iper_bench.report.ranking import standings_of_table
from iper_bench.report.statistics import (
    ALPHA,
    Paired,
    actor_sign_flip_p,
    detectable_spreads,
    holm,
    nested_bootstrap,
    told_apart,
)

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def normal(random: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Standard normal values."""
    return random.normal(size=size)


def skewed(random: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Values of mean 0 and variance 1 with the skewness 2 of the exponential distribution."""
    return random.exponential(size=size) - 1.0


def worlds(
    count: int, actors: int, clips: int, share: float, *, shift: float = 0.0, draw: Draw = normal
) -> Iterator[Paired]:
    """Differences with mean ``shift`` and variance 1 per clip, of which ``share`` is the actor's."""
    random = np.random.default_rng([actors, clips, round(100 * share)])
    for _ in range(count):
        of_actor = np.sqrt(share) * draw(random, (actors, 1))
        of_clip = np.sqrt(1.0 - share) * draw(random, (actors, clips))
        yield Paired(tuple(shift + of_actor + of_clip))


def by_clip(paired: Paired) -> Paired:
    """The same differences with every clip taken for an actor of its own."""
    return Paired(tuple(np.concatenate(paired.groups)[:, None]))


def coverage(count: int) -> None:
    """How often the interval holds the true mean, beside the plain bootstrap over clips."""
    print("\n## Interval: how often it holds the true mean (95 % asked for)\n")
    print(
        "| actors x clips | actor's share | noise | nested | over clips |\n| --- | ---: | --- | ---: | ---: |"
    )
    for actors, clips in ((4, 3), (6, 3), (8, 2), (10, 2), (14, 3), (30, 2)):
        for share, draw in ((0.0, normal), (0.5, normal), (0.9, normal), (0.5, skewed)):
            nested = plain = 0
            for paired in worlds(count, actors, clips, share, draw=draw):
                nested += not nested_bootstrap(paired).excludes(0.0)
            for paired in worlds(count // 8, actors, clips, share, draw=draw):
                plain += not nested_bootstrap(by_clip(paired)).excludes(0.0)
            cells = f"{nested / count:.3f} | {plain / (count // 8):.2f}"
            print(f"| {actors} x {clips} | {share} | {draw.__name__} | {cells} |")


def false_alarms(count: int) -> None:
    """How often a difference is told where there is none."""
    print("\n## False alarms of one comparison (at most 5 %)\n")
    print("| actors x clips | actor's share | noise | flips of actors | told apart | flips of clips |")
    print("| --- | ---: | --- | ---: | ---: | ---: |")
    for actors, clips in ((6, 3), (8, 2), (10, 2), (14, 3), (30, 2)):
        for share, draw in ((0.0, normal), (0.5, normal), (0.9, normal), (0.5, skewed)):
            flips = told = 0
            for paired in worlds(count, actors, clips, share, draw=draw):
                flips += actor_sign_flip_p(paired) < ALPHA
                told += told_apart(paired)
            naive = sum(
                actor_sign_flip_p(by_clip(paired)) < ALPHA
                for paired in worlds(count // 8, actors, clips, share, draw=draw)
            )
            cells = f"{flips / count:.3f} | {told / count:.3f} | {naive / (count // 8):.2f}"
            print(f"| {actors} x {clips} | {share} | {draw.__name__} | {cells} |")


def power(count: int) -> None:
    """How often the smallest detectable difference is found (80 % asked for)."""
    print("\n## Power at the smallest detectable difference (80 % asked for)\n")
    print("| actors x clips | comparisons | detectable, in spreads of actors | found |")
    print("| --- | ---: | ---: | ---: |")
    for actors, clips in ((6, 3), (7, 3), (8, 2), (10, 2), (14, 3), (30, 2)):
        widening = _widening(clips)
        for comparisons in (1, 10, 50):
            spreads = detectable_spreads(actors, comparisons=comparisons, widening=widening)
            if spreads is None:
                print(f"| {actors} x {clips} | {comparisons} | none: too few actors | |")
                continue
            shift = spreads * np.sqrt(0.5 + 0.5 / clips)
            found = 0
            for paired in worlds(count, actors, clips, 0.5, shift=shift):
                outside = nested_bootstrap(paired).excludes(0.0)
                found += outside and actor_sign_flip_p(paired) * comparisons < ALPHA
            print(f"| {actors} x {clips} | {comparisons} | {spreads:.2f} | {found / count:.3f} |")


def _widening(clips: int) -> float:
    """How much wider the nested interval is than the standard error asks for, of very many such actors."""
    (large,) = worlds(1, 4000, clips, 0.5)
    assert large.nested_error is not None
    assert large.standard_error is not None
    return large.nested_error / large.standard_error


def tables(count: int) -> None:
    """How often a table of equal methods shows any difference to the best, by what Holm corrects for."""
    print("\n## Tables of equal methods: how often any difference to the best is shown (at most 5 %)\n")
    print("| methods | columns | actors x clips | all pairs | only those with the best | bold |")
    print("| ---: | ---: | --- | ---: | ---: | ---: |")
    for methods, columns, actors in ((2, 1, 10), (5, 1, 10), (10, 1, 14), (20, 1, 14), (5, 5, 14)):
        random = np.random.default_rng([methods, columns, actors])
        pairs = narrow = bold = 0
        for _ in range(count):
            table = {key: _equal(random, methods, actors) for key in range(columns)}
            found = standings_of_table(table, dict.fromkeys(table, True))
            ones = [one for column in found.values() for one in column.values()]
            pairs += any(one.told_from_best for one in ones)
            bold += any(one.best for one in ones)
            narrow += min(holm(_to_best(table))) < ALPHA
        cells = f"{pairs / count:.3f} | {narrow / count:.3f} | {bold / count:.3f}"
        print(f"| {methods} | {columns} | {actors} x 3 | {cells} |")


def _equal(random: np.random.Generator, methods: int, actors: int) -> list[Measurement]:
    clips = {f"a{actor:02d}/c{clip}": f"a{actor:02d}" for actor in range(actors) for clip in range(3)}
    found = []
    for method in range(methods):
        values = (random.normal(size=(actors, 1)) + random.normal(size=(actors, 3))).ravel()
        place = (f"m{method:02d}", "made-up", "p", "self", 1, 0, "standard", "PSNR", float(values.mean()))
        found.append(
            Measurement(*place, clip_values=dict(zip(clips, values.tolist(), strict=True)), clip_actors=clips)
        )
    return found


def _to_best(table: dict[int, list[Measurement]]) -> list[float]:
    """p of every method against the best of its column, not corrected."""
    found = []
    for column in table.values():
        best = max(column, key=lambda one: one.value or 0.0)
        for one in column:
            if one is not best:
                values = np.array([one.clip_values[c] - best.clip_values[c] for c in sorted(one.clip_values)])
                found.append(actor_sign_flip_p(Paired(tuple(values.reshape(-1, 3)))))
    return found


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2000, help="per row; tables take a quarter")
    count = parser.parse_args().worlds
    coverage(count)
    false_alarms(count)
    power(count)
    tables(max(1, count // 4))


if __name__ == "__main__":
    main()
