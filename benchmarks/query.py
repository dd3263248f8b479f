"""Seconds and memory of questions in SQL over 3.8 million values per frame.

    python -m benchmarks.query [--run FOLDER]

Makes the run of ``made_up_run.py`` (20 methods x 42 clips x 300 frames x 15 metrics) unless FOLDER holds it
already, and times whole processes: import, reading of all files, the question, printing.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.made_up_run import write_run
from iper_bench.store.plan_file import PLAN_FILE

QUESTIONS = {
    "all values by method and metric": "SELECT method, metric, avg(value), stddev(value), count(value) "
    "FROM frames GROUP BY ALL ORDER BY ALL",
    "best of 20 per frame": "SELECT method, count(*) FROM (SELECT method FROM frames WHERE metric = 'PSNR' "
    "QUALIFY rank() OVER (PARTITION BY clip, frame ORDER BY value DESC) = 1) GROUP BY ALL ORDER BY 2 DESC",
    "a mean per clip": "SELECT clip, method, avg(value) FROM rows WHERE metric = 'PSNR' GROUP BY ALL "
    "ORDER BY ALL",
    "the means that are there": "SELECT method, metric, mean, low, high FROM aggregates",
}


def seconds(sql: str, run: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one command. Raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    line = [sys.executable, "-m", "iper_bench.cli.main", "query", sql, str(run), "--json"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a run of made_up_run.py")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run = asked.run or Path(temporary) / "run"
        if not (run / PLAN_FILE).exists():
            write_run(run)
        size = sum(file.stat().st_size for file in (run / "units").iterdir())
        print(f"{size / 1e6:.0f} MB of units, load of the machine {os.getloadavg()[0]:.1f}\n")
        print("| question | seconds, best of repeats | CPU seconds |")
        print("| --- | --- | --- |")
        for name, sql in QUESTIONS.items():
            wall, cpu = min(seconds(sql, run) for _ in range(asked.repeats))
            print(f"| {name} | {wall:.1f} | {cpu:.1f} |", flush=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\nlargest process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
