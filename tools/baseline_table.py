"""Train every baseline for the same CPU time on the embedded dataset, and tabulate them on held-out actors.

    python tools/baseline_table.py train [METHOD ...]    train those, or all; finished ones are left alone
    python tools/baseline_table.py table [1] [2] [4]     run and report those tables, or all three

The schedule of each one (``--steps``) is what fits into the budget: the CPU time of a step is measured on
steps spread over the whole schedule, so that every stage gets its share. Commands are printed as they run.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import sys
import time
from pathlib import Path

from iper_bench.methods.baseline_folders import baseline_folders

BUDGET = 300.0  # seconds of CPU time of one thread
PROBES = 24  # steps that are timed
FOLDER = Path("runs/baselines")
CLIPS = 8  # held-out clips of the tables
TABLE1 = ("pg2", "shup", "dsc", "diaf", "patb")
TABLE2 = ("pix2pixhd", "spade", "metapix-pix2pixhd", "metapix-shup")
TABLE4 = ("appflow", "mv2nv")


def steps_within(method: str, seconds: float) -> int:
    """How many steps of a schedule take ``seconds`` of CPU time."""
    from iper_bench.baseline_kit.sampling import ExampleSampler
    from iper_bench.baseline_kit.trainee import BaselineTrainee
    from iper_bench.baseline_kit.training import BaselineRequest, fresh_baseline
    from iper_bench.training.mix import TRAINING, open_mix, parse_mix
    from iper_bench.training.team import Team

    baseline = fresh_baseline(BaselineRequest(method, "synthetic", FOLDER))
    mix = open_mix(parse_mix("synthetic"), baseline.settings.side)
    sampler = ExampleSampler(mix.bare_clips(TRAINING)[:8], side=baseline.settings.side, seed=0)
    sampler.prepare()
    steps = baseline.settings.steps
    trainee = BaselineTrainee(baseline, sampler, Team("cpu"), seed=0, steps=steps)
    spent = []
    for probe in range(PROBES):
        trainee.step = (probe * steps) // PROBES
        started = time.process_time()
        trainee.learn([trainee.draw(trainee.step, 0)], steps)
        spent.append(time.process_time() - started)
    # each kind of step is slow the first time
    return max(1, int(seconds / (sum(sorted(spent)[: PROBES - 2]) / (PROBES - 2))))


def execute(line: str) -> float:
    """Run one command line on one thread; the CPU seconds it took. Ends the program when it fails."""
    script = Path(sys.executable).parent / "iper-bench"
    print(f"\n$ iper-bench {line}", flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    child = os.spawnve(os.P_NOWAIT, str(script), [str(script), *shlex.split(line)], environment)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status != 0:
        raise SystemExit(status)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def train(methods: list[str]) -> None:
    """Train each one into its folder."""
    import torch

    torch.set_num_threads(1)
    for method in methods:
        weights = FOLDER / method / "weights.safetensors"
        if weights.is_file():
            print(f"{method}: trained already, {weights}")
            continue
        steps = steps_within(method, BUDGET)
        seconds = execute(
            f"train --method {method} --dataset synthetic --steps {steps} --out {weights.parent}"
        )
        print(f"{method}: {steps} steps, {seconds:.0f} s of CPU time with start and decoding", flush=True)


def table(numbers: list[int]) -> None:
    """Run the protocols of those tables and report them."""

    def named(methods: tuple[str, ...]) -> str:
        return ",".join(f"{name}={name}@{FOLDER / name / 'weights.safetensors'}" for name in methods)

    runs = {
        1: f"--method attlwb,{named(TABLE1)} --sn 1 --steps 0",
        2: f"--method attlwb,{named(TABLE2)} --sn 2 --steps 20",
        4: f"--method attlwb,{named(TABLE4)} --protocol synthetic-novel-view --sn 4 --steps 0",
    }
    for number in numbers:
        out = FOLDER / f"table{number}"
        execute(f"run {runs[number]} --dataset synthetic --limit {CLIPS} --out {out}")
        execute(f"report {out}")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("train").add_argument("methods", nargs="*", choices=[*baseline_folders(), []])
    verbs.add_parser("table").add_argument("numbers", nargs="*", type=int, choices=[1, 2, 4, []])
    options = parser.parse_args()
    if options.verb == "train":
        train(options.methods or list(baseline_folders()))
    else:
        table(options.numbers or [1, 2, 4])


if __name__ == "__main__":
    main()
