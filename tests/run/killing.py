"""Starts the same run again and again and kills it with SIGKILL, at random moments and in the midst of
writing; with ``pool`` it works in several processes, and now and then one of those is killed instead.

A script of its own, because it forks: ``python -m tests.run.killing FOLDER KILLS [pool]``. Prints one JSON
object.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from iper_bench import atomic
from iper_bench.body import load_body
from iper_bench.run import benchmark
from iper_bench.run.benchmark import evaluate
from iper_bench.run.environment import environment
from iper_bench.run.executors import pool
from iper_bench.run.request import RunReport
from tests.run.toys import ToyMethod, ToyOpener, toy_request

LONGEST = 0.25  # seconds until a kill by time
DEEPEST = 40  # writes until a kill by count
JOBS = 3
MOST_ATTEMPTS = 6  # per kill that is wanted; on a quick machine some attempts end before they are killed
LOCKS = (".lock", ".workers", ".trials")


def run(out: Path, log: Path, folder: Path, *, jobs: int = 1) -> RunReport:
    """The whole run, as often as needed. ``folder``: of the protocol's file."""
    methods = tuple(ToyMethod(name, pause=0.002, log=log) for name in ("toy", "yot"))
    request = toy_request(out, methods=["toy", "yot"], jobs=jobs)
    opener = ToyOpener(folder, methods)
    opened = opener(request)
    return evaluate(request, opened.protocol, opened.dataset, opened.methods, opened.scorer, opener=opener)


def die_at_write(count: int, *, after: bool, once: Path | None = None) -> None:
    """Make the process, and those forked from it, kill themselves before or after their ``count``-th picture
    or flush to the disk. ``once``: a file by which only the first of them dies.
    """
    left = [count]
    flush, put = os.fsync, Path.write_bytes

    def die() -> None:
        if once is not None:
            try:
                os.close(os.open(once, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(real: Callable[..., Any], *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            die()
        answer = real(*arguments)
        if left[0] == 0:
            die()
        return answer

    atomic.os.fsync = lambda handle: counted(flush, handle)
    Path.write_bytes = lambda path, content: counted(put, path, content)  # type: ignore[assignment, method-assign]


def finished(out: Path) -> dict[str, bytes]:
    """Unit files by name."""
    return {path.name: path.read_bytes() for path in sorted((out / "units").glob("[!.]*.json"))}


def kill_a_worker(parent: int, choice: random.Random) -> bool:
    """Kill one of the processes that ``parent`` has started; whether there was one."""
    with contextlib.suppress(OSError, ValueError):
        workers = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8").split()
        if workers:
            os.kill(int(choice.choice(workers)), signal.SIGKILL)
            return True
    return False


def attempt_alone(number: int, start: Callable[[], None], choice: random.Random, folder: Path) -> int:
    """One run that is killed by time or at a write; returns 1 when it was."""
    child = os.fork()
    if child == 0:
        if number % 2:
            die_at_write(choice.randint(1, DEEPEST), after=choice.random() < 0.5)
        start()
        os._exit(0)
    if not number % 2:
        time.sleep(choice.uniform(0.0, LONGEST))
        os.kill(child, signal.SIGKILL)
    choice.random()  # parent and child draw alike
    _, status = os.waitpid(child, 0)
    return int(os.WIFSIGNALED(status))


def attempt_pool(number: int, start: Callable[[], None], choice: random.Random, folder: Path) -> int:
    """One run in several processes: a worker dies at a write, or by time, or none; then the parent is killed.
    Returns how many were killed for certain.
    """
    depth, after = choice.randint(1, DEEPEST), choice.random() < 0.5
    mark = folder / f"mark{number}"
    child = os.fork()
    if child == 0:
        if number % 3 == 0:
            die_at_write(depth, after=after, once=mark)
        start()
        os._exit(0)
    killed = 0
    if number % 3 == 1:
        time.sleep(choice.uniform(0.1, 0.1 + LONGEST))
        killed += kill_a_worker(child, choice)
    time.sleep(choice.uniform(0.05, 2 * LONGEST))
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return killed + int(os.WIFSIGNALED(status)) + int(mark.exists())


def main(folder: Path, kills: int, jobs: int) -> dict[str, Any]:
    """Kill ``kills`` times, then let the run end. A run that ended before is put aside and another begun."""
    torch.set_num_threads(1)
    pool.START_METHOD = "fork"  # a worker that imports torch anew takes seconds, and the toys use none of it
    load_body("open-coarse")
    here = environment("cpu", (0,))
    benchmark.environment = lambda device, seeds: here  # asking git again each time takes longer than the run
    log = folder / "log"
    choice = random.Random(7)
    killed, changed, attempts, rounds = 0, [], 0, 0
    attempt = attempt_alone if jobs == 1 else attempt_pool
    while killed < kills and attempts < MOST_ATTEMPTS * kills:
        out = folder / f"killed{rounds}"
        before = finished(out)
        killed += attempt(
            attempts, lambda out=out: (run(out, log, folder, jobs=jobs), None)[1], choice, folder
        )
        attempts += 1
        after = finished(out)
        changed += [name for name, content in before.items() if after.get(name) != content]
        for content in after.values():
            json.loads(content)
        rounds += (out / "aggregates.json").exists()
    outs = [folder / f"killed{number}" for number in range(rounds + 1)]
    report = run(outs[-1], log, folder, jobs=jobs)
    left = [str(path) for out in outs for path in sorted(out.rglob(".*")) if path.name not in LOCKS]
    renders = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("render")]
    return {
        "killed": killed,
        "changed": changed,
        "left": left,
        "units": [len(finished(out)) for out in outs],
        "failed": len(report.failures),
        "renders": len(renders),
        "folders": [out.name for out in outs],
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), int(sys.argv[2]), JOBS if "pool" in sys.argv[3:] else 1), sys.stdout)
