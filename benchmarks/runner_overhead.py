"""What the runner itself costs per unit: data, method and metrics take no time, everything is stored and
flushed to the disk as in any run.

    python -m benchmarks.runner_overhead

Prints milliseconds per unit of a fresh run with either way of keeping frames, and of a second command that
finds everything finished.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.toys import BlankDataset, BlankMethod, BlankScorer, blank_protocol
from iper_bench.run.benchmark import evaluate
from iper_bench.run.request import KEPT, RunReport, RunRequest


def main() -> None:
    """Run the toys and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=25, help="8 units each")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as temporary:  # a disk, not a file system in memory
        folder = Path(temporary)
        dataset, protocol = BlankDataset(asked.clips), blank_protocol(folder)
        methods: Any = {"blank": BlankMethod("blank")}

        def run(request: RunRequest) -> tuple[RunReport, float, float]:
            started, used = time.perf_counter(), time.process_time()
            report = evaluate(request, protocol, dataset, methods, BlankScorer())
            return report, time.perf_counter() - started, time.process_time() - used

        print("| frames kept as | command | units | ms per unit | of these CPU ms |")
        print("| --- | --- | --- | --- | --- |")
        for kept in KEPT:
            request = RunRequest(["blank"], "blank", folder / kept, sn=(1, 2), steps=(0, 5), predictions=kept)
            for command in ("first", "again"):
                report, wall, cpu = run(replace(request))
                each = 1000 / report.total
                print(f"| {kept} | {command} | {report.total} | {wall * each:.1f} | {cpu * each:.1f} |")
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
