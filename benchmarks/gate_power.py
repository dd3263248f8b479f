"""How often the gate fails when one number drops: the table of docs/gate.md.

    python benchmarks/gate_power.py [--gates 60]

Every clip of every number moves by normal noise; the first number also drops. Deterministic. Nearly all of
the time goes into 30 numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iper_bench.report.statistics import ALPHA, two_sided_p
from iper_bench.report.verdict import REGRESSED, Sample, judge

TOLERANCE, LIMIT, NOISE = 0.05, 1.0, 0.3
CLIPS = (6, 8, 12, 24)
NUMBERS = (1, 30)
DROPS = (0.0, 0.2, 0.3, 0.5, 0.7, 0.9)
UNCORRECTED = (12, 30)  # clips and numbers of the line about Holm's correction


def differences(clips: int, numbers: int, gate: int, drop: float) -> NDArray[np.float64]:
    """(numbers, clips) now - before. The noise is the same for every drop."""
    noise = np.random.default_rng((clips, numbers, gate)).normal(0.0, NOISE, (numbers, clips))
    noise[0] -= drop
    return noise


def fails(rows: NDArray[np.float64]) -> bool:
    """Whether a gate over these numbers fails."""
    samples = [
        Sample(f"{index}", True, TOLERANCE, LIMIT, 0.0, float(row.mean()), row)
        for index, row in enumerate(rows)
    ]
    return any(verdict.verdict == REGRESSED for verdict in judge(samples))


def fails_uncorrected(rows: NDArray[np.float64]) -> bool:
    """The same if every number were tested by itself."""
    return any(row.mean() < 0 and two_sided_p(row, margin=TOLERANCE) <= ALPHA for row in rows)


def share(values: Sequence[bool]) -> str:
    """A share with two decimals."""
    return f"{np.mean(values):.2f}"


def main() -> None:
    """Print the table and the line below it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gates", type=int, default=60, help="simulated gates per cell")
    gates = range(parser.parse_args().gates)
    print(f"| clips | numbers | drop {' | '.join(f'{drop:g}' for drop in DROPS)} |")
    print("| ---: | ---: |" + " ---: |" * len(DROPS))
    for clips in CLIPS:
        for numbers in NUMBERS:
            cells = [
                share([fails(differences(clips, numbers, gate, drop)) for gate in gates]) for drop in DROPS
            ]
            print(f"| {clips} | {numbers} | {' | '.join(cells)} |", flush=True)
    clips, numbers = UNCORRECTED
    alone = share([fails_uncorrected(differences(clips, numbers, gate, 0.0)) for gate in gates])
    print(f"without Holm's correction, {numbers} unchanged numbers, {clips} clips: {alone}")
    print(f"standard error at most {0.5 / np.sqrt(len(gates)):.3f}")


if __name__ == "__main__":
    main()
