"""Seconds and memory of ``iper-bench report`` over a large made-up run, by part.

    python benchmarks/report.py [--run FOLDER]

By default 20 methods x 42 clips x 300 frames x 15 metrics (3.8 million values, ``made_up_run.py``), without
predictions, so without pictures and films, whose time goes with the frames that are kept. The target is under
60 seconds and 4 GB on 2 cores.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iper_bench.report import page
from iper_bench.report.panel import Panel, ReportContext, ReportOptions
from iper_bench.report.reading import read_evidence
from iper_bench.report.seeds import over_seeds
from iper_bench.store.rows import read_rows

SECONDS, GIGABYTES = 60.0, 4.0


@contextmanager
def part(name: str) -> Iterator[None]:
    """Print what the block took: seconds by the clock and of work (which other programs on the machine do not
    change), and the memory that the process has taken at most so far.
    """
    begun, worked = time.perf_counter(), time.process_time()
    yield
    seconds, work = time.perf_counter() - begun, time.process_time() - worked
    print(f"{name:<20} {seconds:8.2f} s, {work:8.2f} s of work {peak():8.2f} GB", flush=True)


def peak() -> float:
    """Largest resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def parts(run: Path, only: tuple[str, ...]) -> None:
    """Every step by itself: reading, then each panel with its files."""
    with part("rows"):
        rows = {run: tuple(read_rows(run))}
    with part("evidence"):
        evidence = over_seeds(read_evidence([run]))
    context = ReportContext(evidence, (run,), rows, options=ReportOptions())
    with tempfile.TemporaryDirectory() as folder:
        for name in only:
            with part(name):
                panel: Panel | None = importlib.import_module(f"iper_bench.report.{name}").build(context)
                for number, asset in enumerate(panel.assets if panel else ()):
                    asset.write(Path(folder) / f"{number}{Path(asset.name).suffix}")


def whole(run: Path) -> None:
    """The command as it is typed, without printing."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        with part("write_report"):
            files = page.write_report([run], Path(folder) / "report")
        seconds = time.perf_counter() - begun
        print(f"index.html: {files.html.stat().st_size / 1e6:.1f} MB")
    print("within the target" if seconds < SECONDS and peak() < GIGABYTES else "NOT within the target")


def main() -> None:
    """Make the run unless one is given, then time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run folder  [default: made now, in a temporary folder]")
    parser.add_argument("--whole", action="store_true", help="the whole command alone")
    parser.add_argument("--only", default=",".join(page.BUILDERS), help="panels, commas between")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run
        if run is None:
            from benchmarks.made_up_run import write_run

            run = write_run(Path(folder) / "run")
        if not arguments.whole:
            parts(run, tuple(arguments.only.split(",")))
        else:
            whole(run)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
