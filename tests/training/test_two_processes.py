"""Two processes with half the batches each train like one that accumulates."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from iper_bench.training.journal import LOG_FILE
from iper_bench.training.state import STATE_FILE
from tests.packaging.repository import ROOT

PROGRAM = """
import sys
from pathlib import Path
from iper_bench.training.generator_trainee import train_generator
from iper_bench.training.options import LoopOptions
from iper_bench.training.team import disband
from tests.training.small import GAN, new_sampler, new_state
options = LoopOptions(Path(sys.argv[1]), "id", 2, log_every=1, accumulate=int(sys.argv[2]))
train_generator(new_state(GAN), new_sampler(), GAN, None, options)
disband()
"""


def _process(program: Path, out: Path, accumulate: int, environment: dict[str, str]) -> subprocess.Popen[str]:
    line = [sys.executable, str(program), str(out), str(accumulate)]
    return subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_train_like_one_that_accumulates(tmp_path: Path) -> None:
    """Gradients of both players are averaged; only one process writes."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "IPER_BENCH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What a launcher tells its processes.
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    # The one that accumulates is a process of its own too: biases before a norm have a gradient of rounding
    # alone, which Adam magnifies, and rounding depends on what a process did before.
    alone = _process(program, tmp_path / "one", 2, environment)
    processes = [
        _process(
            program, tmp_path / "two", 1, {**environment, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=300)[1] for process in [*processes, alone]]
    assert [process.returncode for process in [*processes, alone]] == [0, 0, 0], told
    assert ["training: done" in words for words in told] == [True, False, True]
    two, one = (torch.load(tmp_path / name / STATE_FILE, weights_only=True) for name in ("two", "one"))
    for key, value in one["generator"].items():
        # Halves are summed in another order: float32 rounding, which Adam's first steps may magnify.
        torch.testing.assert_close(two["generator"][key], value, rtol=0, atol=2e-6, msg=key)
    for key, value in one["adversary"]["discriminator"].items():
        torch.testing.assert_close(two["adversary"]["discriminator"][key], value, rtol=0, atol=2e-6, msg=key)
    assert len((tmp_path / "two" / LOG_FILE).read_text().splitlines()) == 2
