"""How often step detection sees a step: in pure noise, where there is none, and where there is one.

    python benchmarks/step_alarms.py [--series 2000]

The table of docs/gate.md. Series of independent normal values of deviation 1; the step stands in the middle,
or at the last value, which is the one that matters on the day of a change. Deterministic, below a minute.
"""

from __future__ import annotations

import argparse

import numpy as np

from iper_bench.report.trend_steps import find_levels

LENGTHS = (4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
HEIGHTS = (3.0, 6.0)


def share_with_steps(length: int, series: int, *, height: float = 0.0, last: bool = False) -> float:
    """Share of ``series`` series of ``length`` values in which any step is seen."""
    values = np.random.default_rng((length, 7)).normal(size=(series, length))
    values[:, length - 1 if last else length // 2 :] += height
    return float(np.mean([len(find_levels(row)) > 1 for row in values]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--series", type=int, default=2000, help="simulated series per cell")
    series = parser.parse_args().series
    heads = [f"step of {h:g} {where}" for where in ("in the middle", "at the end") for h in HEIGHTS]
    print(f"| values | no step | {' | '.join(heads)} |")
    print("| ---: | ---: |" + " ---: |" * len(heads))
    for length in LENGTHS:
        cells = [share_with_steps(length, series)]
        cells += [share_with_steps(length, series, height=h) for h in HEIGHTS]
        cells += [share_with_steps(length, series, height=h, last=True) for h in HEIGHTS]
        print(f"| {length} | {' | '.join(f'{cell:.3f}' for cell in cells)} |", flush=True)
    print(f"standard error at most {0.5 / np.sqrt(series):.3f}")


if __name__ == "__main__":
    main()
