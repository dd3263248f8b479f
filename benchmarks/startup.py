"""How long ``iper-bench --help`` takes: minimum and median of twenty fresh processes. Goal: under 0.5 s.

.venv/bin/python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 20


def main() -> None:
    """Print the times of the top help and of a verb's help."""
    script = Path(sys.executable).parent / "iper-bench"
    for arguments in (["--help"], ["run", "--help"]):
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            subprocess.run([script, *arguments], check=True, capture_output=True)
            times.append(time.perf_counter() - started)
        line = " ".join(["iper-bench", *arguments])
        print(f"{line:25s} min {min(times) * 1e3:4.0f} ms, median {statistics.median(times) * 1e3:4.0f} ms")


if __name__ == "__main__":
    main()
