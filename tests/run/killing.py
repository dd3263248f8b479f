"""Starts the same run again and again and kills it with SIGKILL, at random moments and in the midst of
writing.

A script of its own, because it forks: ``python -m tests.run.killing FOLDER KILLS``. Prints one JSON object.
"""

from __future__ import annotations

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
from iper_bench.run.benchmark import evaluate
from tests.run.toys import ToyDataset, ToyMethod, ToyScorer, toy_protocol, toy_request

LONGEST = 0.25  # seconds until a kill by time
DEEPEST = 40  # writes until a kill by count


def run(out: Path, log: Path, protocol: Any) -> None:
    """The whole run, as often as needed."""
    methods = {name: ToyMethod(name, pause=0.002, log=log) for name in ("toy", "yot")}
    request = toy_request(out, methods=sorted(methods))
    evaluate(request, protocol, ToyDataset(), methods, ToyScorer())


def die_at_write(count: int, *, after: bool) -> None:
    """Make the process kill itself before or after its ``count``-th picture or flush to the disk."""
    left = [count]
    flush, put = os.fsync, Path.write_bytes

    def counted(real: Callable[..., Any], *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    atomic.os.fsync = lambda handle: counted(flush, handle)
    Path.write_bytes = lambda path, content: counted(put, path, content)  # type: ignore[assignment, method-assign]


def finished(out: Path) -> dict[str, bytes]:
    """Unit files by name."""
    return {path.name: path.read_bytes() for path in sorted((out / "units").glob("[!.]*.json"))}


def main(folder: Path, kills: int) -> dict[str, Any]:
    """Kill ``kills`` times, then let the run end."""
    torch.set_num_threads(1)
    load_body("open-coarse")
    protocol = toy_protocol(folder)
    out, log = folder / "killed", folder / "log"
    choice = random.Random(7)
    killed, changed, left = 0, [], []
    for attempt in range(kills):
        before = finished(out)
        child = os.fork()
        if child == 0:
            if attempt % 2:
                die_at_write(choice.randint(1, DEEPEST), after=choice.random() < 0.5)
            run(out, log, protocol)
            os._exit(0)
        if not attempt % 2:
            time.sleep(choice.uniform(0.0, LONGEST))
            os.kill(child, signal.SIGKILL)
        choice.random()  # parent and child draw alike
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        after = finished(out)
        changed += [name for name, content in before.items() if after.get(name) != content]
        for content in after.values():
            json.loads(content)
    run(out, log, protocol)
    left = [str(path.relative_to(out)) for path in sorted(out.rglob(".*")) if path.name != ".lock"]
    renders = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("render")]
    return {
        "killed": killed,
        "changed": changed,
        "left": left,
        "units": len(finished(out)),
        "renders": len(renders),
    }


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
