"""How often the gate fails when one number drops: the table of docs/gate.md.

    python benchmarks/gate_power.py [--gates 100]

Every number moves by normal noise with a part that all clips of an actor share and a part of each clip's
own; the first number also drops. Deterministic, about a minute. Nearly all of the time goes into 30 numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iper_bench.report.statistics import ALPHA, Paired, actor_sign_flip_p
from iper_bench.report.verdict import REGRESSED, Sample, judge

TOLERANCE, LIMIT = 0.05, 1.0
SHARED, OWN = 0.25, 0.17  # deviations of the two parts; together 0.3
CLIPS = 2  # per actor
ACTORS = (4, 6, 8, 12, 24)
NUMBERS = (1, 30)
DROPS = (0.0, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2)
OTHERWISE = (12, 30)  # actors and numbers of the lines about other tests


def differences(actors: int, numbers: int, gate: int, drop: float) -> NDArray[np.float64]:
    """(numbers, actors, clips) now - before. The noise is the same for every drop."""
    generator = np.random.default_rng((actors, numbers, gate))
    noise = generator.normal(0.0, SHARED, (numbers, actors, 1))
    noise = noise + generator.normal(0.0, OWN, (numbers, actors, CLIPS))
    noise[0] -= drop
    return noise


def paired(values: NDArray[np.float64]) -> Paired:
    """(actors, clips) as differences by actor."""
    return Paired(tuple(values))


def fails(numbers: NDArray[np.float64]) -> bool:
    """Whether a gate over these numbers fails."""
    samples = [
        Sample(f"{index}", True, TOLERANCE, LIMIT, 0.0, float(values.mean()), paired(values))
        for index, values in enumerate(numbers)
    ]
    return any(verdict.verdict == REGRESSED for verdict in judge(samples))


def fails_uncorrected(numbers: NDArray[np.float64]) -> bool:
    """The same if every number were tested by itself."""
    return any(
        values.mean() < 0 and actor_sign_flip_p(paired(values), margin=TOLERANCE) <= ALPHA
        for values in numbers
    )


def fails_by_clips(numbers: NDArray[np.float64]) -> bool:
    """One number by itself if its clips were taken for independent."""
    values = numbers[0].reshape(-1, 1)
    return bool(values.mean() < 0 and actor_sign_flip_p(paired(values)) <= ALPHA)


def fails_by_actors(numbers: NDArray[np.float64]) -> bool:
    """One number by itself, by actor, without tolerance: the counterpart of :func:`fails_by_clips`."""
    return bool(numbers[0].mean() < 0 and actor_sign_flip_p(paired(numbers[0])) <= ALPHA)


def share(values: Sequence[bool]) -> str:
    """A share with two decimals."""
    return f"{np.mean(values):.2f}"


def main() -> None:
    """Print the table and the lines below it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gates", type=int, default=100, help="simulated gates per cell")
    gates = range(parser.parse_args().gates)
    print(f"| actors | numbers | drop {' | '.join(f'{drop:g}' for drop in DROPS)} |")
    print("| ---: | ---: |" + " ---: |" * len(DROPS))
    for actors in ACTORS:
        for numbers in NUMBERS:
            cells = [
                share([fails(differences(actors, numbers, gate, drop)) for gate in gates]) for drop in DROPS
            ]
            print(f"| {actors} | {numbers} | {' | '.join(cells)} |", flush=True)
    actors, numbers = OTHERWISE
    alone = share([fails_uncorrected(differences(actors, numbers, gate, 0.0)) for gate in gates])
    print(f"without Holm's correction, {numbers} unchanged numbers, {actors} actors: {alone}")
    many = range(20 * len(gates))
    for words, test in (("clips", fails_by_clips), ("actors", fails_by_actors)):
        rate = np.mean([test(differences(actors, 1, gate, 0.0)) for gate in many])
        print(f"one unchanged number, {actors} actors, by {words}, without tolerance: {rate:.3f}")
    print(f"standard error at most {0.5 / np.sqrt(len(gates)):.3f}")


if __name__ == "__main__":
    main()
