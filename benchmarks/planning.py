"""Seconds to plan many units, part by part.

    python -m benchmarks.planning

By default 100,000 units: 250 clips x 2 settings x 4 sn x 5 T x 10 methods.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.toys import BlankDataset, BlankMethod, BlankScorer, blank_protocol
from iper_bench.run.plan import Grid, make_plan
from iper_bench.store.planned import planned_units
from iper_bench.store.run_folder import RunFolder

SN, STEPS = (1, 2, 4, 8), (0, 10, 50, 100, 200)


class Laps:
    """Prints what every part took."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()

    def end(self, part: str) -> None:
        """A part has ended."""
        now = time.perf_counter()
        print(f"{part:32s} {now - self._last:7.2f} s", flush=True)
        self._last = now

    def total(self) -> None:
        """All have ended."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{'together':32s} {self._last - self._started:7.2f} s, peak {peak:.0f} MiB")


def main() -> None:
    """Plan, write, read and scan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=250)
    parser.add_argument("--methods", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        dataset, protocol = BlankDataset(asked.clips), blank_protocol(folder)
        methods: Any = {f"m{n:02d}": BlankMethod(f"m{n:02d}") for n in range(asked.methods)}
        grid = Grid.of(SN, STEPS, ("self", "cross"), (0,), None)
        laps = Laps()
        plan = make_plan(methods, dataset, protocol, grid, BlankScorer().definitions())
        laps.end(f"resolve {len(plan.units)} units")
        ids = {unit.id for unit in plan.units}
        laps.end(f"{len(ids)} ids")
        lines = plan.describe().splitlines()
        laps.end(f"describe in {len(lines)} lines")
        run = RunFolder.create(folder / "run", plan.document)
        laps.end("write and read plan.yaml")
        listed = planned_units(run.plan)
        laps.end("units from plan.yaml alone")
        laps.total()
        if {unit.id for unit in listed} != ids:
            raise ValueError("plan.yaml tells other units than the plan")


if __name__ == "__main__":
    main()
