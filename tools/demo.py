"""``make demo``: the benchmark's main job on what comes with the package, as nothing but public commands.

Each command is printed as it is run, so that it can be typed again with other arguments. At the end stand the
table, where the report lies, the time it took and the largest memory any of the commands needed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

RUN, SWEEP, REPORT, TRAINED = "runs/demo", "runs/demo-sweep", "runs/demo-report", "runs/demo-train"
REGRESSION = 1


def commands(*, train: bool, limit: int | None) -> list[list[str]]:
    """The command lines in order. ``limit`` takes fewer clips, into folders of their own."""
    setting = "--dataset synthetic --protocol synthetic-demo"
    methods, ending = "attlwb,warp,copy-source", ""
    if train:
        methods, ending = f"{methods},scratch=attlwb@{TRAINED}/weights.safetensors", "-trained"
    if limit is not None:
        setting, ending = f"{setting} --limit {limit}", f"{ending}-{limit}"
    run, sweep, report = f"{RUN}{ending}", f"{SWEEP}{ending}", f"{REPORT}{ending}"
    training = f"train --method attlwb --dataset synthetic --preset tiny --out {TRAINED}"
    lines = [
        f"data make-synthetic --split {'train,test' if train else 'test'}",
        *([training] if train else []),
        f"run --method {methods} {setting} --steps 20 --out {run}",
        # The plot of the sweep is about self-imitation, as the paper's Figure 14 is; the references stand in
        # the run above.
        f"sweep --method attlwb {setting} --settings self --sn 1,2 --steps 0,5,20 --references none "
        f"--out {sweep}",
        # The baseline holds every clip of the protocol; a limited run cannot be held against it.
        *([f"gate {run}"] if limit is None else []),
        f"report {run} {sweep} --out {report}",
        f"claims --only table5-personalization {sweep}",
    ]
    return [shlex.split(line) for line in lines]


def execute(arguments: list[str]) -> tuple[int, float]:
    """Run one command line; return its exit status and its peak memory in GB."""
    script = Path(sys.executable).parent / "iper-bench"
    print(f"\n$ {shlex.join(['iper-bench', *arguments])}", flush=True)
    child = os.spawnv(os.P_NOWAIT, str(script), [str(script), *arguments])
    _, status, usage = os.wait4(child, 0)
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss / unit


def main() -> int:
    """Run the demo and return its exit status: that of the first command that failed, or of the gate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--train", action="store_true", help="also train from scratch")
    parser.add_argument("--limit", type=int, help="only the first N source clips")
    options = parser.parse_args()
    started, peak, verdict = time.monotonic(), 0.0, 0
    for arguments in commands(train=options.train, limit=options.limit):
        status, memory = execute(arguments)
        peak = max(peak, memory)
        if status == REGRESSION and arguments[0] == "gate":
            verdict = status
        elif status != 0:
            print(f"\nmake demo stopped: the command above ended with exit status {status}", file=sys.stderr)
            return status
    print(f"\n{time.monotonic() - started:.0f} s, peak memory {peak:.1f} GB")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
