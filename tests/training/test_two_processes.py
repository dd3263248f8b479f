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
from iper_bench.training.loop import run_loop
from iper_bench.training.options import LoopOptions
from iper_bench.training.state import STATE_FILE
from tests.packaging.repository import ROOT
from tests.training.small import GAN, new_sampler, new_state

PROGRAM = """
import sys
from pathlib import Path
from iper_bench.training.loop import run_loop
from iper_bench.training.options import LoopOptions
from iper_bench.training.team import disband
from tests.training.small import GAN, new_sampler, new_state
run_loop(new_state(GAN), new_sampler(), GAN, None, LoopOptions(Path(sys.argv[1]), "id", 2, log_every=1))
disband()
"""


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
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), str(tmp_path / "two")],
            env={**environment, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert ["training: done" in words for words in told] == [True, False]
    options = LoopOptions(tmp_path / "one", "id", 2, log_every=1, accumulate=2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the processes: gradients depend on it
    try:
        run_loop(new_state(GAN), new_sampler(), GAN, None, options)
    finally:
        torch.set_num_threads(threads)
    two, one = (torch.load(tmp_path / name / STATE_FILE, weights_only=True) for name in ("two", "one"))
    for key, value in one["generator"].items():
        # Halves are summed in another order: float32 rounding, which Adam's first steps may magnify.
        torch.testing.assert_close(two["generator"][key], value, rtol=0, atol=2e-6, msg=key)
    for key, value in one["adversary"]["discriminator"].items():
        torch.testing.assert_close(two["adversary"]["discriminator"][key], value, rtol=0, atol=2e-6, msg=key)
    assert len((tmp_path / "two" / LOG_FILE).read_text().splitlines()) == 2
